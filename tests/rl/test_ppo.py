import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.learner import over_seeds
from jaxdl.core.mesh import layout, make_mesh
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step, make, vectorize
from jaxdl.nn import actor_critic
from jaxdl.ops import gae
from jaxdl.rl import ppo
from jaxdl.rl.minibatches import Batch, env_rows, time_slices
from jaxdl.rl.ppo import Actors, collect, estimate

TX = optax.flatten(optax.chain(optax.clip_by_global_norm(0.5), optax.adam(3e-3)))


def learner(name="cartpole", recurrent=None, hidden=(16,), **settings):
    env = make(name)
    net = actor_critic(env.obs_space, env.action_space, hidden=hidden, recurrent=recurrent)
    return ppo(env, net, TX, **{"num_envs": 16, "unroll": 8, "minibatches": 2} | settings)


def short(limit=3):
    """Counts to `limit`, then truncates; pays the time. The final observation is seen once."""

    def reset(key, task):
        return jnp.int32(0), jnp.zeros(1)

    def step(key, state, action, task):
        state = state + 1
        obs = state[None].astype(jnp.float32)
        late = state >= limit
        return state, Step(obs, obs[0], jnp.bool_(False), late, {})

    return Env(lambda key: (), reset, step, Box((1,)), Discrete(2))


def played(env, recurrent, length=7, num_envs=4):
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent=recurrent)
    worlds = vectorize(env, num_envs)
    params = net.init(jax.random.key(1))
    first = jnp.ones(num_envs, bool)
    start = Actors(worlds.reset(jax.random.key(0)), net.initial_carry(num_envs), first)
    run = jax.jit(lambda key: collect(key, worlds, net, params, start, _as_is, length=length))
    end, trajectory = run(jax.random.key(2))
    return net, params, start, end, trajectory


def _as_is(obs):
    return obs


@pytest.mark.parametrize("recurrent", [None, "gru", "lstm"])
def test_unrolled_recomputation_agrees_with_what_was_collected(recurrent):
    net, params, start, end, trajectory = played(short(), recurrent)
    assert trajectory.first.sum() == 12  # of episodes of three steps in seven, in four worlds
    carry, policy, values = net.unroll(params, start.carry, trajectory.obs, trajectory.first)
    logp = net.distribution.logp(policy, trajectory.action)
    np.testing.assert_allclose(logp, trajectory.logp, atol=1e-6)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), carry, end.carry)
    batch = estimate(net, params, trajectory, end, _as_is, discount=0.9, gae_lambda=0.8)
    np.testing.assert_allclose(batch.value, values, atol=1e-6)


def test_a_carry_is_reset_where_an_episode_begins():
    net, params, start, _, trajectory = played(short(), "gru")
    whole = net.unroll(params, start.carry, trajectory.obs, trajectory.first)[2]
    other = jax.tree.map(lambda x: x + 1, start.carry)
    np.testing.assert_array_equal(
        whole, net.unroll(params, other, trajectory.obs, trajectory.first)[2]
    )
    unmarked = net.unroll(params, start.carry, trajectory.obs, trajectory.first & False)[2]
    assert np.abs(unmarked - whole)[3:].min() > 0


@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_values_bootstrap_from_the_final_observation(recurrent):
    net, params, start, end, trajectory = played(short(), recurrent)
    batch = estimate(net, params, trajectory, end, _as_is, discount=0.9, gae_lambda=0.8)
    # Each world by itself, one step after the other, from the net's own memory.
    value = np.zeros((7, 4))
    carry, first = start.carry, start.first
    for t in range(7):
        carry, _, _ = net.step(params, carry, trajectory.obs[t], first)
        value[t] = net.step(params, carry, trajectory.next_obs[t], jnp.zeros(4, bool))[2]
        first = trajectory.truncated[t]
    adv, target = gae(
        trajectory.reward,
        batch.value,
        jnp.asarray(value),
        trajectory.terminated,
        trajectory.truncated,
        discount=0.9,
        gae_lambda=0.8,
    )
    assert trajectory.truncated.sum() == 8 and trajectory.next_obs[2, 0, 0] == 3
    np.testing.assert_allclose(batch.adv, adv, atol=1e-5)
    np.testing.assert_allclose(batch.target, target, atol=1e-5)


