"""A mechanism of an MJCF in MJX, its physics constants, and how it moves."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from jaxdl.envs.mujoco import OnDevice, place, put_on_device, quiet_mujoco

with quiet_mujoco():
    from mujoco import mjx

TRIES = 16  # positions that are drawn to find one in which nothing touches


class Constants(NamedTuple):
    """Holds the physics constants of a task, each as a factor of what the MJCF says.

    Attributes:
      mass: of all bodies, with their inertias and the armature of the joints.
      damping: of all joints.
      strength: of all motors.
      friction: of all that touches.
      gravity: of the world's.
    """

    mass: jax.Array | float = 1.0
    damping: jax.Array | float = 1.0
    strength: jax.Array | float = 1.0
    friction: jax.Array | float = 1.0
    gravity: jax.Array | float = 1.0


class Mechanism(NamedTuple):
    """Holds a model as MuJoCo compiled it, and as MJX computes with it.

    Attributes:
      compiled: mujoco.MjModel.
      model: mjx.Model, its arrays' values those of `compiled`.
      blank: mjx.Data in the rest position.
      steps: physics steps in a step of the world.
    """

    compiled: mujoco.MjModel
    model: "mjx.Model"
    blank: "mjx.Data"
    steps: int


def mechanism(compiled: mujoco.MjModel, seconds: float) -> Mechanism:
    """Puts a model on the device whose world takes a step in so many seconds."""
    steps = round(seconds / compiled.opt.timestep)
    return Mechanism(compiled, *put_on_device(compiled), steps)


def draw_constants(key: jax.Array, randomize: float) -> Constants:
    """Draws each constant from U[1 - r, 1 + r], where r is `randomize`."""
    factors = jax.random.uniform(key, (len(Constants()),), minval=-1.0, maxval=1.0)
    return Constants(*(1 + randomize * factors))


def with_constants(model: "mjx.Model", constants: Constants) -> "mjx.Model":
    """Returns the model with a task's constants, as MuJoCo would compile them."""
    mass, damping, strength, friction, gravity = constants
    return model.tree_replace(
        {
            "opt.gravity": model.opt.gravity * gravity,
            "body_mass": model.body_mass * mass,
            "body_inertia": model.body_inertia * mass,
            "dof_armature": model.dof_armature * mass,
            # How easily forces move it at rest, by which MuJoCo scales what constraints give way.
            "body_invweight0": model.body_invweight0 / mass,
            "dof_invweight0": model.dof_invweight0 / mass,
            "tendon_invweight0": model.tendon_invweight0 / mass,
            "dof_damping": model.dof_damping * damping,
            "actuator_gear": model.actuator_gear * strength,
            "geom_friction": model.geom_friction * friction,
        }
    )


def advance(
    mechanism: Mechanism, model: "mjx.Model", qpos: jax.Array, qvel: jax.Array, ctrl: jax.Array
) -> "mjx.Data":
    """Moves a mechanism through one step of its world.

    Args:
      mechanism: what moves.
      model: its model with a task's constants.
      qpos: [Q] positions of the joints.
      qvel: [Q] their speeds.
      ctrl: [A] controls of the motors.

    Returns:
      mjx.Data after it; what sensors of forces say is of its last physics step.
    """
    data = mechanism.blank.replace(qpos=qpos, qvel=qvel, ctrl=ctrl)
    with jax.default_matmul_precision("highest"):  # not the short floats of some accelerators
        if mechanism.steps == 1:
            return mjx.step(model, data)
        return jax.lax.fori_loop(0, mechanism.steps, lambda _, data: mjx.step(model, data), data)


def center_velocity(
    mechanism: Mechanism, model: "mjx.Model", qpos: jax.Array, qvel: jax.Array
) -> jax.Array:
    """Returns the velocity [3] of the center of all mass, where all joints slide or are hinges."""
    share = model.body_mass / jnp.sum(model.body_mass)

    def center(qpos):
        placed = place(OnDevice(model, mechanism.blank), qpos)
        return jnp.sum(share[:, None] * placed.xipos, 0)

    return jax.jvp(center, (qpos,), (qvel,))[1]


def first_clear(
    key: jax.Array, mechanism: Mechanism, draw: Callable[[jax.Array], jax.Array]
) -> jax.Array:
    """Returns the first of 16 drawn positions [Q] in which nothing touches, or the last one.

    Args:
      key: consumed.
      mechanism: whose geoms may touch.
      draw: key -> positions [Q].
    """
    qpos = jax.vmap(draw)(jax.random.split(key, TRIES))

    def touches(qpos):
        placed = place(OnDevice(mechanism.model, mechanism.blank), qpos)
        return jnp.any(mjx.collision(mechanism.model, placed)._impl.contact.dist < 0)

    clear = ~jax.vmap(touches)(qpos)
    return qpos[jnp.where(jnp.any(clear), jnp.argmax(clear), TRIES - 1)]


def draw_joints(key: jax.Array, compiled: mujoco.MjModel) -> jax.Array:
    """Draws positions [Q] as dm_control does.

    Limited joints are uniform within their limits, other hinges within a whole turn, and the rest
    stay at 0.
    """
    limited = np.asarray(compiled.jnt_limited, bool)
    hinge = compiled.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
    turn = np.where(hinge, np.pi, 0.0)
    low = np.where(limited, compiled.jnt_range[:, 0], -turn)
    high = np.where(limited, compiled.jnt_range[:, 1], turn)
    return jax.random.uniform(key, low.shape, minval=low, maxval=high)
