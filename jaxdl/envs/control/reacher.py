"""An arm of two links whose tip shall reach a target, as in dm_control's reacher."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.control.episodes import Design, Moment, check_task, episodes
from jaxdl.envs.control.physics import draw_joints, mechanism
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.spaces import Box

NAME = "mjx/reacher"
SECONDS = 0.02
RADII = {"easy": 0.05, "hard": 0.015}  # of the target, m
NEAR, FAR = 0.05, 0.2  # of the target from the shoulder, m


class Goal(NamedTuple):
    """Holds where the target is.

    Attributes:
      place: [2] m.
      radius: m.
    """

    place: jax.Array
    radius: jax.Array | float


def reacher(*, task: Literal["easy", "hard"] = "easy", randomize: float = 0.0) -> Env:
    """Moves the tip of an arm of two links into a target, by two motors within -1 .. 1 [2].

    The observation [6] is (angles, from tip to target, turns of the angles), unbounded. The reward
    is 1 while the tip's ball touches the target's, else 0 (Tassa et al. 2018, reacher). The task
    places the target. Never terminates, but truncates after 1000 steps of 0.02 s. Of the physics
    constants, friction and gravity move nothing here.

    Args:
      task: whether the target is large or small.
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: an unknown task, or `randomize` outside [0, 1).
    """
    return episodes(NAME, design(task), randomize=randomize)


def design(task: str = "easy") -> Design:
    """Describes the reacher's tasks.

    Raises:
      BadInput: an unknown task.
    """
    check_task(NAME, task, tuple(RADII))
    compiled = read_asset("reacher.xml")
    upper = compiled.body("lower").pos[0]
    lower = compiled.body("tip").pos[0]
    tip_radius = compiled.geom("tip").size[0]
    target = compiled.geom("target").id
    compiled.geom_size[target, 0] = RADII[task]

    def draw_goal(key):
        angle_key, distance_key = jax.random.split(key)
        angle = jax.random.uniform(angle_key, maxval=2 * jnp.pi)
        distance = jax.random.uniform(distance_key, minval=NEAR, maxval=FAR)
        place = distance * jnp.stack([jnp.sin(angle), jnp.cos(angle)])
        return Goal(place, jnp.float32(RADII[task]))

    def start(key, model):
        return draw_joints(key, compiled), jnp.zeros(compiled.nv)

    def to_target(moment: Moment, goal: Goal) -> jax.Array:
        shoulder, wrist = moment.qpos
        elbow = upper * jnp.stack([jnp.cos(shoulder), jnp.sin(shoulder)])
        turned = shoulder + wrist
        tip = elbow + lower * jnp.stack([jnp.cos(turned), jnp.sin(turned)])
        return goal.place - tip

    def observe(moment, goal):
        return jnp.concatenate([moment.qpos, to_target(moment, goal), moment.qvel])

    def reward(moment, goal):
        distance = jnp.linalg.norm(to_target(moment, goal))
        return jnp.float32(distance <= goal.radius + tip_radius)

    def show(model, goal):
        return model.replace(
            geom_pos=model.geom_pos.at[target, :2].set(goal.place),
            geom_size=model.geom_size.at[target, 0].set(goal.radius),
        )

    moved = mechanism(compiled, SECONDS)
    return Design(moved, draw_goal, start, observe, reward, Box((6,)), show)
