from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.learner import over_seeds
from jaxdl.core.mesh import layout, make_mesh
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step, make, vectorize
from jaxdl.nn import RecurrentLayer, actor_critic
from jaxdl.nn.snail import Attention, Temporal, snail_layer
from jaxdl.rl import ppo
from jaxdl.rl.experience import collect, estimate, start_actors

SNAIL = snail_layer([Temporal(3), Attention(2, 2)], length=3)  # its carry is not kept
TX = optax.flatten(optax.chain(optax.clip_by_global_norm(0.5), optax.adam(3e-3)))


def learner(name="cartpole", recurrent=None, hidden=(16,), **settings):
    env = make(name)
    net = actor_critic(env.obs_space, env.action_space, hidden=hidden, recurrent=recurrent)
    return ppo(env, net, TX, **{"num_envs": 16, "unroll": 8, "minibatches": 2} | settings)


def short(limit=3):
    """Counts to `limit`, then truncates; pays the time and discounts each step by half."""

    def reset(key, task):
        return jnp.int32(0), jnp.zeros(1)

    def step(key, state, action, task):
        state = state + 1
        obs = state[None].astype(jnp.float32)
        late = state >= limit
        info = {"time": obs[0]}
        return state, Step(obs, obs[0], jnp.bool_(False), late, info, discount=0.5)

    return Env(lambda key: (), reset, step, Box((1,)), Discrete(2))


@cache
def collected(recurrent, *, limit=3, steps=7, num_envs=4):
    """Seven steps of `short` in four worlds, by a net that has learned nothing."""
    env = short(limit)
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent=recurrent)
    worlds = vectorize(env, num_envs)
    params = net.init(jax.random.key(1))
    start = start_actors(jax.random.key(0), worlds, net)
    run = jax.jit(lambda key: collect(key, start, worlds, net, params, identity, steps=steps))
    end, trajectory, metrics = run(jax.random.key(2))
    return net, params, start, end, trajectory, metrics


def identity(obs):
    return obs


def name_of(recurrent):
    return "snail" if isinstance(recurrent, RecurrentLayer) else str(recurrent)


@pytest.mark.parametrize("recurrent", [None, "gru", "lstm", SNAIL], ids=name_of)
def test_unrolled_recomputation_agrees_with_what_was_collected(recurrent):
    net, params, start, end, trajectory, _ = collected(recurrent)
    assert trajectory.first.sum() == 12  # of episodes of three steps in seven, in four worlds
    carry, policy, values = net.unroll(params, start.carry, trajectory.obs, trajectory.first)
    logp = net.distribution.logp(policy, trajectory.action)
    np.testing.assert_allclose(logp, trajectory.logp, atol=1e-6)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), carry, end.carry)
    found = estimate(net, params, trajectory, end, identity, discount=0.9, gae_lambda=0.8)
    np.testing.assert_allclose(found.value, values, atol=1e-6)


def test_a_carry_is_reset_where_an_episode_begins():
    net, params, start, _, trajectory, _ = collected("gru")
    whole = net.unroll(params, start.carry, trajectory.obs, trajectory.first)[2]
    other = jax.tree.map(lambda x: x + 1, start.carry)
    np.testing.assert_array_equal(
        whole, net.unroll(params, other, trajectory.obs, trajectory.first)[2]
    )
    unmarked = net.unroll(params, start.carry, trajectory.obs, trajectory.first & False)[2]
    assert np.abs(unmarked - whole)[3:].min() > 0


