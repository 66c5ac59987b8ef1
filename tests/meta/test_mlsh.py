"""MLSH: the master's world by hand, both levels beside plain PPO, what is drawn anew and when."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core import Run, fit
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step, check
from jaxdl.launch import Outcome
from jaxdl.meta import macro_world, make_hierarchy, mlsh, sub_policies
from jaxdl.meta.hierarchy import (
    draw_groups,
    learn_master,
    make_master_batch,
    make_sub_batch,
    practice_task,
)
from jaxdl.meta.mlsh import merge_groups
from jaxdl.meta.mlsh_exhibits import mlsh_exhibits
from jaxdl.nn import actor_critic
from jaxdl.rl.experience import Actors, Trajectory, estimate, make_batch

GAMMA, LAMBDA = 0.9, 0.8
LIFE = 5  # steps of an episode
K, N, E, T = 2, 3, 4, 12
TX = optax.sgd(0.1)


def count(ends="terminated"):
    """Pays its task times the step's number, a little for action 1, and ends after LIFE steps."""

    def sample_task(key):
        return jax.random.uniform(key, minval=0.5, maxval=1.5)

    def reset(key, task):
        mark = jax.random.uniform(key)
        return (jnp.int32(0), mark), jnp.stack([0.0, mark])

    def step(key, state, action, task):
        time = state[0] + 1
        obs = jnp.stack([time.astype(jnp.float32), state[1]])
        over = time >= LIFE
        is_cut = ends == "truncated"
        reward = task * time + 0.1 * action
        return (time, state[1]), Step(obs, reward, over & (not is_cut), over & is_cut, {}, 0.95)

    return Env(sample_task, reset, step, Box((2,)), Discrete(2))


def nets(env, options=K):
    net = actor_critic(env.obs_space, env.action_space, hidden=(6,))
    return net, actor_critic(env.obs_space, Discrete(options), hidden=(6,))


def levels(env, options=K, macro_steps=N, epochs=2, tx=TX):
    return make_hierarchy(
        env, *nets(env, options), tx, num_envs=E, unroll=T, macro_steps=macro_steps,
        discount=GAMMA, gae_lambda=LAMBDA, epochs=epochs, entropy_coef=0.01,
    )  # fmt: skip


def practiced(ends, options=K, macro_steps=N):
    """A group after a practice, and all that is made of it."""
    hierarchy = levels(count(ends), options, macro_steps)
    phi = hierarchy.subs.init(jax.random.key(1))
    # Larger last layers, so that choices and values differ.
    phi = jax.tree.map(lambda x: 3 * x, phi)

    def run(key):
        group = jax.tree.map(lambda x: x[0], draw_groups(hierarchy, key, phi, number=1))
        practice = practice_task(hierarchy, phi, key, group)
        master_batch = make_master_batch(hierarchy, practice.group, practice.trajectory)
        given = (practice.group.theta, practice.trajectory, practice.record)
        return group, practice, master_batch, make_sub_batch(hierarchy, phi, *given)

    return hierarchy, phi, *jax.device_get(jax.jit(run)(jax.random.key(2)))


SLOW = pytest.param("truncated", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=["terminated", SLOW])
def case(request):
    return practiced(request.param)


def flat_order(record):
    """World -> its steps in order: (block, step within it) of those that are some."""
    alive = record.is_alive
    return [
        [(b, i) for b in range(alive.shape[0]) for i in range(alive.shape[2]) if alive[b, e, i]]
        for e in range(alive.shape[1])
    ]


