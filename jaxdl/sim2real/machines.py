"""Worlds as system identification sees them: constants that are factors, and how states follow.

MJX takes seconds to import, so that it is only where a world is opened.
"""

import copy
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.names import check_settings, home_of, parse_name, suggest

if TYPE_CHECKING:
    from mujoco import mjx

    from jaxdl.envs.control.physics import Mechanism

# qpos [Q], qvel [Q], ctrl [A], factors [C] of the constants -> qpos [Q], qvel [Q] after a step
Move = Callable[[jax.Array, jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
Alter = Callable[[Any], "mjx.Model"]  # factors [C] -> the model whose constants they multiply

CARTPOLES = ("swingup", "mjx/cartpole")
CARTPOLE_FIT = ("cart_mass", "pole_mass", "pole_length", "cart_damping", "pole_damping")
# What is unknown by default: not the motors' strength, since without springs masses, dampings and
# strength times any one number move alike, and not what moves nothing.
FIT = {
    "swingup": CARTPOLE_FIT,
    "mjx/cartpole": CARTPOLE_FIT,
    "mjx/reacher": ("mass", "damping"),
    "mjx/cheetah": ("mass", "damping", "friction"),
    "mjx/walker": ("mass", "damping", "friction"),
    "mjx/finger": ("mass", "damping", "friction"),
    "mjx/ball_in_cup": ("mass", "damping"),
}
# What is believed by default where that is not what the world has: a rail and a hinge on which
# something can be told of their friction, as nothing can of dm_control's within seconds.
ROUGH = {"cart_damping": 0.5, "pole_damping": 0.02}
# What of a compiled model depends on the constants; `mj_setConst` makes the rest again.
ALTERED = (
    "body_mass",
    "body_inertia",
    "body_ipos",
    "geom_pos",
    "geom_size",
    "geom_friction",
    "dof_armature",
    "dof_damping",
    "actuator_gear",
)


class Machine(NamedTuple):
    """Holds a world whose C physics constants may be others than one believes.

    Attributes:
      name: of the world, as `jaxdl.envs.make` knows it.
      constants: names of the constants.
      own: [C] what the world has by itself.
      nominal: [C] what is believed of them.
      move: what follows a state; constants are the nominal ones times factors.
      build_model: factors [C] -> the same machine for MuJoCo in C.
      joints: Q, how many.
      controls: A, how many motors.
      seconds: of a step.
      steps: physics steps in it.
      has_hard_ends: joints stop dead at their ends, where MuJoCo's are soft: states there are not
        to be compared.
      solver_loops: until it has converged, so that there is no reverse mode.
    """

    name: str
    constants: tuple[str, ...]
    own: np.ndarray
    nominal: np.ndarray
    move: Move
    build_model: Callable[[np.ndarray], mujoco.MjModel]
    joints: int
    controls: int
    seconds: float
    steps: int
    has_hard_ends: bool
    solver_loops: bool


def open_machine(name: str, nominal: Mapping[str, float] | None = None) -> Machine:
    """Builds a world of MuJoCo's for system identification.

    Args:
      name: "swingup" or one of "mjx/...", perhaps with its setting `task`.
      nominal: constant -> what is believed of it; by default what the world has by itself, but for
        the cartpole's dampings, 0.5 N s/m and 0.02 N m s/rad.

    Raises:
      BadInput: another world, or an unknown setting or constant, with what was perhaps meant.
    """
    world, settings = parse_name(name)
    if world not in FIT:
        known = ", ".join(FIT)
        raise BadInput(f"{world!r} is no world of {known}{suggest(world, FIT)}")
    tasks = () if world in ("swingup", "mjx/cheetah", "mjx/ball_in_cup") else ("task",)
    check_settings(world, tasks, settings)
    names, usual = _constants(world)
    given = dict(nominal or {})
    check_constants(world, names, given)
    believed = usual | (ROUGH if world in CARTPOLES else {}) | given
    values = np.array([believed[each] for each in names])
    moved = _mechanism(world, settings)
    alter = _alter(world, moved, values)
    move = _by_equations(values) if world == "swingup" else _by_mjx(moved, alter)
    return Machine(
        name=name,
        constants=names,
        own=np.array([usual[each] for each in names]),
        nominal=values,
        move=move,
        build_model=lambda factors: _compile(moved.compiled, alter(np.asarray(factors))),
        joints=moved.compiled.nq,
        controls=moved.compiled.nu,
        seconds=moved.steps * moved.compiled.opt.timestep,
        steps=moved.steps,
        has_hard_ends=world == "swingup",
        solver_loops=world != "swingup" and moved.compiled.opt.iterations > 1,
    )


def check_constants(world: str, known: Sequence[str], names: Mapping[str, Any] | Sequence[str]):
    """Checks that a world has these physics constants.

    Raises:
      BadInput: it has not, with the one that was perhaps meant.
    """
    for name in names:
        if name not in known:
            hint = suggest(name, known)
            raise BadInput(f"{world} has no constant {name!r}; it has {', '.join(known)}{hint}")


def usual_fit(name: str) -> tuple[str, ...]:
    """Returns the constants that are unknown by default in an open world."""
    return FIT[parse_name(name).world]


def all_factors(machine: Machine, names: Sequence[str], log_factors: jax.Array) -> jax.Array:
    """Returns the factors [C] of all constants of which the logarithms [P] of some are given."""
    places = np.array([machine.constants.index(name) for name in names])
    return jnp.exp(jnp.zeros(len(machine.constants)).at[places].set(log_factors))


def _constants(world: str) -> tuple[tuple[str, ...], dict[str, float]]:
    """The names of a world's constants, and what it has by itself."""
    if world in CARTPOLES:
        from jaxdl.envs.mjx import Task

        usual = Task()._asdict()
        del usual["balance"]
    else:
        from jaxdl.envs.control.physics import Constants

        usual = Constants()._asdict()
    return tuple(usual), usual


def _mechanism(world: str, settings: Mapping[str, str]) -> "Mechanism":
    if world not in CARTPOLES:
        return importlib.import_module(home_of(world)[0]).design(*settings.values()).mechanism
    from jaxdl.envs.control.physics import mechanism
    from jaxdl.envs.mjx import XML
    from jaxdl.envs.mujoco import read_asset
    from jaxdl.envs.swingup import SECONDS

    return mechanism(read_asset(XML), SECONDS)


def _alter(world: str, moved: "Mechanism", nominal: np.ndarray) -> Alter:
    from jaxdl.envs.control.physics import Constants, with_constants
    from jaxdl.envs.mjx import Task, physics

    values = jnp.asarray(nominal, jnp.float32)
    if world in CARTPOLES:
        return lambda factors: physics(moved.model, Task(False, *(values * factors)))
    return lambda factors: with_constants(moved.model, Constants(*(values * factors)))


def _by_mjx(moved: "Mechanism", alter: Alter) -> Move:
    from jaxdl.envs.control.physics import advance

    def move(qpos, qvel, ctrl, factors):
        data = advance(moved, alter(factors), qpos, qvel, jnp.clip(ctrl, -1.0, 1.0))
        return data.qpos, data.qvel

    return move


def _by_equations(nominal: np.ndarray) -> Move:
    from jaxdl.envs import swingup
    from jaxdl.envs.mjx import Task

    def move(qpos, qvel, ctrl, factors):
        task = Task(False, *(jnp.asarray(nominal, factors.dtype) * factors))
        return swingup.move(qpos, qvel, task.force * jnp.clip(ctrl[0], -1.0, 1.0), task)

    return move


def _compile(compiled: mujoco.MjModel, altered: "mjx.Model") -> mujoco.MjModel:
    """A compiled model with the constants of one in JAX, and what follows of them."""
    model = copy.deepcopy(compiled)
    for field in ALTERED:
        getattr(model, field)[:] = np.asarray(getattr(altered, field), np.float64)
    model.opt.gravity[:] = np.asarray(altered.opt.gravity, np.float64)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model
