"""The ring against lists of what really happened, with random ends of both kinds."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxdl.core.learner import over_seeds
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.nn import q_network
from jaxdl.ops import make_optimizer
from jaxdl.rl.dqn import dqn
from jaxdl.rl.off_policy import Priorities, Regime
from jaxdl.rl.replay import (
    Frames,
    Places,
    Steps,
    add,
    check_sizes,
    make_ring,
    sample,
    set_priority,
)

GAMMA = 0.9
WORLDS, PLACES = 4, 12


class History(NamedTuple):
    """All steps of E worlds, as NumPy arrays [T, E]; observations are [T, E, 1] and all differ."""

    obs: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    discount: np.ndarray
    done: np.ndarray
    truncated: np.ndarray


def happen(seed, steps, worlds=WORLDS):
    """Random play whose episodes end every third step or so, terminated or truncated."""
    draws = np.random.default_rng(seed)
    shape = (steps, worlds)
    obs = 1.0 + np.arange(steps * worlds, dtype=np.float32).reshape(*shape, 1)
    terminated, truncated = draws.random(shape) < 0.2, draws.random(shape) < 0.2
    discount = np.where(terminated, 0, draws.choice([0.5, 1.0], shape)).astype(np.float32)
    reward = draws.normal(size=shape).astype(np.float32)
    action = draws.integers(0, 5, shape).astype(np.int32)
    return History(obs, action, reward, discount, terminated | truncated, truncated & ~terminated)


def filled(history, places=PLACES, prioritized=False):
    """The ring after these steps."""
    steps = Steps(*map(jnp.asarray, history))
    ring = make_ring(jax.tree.map(lambda x: x[0], steps), places, prioritized=prioritized)
    return jax.jit(lambda steps: jax.lax.scan(lambda r, x: (add(r, x), ()), ring, steps)[0])(steps)


def expected(history, t, e, n_step, stack):
    """One transition, by a loop over what happened."""
    count, before = stack if isinstance(stack, Frames) else (stack, "zeros")

    def frames(time):
        start = time
        while start > time - count + 1 and not history.done[start - 1, e]:
            start -= 1
        rows = list(history.obs[start : time + 1, e, 0])
        first = rows[0] if before == "copies" else 0.0
        return [first] * (count - len(rows)) + rows

    total, factor, used = 0.0, 1.0, 0
    for k in range(t, t + n_step):
        if history.truncated[k, e]:
            break
        total += factor * history.reward[k, e]
        factor *= GAMMA * history.discount[k, e]
        used += 1
        if history.done[k, e]:
            break
    return frames(t), total, factor, frames(t + used), used > 0


@partial(jax.jit, static_argnames=("batch_size", "n_step", "stack"))
def many_samples(ring, batch_size, n_step, stack):
    keys = jax.random.split(jax.random.key(0), 64)
    draw = partial(sample, n_step=n_step, discount=GAMMA, stack=stack)
    found = jax.vmap(lambda key: draw(key, ring, batch_size)[0])(keys)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)


@pytest.mark.parametrize(
    ("batch_size", "n_step", "stack", "prioritized"),
    [
        (8, 1, 1, False),
        (8, 4, 2, False),
        (4, 3, 3, False),
        (8, 4, 2, True),
        (2, 3, 1, True),
        (8, 1, Frames(3, "copies"), False),
        (8, 3, Frames(2, "zeros"), False),
    ],
)
def test_transitions_are_what_happened_and_never_mix_episodes(
    batch_size, n_step, stack, prioritized
):
    """Rings that are half full, just full, and written over more than once."""
    for seed, steps in enumerate((9, PLACES, 31)):
        history = happen(seed, steps)
        ring = filled(history, prioritized=prioritized)
        found = jax.device_get(many_samples(ring, batch_size, n_step, stack))
        seen = set()
        for i in range(len(found.reward)):
            t, e = divmod(int(found.obs[i, -1]) - 1, WORLDS)
            obs, total, factor, next_obs, has_target = expected(history, t, e, n_step, stack)
            assert found.action[i] == history.action[t, e]
            assert found.obs[i].tolist() == obs
            assert (found.weight[i] > 0) == has_target
            np.testing.assert_allclose(found.reward[i], total, atol=1e-5)
            np.testing.assert_allclose(found.discount[i], factor, atol=1e-6)
            if factor and has_target:
                assert found.next_obs[i].tolist() == next_obs
            seen.add((t, e))
        count = stack.stack if isinstance(stack, Frames) else stack
        first = max(steps - PLACES, 0) + count - 1
        every = {(t, e) for t in range(first, steps - n_step) for e in range(WORLDS)}
        assert seen <= every
        if batch_size == 8:  # 512 draws of at most 44 steps
            assert seen == every


def test_worlds_give_the_same_share_of_a_batch():
    ring = filled(happen(0, 20))
    obs = np.asarray(many_samples(ring, 8, 1, 1).obs).astype(int)
    assert (np.bincount((obs[:8, 0] - 1) % WORLDS) == 2).all()
    few = many_samples(ring, 2, 3, 1).obs.reshape(64, 2)
    worlds = (np.asarray(few).astype(int) - 1) % WORLDS
    assert set(worlds[:, 0]) == {0, 1} and set(worlds[:, 1]) == {2, 3}


@jax.jit
def prioritized_draws(ring):
    keys = jax.random.split(jax.random.key(2), 8000)
    return jax.vmap(lambda key: sample(key, ring, 2, importance=0.5)[1].column)(keys)


def test_steps_are_drawn_in_proportion_to_their_priorities():
    """By chi-square, one draw from each of two worlds, so that draws are independent."""
    errors = np.random.default_rng(3).exponential(size=(2, PLACES)).astype(np.float32)
    ring = filled(happen(1, 17, worlds=2), prioritized=True)
    assert ring.position == 5  # the newest step, at 4, has no next observation yet
    column = jnp.tile(jnp.arange(PLACES), (2, 1))
    places = Places(jnp.zeros((2, PLACES), jnp.int32), column)
    ring = set_priority(ring, places, jnp.asarray(errors.reshape(-1)), exponent=0.6)
    np.testing.assert_allclose(ring.priority, (errors + 1e-6) ** 0.6, rtol=1e-5)
    columns = np.asarray(prioritized_draws(ring))[:, :, 0]
    whole = np.arange(PLACES) != 4
    for e in range(2):
        count = np.bincount(columns[:, e], minlength=PLACES)
        assert count[4] == 0
        mass = errors[e, whole].astype(float) ** 0.6
        wanted = 8000 * mass / mass.sum()
        assert scipy.stats.chisquare(count[whole], wanted).pvalue > 1e-3
        even = np.full(PLACES - 1, 8000 / (PLACES - 1))
        assert scipy.stats.chisquare(count[whole], even).pvalue < 1e-6


def test_importance_weights_undo_the_priorities():
    """Schaul et al. 2016, section 3.4: (N P(i))^-beta over its largest value in the batch."""
    ring = filled(happen(4, 9, worlds=1), prioritized=True)
    priority = jnp.arange(1.0, PLACES + 1)[None]
    drawn, places = sample(jax.random.key(0), ring._replace(priority=priority), 8, importance=0.7)
    mass = np.asarray(priority)[0, :8]  # nine steps, of which the last is not whole
    weight = (8 * mass / mass.sum()) ** -0.7
    picked = weight[np.asarray(places.column)[0]]
    has_target = np.asarray(drawn.weight) > 0
    np.testing.assert_allclose(drawn.weight, np.where(has_target, picked / picked.max(), 0), 1e-5)


def test_new_steps_get_the_largest_priority_so_far():
    history = happen(5, 6)
    ring = filled(history, prioritized=True)
    np.testing.assert_array_equal(ring.priority, np.arange(PLACES) < np.full((WORLDS, 1), 6))
    places = sample(jax.random.key(0), ring, 4)[1]
    ring = set_priority(ring, places, jnp.array([0.0, -32.0, 1.0, 1.0]), exponent=0.2)
    column = np.asarray(places.column)[:, 0]
    changed = np.asarray(ring.priority)[np.arange(WORLDS), column]
    np.testing.assert_allclose(changed, [1e-6**0.2, 2.0, 1.0, 1.0], rtol=1e-4)
    steps = Steps(*(jnp.asarray(x[0]) for x in history))
    np.testing.assert_allclose(add(ring, steps).priority[:, 6], 2.0, rtol=1e-5)


def test_large_rings_are_searched_to_the_digit():
    """10,000 places, most without mass: only those that weigh something are drawn, all of them."""
    places = 10_000
    step = Steps(*(jnp.zeros((1, *x.shape[2:]), x.dtype) for x in happen(0, 1, worlds=1)))
    ring = make_ring(step, places, prioritized=True)
    heavy = jnp.array([0, 1, 99, 100, 4321, 9998])
    priority = ring.priority.at[0, heavy].set(jnp.array([1.0, 1e-3, 3.0, 1.0, 0.1, 2.0]))
    ring = ring._replace(priority=priority, size=jnp.int32(places), position=jnp.int32(0))
    columns = np.asarray(sample(jax.random.key(0), ring, 8192)[1].column)
    wanted = 8192 * np.asarray(priority)[0, heavy] / 7.101
    counts = np.bincount(columns[0], minlength=places)[np.asarray(heavy)]
    assert counts.sum() == 8192
    np.testing.assert_allclose(counts, wanted, atol=1.01)  # one draw from each equal part


def test_seeds_have_rings_of_their_own():
    histories = [happen(seed, 15) for seed in (6, 7)]
    rings = [filled(history, prioritized=True) for history in histories]
    both = jax.tree.map(lambda *x: jnp.stack(x), *rings)
    steps = Steps(*map(jnp.asarray, happen(8, 1)))
    steps = jax.tree.map(lambda x: x[0], steps)
    key = jax.random.key(0)

    def proceed(ring):
        ring = add(ring, steps)
        transitions, places = sample(key, ring, 8, n_step=2, stack=2, importance=0.4)
        return transitions, set_priority(ring, places, transitions.reward)

    together = jax.jit(jax.vmap(proceed))(both)
    for i, ring in enumerate(rings):
        alone = jax.jit(proceed)(ring)
        jax.tree.map(
            lambda x, y, i=i: np.testing.assert_allclose(x[i], y, rtol=1e-6), together, alone
        )


SIZES = {"num_envs": 4, "capacity": 64, "batch_size": 8, "n_step": 1, "stack": 1}
BAD = {
    "capacity=4 is below batch_size=8": {"capacity": 4},
    "capacity=62 is not a multiple of num_envs=4": {"capacity": 62},
    "one should divide the other": {"batch_size": 6},
    "4 places; transitions of 3 steps from 2 frames need 5": {
        "capacity": 16, "n_step": 3, "stack": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_sizes_that_do_not_fit_are_one_clear_line(message):
    assert check_sizes(**SIZES) == 16
    with pytest.raises(BadInput, match=message) as told:
        check_sizes(**SIZES | BAD[message])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("settings", [{}, {"priorities": Priorities(0.6, lambda updates: 0.4)}])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_step_does_not_copy_a_ring_of_a_million_transitions(settings, seeds):
    """Where its memory is given away; by the compiler's own account. Nothing is allocated here."""
    env = make("cartpole")
    learner = dqn(
        env,
        q_network(env.obs_space, env.action_space, hidden=(8,)),
        make_optimizer(steps=1, flat=True),
        Regime(num_envs=64, updates=2, capacity=1_000_000, batch_size=64, learning_starts=128),
        **settings,
    )
    learner = over_seeds(learner, seeds) if seeds > 1 else learner
    state = jax.eval_shape(learner.init, jax.random.key(0))
    ring = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state.actors.replay))
    assert ring >= 30e6 * seeds
    step = jax.jit(lambda key, state: learner.step(key, state, ())[0], donate_argnums=1)
    memory = step.lower(jax.random.key(1), state).compile().memory_analysis()
    assert memory.alias_size_in_bytes >= ring  # what comes out lies where it lay
    # Beside it there are at most the priorities, a ninth of the ring, and a batch.
    assert memory.temp_size_in_bytes < 0.2 * ring
