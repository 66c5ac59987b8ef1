"""Actors and stacked critics of real actions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, sample
from jaxdl.nn import (
    action_value_head,
    deterministic_actor,
    squashed_actor,
    stacked_critics,
)
from jaxdl.nn.mlp import layer_norm

SPACE = Box((3,), -1.0, 1.0)
KEY = jax.random.key(0)
OBS = jax.random.normal(jax.random.key(1), (5, 3))
ACTION = jax.random.uniform(jax.random.key(2), (5, 2), minval=-1.0)


@pytest.mark.parametrize("norm", [False, True])
def test_stacked_critics_are_single_ones_side_by_side(norm):
    critics = stacked_critics(SPACE, 2, count=3, hidden=(8, 8), layer_norm=norm)
    params = critics.init(KEY)
    values = critics.values(critics.apply(params, OBS, ACTION))
    assert values.shape == (3, 5)
    head = action_value_head(3, 2, hidden=(8, 8), layer_norm=norm)
    for i in range(3):
        alone = head.apply(jax.tree.map(lambda x, i=i: x[i], params["critics"]), OBS, ACTION)
        np.testing.assert_allclose(values[i], alone, atol=1e-6)
    assert np.abs(values[0] - values[1]).min() > 0
    first = critics.apply(critics.first(params), OBS, ACTION)
    np.testing.assert_allclose(first, values[:1], atol=1e-6)


def test_a_distribution_has_the_mean_of_its_atoms():
    critics = stacked_critics(SPACE, 2, hidden=(8,), atoms=5, value_range=(-1.0, 3.0))
    outputs = critics.apply(critics.init(KEY), OBS, ACTION)
    assert outputs.shape == (2, 5, 5)
    probs = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    expected = (probs * np.array([-1.0, 0.0, 1.0, 2.0, 3.0])).sum(-1)
    np.testing.assert_allclose(critics.values(outputs), expected, atol=1e-6)


@pytest.mark.parametrize("atoms, ends", [(1, (0.0, 1.0)), (5, (1.0, 1.0)), (5, (2.0, 1.0))])
def test_supports_that_are_none_are_refused(atoms, ends):
    with pytest.raises(BadInput, match="atoms="):
        stacked_critics(SPACE, 2, atoms=atoms, value_range=ends)


def test_layer_norm_by_numpy():
    x = np.random.default_rng(0).normal(size=(4, 6), loc=2.0).astype(np.float32)
    gain, shift = np.arange(6.0, dtype=np.float32), np.ones(6, np.float32)
    centered = x - x.mean(-1, keepdims=True)
    expected = centered / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * (1 + gain) + shift
    np.testing.assert_allclose(layer_norm(x, gain, shift), expected, rtol=1e-4, atol=1e-5)


def test_normalized_layers_do_not_depend_on_the_scale_of_observations():
    actor = deterministic_actor(SPACE, 2, hidden=(8,), layer_norm=True)
    params = actor.init(KEY)
    np.testing.assert_allclose(actor.apply(params, OBS), actor.apply(params, 100 * OBS), atol=1e-5)
    plain = deterministic_actor(SPACE, 2, hidden=(8,))
    params = plain.init(KEY)
    assert np.abs(plain.apply(params, OBS) - plain.apply(params, 100 * OBS)).max() > 0.01


def test_actors_begin_near_the_middle_of_their_range_and_stay_within():
    actor = deterministic_actor(SPACE, 2, hidden=(64,))
    params = actor.init(KEY)
    assert np.abs(actor.apply(params, OBS)).max() < 0.1
    wild = jax.tree.map(lambda x: 1e4 * x, params)
    assert np.abs(actor.apply(wild, OBS)).max() <= 1.0
    policy = squashed_actor(SPACE, 2, hidden=(64,))
    gaussian = policy.apply(policy.init(KEY), OBS)
    assert gaussian.mean.shape == gaussian.log_std.shape == (5, 2)
    assert np.abs(gaussian.mean).max() < 0.1 and np.abs(gaussian.log_std).max() < 0.1


def test_pictures_beside_numbers_are_read_by_actor_and_critics():
    space = {"picture": Box((12, 12, 3), 0, 255, np.uint8), "speed": Box((2,))}
    obs = jax.vmap(lambda key: sample(key, space))(jax.random.split(KEY, 5))
    actor = deterministic_actor(space, 2, hidden=(8,))
    critics = stacked_critics(space, 2, hidden=(8,))
    params, critic_params = actor.init(KEY), critics.init(KEY)
    dark = obs | {"picture": obs["picture"] * 0}
    assert np.abs(actor.apply(params, obs) - actor.apply(params, dark)).max() > 0
    values = critics.apply(critic_params, obs, ACTION)
    assert values.shape == (2, 5)
    assert np.abs(values - critics.apply(critic_params, dark, ACTION)).max() > 0
    assert jnp.abs(values - critics.apply(critic_params, obs, -ACTION)).max() > 0
