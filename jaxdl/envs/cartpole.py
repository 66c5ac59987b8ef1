"""The cart and pole of Barto, Sutton & Anderson 1983, as Gymnasium's CartPole-v1 plays it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete

TIME_STEP = 0.02  # s
MAX_ANGLE = 12 * jnp.pi / 180  # rad
MAX_POSITION = 2.4  # m
MAX_STEPS = 500


class Task(NamedTuple):
    """Holds physics constants, by default those of CartPole-v1.

    Attributes:
      gravity: m/s^2.
      cart_mass: kg.
      pole_mass: kg.
      half_length: of the pole, m.
      force: of a push, N.
    """

    gravity: jax.Array | float = 9.8
    cart_mass: jax.Array | float = 1.0
    pole_mass: jax.Array | float = 0.1
    half_length: jax.Array | float = 0.5
    force: jax.Array | float = 10.0


class State(NamedTuple):
    """Holds where cart and pole are.

    Attributes:
      position: of the cart, m.
      speed: of the cart, m/s.
      angle: of the pole from the vertical, rad.
      turn: the pole's angular speed, rad/s.
      time: int32 steps since the episode began.
    """

    position: jax.Array
    speed: jax.Array
    angle: jax.Array
    turn: jax.Array
    time: jax.Array


def cartpole() -> Env:
    """Balances a pole by pushing its cart left (0) or right (1).

    The reward is 1 a step. The observation [4] is (position, speed, angle, turn), unbounded.
    Terminates beyond 12 degrees or 2.4 m; truncates after 500 steps.
    """

    def sample_task(key):
        return Task(*(jnp.float32(value) for value in Task()))

    def reset(key, task):
        start = jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05)
        return State(start[0], start[1], start[2], start[3], jnp.int32(0)), start

    def step(key, state, action, task):
        state = _integrate(state, jnp.where(action == 1, task.force, -task.force), task)
        obs = jnp.stack([state.position, state.speed, state.angle, state.turn])
        fallen = (jnp.abs(state.position) > MAX_POSITION) | (jnp.abs(state.angle) > MAX_ANGLE)
        late = (state.time >= MAX_STEPS) & ~fallen
        return state, Step(obs, jnp.float32(1.0), fallen, late, {})

    return Env(sample_task, reset, step, Box((4,)), Discrete(2))


def _integrate(state: State, force: jax.Array, task: Task) -> State:
    """One Euler step of the frictionless equations of Florian 2007 (eqs. 23 and 24)."""
    sin = jnp.sin(state.angle)
    cos = jnp.cos(state.angle)
    total_mass = task.cart_mass + task.pole_mass
    moment = task.pole_mass * task.half_length
    push = (force + moment * state.turn**2 * sin) / total_mass
    inertia = task.half_length * (4 / 3 - task.pole_mass * cos**2 / total_mass)
    turn_rate = (task.gravity * sin - cos * push) / inertia
    acceleration = push - moment * turn_rate * cos / total_mass
    return State(
        position=state.position + TIME_STEP * state.speed,
        speed=state.speed + TIME_STEP * acceleration,
        angle=state.angle + TIME_STEP * state.turn,
        turn=state.turn + TIME_STEP * turn_rate,
        time=state.time + 1,
    )
