"""Long trials of bandits: a net for any number of arms, and the teaching by the index policy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.meta import rl2 as launch_file
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, make
from jaxdl.launch import configure
from jaxdl.meta import arm_net, bandit_score, bayes, index_teacher, trial
from jaxdl.meta.index_teacher import advise, imitation_loss
from jaxdl.rl.minibatches import Batch
from jaxdl.rl.rollout import likeliest_policy

ARMS, PULLS, ENVS, STEPS, WIDTH = 3, 6, 4, 6, 5


def net_for(arms):
    world = trial(make(f"bandit:arms={arms}"), PULLS)
    return arm_net(world.obs_space, world.action_space, width=WIDTH)


def pulls_of(arms, *, seed=0):
    """Observations of bandits' trials, with one that begins in the middle."""
    draws = np.random.default_rng(seed)
    obs = np.zeros((STEPS, ENVS, arms + 3), np.float32)
    obs[..., 1 : arms + 1] = np.eye(arms)[draws.integers(0, arms, (STEPS, ENVS))]
    obs[..., arms + 1 :] = draws.integers(0, 2, (STEPS, ENVS, 2))
    first = np.zeros((STEPS, ENVS), bool)
    first[0] = True
    first[3, 1] = True
    obs[first] = 0
    return obs, first


def by_hand(params, obs, first, arms):
    """The net in NumPy, one world and one arm at a time, in double precision."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    affine = lambda layer, x: x @ layer.kernel + layer.bias  # noqa: E731
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    logits, values = np.zeros((STEPS, ENVS, arms)), np.zeros((STEPS, ENVS))
    for e in range(ENVS):
        memory = np.zeros((arms, WIDTH))
        for t in range(STEPS):
            memory = np.zeros((arms, WIDTH)) if first[t, e] else memory
            pooled, after = memory.mean(0), np.zeros((arms, WIDTH))
            for a in range(arms):
                pulled = obs[t, e, 1 + a]
                shown = np.array([pulled, pulled * obs[t, e, 1 + arms]])
                x = affine(p["inputs"], shown) + affine(p["pooled"], pooled)
                h = affine(p["carried"], memory[a])
                r, u = sigmoid(x[:WIDTH] + h[:WIDTH]), sigmoid(x[WIDTH:-WIDTH] + h[WIDTH:-WIDTH])
                after[a] = (1 - u) * np.tanh(x[-WIDTH:] + r * h[-WIDTH:]) + u * memory[a]
            memory = after
            for a in range(arms):
                read = np.concatenate([memory[a], memory.mean(0)])
                hidden, last = p["policy"]
                logits[t, e, a] = affine(last, np.tanh(affine(hidden, read)))[0]
            hidden, last = p["value"]
            values[t, e] = affine(last, np.tanh(affine(hidden, memory.mean(0))))[0]
    return logits, values


def test_the_net_is_what_it_is_by_hand_and_its_steps_are_its_unroll():
    net, (obs, first) = net_for(ARMS), pulls_of(ARMS)
    params = net.init(jax.random.key(0))
    carry, logits, values = jax.jit(net.unroll)(params, net.initial_carry(ENVS), obs, first)
    expected = by_hand(params, obs, first, ARMS)
    np.testing.assert_allclose(logits, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values, expected[1], rtol=1e-4, atol=1e-6)
    stepped = net.initial_carry(ENVS)
    step = jax.jit(net.step)
    for t in range(STEPS):
        stepped, policy, value = step(params, stepped, obs[t], first[t])
        np.testing.assert_allclose(policy, logits[t], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(value, values[t], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stepped, carry, rtol=1e-5, atol=1e-6)


def test_its_gradient_is_that_of_finite_differences():
    net, (obs, first) = net_for(ARMS), pulls_of(ARMS)
    params = net.init(jax.random.key(1))
    carry = net.initial_carry(ENVS)

    def total(params):
        _, logits, values = net.unroll(params, carry, obs, first)
        return jnp.sum(jnp.sin(logits * 30)) + jnp.sum(values**2)

    def total_by_hand(params):
        logits, values = by_hand(params, obs, first, ARMS)
        return np.sum(np.sin(logits * 30)) + np.sum(values**2)

    slope = jax.jit(jax.grad(total))(params)
    exact = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    leaves, structure = jax.tree.flatten(exact)
    draws = np.random.default_rng(0)
    for _ in range(4):
        way = [draws.normal(size=x.shape) for x in leaves]
        moved = [
            structure.unflatten([x + eps * d for x, d in zip(leaves, way, strict=True)])
            for eps in (1e-5, -1e-5)
        ]
        expected = (total_by_hand(moved[0]) - total_by_hand(moved[1])) / 2e-5
        pairs = zip(jax.tree.leaves(slope), way, strict=True)
        found = sum(np.sum(np.asarray(g) * d) for g, d in pairs)
        assert found == pytest.approx(expected, rel=2e-3, abs=1e-3)


def test_reordered_arms_reorder_the_policy_and_leave_the_value():
    net, (obs, first) = net_for(ARMS), pulls_of(ARMS)
    params, order = net.init(jax.random.key(0)), np.array([2, 0, 1])
    other = obs.copy()
    other[..., 1 : 1 + ARMS] = obs[..., 1 : 1 + ARMS][..., order]
    unroll = jax.jit(net.unroll)
    _, logits, values = unroll(params, net.initial_carry(ENVS), obs, first)
    _, found, same = unroll(params, net.initial_carry(ENVS), other, first)
    np.testing.assert_allclose(found, logits[..., order], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(same, values, rtol=1e-5, atol=1e-6)


def test_its_parameters_do_not_know_how_many_arms_there_are():
    few, many = (jax.eval_shape(net_for(arms).init, jax.random.key(0)) for arms in (2, 50))
    assert jax.tree.map(lambda x: x.shape, few) == jax.tree.map(lambda x: x.shape, many)


@pytest.mark.parametrize("spaces", [(Box((5,)), Discrete(3)), (Box((6,)), Box((3,)))])
def test_other_worlds_have_no_arms(spaces):
    with pytest.raises(BadInput, match="the trials of a bandit"):
        arm_net(*spaces)


def test_advice_is_what_the_index_policy_pulls():
    """In every belief that the rule's own pulls reach, the arm that it took is among the best."""
    table, rule = bayes.gittins_table(pulls=PULLS), bayes.gittins(pulls=PULLS)
    draws = np.random.default_rng(0)
    pull, ask = jax.jit(rule), jax.jit(advise)
    many = 0
    for i in range(20):
        counts = np.zeros((ARMS, 2), np.int32)
        for t in range(PULLS):
            advice = np.asarray(ask(table, counts))
            assert advice.sum() == pytest.approx(1)
            arms = {int(pull(counts, t, jax.random.key(100 * i + t + j))) for j in range(8)}
            assert all(advice[arm] > 0 for arm in arms)
            many += len(arms) > 1
            counts[min(arms), draws.integers(0, 2)] += 1
    assert many > 20  # ties were seen


