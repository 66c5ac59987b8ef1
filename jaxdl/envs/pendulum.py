"""The torque-limited pendulum, as Gymnasium's Pendulum-v1 plays it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box

TIME_STEP = 0.05  # s
MAX_SPEED = 8.0  # rad/s
MAX_TORQUE = 2.0  # N m
MAX_STEPS = 200


class Task(NamedTuple):
    """Holds physics constants, by default those of Pendulum-v1.

    Attributes:
      gravity: m/s^2.
      mass: of the rod, kg.
      length: of the rod, m.
    """

    gravity: jax.Array | float = 10.0
    mass: jax.Array | float = 1.0
    length: jax.Array | float = 1.0


class State(NamedTuple):
    """Holds where the pendulum is.

    Attributes:
      angle: from the vertical, rad, within [-pi, pi].
      turn: angular speed, rad/s.
      time: int32 steps since the episode began.
    """

    angle: jax.Array
    turn: jax.Array
    time: jax.Array


def pendulum() -> Env:
    """Swings a pendulum up by a torque [1] within [-2, 2] N m, beyond which it is clipped.

    The observation [3] is (cos, sin, turn); turn is within [-8, 8] rad/s. Reward is
    -(angle^2 + 0.1 turn^2 + 0.001 torque^2), before the step. Never terminates, but
    truncates after 200 steps.
    """

    def sample_task(key):
        return Task(*(jnp.float32(value) for value in Task()))

    def reset(key, task):
        limits = jnp.array([jnp.pi, 1.0])
        angle, turn = jax.random.uniform(key, (2,), minval=-limits, maxval=limits)
        return State(angle, turn, jnp.int32(0)), _observe(angle, turn)

    def step(key, state, action, task):
        torque = jnp.clip(action[0], -MAX_TORQUE, MAX_TORQUE)
        cost = state.angle**2 + 0.1 * state.turn**2 + 0.001 * torque**2
        pull = 3 * task.gravity / (2 * task.length) * jnp.sin(state.angle)
        turn_rate = pull + 3 / (task.mass * task.length**2) * torque
        turn = jnp.clip(state.turn + TIME_STEP * turn_rate, -MAX_SPEED, MAX_SPEED)
        angle = _wrap(state.angle + TIME_STEP * turn)
        state = State(angle, turn, state.time + 1)
        late = state.time >= MAX_STEPS
        return state, Step(_observe(angle, turn), -cost, jnp.bool_(False), late, {})

    return Env(
        sample_task,
        reset,
        step,
        obs_space=Box((3,), (-1.0, -1.0, -MAX_SPEED), (1.0, 1.0, MAX_SPEED)),
        action_space=Box((1,), -MAX_TORQUE, MAX_TORQUE),
    )


def _observe(angle: jax.Array, turn: jax.Array) -> jax.Array:
    return jnp.stack([jnp.cos(angle), jnp.sin(angle), turn])


def _wrap(angle: jax.Array) -> jax.Array:
    return angle - 2 * jnp.pi * jnp.round(angle / (2 * jnp.pi))
