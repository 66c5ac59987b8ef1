"""Worlds of our own on MuJoCo's physics in JAX (MJX), whose physics constants are the task."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.control.episodes import MAX_STEPS, State, check_randomize, check_task
from jaxdl.envs.env import Env, Step
from jaxdl.envs.mujoco import OnDevice, action_box, place, put_on_device, quiet_mujoco, read_asset
from jaxdl.envs.spaces import Box

with quiet_mujoco():
    from mujoco import mjx

XML = "cartpole.xml"
POLE_RADIUS = 0.045  # m, as in the MJCF
CART = 1  # row of the model's arrays of bodies
POLE = 2
POLE_GEOM = 2  # row of the arrays of geoms


Scalar = jax.Array | float


class Task(NamedTuple):
    """Holds what is to be done and the physics constants, by default those of the MJCF.

    Attributes:
      balance: bool; the pole begins upright. Else it hangs and must be swung up.
      cart_mass: kg.
      pole_mass: kg.
      pole_length: m.
      cart_damping: N s/m.
      pole_damping: N m s/rad.
      force: of the motor at action 1, N.
      gravity: m/s^2.
    """

    balance: jax.Array | bool = True
    cart_mass: jax.Array | float = 1.0
    pole_mass: jax.Array | float = 0.1
    pole_length: jax.Array | float = 1.0
    cart_damping: jax.Array | float = 5e-4
    pole_damping: jax.Array | float = 2e-6
    force: jax.Array | float = 10.0
    gravity: jax.Array | float = 9.81


def cartpole(
    *, task: Literal["balance", "swingup", "both"] = "balance", randomize: float = 0.0
) -> Env:
    """Keeps a pole upright on a cart that is pushed by -1 .. 1 [1] times the motor's force.

    The observation [5] is (position, cos angle, sin angle, speed, turn), unbounded but for cos and
    sin. The reward, within [0, 1], and the starts are dm_control's (Tassa et al. 2018, smooth
    reward). Never terminates, but truncates after 1000 steps of 0.01 s.

    Args:
      task: whether episodes begin with the pole upright, hanging, or one or the other.
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: an unknown task, or `randomize` outside [0, 1).
    """
    chances = {"balance": 1.0, "swingup": 0.0, "both": 0.5}
    check_task("mjx/cartpole", task, tuple(chances))
    check_randomize("mjx/cartpole", randomize)
    compiled = read_asset(XML)
    model, blank = put_on_device(compiled)

    def sample_task(key):
        goal_key, physics_key = jax.random.split(key)
        balance = jax.random.bernoulli(goal_key, chances[task])
        standard = jnp.array(Task()[1:])
        factors = jax.random.uniform(physics_key, standard.shape, minval=-1.0, maxval=1.0)
        return Task(balance, *(standard * (1 + randomize * factors)))

    def reset(key, task):
        start_key, noise_key = jax.random.split(key)
        start = jax.random.uniform(start_key, (2,), minval=-1.0, maxval=1.0)
        noise = 0.01 * jax.random.normal(noise_key, (4,))
        upright = start * jnp.array([0.1, 0.034])
        hanging = noise[:2] + jnp.array([0.0, jnp.pi])
        state = State(jnp.where(task.balance, upright, hanging), noise[2:], jnp.int32(0))
        return state, observe(state)

    def step(key, state, action, task):
        action = jnp.clip(action, -1.0, 1.0)
        data = blank.replace(qpos=state.qpos, qvel=state.qvel, ctrl=action)
        with jax.default_matmul_precision("highest"):  # not the short floats of some accelerators
            data = mjx.step(physics(model, task), data)
        state = State(data.qpos, data.qvel, state.time + 1)
        late = state.time >= MAX_STEPS
        return state, Step(observe(state), score(state, action), jnp.bool_(False), late, {})

    # Position and the two speeds are unbounded, cos and sin are not.
    limits = jnp.array([jnp.inf, 1.0, 1.0, jnp.inf, jnp.inf])
    return Env(sample_task, reset, step, Box((5,), -limits, limits), action_box(compiled))


def cartpole_poses() -> Callable[[State, Task], "mjx.Data"]:
    """Returns a function that tells the camera in `jaxdl.render` where geoms and cameras are.

    It takes a state and a task of `cartpole`.
    """
    model, blank = put_on_device(read_asset(XML))

    def poses(state, task):
        return place(OnDevice(physics(model, task), blank), state.qpos)

    return poses


def physics(model: "mjx.Model", task: Task) -> "mjx.Model":
    """Returns the cartpole's model with the task's constants, as MuJoCo would compile them."""
    length = task.pole_length
    center = length / 2
    across, along = capsule_inertia(task.pole_mass, POLE_RADIUS, length)
    turning = across + task.pole_mass * center**2
    total = task.cart_mass + task.pole_mass
    # The diagonal of the inverse of the mass matrix, by which MuJoCo scales the rail's ends.
    determinant = total * turning - (task.pole_mass * center) ** 2
    weights = jnp.stack([turning / determinant, total / determinant])
    cart_inertia = model.body_inertia[CART] * task.cart_mass / model.body_mass[CART]
    inertia = model.body_inertia.at[CART].set(cart_inertia)
    return model.tree_replace(
        {
            "opt.gravity": jnp.stack([0.0, 0.0, -task.gravity]),
            "body_mass": jnp.stack([0.0, task.cart_mass, task.pole_mass]),
            "body_inertia": inertia.at[POLE].set(jnp.stack([across, across, along])),
            "body_ipos": model.body_ipos.at[POLE, 2].set(center),
            "geom_pos": model.geom_pos.at[POLE_GEOM, 2].set(center),
            "geom_size": model.geom_size.at[POLE_GEOM, 1].set(center),
            "dof_damping": jnp.stack([task.cart_damping, task.pole_damping]),
            "dof_invweight0": weights,
            "actuator_gear": model.actuator_gear.at[0, 0].set(task.force),
        }
    )


def capsule_inertia(mass: Scalar, radius: float, length: Scalar) -> tuple[Scalar, Scalar]:
    """Returns inertias across and along the axis of a cylinder with a half ball at each end."""
    ends = mass * (4 / 3) * radius / ((4 / 3) * radius + length)
    middle = mass - ends
    across = middle * (length**2 / 12 + radius**2 / 4)
    across += ends * (0.4 * radius**2 + 0.375 * radius * length + 0.25 * length**2)
    return across, (0.5 * middle + 0.4 * ends) * radius**2


def observe(state: State) -> jax.Array:
    """Returns the observation [5]."""
    angle = state.qpos[1]
    return jnp.stack([state.qpos[0], jnp.cos(angle), jnp.sin(angle), *state.qvel])


def score(state: State, action: jax.Array) -> jax.Array:
    """Multiplies four terms that are 1 with all upright, centered, still and the motor off."""
    upright = (1 + jnp.cos(state.qpos[1])) / 2
    centered = (1 + 0.1 ** jnp.square(state.qpos[0] / 2)) / 2
    small_control = (4 + 1 - jnp.square(action[0])) / 5
    small_velocity = (1 + 0.1 ** jnp.square(state.qvel[1] / 5)) / 2
    return upright * centered * small_control * small_velocity
