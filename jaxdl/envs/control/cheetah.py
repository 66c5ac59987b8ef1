"""An animal of seven parts that shall run, as in dm_control's cheetah or to a hidden goal."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.control.episodes import Design, check_task, episodes
from jaxdl.envs.control.physics import advance, center_velocity, mechanism
from jaxdl.envs.control.rewards import linear_above
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.spaces import Box

NAME = "mjx/cheetah"
SECONDS = 0.01
SPEED = 10.0  # m/s, above which the reward is 1
SETTLING = 200  # physics steps in which it falls to the ground before an episode
SPEEDS = (0.0, 2.0)  # m/s, of which a hidden speed is drawn


class Goal(NamedTuple):
    """Holds what only the reward tells of.

    Attributes:
      speed: m/s to run at, or the way to run, 1 forward and -1 backward.
    """

    speed: jax.Array


def cheetah(
    *, task: Literal["run", "velocity", "direction"] = "run", randomize: float = 0.0
) -> Env:
    """Runs on two legs of three joints, by six motors within -1 .. 1 [6].

    The observation [17] is (height, pitch, the legs' angles, all speeds), unbounded. To run, the
    reward grows linearly with the speed of the center of mass, from 0 at rest to 1 at 10 m/s (Tassa
    et al. 2018, cheetah). The two others are those of Finn et al. 2017 (MAML), section 5.3, on this
    cheetah and without their cost of actions: each task hides a speed from U[0, 2] m/s, and the
    reward is minus how far the speed is from it; or a way, forward or backward, and the reward is
    the speed that way, both in m/s. Never terminates, but truncates after 1000 steps of 0.01 s.

    Args:
      task: to run forward, at a hidden speed, or in a hidden direction.
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: an unknown task, or `randomize` outside [0, 1).
    """
    return episodes(NAME, design(task), randomize=randomize)


def design(task: str = "run") -> Design:
    """Describes the cheetah's tasks.

    Raises:
      BadInput: an unknown task.
    """
    check_task(NAME, task, ("run", "velocity", "direction"))
    compiled = read_asset("cheetah.xml")
    moved = mechanism(compiled, SECONDS)
    limited = np.asarray(compiled.jnt_limited, bool)
    low, high = np.where(limited, compiled.jnt_range.T, 0.0)

    def draw_goal(key):
        if task == "run":
            return ()
        if task == "direction":
            return Goal(jax.random.rademacher(key, (), jnp.float32))
        return Goal(jax.random.uniform(key, minval=SPEEDS[0], maxval=SPEEDS[1]))

    def start(key, model):
        qpos = jax.random.uniform(key, low.shape, minval=low, maxval=high)

        def settle(_, joints):
            data = advance(moved, model, *joints, jnp.zeros(compiled.nu))
            return data.qpos, data.qvel

        return jax.lax.fori_loop(0, SETTLING, settle, (qpos, jnp.zeros(compiled.nv)))

    def observe(moment, goal):
        return jnp.concatenate([moment.qpos[1:], moment.qvel])

    def reward(moment, goal):
        speed = center_velocity(moved, moment.model, moment.qpos, moment.qvel)[0]
        if task == "velocity":
            return -jnp.abs(speed - goal.speed)
        if task == "direction":
            return goal.speed * speed
        return linear_above(speed, SPEED, margin=SPEED, at_margin=0.0)

    return Design(moved, draw_goal, start, observe, reward, Box((17,)))