def test_a_macro_action_earns_what_its_steps_do_discounted_and_ends_with_the_episode():
    """Worked by hand: rewards 1, 2, 3 and then 4, 5, of which the last ends it, and it stands."""
    env = count()._replace(sample_task=lambda key: jnp.float32(1))
    net, _ = nets(env)
    subs = sub_policies(net, K)
    phi = jax.tree.map(jnp.zeros_like, subs.init(jax.random.key(0)))
    # Both sub-policies are sure of an action: 0, and 1.
    phi["policy"] = phi["policy"]._replace(bias=jnp.array([[99.0, 0.0], [0.0, 99.0]]))
    world = macro_world(env, subs, phi, options=K, macro_steps=3, discount=0.9)
    check(world)
    state, _ = world.reset(jax.random.key(0), jnp.float32(1))
    step = jax.jit(world.step)
    state, first = step(jax.random.key(1), state, jnp.int32(0), jnp.float32(1))
    _, second = step(jax.random.key(2), state, jnp.int32(1), jnp.float32(1))
    d = 0.9 * 0.95
    np.testing.assert_allclose(first.reward, 1 + 2 * d + 3 * d**2, rtol=1e-6)
    np.testing.assert_allclose(first.discount, d**3, rtol=1e-6)
    np.testing.assert_allclose(second.reward, 4.1 + 5.1 * d, rtol=1e-6)
    np.testing.assert_allclose(second.discount, d**2, rtol=1e-6)
    assert (bool(first.terminated), bool(second.terminated)) == (False, True)
    np.testing.assert_array_equal(second.info["is_alive"], [True, True, False])
    np.testing.assert_array_equal(second.info["terminated"], [False, True, False])
    np.testing.assert_array_equal(second.info["action"][:2], [1, 1])
    assert float(second.obs[0]) == LIFE and float(second.info["reward"][2]) == 0


def test_returns_and_lengths_are_those_of_whole_episodes(case):
    """Undiscounted, and counted in steps: every episode pays the task times 15 and has 5 steps."""
    _, _, group, practice, _, _ = case
    task = group.actors.worlds.task[0]
    pays = 0.1 * np.sum(practice.record.action * practice.record.is_alive)
    episodes = int(practice.metrics["episode_return"].count)
    assert episodes == E * T // (2 * N)  # two macro actions each
    total = practice.metrics["episode_return"].total
    np.testing.assert_allclose(total, episodes * 15 * task + pays, rtol=1e-5)
    assert float(practice.metrics["episode_length"].total) == episodes * LIFE


def test_the_masters_advantages_are_those_of_a_loop(case):
    """delta = R + gamma^n V' - V over macro actions of n steps, in NumPy."""
    hierarchy, _, _, practice, batch, _ = case
    theta, trajectory, record = practice.group.theta, practice.trajectory, practice.record

    def value(obs):
        first = jnp.zeros(obs.shape[:2], bool)
        return np.float64(hierarchy.master.unroll(theta, (), obs, first)[2])

    now, after = value(trajectory.obs), value(trajectory.next_obs)
    blocks = T // N
    adv = np.zeros((blocks + 1, E))
    for b, e in ((b, e) for b in reversed(range(blocks)) for e in range(E)):
        steps = int(record.is_alive[b, e].sum())
        weights = (GAMMA * 0.95) ** np.arange(steps + 1)
        earned = np.sum(weights[:-1] * record.reward[b, e, :steps])
        ended, cut = trajectory.terminated[b, e], trajectory.truncated[b, e]
        delta = earned + weights[-1] * after[b, e] * (1 - ended) - now[b, e]
        adv[b, e] = delta + weights[-1] * LAMBDA * adv[b + 1, e] * (1 - (ended | cut))
    np.testing.assert_allclose(batch.target, adv[:-1] + now, rtol=2e-4, atol=1e-4)
    normal = (adv[:-1] - adv[:-1].mean()) / adv[:-1].std()
    np.testing.assert_allclose(batch.adv, normal, rtol=2e-3, atol=2e-3)


