import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.rl import gae
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.launch import configure
from jaxdl.launch.system import Outcome
from jaxdl.nn import actor_critic
from jaxdl.rl import trpo
from jaxdl.rl.exhibits import lambda_exhibits
from jaxdl.rl.tradeoff import keep_one, lambda_tradeoff, nearest

LAMBDAS = (0.0, 0.95, 1.0)


def one_learner(gae_lambda):
    env = make("cartpole")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,))
    tx = optax.flatten(optax.adam(3e-3))
    sizes = {"num_envs": 8, "unroll": 16, "minibatches": 2, "eval_envs": 4, "eval_steps": 60}
    return trpo(env, net, tx, **sizes, value_lambda=1.0, gae_lambda=gae_lambda)


@pytest.fixture(scope="module")
def run():
    """The state after two updates of three lambdas, the last metrics, and an evaluation."""
    learner = lambda_tradeoff(one_learner, LAMBDAS)
    step = jax.jit(learner.step)
    state = jax.jit(learner.init)(jax.random.key(0))
    for turn in range(2):
        state, metrics = step(jax.random.key(turn), state, ())
    return state, metrics, jax.jit(learner.evaluate)(jax.random.key(5), state)


def test_each_lambda_is_the_run_that_it_would_be_alone(run):
    state, metrics, evaluation = run
    step = jax.jit(lambda value, key, state: one_learner(value).step(key, state, ()))
    for place, value in ((0, 0.0), (1, 0.95)):
        alone = one_learner(value)
        expected = alone.init(jax.random.key(0))
        for turn in range(2):
            expected, found = step(value, jax.random.key(turn), expected)
        kept = keep_one(state, place)
        for x, y in zip(*map(jax.tree.leaves, (kept.params, expected.params)), strict=True):
            np.testing.assert_allclose(x, y, atol=1e-4, rtol=1e-3)
        obs = state.actors.worlds.obs[:, place]
        np.testing.assert_allclose(obs, expected.actors.worlds.obs, atol=1e-4)
        assert metrics[f"episode_return/{value:g}"].total == found["episode_return"].total
        score = alone.evaluate(jax.random.key(5), expected)["episode_return"]
        assert float(evaluation[f"episode_return/{value:g}"]) == pytest.approx(float(score))
    assert not np.allclose(state.params["policy"].kernel[0], state.params["policy"].kernel[1])


def test_the_gain_compares_with_the_better_end(run):
    _, metrics, evaluation = run
    returns = np.asarray(evaluation["returns"])
    gain = float(returns[1] - max(returns[0], returns[2]))
    assert float(evaluation["gain"]) == pytest.approx(gain, abs=1e-4)
    assert evaluation["episode_return"] == returns[1]
    assert all(np.shape(x) == () for x in jax.tree.leaves(metrics))


@pytest.mark.parametrize(
    ("lambdas", "message"),
    [
        ((0.0, 0.5, 1.0), "within"),
        ((0.95,), "both sides"),
        ((0.0, 0.95), "both sides"),
        ((0.0, 0.95, 0.95, 1.0), "differ"),
    ],
)
def test_lambdas_without_a_comparison_are_refused(lambdas, message):
    with pytest.raises(BadInput, match=message):
        lambda_tradeoff(one_learner, lambdas)


@pytest.mark.parametrize("learner", ["trpo", "ppo"])
def test_the_policy_that_is_deployed_is_of_the_lambda_to_keep(learner):
    config = configure("gae", gae.PRESETS, "smoke", {"learner": learner, "hidden": (4,)})
    system = gae.build(config)
    place = nearest(config.lambdas, config.kept)
    state = jax.eval_shape(system.learner.init, jax.random.key(0))
    assert config.lambdas[place] == config.kept
    filled = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), state.params)
    filled = jax.tree.map(lambda x: x.at[place].set(1.0), filled)
    weights = system.deployment.weights(state._replace(params=filled, extra=()))
    assert all((x == 1).all() for x in jax.tree.leaves(weights["params"]))


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_report_shows_returns_and_curves_by_lambda(seeds):
    def summary(mean):
        values = [mean + seed for seed in range(seeds)]
        return {"mean": mean, "ci95": 2.0 if seeds > 1 else None, "values": values}

    metrics = {f"eval/episode_return/{x:g}": summary(10 * x) for x in LAMBDAS}
    rows = [
        {"step": step, "env_steps": 10 * step} | {f"episode_return/{x:g}": x for x in LAMBDAS}
        for step in (1, 2)
    ]
    returned, learned = lambda_exhibits(Outcome(metrics, {}, rows, seeds))
    panel = returned.content.axes[0]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0", "0.95", "1"]
    assert panel.lines[0].get_ydata().tolist() == [0.0, 9.5, 10.0]
    assert ("95 %" in returned.caption) == (seeds > 1)
    assert [line.get_label() for line in learned.content.axes[0].lines[::2]] == ["0", "0.95", "1"]
