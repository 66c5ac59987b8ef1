import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete
from jaxdl.nn import actor_critic
from jaxdl.rl.minibatches import Batch, cut_time, cut_worlds, mix_time, plan_minibatches

TIME, ENVS = 6, 12


def numbered(carry=()):
    """A batch whose entries are numbers: time x 12 + world."""
    ids = jnp.arange(TIME * ENVS).reshape(TIME, ENVS)
    vectors = jnp.stack([ids, -ids], axis=-1)
    return Batch(carry, vectors, *[ids] * 3, (), (), ids, ids)


def net(recurrent=None):
    return actor_critic(Box((1,)), Discrete(2), hidden=(8,), recurrent=recurrent)


def test_each_world_has_a_permutation_of_time_of_its_own():
    mixed = mix_time(jax.random.key(0), numbered())
    time, world = np.divmod(np.asarray(mixed.adv), ENVS)
    np.testing.assert_array_equal(world, np.tile(np.arange(ENVS), (TIME, 1)))  # stays in its world
    np.testing.assert_array_equal(np.sort(time, axis=0), np.tile(np.arange(TIME)[:, None], ENVS))
    assert len({tuple(column) for column in time.T}) > ENVS // 2
    np.testing.assert_array_equal(mixed.obs[..., 0], mixed.adv)
    np.testing.assert_array_equal(mixed.obs[..., 1], -mixed.adv)
    assert not np.array_equal(mixed.adv, mix_time(jax.random.key(1), numbered()).adv)


def test_every_time_is_as_likely_in_every_place():
    mix = jax.vmap(lambda key: mix_time(key, numbered()).adv)
    time = np.asarray(mix(jax.random.split(jax.random.key(2), 2000))) // ENVS  # [2000, T, E]
    share = np.stack([(time == t).mean(axis=(0, 2)) for t in range(TIME)])
    np.testing.assert_allclose(share, 1 / TIME, atol=0.02)


@pytest.mark.parametrize("cut", [cut_time, cut_worlds])
def test_an_epoch_uses_each_entry_once(cut):
    parts = 3
    batch = numbered(() if cut is cut_time else jnp.arange(ENVS))
    cuts = cut(jax.random.key(0), batch, parts)
    assert cuts.adv.shape == ((parts, 2, ENVS) if cut is cut_time else (parts, TIME, 4))
    np.testing.assert_array_equal(np.sort(cuts.adv.ravel()), np.arange(TIME * ENVS))
    np.testing.assert_array_equal(cuts.obs[..., 0], cuts.adv)
    assert not np.array_equal(cuts.adv, cut(jax.random.key(1), batch, parts).adv)
    if cut is cut_worlds:  # whole sequences, with their own carry, and a share of each device
        ids = np.arange(TIME)[:, None] * ENVS
        np.testing.assert_array_equal(cuts.adv, cuts.carry[:, None] + ids)
        np.testing.assert_array_equal(cuts.carry // parts, np.tile(np.arange(4), (parts, 1)))


def test_minibatches_of_worlds_in_lock_step_hold_many_times():
    plan = plan_minibatches(net(), num_envs=ENVS, unroll=TIME, minibatches=6, microbatches=1)
    mix_key, cut_key = jax.random.split(jax.random.key(3))
    cuts = plan.divide(cut_key, plan.mix(mix_key, numbered()))
    times = [len(np.unique(part // ENVS)) for part in np.asarray(cuts.adv)]
    assert plan.steps == ENVS and min(times) >= 3  # a slice of time would hold one


def test_what_does_not_divide_is_refused_with_what_would():
    with pytest.raises(BadInput, match=r"= 3 must divide num_envs=16 or unroll=8; .*: 2 and 4$"):
        plan_minibatches(net(), num_envs=16, unroll=8, minibatches=3, microbatches=1)
    with pytest.raises(BadInput, match=r"= 10 must divide num_envs=16; .*: 8 and 16$"):
        plan_minibatches(net("gru"), num_envs=16, unroll=10, minibatches=5, microbatches=2)
    with pytest.raises(BadInput, match="nearest: 16$"):
        plan_minibatches(net(), num_envs=16, unroll=8, minibatches=99, microbatches=1)
