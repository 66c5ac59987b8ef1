"""A cup that shall catch the ball that hangs from it, as in dm_control's ball in cup."""

import jax
import jax.numpy as jnp

from jaxdl.envs.control.episodes import Design, episodes
from jaxdl.envs.control.physics import first_clear, mechanism
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.spaces import Box

NAME = "mjx/ball_in_cup"
SECONDS = 0.02
INSIDE = (0.0, -0.05)  # the middle of the cup's inside from its joints, m
HALF_WIDTH = 0.05  # of the inside, m
LOW = (-0.2, 0.2)  # of the ball at first, x and z from where its joints are 0, m
HIGH = (0.2, 0.5)


def ball_in_cup(*, randomize: float = 0.0) -> Env:
    """Swings a ball on a string into a cup, which two motors within -1 .. 1 [2] move in a plane.

    The observation [8] is (places of cup and ball, their speeds), unbounded. The reward is 1 while
    the ball is in the cup, else 0 (Tassa et al. 2018, ball in cup). Never terminates, but truncates
    after 1000 steps of 0.02 s.

    Args:
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: `randomize` is outside [0, 1).
    """
    return episodes(NAME, design(), randomize=randomize)


def design() -> Design:
    """Describes the only task of the ball in the cup."""
    compiled = read_asset("ball_in_cup.xml")
    moved = mechanism(compiled, SECONDS)
    room = HALF_WIDTH - compiled.geom("ball").size[0]
    between = compiled.body("cup").pos[[0, 2]] + INSIDE - compiled.body("ball").pos[[0, 2]]

    def draw(key):
        ball = jax.random.uniform(key, (2,), minval=jnp.array(LOW), maxval=jnp.array(HIGH))
        return jnp.concatenate([jnp.zeros(2), ball])

    def start(key, model):
        return first_clear(key, moved, draw), jnp.zeros(4)

    def observe(moment, goal):
        return jnp.concatenate([moment.qpos, moment.qvel])

    def reward(moment, goal):
        cup, ball = jnp.split(moment.qpos, 2)
        return jnp.float32(jnp.all(jnp.abs(between + cup - ball) < room))

    return Design(moved, lambda key: (), start, observe, reward, Box((8,)))
