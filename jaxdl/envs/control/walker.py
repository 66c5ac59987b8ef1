"""A torso on two legs that shall stand, walk or run, as in dm_control's walker."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.control.episodes import Design, check_task, episodes
from jaxdl.envs.control.physics import center_velocity, draw_joints, mechanism
from jaxdl.envs.control.rewards import above, linear_above
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.spaces import Box

NAME = "mjx/walker"
SECONDS = 0.025
SPEEDS = {"stand": 0.0, "walk": 1.0, "run": 8.0}  # m/s, above which moving is rewarded in full
HEIGHT = 1.2  # m of the torso, above which standing is rewarded in full


class Goal(NamedTuple):
    """Holds how fast to move.

    Attributes:
      speed: m/s; 0 to stand, however fast it drifts.
    """

    speed: jax.Array | float


def walker(*, task: Literal["stand", "walk", "run"] = "walk", randomize: float = 0.0) -> Env:
    """Stands, walks or runs on two legs in a plane, by six motors within -1 .. 1 [6].

    The observation [24] is (cos and sin of the tilt of the 7 parts, the torso's height, all
    speeds), unbounded but for cos and sin. The reward, within [0, 1], is dm_control's (Tassa et al.
    2018, walker): height and uprightness, times the speed of the center of mass. Never terminates,
    but truncates after 1000 steps of 0.025 s.

    Args:
      task: to stand, or the speed to move at, 1 m/s or 8 m/s.
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: an unknown task, or `randomize` outside [0, 1).
    """
    return episodes(NAME, design(task), randomize=randomize)


def design(task: str = "walk") -> Design:
    """Describes the walker's tasks.

    Raises:
      BadInput: an unknown task.
    """
    check_task(NAME, task, tuple(SPEEDS))
    compiled = read_asset("walker.xml")
    moved = mechanism(compiled, SECONDS)
    rest = compiled.body("torso").pos[2]

    def start(key, model):
        return draw_joints(key, compiled), jnp.zeros(compiled.nv)

    def observe(moment, goal):
        up, _, pitch, *legs = moment.qpos
        right, left = (pitch - jnp.cumsum(jnp.stack(leg)) for leg in (legs[:3], legs[3:]))
        tilts = jnp.concatenate([pitch[None], right, left])
        both = jnp.stack([jnp.cos(tilts), jnp.sin(tilts)], -1)
        return jnp.concatenate([both.ravel(), (rest + up)[None], moment.qvel])

    def reward(moment, goal):
        up, _, pitch, *_ = moment.qpos
        standing = above(rest + up, HEIGHT, margin=HEIGHT / 2)
        upright = (1 + jnp.cos(pitch)) / 2
        stand = (3 * standing + upright) / 4
        speed = center_velocity(moved, moment.model, moment.qpos, moment.qvel)[0]
        margin = jnp.maximum(goal.speed / 2, 1e-6)
        move = linear_above(speed, goal.speed, margin=margin, at_margin=0.5)
        return jnp.where(goal.speed > 0, stand * (5 * move + 1) / 6, stand)

    def draw_goal(key):
        return Goal(jnp.float32(SPEEDS[task]))

    limits = jnp.concatenate([jnp.ones(14), jnp.full(10, jnp.inf)])
    return Design(moved, draw_goal, start, observe, reward, Box((24,), -limits, limits))