def test_the_sub_policies_advantages_are_those_of_a_loop(case):
    """Over the steps of whole episodes; where an option runs out, over the master's next choice."""
    hierarchy, phi, _, practice, _, batch = case
    trajectory, record, theta = practice.trajectory, practice.record, practice.group.theta

    def values(obs):  # [K]
        rows = jnp.asarray(obs)[None, None]
        nothing = jnp.zeros((1, 1), bool)
        one = lambda k: hierarchy.net.unroll(  # noqa: E731
            jax.tree.map(lambda x: x[k], phi), (), rows, nothing
        )[2][0, 0]
        return np.array([one(k) for k in range(K)])

    def chances(obs):
        rows = jnp.asarray(obs)[None, None]
        return np.array(
            jax.nn.softmax(hierarchy.master.unroll(theta, (), rows, jnp.zeros((1, 1), bool))[1])
        )[0, 0]

    d = GAMMA * 0.95
    for e, steps in list(enumerate(flat_order(record)))[:2]:
        adv = 0.0
        for b, i in reversed(steps):
            option = trajectory.action[b, e]
            now = values(record.obs[b, e, i])[option]
            is_last = i == N - 1 or not record.is_alive[b, e, i + 1]
            if is_last:
                last = trajectory.next_obs[b, e]
                ran_out = i == N - 1
                after = chances(last) @ values(last) if ran_out else values(last)[option]
            else:
                after = values(record.obs[b, e, i + 1])[option]
            ended, cut = record.terminated[b, e, i], record.truncated[b, e, i]
            delta = record.reward[b, e, i] + d * after * (1 - ended) - now
            adv = delta + d * LAMBDA * adv * (1 - (ended | cut))
            np.testing.assert_allclose(batch.adv[b * N + i, e], adv, rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(batch.target[b * N + i, e], adv + now, rtol=1e-3, atol=1e-3)


def test_each_sub_policy_learns_from_its_own_steps_alone(case):
    """The gradient of each is that of PPO's loss over the steps that it has taken."""
    hierarchy, phi, _, _, _, batch = case
    weights = np.random.default_rng(0).normal(size=batch.adv.shape).astype(np.float32)
    batch = batch._replace(adv=weights * batch.obs.is_alive)
    zero = jnp.float32(0)
    rows = [np.nonzero(batch.obs.is_alive & (batch.obs.option == k)) for k in range(K)]
    assert all(0 < len(row) < batch.obs.is_alive.sum() for row, _ in rows)

    def loss_alone(params, row, column):
        plain = batch._replace(obs=batch.obs.obs)
        own = jax.tree.map(lambda x: jnp.asarray(x)[row, column][:, None], plain)
        return hierarchy.loss(zero, params, own, net=hierarchy.net)[0]

    @jax.jit
    def gradients(phi):
        both = jax.grad(lambda p: hierarchy.loss(zero, p, batch, net=hierarchy.subs)[0])(phi)
        alone = [
            jax.grad(loss_alone)(jax.tree.map(lambda x, k=k: x[k], phi), *rows[k]) for k in (0, 1)
        ]
        return both, alone

    both, alone = gradients(phi)
    for k in range(K):
        share = len(rows[k][0]) / batch.adv.size  # of the mean
        for x, y in zip(jax.tree.leaves(both), jax.tree.leaves(alone[k]), strict=True):
            np.testing.assert_allclose(x[k], share * y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("ends", ["terminated", SLOW])
def test_one_sub_policy_of_single_steps_learns_as_plain_ppo(ends):
    """K = 1 and N = 1: the same estimates, and the same loss in value and gradient."""
    hierarchy, phi, _, practice, _, batch = practiced(ends, options=1, macro_steps=1)
    trajectory, record = practice.trajectory, practice.record
    flat = {name: np.squeeze(x, 2) for name, x in record._asdict().items()}  # N of 1
    plain = jax.tree.map(lambda x: x[0], phi)
    done = jnp.asarray(flat["terminated"] | flat["truncated"])
    steps = Trajectory(
        obs=flat["obs"], first=jnp.zeros_like(done), carry=(), action=flat["action"],
        logp=flat["logp"], policy=(), reward=flat["reward"], discount=flat["discount"],
        terminated=jnp.asarray(flat["terminated"]), truncated=jnp.asarray(flat["truncated"]),
        next_obs=trajectory.next_obs, next_carry=(),
    )  # fmt: skip
    actors = Actors(practice.group.actors.worlds, (), done[-1])
    settings = {"discount": GAMMA, "gae_lambda": LAMBDA}
    own = partial(estimate, hierarchy.net, normalize_obs=lambda obs: obs, **settings)
    estimates = jax.jit(own)(plain, steps, actors)
    expected = make_batch(steps, estimates, lambda obs: obs)
    np.testing.assert_allclose(batch.adv, expected.adv, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(batch.target, expected.target, rtol=1e-5)

    def plain_loss(params):
        return hierarchy.loss(jnp.float32(0), params, expected, net=hierarchy.net)[0]

    def own_loss(phi):
        return hierarchy.loss(jnp.float32(0), phi, batch, net=hierarchy.subs)[0]

    pair = jax.jit(
        lambda: (jax.value_and_grad(plain_loss)(plain), jax.value_and_grad(own_loss)(phi))
    )
    (value, gradient), (same_value, same_gradient) = pair()
    np.testing.assert_allclose(value, same_value, rtol=1e-5)
    for x, y in zip(jax.tree.leaves(gradient), jax.tree.leaves(same_gradient), strict=True):
        np.testing.assert_allclose(x, y[0], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_masters_update_is_gradient_descent_on_ppos_loss(case):
    """Two passes of SGD, by hand."""
    hierarchy, phi, group, practice, batch, _ = case
    learned, _, metrics = jax.jit(partial(learn_master, hierarchy, phi))(jax.random.key(2), group)
    loss = lambda p: hierarchy.loss(jnp.float32(0), p, batch, net=hierarchy.master)[0]  # noqa: E731
    theta = group.theta
    for _ in range(2):
        theta = jax.tree.map(lambda x, g: x - 0.1 * g, theta, jax.grad(loss)(theta))
    for x, y in zip(jax.tree.leaves(learned.theta), jax.tree.leaves(theta), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5)
    assert metrics["master/gradient_norm"] > 0


SETTINGS = {
    "num_tasks": 8, "warmup_updates": 2, "joint_updates": 1, "minibatches": 2, "new_tasks": 8,
    "new_updates": 2,
}  # fmt: skip


def learner(macro_steps=N, **settings):
    hierarchy = levels(count(), macro_steps=macro_steps, epochs=1, tx=optax.adam(0.01))
    return mlsh(hierarchy, TX, **SETTINGS | settings)


@pytest.fixture(scope="module")
def cycle():
    """The states of two cycles of two updates of warm-up and a joint one, with their metrics."""
    built = learner()
    state = jax.jit(built.init)(jax.random.key(0))
    step = jax.jit(built.step)
    states, metrics = [state], []
    for i in range(6):
        state, measured = step(jax.random.key(i), state, ())
        states.append(state)
        metrics.append(measured)
    return built, jax.device_get(states), jax.device_get(metrics)


def changed(one, other):
    return [bool(np.any(x != y)) for x, y in zip(*map(jax.tree.leaves, (one, other)), strict=True)]


@pytest.mark.slow
def test_sub_policies_rest_in_the_warm_up_and_learn_after_it(cycle):
    _, states, metrics = cycle
    for i in range(6):
        learns = changed(states[i].params, states[i + 1].params)
        assert all(learns) if i % 3 == 2 else not any(learns)
        assert metrics[i]["policy_loss"].count == (i % 3 == 2)
        assert metrics[i]["master/gradient_norm"] > 0


@pytest.mark.slow
def test_masters_and_tasks_are_drawn_anew_after_a_cycle_and_never_within(cycle):
    _, states, _ = cycle
    tasks = np.stack([state.actors.actors.worlds.task[:, 0] for state in states])
    counts = [int(state.actors.opt_state[0].count[0]) for state in states]
    updates = [int(state.extra.updates) for state in states]
    assert counts == updates == [0, 1, 2, 0, 1, 2, 0]
    for i in range(6):
        is_over = i % 3 == 2
        assert (tasks[i] != tasks[i + 1]).all() == is_over
        assert (tasks[i] == tasks[i + 1]).all() != is_over
        assert all(changed(states[i].actors.theta, states[i + 1].actors.theta))
    assert len(np.unique(tasks)) == 3 * 8
    # A fresh master hardly prefers anything: its last layer is small, and its biases are 0.
    fresh, old = states[3].actors.theta["policy"], states[2].actors.theta["policy"]
    assert np.abs(fresh.kernel).max() < 0.05 and not fresh.bias.any() and old.bias.any()


@pytest.mark.slow
def test_new_masters_learn_over_sub_policies_as_they_are(cycle):
    built, states, _ = cycle
    metrics = jax.jit(built.evaluate)(jax.random.key(0), states[-1])
    curve = metrics["curve/MLSH"]
    assert curve.shape == (3,) and np.isfinite(curve).all()
    assert metrics["episode_return"] == curve[-1] and metrics["first_return"] == curve[0]
    # An episode pays 15 times a task of 0.5 to 1.5, and at most half a point for its actions.
    assert 7.5 <= float(metrics["mean_return"]) <= 23


def test_groups_stand_side_by_side():
    batch = {"x": np.arange(2 * 3 * 4).reshape(2, 3, 4)}
    merged = merge_groups(batch)["x"]
    np.testing.assert_array_equal(merged, np.concatenate(batch["x"], axis=1))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"macro_steps": 5}, "macro_steps=5 must divide unroll=12"),
        ({"macro_steps": 0}, "macro_steps=0 must divide unroll=12"),
        ({"joint_updates": 0}, "joint_updates=0 at least 1"),
        ({"warmup_updates": -1}, "warmup_updates=-1 should be at least 0"),
        ({"minibatches": 7}, "minibatches x microbatches = 7 must divide"),
    ],
)
def test_bad_settings_are_told_in_a_line(settings, text):
    with pytest.raises(BadInput, match=text) as error:
        learner(**settings)
    assert len(str(error.value).splitlines()) == 1


