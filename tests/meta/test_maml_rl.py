"""MAML for policies: its gradient against the true return, and its parts."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step
from jaxdl.meta import maml_rl
from jaxdl.meta.adaptation import (
    Episodes,
    Judged,
    adapt,
    fit_linear,
    make_judge,
    make_loss,
    sum_rewards,
)
from jaxdl.meta.maml_rl import improve
from jaxdl.nn import PolicyNet, policy_net
from jaxdl.nn.distributions import categorical

# A decision process of 2 states and 2 actions that begins in state 0 and lasts 2 steps.
REWARD = np.array([[0.3, 1.0], [-1.0, 2.0]])
TO_ONE = np.array([[0.2, 0.9], [0.6, 0.1]])  # the probability of state 1
RATE = 0.7
THETA = np.array([[0.4, -0.3], [0.1, 0.5]])  # logits [S, A]
TABULAR = PolicyNet(lambda key: jnp.zeros((2, 2)), lambda logits, obs: logits[obs], categorical(2))


def all_plays(steps):
    """Every play: states and actions [T], reward-to-go [T], probability given the actions."""
    for actions in product(range(2), repeat=steps):
        for states in product(range(2), repeat=steps - 1):
            states = (0, *states)
            chance = 1.0
            for t in range(steps - 1):
                one = TO_ONE[states[t], actions[t]]
                chance *= one if states[t + 1] else 1 - one
            rewards = REWARD[list(states), list(actions)]
            yield states, actions, rewards[::-1].cumsum()[::-1], chance


def log_probs(theta):
    return theta - np.log(np.exp(theta).sum(-1, keepdims=True))


def true_return(theta, steps):
    """The mean reward of a step, exactly."""
    logp = log_probs(theta)
    plays = all_plays(steps)
    return sum(c * np.exp(sum(logp[s, a])) * g[0] / steps for s, a, g, c in map(as_lists, plays))


def as_lists(played):
    states, actions, to_go, chance = played
    return list(states), list(actions), to_go, chance


def slope(function, theta, width):
    """The gradient by central differences."""
    found = np.zeros_like(theta)
    for place in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[place] = width
        found[place] = (function(theta + step) - function(theta - step)) / (2 * width)
    return found


def adapted_return(theta, steps):
    """The true return after a step along the true gradient."""
    ascent = slope(lambda x: true_return(x, steps), theta, 1e-5)
    return true_return(theta + RATE * ascent, steps)


def enumerated(theta, steps):
    """All plays as episodes, whose advantages carry their probability under the policy."""
    plays = [as_lists(played) for played in all_plays(steps)]
    states, actions, to_go, chance = (np.array(x).T for x in zip(*plays, strict=True))  # [T, N]
    logp = log_probs(np.asarray(theta, float))[states, actions]
    weight = chance * np.exp(logp.sum(0)) * len(plays)
    policy = jnp.asarray(theta, jnp.float32)[states]
    on = jnp.ones(states.shape, bool)
    rows = (jnp.asarray(actions, jnp.int32), policy, jnp.float32(logp), jnp.float32(to_go), on)
    return Judged(Episodes(jnp.asarray(states), *rows), jnp.float32(weight * to_go))


@partial(jax.jit, static_argnames=("order", "surrogate"))
def move(params, before, decay, *, order, surrogate):
    loss = make_loss(surrogate, decay=decay)
    return adapt(TABULAR, loss, params, before, inner_lr=RATE, order=order)


@partial(jax.jit, static_argnames=("order", "surrogate"))
def ascend(params, before, after, decay, **settings):
    """The ascent of the outer step."""

    def search(measure, params, step):  # what the line search would measure is differentiated
        return jax.grad(lambda x: measure(x)[1])(params), Trial()

    return improve(
        lambda params: TABULAR.apply(move(params, before, decay, **settings), after.episodes.obs),
        TABULAR.distribution,
        params,
        after,
        max_kl=0.01,
        damping=1e-5,
        solver_iterations=1,
        search=search,
    )[0]


def outer_gradient(theta, steps, *, order=2, surrogate="dice", decay=1.0):
    """The ascent of the outer step, and the parameters after the inner one."""
    settings = {"order": order, "surrogate": surrogate}
    params = jnp.float32(theta)
    before = enumerated(theta, steps)
    adapted = move(params, before, decay, **settings)
    gradient = ascend(params, before, enumerated(adapted, steps), decay, **settings)
    return np.asarray(gradient, float), np.asarray(adapted, float)


class Trial:
    kl = improvement = fraction = is_accepted = jnp.float32(0.0)


@pytest.mark.parametrize("steps", [1, 2])
def test_the_outer_gradient_is_that_of_the_true_return_after_the_step(steps):
    """Against finite differences, every play of both policies weighed by its probability."""
    found, adapted = outer_gradient(THETA, steps)
    inner = slope(lambda x: true_return(x, steps), THETA, 1e-5)
    np.testing.assert_allclose(adapted, THETA + RATE * inner, atol=1e-6)
    expected = slope(lambda x: adapted_return(x, steps), THETA, 1e-3)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.abs(expected).max() > 0.05


def test_what_each_shortcut_leaves_out():
    """A surrogate for given data has another Hessian; without decay only one step has the right."""
    expected = {
        steps: slope(lambda x, n=steps: adapted_return(x, n), THETA, 1e-3) for steps in (1, 2)
    }

    def off(steps, **settings):
        return np.abs(outer_gradient(THETA, steps, **settings)[0] - expected[steps]).max()

    assert off(1, decay=0.0) < 2e-5 < 2e-3 < off(2, decay=0.0)
    assert off(1, surrogate="likelihood") > 2e-3
    assert off(2, order=1) > 2e-3


def test_first_order_lacks_the_hessian_and_nothing_else():
    second, adapted = outer_gradient(THETA, 2)
    first, _ = outer_gradient(THETA, 2, order=1)
    at_end = slope(lambda x: true_return(x, 2), adapted, 1e-5)
    np.testing.assert_allclose(first, at_end, atol=1e-6)
    gradient = lambda x: slope(lambda y: true_return(y, 2), x, 1e-4)  # noqa: E731
    hessian_product = (gradient(THETA + 1e-3 * at_end) - gradient(THETA - 1e-3 * at_end)) / 2e-3
    np.testing.assert_allclose(second - first, RATE * hessian_product, atol=1e-4)


def test_returns_and_the_fit_of_the_baseline_against_numpy():
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(5, 3))
    expected = np.zeros((5, 3))
    for t in reversed(range(5)):
        expected[t] = rewards[t] + 0.9 * (expected[t + 1] if t < 4 else 0)
    np.testing.assert_allclose(
        sum_rewards(jnp.float32(rewards), discount=0.9), expected, rtol=1e-5, atol=1e-6
    )
    features, targets = rng.normal(size=(20, 3, 4)), rng.normal(size=(20, 3))
    mask = rng.uniform(size=(20, 3)) < 0.7
    weights, *_ = np.linalg.lstsq(features[mask], targets[mask])
    found = fit_linear(jnp.float32(features), jnp.float32(targets), jnp.asarray(mask))
    np.testing.assert_allclose(found, np.where(mask, features @ weights, 0), atol=1e-4)


def countdown():
    """Ends after three steps; each pays what its noise draws, and the task's bonus."""

    def reset(key, task):
        return jnp.int32(0), jax.random.uniform(key, (1,))

    def step(key, state, action, task):
        noise = jax.random.uniform(key)
        out = Step(noise[None], noise + task, state >= 2, jnp.bool_(False), {})
        return state + 1, out

    return Env(jax.random.uniform, reset, step, Box((1,)), Discrete(2))


