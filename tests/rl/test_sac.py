"""SAC: its temperature, and small worlds whose best policies are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import Box, Env, Step
from tests.rl.control import DISCOUNT, REGIME, check_optimal, regulator, train
from tests.rl.test_ddpg import small

SMALL = REGIME._replace(num_envs=4, updates=1, batch_size=8, learning_starts=16, capacity=64)
ALPHA = 0.05


@pytest.mark.parametrize("target_entropy, sign", [(-2.0, -1.0), (2.0, 1.0)])
def test_the_temperature_goes_by_the_entropy_of_the_policy(target_entropy, sign):
    """The first policy is nearly uniform, so that its entropy lies between these targets."""
    _, learner = small("sac", regulator(), regime=SMALL, target_entropy=target_entropy)
    state = jax.jit(learner.init)(jax.random.key(0))
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    assert float(metrics["alpha"]) == 1.0
    np.testing.assert_allclose(after.params.log_alpha, sign * 2e-3, rtol=1e-3)  # Adam's rate
    assert float(metrics["entropy"]) == pytest.approx(2 * np.log(2.0), abs=0.6)  # of two actions


def test_a_fixed_temperature_has_no_parameter_and_the_policy_no_target():
    _, learner = small("sac", regulator(), regime=SMALL, alpha=0.1)
    state = jax.eval_shape(learner.init, jax.random.key(0))
    assert state.params.log_alpha == () and state.opt_state.log_alpha == ()
    assert state.extra.target.actor == () and state.extra.target.critics != ()


def two_steps() -> Env:
    """Pays nothing, then 1 less the squared distance of the action from 0.5 in the second step."""

    def reset(key, task):
        return jnp.int32(0), jnp.zeros(1)

    def step(key, time, action, task):
        last = time == 1
        reward = jnp.where(last, 1.0 - (action[0] - 0.5) ** 2, 0.0)
        obs = (time + 1.0)[None]
        return time + 1, Step(obs, reward, last, jnp.bool_(False), {})

    return Env(lambda key: (), reset, step, Box((1,), 0.0, 2.0), Box((1,), -1.0, 1.0))


@pytest.mark.slow
def test_the_soft_optimum_is_found_and_its_entropy_is_part_of_the_value():
    """The best density in the second step is exp(reward / alpha), cut at 1; in the first, even.

    The soft value of the second step is alpha log of the integral of exp(reward / alpha).
    """
    nets, learner = small("sac", two_steps(), alpha=ALPHA)
    state = train(learner)
    action = np.linspace(-1.0, 1.0, 20_001)
    density = np.exp((1.0 - (action - 0.5) ** 2) / ALPHA)
    soft_value = ALPHA * np.log(density.mean() * 2)
    density /= density.sum()
    mean = (density * action).sum()
    deviation = np.sqrt((density * (action - mean) ** 2).sum())
    policy = nets.actor.apply(state.params.actor, jnp.array([[0.0], [1.0]]))
    noise = jax.random.normal(jax.random.key(0), (10_000,))
    drawn = jnp.tanh(policy.mean + jnp.exp(policy.log_std) * noise)  # [2, 10_000]
    assert drawn[1].mean() == pytest.approx(mean, abs=0.03)
    assert drawn[1].std() == pytest.approx(deviation, abs=0.02)
    # tanh of a normal variable comes near the even density, whose deviation is 0.58.
    assert drawn[0].std() == pytest.approx(3**-0.5, abs=0.1)
    start = nets.critics.apply(
        state.params.critics, jnp.zeros((9, 1)), jnp.linspace(-1, 1, 9)[:, None]
    )
    np.testing.assert_allclose(start, DISCOUNT * soft_value, atol=0.03)


@pytest.mark.slow
def test_the_optimal_regulator_is_found():
    """At a low temperature: what is left of entropy keeps actions 0.1 from the bound."""
    nets, learner = small("sac", regulator(), alpha=0.005)
    check_optimal(learner, lambda params, x: jnp.tanh(nets.actor.apply(params.actor, x).mean))
