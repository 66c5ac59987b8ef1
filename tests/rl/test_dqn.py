"""DQN: its targets, its exploration, its frames, and a small world whose values are known."""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import Run, fit
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step, make
from jaxdl.nn import q_network
from jaxdl.ops import make_optimizer
from jaxdl.rl import dqn, q_deployment
from jaxdl.rl.frames import push_frame, read_frames, stacked_space, start_frames
from jaxdl.rl.off_policy import Priorities, Regime
from jaxdl.rl.replay import Transitions

STATES, ACTIONS, DISCOUNT = 4, 2, 0.8
TX = make_optimizer(learning_rate=1e-3, steps=1, flat=True)


def markov():
    """Four states and two actions with random transitions and rewards; cut after ten steps."""
    draws = np.random.default_rng(1)
    chances = draws.dirichlet(0.5 * np.ones(STATES), (STATES, ACTIONS))
    rewards = draws.normal(size=(STATES, ACTIONS))
    table, pay = jnp.asarray(chances, jnp.float32), jnp.asarray(rewards, jnp.float32)

    def reset(key, task):
        place = jax.random.randint(key, (), 0, STATES)
        return (place, jnp.int32(0)), place

    def step(key, state, action, task):
        place, time = state
        reached = jax.random.categorical(key, jnp.log(table[place, action])).astype(jnp.int32)
        out = Step(reached, pay[place, action], jnp.bool_(False), time == 9, {})
        return (reached, time + 1), out

    return Env(lambda key: (), reset, step, Discrete(STATES), Discrete(ACTIONS)), chances, rewards


def optimal_values(chances, rewards):
    """Value iteration."""
    q = np.zeros((STATES, ACTIONS))
    for _ in range(200):
        q = rewards + DISCOUNT * chances @ q.max(1)
    return q


REGIME = Regime(8, batch_size=16, capacity=512, learning_starts=64, tau=1.0)


def small(env, hidden=(8,), stack=1, dueling=False, tx=TX, **settings):
    space = stacked_space(env.obs_space, stack)
    net = q_network(space, env.action_space, hidden=hidden, dueling=dueling)
    sizes = {name: settings.pop(name) for name in Regime._fields if name in settings}
    return net, dqn(env, net, tx, REGIME._replace(stack=stack, **sizes), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param(
            {"double": True, "dueling": True, "priorities": Priorities(0.6, lambda updates: 1.0)},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["plain", "options"],
)
def test_the_values_of_a_small_world_are_found(settings):
    """Though every episode is cut, whose last state has a value like all others."""
    env, chances, rewards = markov()
    net, learner = small(
        env,
        hidden=(16,) if settings else (),
        tx=make_optimizer(learning_rate=0.02, schedule="linear", steps=400 * 16, flat=True),
        num_envs=16,
        unroll=8,
        updates=16,
        batch_size=128,
        capacity=65_536,
        discount=DISCOUNT,
        epsilon=0.5,
        target_every=50,
        huber_delta=None,
        **settings,
    )

    @jax.jit
    def train(key):
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, learner.init(key), jax.random.split(key, 400))[0]

    found = net.apply(train(jax.random.key(0)).params, jnp.arange(STATES))
    wanted = optimal_values(chances, rewards)
    gap = np.abs(wanted[:, 0] - wanted[:, 1]).min()
    assert gap > 0.1
    np.testing.assert_allclose(found, wanted, atol=0.1)
    assert (np.argmax(found, 1) == np.argmax(wanted, 1)).all()


@pytest.mark.parametrize(("tau", "every"), [(1.0, 3), (0.1, 1)])
def test_the_target_network_follows(tau, every):
    """A copy every third update, or a share of the way after each."""
    _, learner = small(make("cartpole"), tau=tau, target_every=every)
    states = [learner.init(jax.random.key(0))]
    step = jax.jit(learner.step)
    for i in range(4):
        states.append(step(jax.random.key(i), states[-1], ())[0])

    def vectors(state):
        return [np.asarray(jax.tree.leaves(x)[0]) for x in (state.params, state.extra.target)]

    start = vectors(states[0])[1]
    np.testing.assert_array_equal(*vectors(states[0]))
    expected = start
    for count, state in enumerate(states[1:], 1):
        params, target = vectors(state)
        assert state.extra.updates == count
        if count % every == 0:
            expected = expected + tau * (params - expected)
        np.testing.assert_allclose(target, expected, rtol=1e-6)  # NumPy rounds otherwise
        assert np.abs(params - target).max() > 0 or tau == 1.0


def test_epsilon_is_the_share_of_random_actions():
    """With none, what was stored is the best action; the schedule counts gradient steps."""
    env = make("cartpole")
    falling = lambda updates: jnp.where(updates < 4, 1.0, 0.0)  # noqa: E731
    net, learner = small(env, epsilon=falling, num_envs=64, updates=4, learning_starts=128)
    state = learner.init(jax.random.key(0))
    step = jax.jit(learner.step)
    same = []
    for i in range(2):
        obs, params = state.actors.worlds.obs, state.params
        best = jnp.argmax(net.apply(params, obs), -1)
        state, metrics = step(jax.random.key(i), state, ())
        ring = state.actors.replay.ring
        newest = ring.steps.action[:, (ring.position - 1) % ring.steps.action.shape[1]]
        same.append(float(jnp.mean(newest == best)))
        assert metrics["epsilon"] == 1 - i
    assert 0.2 < same[0] < 0.8 and same[1] == 1.0