def test_bad_nets_are_told_in_a_line():
    env = count()
    net, master = nets(env)
    with pytest.raises(BadInput, match="needs at least 1 sub-policy, got 0"):
        sub_policies(net, 0)
    memory = actor_critic(env.obs_space, env.action_space, hidden=(6,), recurrent="gru")
    for pair, text in (((memory, master), "a sub-policy"), ((net, memory), "a master")):
        with pytest.raises(BadInput, match=f"{text} has no memory"):
            make_hierarchy(env, *pair, TX, num_envs=E, unroll=T, macro_steps=N)


@pytest.mark.slow
def test_devices_do_not_change_what_sub_policies_learn():
    """The mean over all tasks of the gradient, wherever they are."""
    built = learner(warmup_updates=0, num_tasks=8)._replace(evaluate=lambda key, state: {})
    ends = [fit(built, (), Run(steps=1, steps_per_call=1, devices=d))[0].params for d in (1, 4, 8)]
    for end in ends[1:]:
        for x, y in zip(jax.tree.leaves(ends[0]), jax.tree.leaves(end), strict=True):
            np.testing.assert_allclose(x, y, atol=1e-6)


def test_the_report_shows_new_tasks_and_the_ways():
    rng = np.random.default_rng(0)
    arrays = {
        "curve/MLSH": rng.uniform(size=(2, 4)),
        "curve/from scratch": rng.uniform(size=(2, 4)),
        "paths": rng.normal(size=(2, K, 3, 6, 2)),
        "marks": rng.normal(size=(2, 3, 2, 2)),
    }
    best = {"eval/best_return": {"mean": 2.0, "ci95": 0.0, "values": [2.0, 2.0]}}
    tasks, ways = mlsh_exhibits(Outcome(best, arrays, [], 2))
    axis = tasks.content.axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_allclose(drawn["MLSH"], arrays["curve/MLSH"].mean(0))
    assert set(drawn) == {"MLSH", "from scratch", "one who knows the task"}
    assert len(ways.content.axes) == K * 3
    np.testing.assert_allclose(
        ways.content.axes[4].lines[0].get_xdata(), arrays["paths"][0, 1, 1, :, 0]
    )
    del arrays["marks"]
    assert len(mlsh_exhibits(Outcome({}, arrays, [], 2))) == 2