@pytest.mark.parametrize("cut, carry_axis", [(time_slices, None), (env_rows, 0)])
def test_an_epoch_uses_each_entry_once(cut, carry_axis):
    time, envs, parts = 6, 12, 3
    ids = jnp.arange(time * envs).reshape(time, envs)
    carry = () if carry_axis is None else ids[0]
    batch = Batch(carry, *[ids] * 4, (), *[ids] * 3)
    cuts = cut(jax.random.key(0), batch, parts)
    assert cuts.adv.shape == ((parts, 2, envs) if cut is time_slices else (parts, time, 4))
    np.testing.assert_array_equal(np.sort(cuts.adv.ravel()), np.arange(time * envs))
    np.testing.assert_array_equal(cuts.obs, cuts.adv)
    assert not np.array_equal(cuts.adv, cut(jax.random.key(1), batch, parts).adv)
    if cut is env_rows:  # whole sequences, with their own carry, and a share of each device
        np.testing.assert_array_equal(cuts.adv, cuts.carry[:, None] + ids[:, :1])
        np.testing.assert_array_equal(cuts.carry // parts, np.tile(np.arange(4), (parts, 1)))


def test_minibatches_that_do_not_divide_are_refused():
    with pytest.raises(BadInput, match="parts|minibatches x microbatches = 3 must divide"):
        learner(minibatches=3)
    with pytest.raises(BadInput, match="must divide num_envs=16$"):
        learner(recurrent="gru", minibatches=5)


def test_microbatches_change_nothing():
    one, four = (learner(minibatches=1, microbatches=n, epochs=1) for n in (1, 4))
    state = one.init(jax.random.key(0))
    one, four = (jax.jit(x.step)(jax.random.key(1), state, ()) for x in (one, four))
    assert_close(one, four, atol=2e-6)


@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_four_devices_share_the_work_and_agree_with_one(recurrent):
    subject = learner(recurrent=recurrent, num_envs=32, normalize_observations=True)
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
        {"objective": "kl", "kl_coef": 3.0},
        {"objective": "adaptive_kl"},
        {"name": "pendulum", "normalize_observations": True},
        {"stop_kl": 1e-9},
    ],
)
def test_variants_keep_the_state_and_give_finite_metrics(settings):
    subject = learner(**settings)
    state = subject.init(jax.random.key(0))
    after, metrics = jax.jit(subject.step)(jax.random.key(1), state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(np.isfinite(x) and x.shape == () for x in jax.tree.leaves(metrics))
    moved = jax.tree.leaves(
        jax.tree.map(lambda x, y: bool((x != y).any()), *params_of(after, state))
    )
    assert any(moved)
    if settings.get("objective") == "adaptive_kl":
        assert after.extra.kl_coef in (0.5, 1.0, 2.0)
    if "normalize_observations" in settings:
        assert after.extra.seen.count == 16 * 8


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
    cut = ppo(env, net, TX, num_envs=4, unroll=4, eval_envs=8, eval_steps=2)
    assert jax.jit(cut.evaluate)(jax.random.key(1), state)["episode_return"] == 3.0


def test_cartpole_is_learned():
    subject = learner(hidden=(64, 64), num_envs=64, unroll=64, minibatches=4)

    def run(key):
        init_key, step_key = jax.random.split(key)
        keys = jax.random.split(step_key, 60)
        step = lambda state, key: subject.step(key, state, ())  # noqa: E731
        return jax.lax.scan(step, subject.init(init_key), keys)[0]

    state = jax.jit(run)(jax.random.key(0))
    evaluate = jax.jit(subject.evaluate)
    before = evaluate(jax.random.key(1), subject.init(jax.random.key(0)))
    assert before["episode_return"] < 150
    assert evaluate(jax.random.key(1), state)["episode_return"] > 400
