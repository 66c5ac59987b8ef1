"""An animal of seven parts that shall run, as in dm_control's cheetah."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.control.episodes import Design, episodes
from jaxdl.envs.control.physics import advance, center_velocity, mechanism
from jaxdl.envs.control.rewards import linear_above
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.spaces import Box

NAME = "mjx/cheetah"
SECONDS = 0.01
SPEED = 10.0  # m/s, above which the reward is 1
SETTLING = 200  # physics steps in which it falls to the ground before an episode


def cheetah(*, randomize: float = 0.0) -> Env:
    """Runs forward on two legs of three joints, by six motors within -1 .. 1 [6].

    The observation [17] is (height, pitch, the legs' angles, all speeds), unbounded. The reward
    grows linearly with the speed of the center of mass, from 0 at rest to 1 at 10 m/s (Tassa et al.
    2018, cheetah). Never terminates, but truncates after 1000 steps of 0.01 s.

    Args:
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: `randomize` is outside [0, 1).
    """
    return episodes(NAME, design(), randomize=randomize)


def design() -> Design:
    """Describes the cheetah's only task."""
    compiled = read_asset("cheetah.xml")
    moved = mechanism(compiled, SECONDS)
    limited = np.asarray(compiled.jnt_limited, bool)
    low, high = np.where(limited, compiled.jnt_range.T, 0.0)

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
        return linear_above(speed, SPEED, margin=SPEED, at_margin=0.0)

    return Design(moved, lambda key: (), start, observe, reward, Box((17,)))