@pytest.mark.parametrize("recurrent", [None, "gru", SNAIL], ids=name_of)
def test_values_bootstrap_from_the_final_observation_by_the_worlds_discount(recurrent):
    net, params, start, end, trajectory, _ = collected(recurrent)
    found = estimate(net, params, trajectory, end, identity, discount=0.9, gae_lambda=0.8)
    # Each world by itself, one step after the other, from the net's own memory.
    next_value = np.zeros((7, 4))
    carry, first = start.carry, start.first
    for t in range(7):
        carry, _, _ = net.step(params, carry, trajectory.obs[t], first)
        next_value[t] = net.step(params, carry, trajectory.next_obs[t], jnp.zeros(4, bool))[2]
        first = trajectory.truncated[t]
    adv = np.zeros((8, 4))
    for t in reversed(range(7)):  # the world halves the discount
        error = trajectory.reward[t] + 0.9 * 0.5 * next_value[t] - found.value[t]
        adv[t] = error + 0.9 * 0.5 * 0.8 * np.where(trajectory.truncated[t], 0.0, adv[t + 1])
    assert trajectory.truncated.sum() == 8 and trajectory.next_obs[2, 0, 0] == 3
    np.testing.assert_allclose(found.adv, adv[:7], atol=1e-5)
    np.testing.assert_allclose(found.target, adv[:7] + found.value, atol=1e-5)


def test_metrics_are_of_the_episodes_that_ended_and_of_what_worlds_report():
    _, _, _, _, _, metrics = collected(None)
    # Two episodes of 1 + 2 + 3 in each of four worlds; then one more step.
    assert metrics["episode_return"].total == 48 and metrics["episode_return"].count == 8
    assert metrics["episode_length"].total == 24
    assert float(metrics["info/time"]) == pytest.approx((6 + 6 + 1) / 7)
    _, _, _, _, _, metrics = collected(None, limit=9)
    assert metrics["episode_return"].count == 0


def test_minibatches_of_one_step_are_refused_where_advantages_are_normalized():
    sizes = {"num_envs": 1, "unroll": 32, "minibatches": 32}
    with pytest.raises(BadInput, match="minibatches=32 of a single step"):
        learner(**sizes)
    subject = learner(normalize_advantages=False, **sizes)
    state = subject.init(jax.random.key(0))
    after, _ = jax.jit(subject.step)(jax.random.key(1), state, ())
    assert (after.params["policy"].kernel != state.params["policy"].kernel).any()


def test_microbatches_change_nothing():
    one, four = (learner(minibatches=1, microbatches=n, epochs=1) for n in (1, 4))
    state = one.init(jax.random.key(0))
    one, four = (jax.jit(x.step)(jax.random.key(1), state, ()) for x in (one, four))
    assert_close(one, four, atol=2e-6)


def test_four_devices_share_the_work_and_agree_with_one():
    """With memory, where minibatches are rows of worlds; the contract test cuts time."""
    subject = learner(recurrent="gru", num_envs=32, normalize_observations=True)
    results, flops = {}, {}
    for devices in (1, 4):
        mesh = make_mesh(devices)
        with jax.set_mesh(mesh):
            like = jax.eval_shape(subject.init, jax.random.key(0))
            places = layout(mesh, like)
            state = jax.jit(subject.init, out_shardings=places)(jax.random.key(0))
            step = jax.jit(subject.step, in_shardings=(None, places, None))
            program = step.lower(jax.random.key(1), state, ()).compile()
            flops[devices] = program.cost_analysis()["flops"]
            results[devices] = jax.device_get(program(jax.random.key(1), state, ()))
    assert_close(results[1], results[4], atol=1e-5)
    assert flops[4] <= 0.3 * flops[1]