@pytest.fixture(scope="module")
def evaluated():
    """What an evaluation finds in 2 tasks: 3 rounds of 4 episodes of 5 steps."""
    env = countdown()
    net = policy_net(env.obs_space, env.action_space, hidden=(4,))
    settings = {"tasks": 2, "episodes": 4, "length": 5, "eval_tasks": 2, "eval_updates": 2}
    keep = lambda tasks, episodes: {"tasks": tasks, "episodes": episodes}  # noqa: E731
    learner = maml_rl(env, net, **settings, keep=keep)
    params = jax.jit(net.init)(jax.random.key(0))
    return jax.jit(learner.evaluate)(jax.random.key(1), TrainState(params, ()))


@pytest.fixture(scope="module")
def played(evaluated):
    return jax.tree.map(lambda x: x[0, 0], evaluated["episodes"])


def test_all_chance_is_drawn_anew(evaluated):
    """Every task, every reset and every step of every world, in every task and round."""
    seen = evaluated["episodes"].obs[..., :4, :, 0]  # what resets and the three steps have drawn
    assert seen.shape == (3, 2, 4, 4)
    drawn = np.concatenate([np.ravel(seen), np.ravel(evaluated["tasks"])])
    assert len(np.unique(drawn)) == len(drawn) == 3 * 2 * 4 * 4 + 2


def test_returns_are_those_of_the_episodes_before_and_after_each_step(evaluated):
    rewards = np.asarray(evaluated["episodes"].reward)
    noise = np.asarray(evaluated["episodes"].obs)[:, :, 1:4, :, 0]
    bonus = np.asarray(evaluated["tasks"])[:, None, None]
    np.testing.assert_allclose(rewards[:, :, :3], noise + bonus, rtol=1e-5)
    returns = [evaluated[f"return_after_{i}"] for i in range(3)]
    np.testing.assert_allclose(returns, rewards.sum(2).mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(evaluated["gain"], returns[1] - returns[0], atol=1e-6)


def test_what_follows_an_episodes_end_does_not_count(played):
    assert played.is_on.shape == (5, 4)
    np.testing.assert_array_equal(played.is_on[:, 0], [True] * 3 + [False] * 2)
    assert not np.any(played.reward[3:]) and np.all(played.reward[:3] > 0)
    judge = make_judge(Box((1,)), discount=1.0)
    changed = played._replace(obs=played.obs.at[3:].set(7.0))
    adv, same = jax.jit(lambda *both: [judge(x) for x in both])(played, changed)
    np.testing.assert_array_equal(adv, same)
    assert not np.any(adv[3:])
    np.testing.assert_allclose([adv[:3].mean(), adv[:3].std()], [0, 1], atol=1e-5)


def test_without_a_baseline_advantages_are_the_returns(played):
    judge = make_judge(Box((1,)), baseline="none", discount=0.5)
    returns = np.asarray(sum_rewards(played.reward, discount=0.5))[:3]
    expected = (returns - returns.mean()) / returns.std()
    np.testing.assert_allclose(jax.jit(judge)(played)[:3], expected, atol=1e-4)


def test_wrong_choices_are_told():
    with pytest.raises(BadInput, match="baseline='lienar' should be linear or none"):
        make_judge(Box((1,)), baseline="lienar")
    with pytest.raises(BadInput, match="surrogate='die' should be dice or likelihood"):
        make_loss("die")
