"""Masked actions, bounds by entry, actions of any shape, and the accuracy of the entropy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, Discrete, MultiDiscrete, contains
from jaxdl.nn import (
    Gaussian,
    action_distribution,
    categorical,
    gaussian,
    multi_categorical,
    tanh_gaussian,
    unit_to_env,
)

KEY = jax.random.key(0)
LOGITS = np.array([0.5, -1.0, 2.0, 0.0, 1.0], np.float32)


def masked(value, *actions):
    logits = LOGITS.copy()
    logits[list(actions)] = value
    return jnp.asarray(logits)


@pytest.mark.parametrize("value", [-np.inf, -1e9])
def test_masked_actions_count_for_nothing(value):
    family = categorical(5)
    logits = masked(value, 1, 4)
    legal = [0, 2, 3]
    probs = np.exp(LOGITS[legal]) / np.exp(LOGITS[legal]).sum()
    np.testing.assert_allclose(family.entropy(logits), -np.sum(probs * np.log(probs)), rtol=1e-6)
    other = masked(value, 1)
    others = np.asarray(jax.nn.log_softmax(other))[legal]
    expected = np.sum(probs * (np.log(probs) - others))
    np.testing.assert_allclose(family.kl(logits, other), expected, rtol=1e-5)
    for action, prob in zip(legal, probs, strict=True):
        np.testing.assert_allclose(family.logp(logits, action), np.log(prob), rtol=1e-5)
    assert family.logp(logits, 1) <= -1e8
    assert family.entropy(masked(value, 0, 1, 3, 4)) == 0.0  # one action is left


@pytest.mark.parametrize("value", [-np.inf, -1e9])
def test_gradients_of_masked_actions_are_zero(value):
    family = categorical(5)
    logits = masked(value, 1, 4)
    small = categorical(3)
    legal = jnp.array([0, 2, 3])
    functions = {
        "entropy": (family.entropy, small.entropy),
        "kl": (lambda x: family.kl(x, x * 0.5), lambda x: small.kl(x, x * 0.5)),
        "logp": (lambda x: family.logp(x, 2), lambda x: small.logp(x, 1)),
    }
    for name, (ours, without) in functions.items():
        gradient = jax.grad(ours)(logits)
        np.testing.assert_array_equal(gradient[jnp.array([1, 4])], 0.0, err_msg=name)
        expected = jax.grad(without)(logits[legal])
        np.testing.assert_allclose(gradient[legal], expected, atol=1e-6, err_msg=name)


def draw_with(family, logits, uniform, monkeypatch):
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape: jnp.full(shape, uniform))
    return int(family.sample(KEY, logits))


@pytest.mark.parametrize("value", [-np.inf, -1e9])
def test_no_uniform_number_leads_to_a_masked_action(value, monkeypatch):
    # The largest float below 1 is above the rounded sum of the probabilities, where a draw went
    # wrong once in 6e7; 0 and the exact edges are the other cases.
    rng = np.random.default_rng(0)
    for _ in range(30):
        size = int(rng.integers(2, 40))
        logits = rng.normal(0, 3, size).astype(np.float32)
        illegal = rng.permutation(size)[: rng.integers(1, size)]
        logits[illegal] = value
        family = categorical(size)
        edges = np.cumsum(np.asarray(jax.nn.softmax(logits)))
        for uniform in (0.0, np.float32(1 - 2**-24), *edges[edges < 1][:3]):
            action = draw_with(family, jnp.asarray(logits), uniform, monkeypatch)
            assert action not in illegal
            assert 0 <= action < size


def test_draws_have_the_probabilities_of_distrax():
    distrax = pytest.importorskip("distrax")
    logits = masked(-np.inf, 3)
    draws = categorical(5).sample(KEY, jnp.broadcast_to(logits, (200_000, 5)))
    shares = np.bincount(draws, minlength=5) / len(draws)
    peer = distrax.Categorical(logits=jnp.delete(logits, 3, assume_unique_indices=True))
    np.testing.assert_allclose(np.delete(shares, 3), peer.probs, atol=0.005)
    assert shares[3] == 0.0


@pytest.mark.parametrize(("std", "error"), [(0.1, 1e-5), (1.0, 1e-5), (2.0, 1e-5), (3.0, 1e-4)])
def test_the_entropy_of_squashed_actions_is_within_what_is_written(std, error):
    def log_slope(x):
        return 2 * (np.log(2) - x - np.logaddexp(0, -2 * x))

    family = tanh_gaussian(1, -1.0, 1.0)
    for mean in (-2.5, -0.4, 0.0, 1.0):
        expected = quad(
            lambda x, m=mean: log_slope(x) * norm.pdf(x, m, std),
            mean - 12 * std,
            mean + 12 * std,
            points=[0.0],
            limit=500,
        )[0]
        expected += norm(mean, std).entropy()
        got = family.entropy(Gaussian(jnp.array([mean]), jnp.log(jnp.array([std]))))
        np.testing.assert_allclose(got, expected, atol=error + 2e-6)


@pytest.mark.parametrize("squash", [False, True])
def test_unit_actions_are_mapped_to_the_bounds_entry_by_entry(squash):
    space = Box((2,), low=np.array([0.0, -3.0]), high=np.array([100.0, 1.0]))
    family = action_distribution(space, squash=squash)
    raw = jnp.array([[0.4, -9.0], [-20.0, 0.0], [20.0, 20.0]])
    unit = np.tanh(raw) if squash else np.clip(raw, -1, 1)
    expected = np.array([50.0, -1.0]) + np.array([50.0, 2.0]) * unit
    np.testing.assert_allclose(family.to_env(raw), expected, atol=1e-4)
    np.testing.assert_allclose(unit_to_env(space)(unit), expected, atol=1e-4)


def test_actions_without_two_bounds_are_clipped_to_the_one():
    family = gaussian(3, np.array([-np.inf, 0.0, -1.0]), np.array([np.inf, np.inf, 3.0]))
    raw = jnp.array([[7.0, -2.0, 0.5], [-7.0, 5.0, -9.0]])
    np.testing.assert_allclose(family.to_env(raw), [[7.0, 0.0, 2.0], [-7.0, 5.0, -1.0]])


SPACES = [
    Box((), -1.0, 2.0),
    Box((2, 3), -1.0, 2.0),
    Box((0,)),
    MultiDiscrete((3, 2, 4)),
    {"move": Box((2,), -1.0, 1.0), "jump": Discrete(3)},
    (Discrete(2), MultiDiscrete((2, 2)), {"x": Box((), 0.0, 5.0)}),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_actions_of_any_space(space):
    family = action_distribution(space)
    outputs = jax.random.normal(KEY, (7, family.num_outputs))
    policy = family.to_policy(outputs, 0.1 * jnp.ones(family.num_scales))
    raw = family.sample(KEY, policy)
    actions = family.to_env(raw)
    assert jax.vmap(lambda action: contains(space, action))(actions).all()
    other = family.to_policy(0.5 * outputs, jnp.zeros(family.num_scales))
    for value in (family.logp(policy, raw), family.entropy(policy), family.kl(policy, other)):
        assert value.shape == (7,)
        assert np.isfinite(value).all()
    assert (family.kl(policy, other) >= -1e-6).all()
    np.testing.assert_allclose(family.kl(policy, policy), 0.0, atol=1e-6)
    mode = family.to_env(family.mode(policy))
    assert jax.tree.map(jnp.shape, mode) == jax.tree.map(jnp.shape, actions)


def test_products_are_sums_of_their_parts():
    distrax = pytest.importorskip("distrax")
    family = action_distribution({"a": Discrete(3), "b": Box((2,))})
    outputs = jax.random.normal(KEY, (5,))
    log_std = jnp.array([0.3, -0.2])
    policy = family.to_policy(outputs, log_std)
    raw = {"a": jnp.int32(1), "b": jnp.array([0.2, -0.4])}
    normal = distrax.MultivariateNormalDiag(outputs[3:], jnp.exp(log_std))
    integers = distrax.Categorical(logits=outputs[:3])
    expected = integers.log_prob(1) + normal.log_prob(raw["b"])
    np.testing.assert_allclose(family.logp(policy, raw), expected, rtol=1e-5)
    entropy = integers.entropy() + normal.entropy()
    np.testing.assert_allclose(family.entropy(policy), entropy, rtol=1e-5)
    several = multi_categorical((3, 2))
    other = distrax.Categorical(logits=outputs[3:])
    np.testing.assert_allclose(
        several.logp(outputs, jnp.array([2, 1])),
        integers.log_prob(2) + other.log_prob(1),
        rtol=1e-5,
    )


def test_what_is_no_action_space_is_refused():
    for space in ("left", Box((2,), 0, 255, np.uint8), Box((2,), 0, 5, np.int32)):
        with pytest.raises(BadInput):
            action_distribution(space)
    with pytest.raises(BadInput, match="finite bounds"):
        action_distribution(Box((2,), [-1.0, -np.inf], 1.0), squash=True)