def assert_close(left, right, *, atol):
    def check(x, y):
        if jnp.issubdtype(jnp.asarray(x).dtype, jnp.number):
            np.testing.assert_allclose(x, y, atol=atol, rtol=1e-5)

    jax.tree.map(check, left, right)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "none", "value_clip": 0.2},
        {"objective": "kl", "kl_coef": 3.0, "stop_kl": 1e-9},
        {"objective": "adaptive_kl", "name": "pendulum", "normalize_observations": True},
    ],
)
def test_variants_keep_the_state_and_give_finite_metrics(settings):
    subject = learner(**settings)
    state = subject.init(jax.random.key(0))
    after, metrics = jax.jit(subject.step)(jax.random.key(1), state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(np.isfinite(x) and x.shape == () for x in jax.tree.leaves(metrics))
    assert {"gradient_norm", "parameter_norm", "update_norm"} < metrics.keys()
    moved = jax.tree.leaves(
        jax.tree.map(lambda x, y: bool((x != y).any()), *params_of(after, state))
    )
    assert any(moved)
    if settings.get("objective") == "adaptive_kl":
        assert after.extra.kl_coef in (0.5, 1.0, 2.0)
    if "normalize_observations" in settings:
        assert after.extra.obs_statistics.count == 16 * 8


def params_of(*states):
    return tuple(state.params for state in states)


def test_a_stopped_update_leaves_the_parameters():
    free, stopped = learner(), learner(stop_kl=0.0)
    state = free.init(jax.random.key(0))
    # The first minibatch has KL zero; the second one is beyond the limit, and so are the rest.
    for subject, taken in ((free, 8), (stopped, 1)):
        after = jax.jit(subject.step)(jax.random.key(1), state, ())[0]
        assert optax.tree.get(after.opt_state, "count") == taken


def test_seeds_are_independent():
    several = over_seeds(learner(), 2)
    state = jax.jit(several.init)(jax.random.key(0))
    state, metrics = jax.jit(several.step)(jax.random.key(1), state, ())
    assert metrics["policy_loss"].shape == (2,)
    assert metrics["policy_loss"][0] != metrics["policy_loss"][1]


def test_evaluate_plays_one_episode_in_each_world():
    env = short()
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent="lstm")
    subject = ppo(env, net, TX, num_envs=4, unroll=4, eval_envs=8, eval_steps=10)
    state = subject.init(jax.random.key(0))
    metrics = jax.jit(subject.evaluate)(jax.random.key(1), state)
    assert metrics == {"episode_return": 6.0, "episode_length": 3.0}
    cut = ppo(env, net, TX, num_envs=4, unroll=4, eval_envs=8, eval_steps=2, eval_sampled=4)
    metrics = jax.jit(cut.evaluate)(jax.random.key(1), state)
    assert metrics["episode_return"] == metrics["episode_return_sampled"] == 3.0


def test_integers_observed_are_not_normalized():
    """A contextual bandit whose right action is the observation modulo 2."""

    def reset(key, task):
        obs = jax.random.randint(key, (), 0, 6)
        return obs, obs

    def step(key, state, action, task):
        reward = (action == state % 2).astype(jnp.float32)
        return state, Step(state, reward, jnp.bool_(True), jnp.bool_(False), {})

    env = Env(lambda key: (), reset, step, Discrete(6), Discrete(2))
    net = actor_critic(env.obs_space, env.action_space, hidden=(16,))
    sizes = {"num_envs": 32, "unroll": 16, "minibatches": 4}
    subject = ppo(env, net, optax.adam(2e-2), normalize_observations=True, **sizes)
    state = train(subject, 15)
    assert jax.jit(subject.evaluate)(jax.random.key(1), state)["episode_return"] == 1.0


def train(subject, steps):
    def run(key):
        init_key, step_key = jax.random.split(key)
        keys = jax.random.split(step_key, steps)
        step = lambda state, key: (subject.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, subject.init(init_key), keys)[0]

    return jax.jit(run)(jax.random.key(0))


def test_cartpole_is_learned():
    subject = learner(hidden=(64, 64), num_envs=64, unroll=64, minibatches=4)

    state = train(subject, 60)
    evaluate = jax.jit(subject.evaluate)
    before = evaluate(jax.random.key(1), subject.init(jax.random.key(0)))
    assert before["episode_return"] < 150
    assert evaluate(jax.random.key(1), state)["episode_return"] > 400


def test_the_name_is_the_function_and_its_file_is_within_reach():
    """As `jaxdl.rl` documents: whatever is imported, and in whatever order."""
    import importlib
    import sys

    import jaxdl.rl
    import jaxdl.rl.ppo as bound

    module = importlib.import_module("jaxdl.rl.ppo")
    assert module is sys.modules["jaxdl.rl.ppo"] and module.ppo is ppo
    assert bound is ppo is jaxdl.rl.ppo
    from jaxdl.rl.ppo import improve

    assert improve is module.improve
