"""Small worlds and nets that the tests of DDPG, TD3 and SAC share."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.envs import Box, Env, Step
from jaxdl.nn import stacked_critics
from jaxdl.rl.continuous import Nets, Parts
from jaxdl.rl.off_policy import Extra, Regime
from jaxdl.rl.replay import Transitions

DISCOUNT = 0.8
EFFORT = 0.3  # r of the cost
LOW = np.array([-2.0, 10.0], np.float32)  # of the two actions
HIGH = np.array([4.0, 30.0], np.float32)
STEPS = 1500  # of a learner, in which its rate falls to zero
REGIME = Regime(
    num_envs=32,
    unroll=1,
    updates=8,
    batch_size=128,
    capacity=8192,
    learning_starts=1024,
    discount=DISCOUNT,
    tau=0.02,
    eval_envs=8,
    eval_steps=8,
)


def regulator() -> Env:
    """A linear system with a quadratic cost, and a second action that pays most at its least value.

    The state x, within 1.5 at first, becomes x + u + noise, which costs x^2 + r u^2. Episodes are
    truncated after 4 steps, so that all states are met. The second action v pays (20 - v) / 20
    beside it, so that all rewards are of the size of one.
    """

    def observe(x):
        return x[None]

    def reset(key, task):
        x = jax.random.uniform(key, (), minval=-1.5, maxval=1.5)
        return (x, jnp.int32(0)), observe(x)

    def step(key, state, action, task):
        x, time = state
        reward = -(x**2) - EFFORT * action[0] ** 2 + (20.0 - action[1]) / 20.0
        x = jnp.clip(x + action[0] + 0.3 * jax.random.normal(key), -3.0, 3.0)
        late = time + 1 >= 4
        return (x, time + 1), Step(observe(x), reward, jnp.bool_(False), late, {})

    return Env(lambda key: (), reset, step, Box((1,), -3.0, 3.0), Box((2,), LOW, HIGH))


def best_gain() -> float:
    """Returns K of the optimal u = -K x, by iterating the discounted Riccati equation."""
    cost = 1.0
    for _ in range(200):
        gain = DISCOUNT * cost / (EFFORT + DISCOUNT * cost)
        cost = 1.0 + EFFORT * gain**2 + DISCOUNT * cost * (1 - gain) ** 2
    return gain


def train(learner: Learner) -> TrainState:
    """Returns the state after all steps of a run."""

    @jax.jit
    def run(key):
        init_key, run_key = jax.random.split(key)
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, learner.init(init_key), jax.random.split(run_key, STEPS))[0]

    return run(jax.random.key(0))


def check_optimal(learner: Learner, act: Callable) -> None:
    """Trains on the regulator, and compares the policy with the optimal one.

    Args:
      learner: of it.
      act: params, obs [B, 1] -> unit actions [B, 2].
    """
    x = np.linspace(-1.0, 1.0, 9, dtype=np.float32)[:, None]
    unit = np.asarray(act(train(learner).params, x))
    action = LOW + (HIGH - LOW) * (unit + 1) / 2
    np.testing.assert_allclose(action[:, 0], -best_gain() * x[:, 0], atol=0.15)
    assert action[:, 1].max() < 11.0, action[:, 1]  # of 10 to 30


def linear_nets(make_actor, *, critics: int, obs_size: int = 3, action_size: int = 2) -> Nets:
    """Nets without hidden layers, moved by plain gradient descent with a rate of one."""
    space = Box((obs_size,))
    tx = optax.sgd(1.0)
    return Nets(
        make_actor(space, action_size, hidden=()),
        stacked_critics(space, action_size, count=critics, hidden=()),
        tx,
        tx,
    )


def linear_state(nets: Nets) -> TrainState:
    """A state whose parameters and targets all differ."""
    keys = jax.random.split(jax.random.key(3), 4)
    params = Parts(nets.actor.init(keys[0]), nets.critics.init(keys[1]))
    target = Parts(nets.actor.init(keys[2]), nets.critics.init(keys[3]))
    opt_state = Parts(nets.actor_tx.init(params.actor), nets.critic_tx.init(params.critics))
    return TrainState(params, opt_state, (), Extra(target, jnp.int32(0)))


def transitions(size: int = 6, obs_size: int = 3, action_size: int = 2) -> Transitions:
    """Transitions of which one has no target and one ends its episode."""
    draws = np.random.default_rng(0)
    return Transitions(
        obs=jnp.asarray(draws.normal(size=(size, obs_size)), jnp.float32),
        action=jnp.asarray(draws.uniform(-1, 1, (size, action_size)), jnp.float32),
        reward=jnp.asarray(draws.normal(size=size), jnp.float32),
        discount=jnp.asarray([0.9, 0.0, *[0.9] * (size - 2)], jnp.float32),
        next_obs=jnp.asarray(draws.normal(size=(size, obs_size)), jnp.float32),
        weight=jnp.asarray([1.0, 1.0, 0.0, *[1.0] * (size - 3)][:size], jnp.float32),
    )


def linear_q(params, obs, action):
    """Values [K, B] of linear critics, by NumPy; their inputs [B, D] too."""
    layer = params["critics"]["value"]
    x = np.concatenate([obs, action], axis=-1)
    return np.einsum("bd,kd->kb", x, layer.kernel[..., 0]) + layer.bias, x