def counting():
    """Shows the time since an episode began, never 0; episodes end by chance."""

    def reset(key, task):
        return jnp.int32(1), jnp.ones(1)

    def step(key, state, action, task):
        after = state + 1
        ends = jax.random.bernoulli(key, 0.3)
        obs = after[None].astype(jnp.float32)
        return after, Step(obs, jnp.float32(1), ends, ~ends & (after == 5), {})

    return Env(lambda key: (), reset, step, Box((1,)), Discrete(2))


def test_frames_are_those_of_the_episode_in_play_and_in_the_ring():
    """Three frames count up by one each, and zeros stand before the first."""
    net, learner = small(counting(), stack=3, n_step=2)
    state = jax.jit(learner.init)(jax.random.key(0))
    frames = np.asarray(state.actors.frames)[:, :, 0]
    now = np.asarray(state.actors.worlds.obs)[:, 0]
    for row, last in zip(frames, now, strict=True):
        assert row.tolist() == [max(last - 2, 0), max(last - 1, 0), last]
    assert (frames == 0).any() and (now > 2).any()
    metrics = jax.jit(learner.evaluate)(jax.random.key(1), state)
    assert 1 < metrics["episode_length"] < 4
    state, _ = jax.jit(learner.step)(jax.random.key(2), state, ())
    assert net.apply(state.params, state.actors.frames[..., 0]).shape == (8, 2)


def test_a_deployed_stack_is_the_one_that_is_trained():
    env = counting()
    net, _ = small(env, stack=3)
    params = net.init(jax.random.key(0))
    deployed = q_deployment(net, env.obs_space, stack=3, text="A test.")
    carry = jax.tree.map(lambda x: jnp.zeros((4, *x.shape)), deployed.inputs["carry"])
    frames = start_frames(env.obs_space, 4, 3)
    for time in range(4):
        obs = time + jnp.arange(4.0)[:, None]
        first = jnp.array([time == 0, time == 2, False, True])
        frames = push_frame(frames, obs, first)
        out = deployed.apply(params, {"obs": obs, "first": first, "carry": carry})
        carry = out["carry"]
        q = net.apply(params, read_frames(frames, obs))
        np.testing.assert_array_equal(out["q"], q)
        np.testing.assert_array_equal(out["action"], jnp.argmax(q, -1))
        np.testing.assert_array_equal(out["value"], jnp.max(q, -1))


def test_importance_weights_and_lost_targets_scale_the_loss(monkeypatch):
    """A transition of weight 0 moves nothing, whatever its error."""
    caught = {}

    def catch(env, method, regime, **settings):
        caught["method"] = method

    monkeypatch.setattr(sys.modules["jaxdl.rl.dqn"], "off_policy", catch)
    net, _ = small(make("cartpole"))
    method = caught["method"]
    state = method.init(jax.random.key(0))
    batch = Transitions(
        obs=jax.random.normal(jax.random.key(1), (2, 4)),
        action=jnp.array([0, 1]),
        reward=jnp.array([1.0, 1e6]),
        discount=jnp.array([0.9, 0.9]),
        next_obs=jax.random.normal(jax.random.key(2), (2, 4)),
        weight=jnp.array([1.0, 0.0]),
    )
    update = jax.jit(partial(method.update, jax.random.key(0)))
    after, metrics, error = update(state, batch)
    other, _, _ = update(state, batch._replace(reward=jnp.array([1.0, -5.0])))
    jax.tree.map(np.testing.assert_array_equal, after.params, other.params)
    q, q_t = net.apply(state.params, batch.obs), net.apply(state.params, batch.next_obs)
    wanted = 1.0 + 0.9 * jnp.max(q_t[0]) - q[0, 0]
    np.testing.assert_allclose(error[0], wanted, rtol=1e-5)
    size = abs(float(wanted))
    loss = 0.5 * size**2 if size < 1 else size - 0.5
    np.testing.assert_allclose(metrics["q_loss"], loss / 2, rtol=1e-5)


BAD = {
    "values each of a number of actions": lambda: small(make("pendulum")),
    "a game of two players": lambda: small(make("pgx/connect_four")),
    "target_every=0": lambda: small(make("cartpole"), target_every=0),
    "capacity=8 is below batch_size=16": lambda: small(make("cartpole"), capacity=8),
    "learning_starts=8 should be at least": lambda: small(make("cartpole"), learning_starts=8),
    "only boxes with an axis can be stacked": lambda: small(markov()[0], stack=2),
}


@pytest.mark.parametrize("message", BAD)
def test_what_does_not_fit_is_one_clear_line(message):
    with pytest.raises(BadInput, match=message) as told:
        BAD[message]()
    assert "\n" not in str(told.value)


@pytest.mark.slow
def test_a_checkpoint_of_a_million_transitions_is_taken_up_again(tmp_path, capsys):
    """It says how large the ring is, and a run that goes on from it ends with the same bits."""
    _, learner = small(
        make("cartpole"), num_envs=64, batch_size=64, capacity=1_000_000, learning_starts=128
    )
    ends = []
    for cuts in ((2,), (1, 2)):
        folder = str(tmp_path / f"{len(cuts)}")
        for steps in cuts:
            run = Run(steps=steps, steps_per_call=1, horizon=2, workdir=folder, devices=1)
            ends.append(fit(learner, (), run)[1]["fingerprint"])
    assert ends[0] == ends[2] != ends[1]
    # Four floats seen, an action, a reward and a discount, and two flags.
    assert f"replay: {(16 + 12 + 2):.1f} MB" in capsys.readouterr().err
    stored = sum(
        path.stat().st_size for path in (tmp_path / "1/replay").rglob("*") if path.is_file()
    )
    assert stored > 0


def test_what_worlds_report_is_averaged():
    """As every learner with worlds does it."""
    _, learner = small(make("bandit"))
    state = learner.init(jax.random.key(0))
    _, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    assert 0.0 < float(metrics["info/expected_reward"]) < 1.0
