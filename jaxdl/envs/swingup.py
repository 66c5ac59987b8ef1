"""The cartpole of `mjx/cartpole` by its equations of motion, which compile in a moment."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from jaxdl.envs.control.episodes import MAX_STEPS, State
from jaxdl.envs.env import Env, Step
from jaxdl.envs.mjx import POLE_RADIUS, XML, Task, capsule_inertia, cartpole, observe, score
from jaxdl.envs.mujoco import read_asset

SECONDS = 0.01  # of a step, as in the MJCF
RAIL = 1.8  # m from the middle to either end of the rail


class Seen(NamedTuple):
    """Holds where geoms and cameras are, as `jaxdl.render.camera.Poses` does.

    Attributes:
      geom_xpos: [3, 3] m, of rail, cart and pole.
      geom_xmat: [3, 3, 3] rotations from their frames to the world's.
      cam_xpos: [1, 3] m.
      cam_xmat: [1, 3, 3].
    """

    geom_xpos: jax.Array
    geom_xmat: jax.Array
    cam_xpos: jax.Array
    cam_xmat: jax.Array


def swingup(*, randomize: float = 0.0, impact: bool = False) -> Env:
    """Swings a pole up on a cart that is pushed by -1 .. 1 [1] times the motor's force.

    Observations [5], rewards, starts and episodes are those of `mjx/cartpole:task=swingup`, and so
    is the motion but at the ends of the rail, where the cart stops dead instead of softly.

    Args:
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].
      impact: the pole feels how the cart is stopped, as MuJoCo's does. Else it swings on as if the
        cart ran free, which policies that push against an end make use of.

    Raises:
      BadInput: `randomize` is outside [0, 1).
    """

    def step(key, state, action, task):
        action = jnp.clip(action, -1.0, 1.0)
        force = task.force * action[0]
        qpos, qvel = move(state.qpos, state.qvel, force, task, impact=impact)
        state = State(qpos, qvel, state.time + 1)
        late = state.time >= MAX_STEPS
        return state, Step(observe(state), score(state, action), jnp.bool_(False), late, {})

    return cartpole(task="swingup", randomize=randomize)._replace(step=step)


def move(
    qpos: jax.Array, qvel: jax.Array, force: jax.Array, task: Task, *, impact: bool = False
) -> tuple[jax.Array, jax.Array]:
    """Takes one semi-implicit Euler step, as MuJoCo's integrator of that name does.

    The equations are Lagrange's of a cart and a pole hinged to it: M(angle) acceleration = forces.

    Args:
      qpos: [2] place of the cart, m, and angle of the pole from the vertical, rad.
      qvel: [2] their speeds.
      force: scalar on the cart, N.
      task: the physics constants.
      impact: an end of the rail acts on the pole too. It is an impulse on the cart alone, so that
        the momentum of the angle, M[0, 1] speed + M[1, 1] turn, is kept.

    Returns:
      qpos and qvel after 0.01 s.
    """
    angle, turn = qpos[1], qvel[1]
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    center = task.pole_length / 2
    lever = task.pole_mass * center
    across, _ = capsule_inertia(task.pole_mass, POLE_RADIUS, task.pole_length)
    total = task.cart_mass + task.pole_mass  # M[0, 0]
    turning = across + lever * center  # M[1, 1]
    coupling = lever * cos  # M[0, 1]
    push = force - task.cart_damping * qvel[0] + lever * sin * turn**2
    torque = lever * task.gravity * sin - task.pole_damping * turn
    determinant = total * turning - coupling**2
    acceleration = jnp.stack([turning * push - coupling * torque, total * torque - coupling * push])
    qvel = qvel + SECONDS * acceleration / determinant
    place = qpos[0] + SECONDS * qvel[0]
    stopped = jnp.abs(place) > RAIL
    if impact:
        shaken = qvel[1] + coupling / turning * qvel[0]
        qvel = qvel.at[1].set(jnp.where(stopped, shaken, qvel[1]))
    qvel = qvel.at[0].set(jnp.where(stopped, 0.0, qvel[0]))
    return jnp.stack([jnp.clip(place, -RAIL, RAIL), angle + SECONDS * qvel[1]]), qvel


def poses() -> Callable[[State, Task], Seen]:
    """Returns a function that tells the camera in `jaxdl.render` where geoms and cameras are.

    It takes a state and a task of this world, and returns `Seen` of the cartpole's MJCF.
    """
    model = read_asset(XML)
    height = float(model.body("cart").pos[2])
    still = jnp.stack([_matrix(model.geom("rail").quat), jnp.eye(3)])
    upright = _matrix(model.geom("pole").quat)
    camera = jnp.asarray(model.cam_pos, jnp.float32), _matrix(model.cam_quat[0])[None]

    def placed(state, task):
        place, angle = state.qpos
        sin, cos = jnp.sin(angle), jnp.cos(angle)
        reach = task.pole_length / 2
        cart = jnp.stack([place, 0.0, height])
        pole = cart + reach * jnp.stack([sin, 0.0, cos])
        xpos = jnp.stack([jnp.array([0.0, 0.0, height]), cart, pole])
        about_y = jnp.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        turned = jnp.matmul(about_y, upright, precision="highest")
        xmat = jnp.concatenate([still, turned[None]])
        return Seen(xpos, xmat, *camera)

    return placed


def _matrix(quaternion: np.ndarray) -> jax.Array:
    """Returns the rotation [3, 3] of a unit quaternion [4]."""
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return jnp.asarray(matrix.reshape(3, 3), jnp.float32)