def test_counts_are_of_the_trial_that_is_under_way():
    """Two updates of 4 pulls in trials of 6: the counts last from one to the next, and no longer.

    What the net was told is summed again, in Python, and the steps' memory is kept over them.
    """
    world = trial(make(f"bandit:arms={ARMS}"), PULLS)
    net = net_for(ARMS)
    sizes = {"pulls": PULLS, "num_envs": ENVS, "unroll": 4, "minibatches": 2}
    learner = index_teacher(world, net, optax.adam(1e-2), **sizes)
    state = jax.jit(learner.init)(jax.random.key(0))
    step = jax.jit(learner.step)
    start = state.params
    for updates in (1, 2):
        state, metrics = step(jax.random.key(updates), state, ())
        pulled = np.asarray(state.actors.counts).sum((1, 2))
        np.testing.assert_array_equal(pulled, [4 * updates if updates == 1 else 8 - PULLS] * ENVS)
    assert 0 <= float(metrics["agree"]) <= 1
    moved = jax.tree.map(lambda x, y: float(jnp.abs(x - y).max()), start, state.params)
    assert min(jax.tree.leaves(moved["policy"])) > 0
    assert max(jax.tree.leaves(moved["value"])) == 0


def test_the_loss_is_the_cross_entropy_with_the_advice():
    net, (obs, first) = net_for(ARMS), pulls_of(ARMS)
    params = net.init(jax.random.key(0))
    advice = np.random.default_rng(1).dirichlet(np.ones(ARMS), (STEPS, ENVS)).astype(np.float32)
    zeros = np.zeros((STEPS, ENVS), np.float32)
    carry = net.initial_carry(ENVS)
    lesson = Batch(carry, obs, first, zeros, zeros, advice, (), zeros, zeros)
    loss, _ = jax.jit(lambda params: imitation_loss(params, lesson, net=net))(params)
    logits, _ = by_hand(params, obs, first, ARMS)
    chance = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert float(loss) == pytest.approx(-np.mean(np.sum(advice * np.log(chance), -1)), rel=1e-5)


def test_taught_with_three_arms_it_plays_ten_better_than_greedily():
    """Two updates a trial; the index policy is within reach, with arms that it was not taught."""
    pulls = 10
    world = trial(make(f"bandit:arms={ARMS}"), pulls)
    net = arm_net(world.obs_space, world.action_space, width=16)
    sizes = {"pulls": pulls, "num_envs": 256, "unroll": 5, "minibatches": 4}
    learner = index_teacher(world, net, optax.adam(1e-2), **sizes)

    @jax.jit
    def run(key):
        def step(state, key):
            return learner.step(key, state, ())

        return jax.lax.scan(step, learner.init(key), jax.random.split(key, 60))

    state, metrics = run(jax.random.key(0))
    assert float(metrics["agree"][-5:].mean()) > float(metrics["agree"][0]) + 0.1
    for arms in (ARMS, 10):
        other = trial(make(f"bandit:arms={arms}"), pulls)
        many = arm_net(other.obs_space, other.action_space, width=16)
        policy = likeliest_policy(many, state.params, lambda obs: obs)
        tasks = {"arms": arms, "pulls": pulls, "tasks": 4096}
        found = bandit_score(jax.random.key(1), many, policy, **tasks)
        index = bayes.index_policy_value(key=jax.random.key(1), **tasks)
        assert 0.97 < float(found.mean / index.mean) < 1.0 + 4 * float(found.standard_error)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"episodes": 100}, "except with --truncate"),
        ({"episodes": 15, "truncate": True}, "should divide --episodes=15"),
        ({"env": "cartpole", "teacher": "index"}, "cartpole has no arms"),
        ({"env": "bandit:kind=dependent", "teacher": "index"}, "is of independent arms"),
        ({"test_arms": 50}, "--test_arms needs --arms_alike"),
    ],
)
def test_options_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        configure("rl2", launch_file.PRESETS, "smoke", settings)
