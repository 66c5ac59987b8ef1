"""How far our MJX worlds are from dm_control, step by step along its recorded trajectories."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from jaxdl.core.run import BadInput

# World -> the recorded task, and settings of the world that make it so.
RECORDED = {
    "mjx/cartpole": ("cartpole-swingup", {"task": "swingup"}),
    "mjx/reacher": ("reacher-easy", {"task": "easy"}),
    "mjx/cheetah": ("cheetah-run", {}),
    "mjx/walker": ("walker-walk", {"task": "walk"}),
    "mjx/finger": ("finger-spin", {"task": "spin"}),
    "mjx/ball_in_cup": ("ball_in_cup-catch", {}),
}
HEAD = [
    "world",
    "physics",
    "positions, 1 step",
    "speeds, 1 step",
    "observation",
    "reward",
    "positions, 60 steps",
    "speeds, 60 steps",
]


class Recording(NamedTuple):
    """Holds a trajectory of dm_control, T = 60 steps of random controls.

    Attributes:
      qpos: [T + 1, Q].
      qvel: [T + 1, Q].
      act: [T, A].
      rew: [T].
      obs: [T, D].
      target: of the reacher, place [3] and size [3]; else None.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    act: np.ndarray
    rew: np.ndarray
    obs: np.ndarray
    target: np.ndarray | None


class Distance(NamedTuple):
    """Holds the greatest absolute difference to dm_control, over a trajectory and its entries.

    Attributes:
      world: its name.
      physics: what moved it.
      qpos: after a step from the recorded state.
      qvel: likewise.
      obs: likewise; None where it was not made.
      rew: likewise.
      far_qpos: along all steps from the first state alone.
      far_qvel: likewise.
    """

    world: str
    physics: str
    qpos: float
    qvel: float
    obs: float | None
    rew: float | None
    far_qpos: float
    far_qvel: float


# [N, Q], [N, Q], [N, A] -> the same after a step, [N, Q], [N, Q], then obs and rewards or None.
Move = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[Any, Any, Any, Any]]


def measure(path: str) -> list[Distance]:
    """Measures all six worlds, by MuJoCo in C with their MJCFs and by MJX.

    Args:
      path: of the file with the recorded trajectories, `dmc_traj.npz`.

    Raises:
      BadInput: the file is missing or holds something else.
    """
    rows = []
    for world, (task, settings) in RECORDED.items():
        recording = load(path, task)
        mine, mjx_step = _ours(world, settings, recording)
        steps = round(_seconds(world) / mine.opt.timestep)
        exact = _exact(mine, world)
        label = "C, dm_control's integrator and solver"
        rows.append(compare(world, label, recording, _c_step(exact, steps)))
        rows.append(compare(world, "MJX, as the world is", recording, mjx_step))
    return rows


def load(path: str, task: str) -> Recording:
    """Loads a trajectory.

    Raises:
      BadInput: the file is missing or holds something else.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path!r} is no file; it should be the recorded dmc_traj.npz")
    try:
        with np.load(path) as file:
            parts = [file[f"{task}/{name}"] for name in ("qpos", "qvel", "act", "rew", "obs")]
            target = file[f"{task}/target"] if f"{task}/target" in file else None
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(f"{path} holds no recorded {task}: {error}") from None
    return Recording(*parts, target)


def compare(world: str, physics: str, recording: Recording, move: Move) -> Distance:
    """Compares one step from every recorded state, and all steps from the first."""
    qpos, qvel, obs, rew = move(recording.qpos[:-1], recording.qvel[:-1], recording.act)
    far = []
    joints = recording.qpos[:1], recording.qvel[:1]
    for t, act in enumerate(recording.act):
        joints = move(*joints, act[None])[:2]
        after = recording.qpos[t + 1], recording.qvel[t + 1]
        far.append([_apart(x, y) for x, y in zip(joints, after, strict=True)])
    return Distance(
        world=world,
        physics=physics,
        qpos=_apart(qpos, recording.qpos[1:]),
        qvel=_apart(qvel, recording.qvel[1:]),
        obs=None if obs is None else _apart(obs, recording.obs),
        rew=None if rew is None else _apart(rew, recording.rew),
        far_qpos=max(row[0] for row in far),
        far_qvel=max(row[1] for row in far),
    )


def cells(rows: list[Distance]) -> list[list[str]]:
    """Writes rows in columns of `HEAD`."""
    text = lambda x: "-" if x is None else f"{x:.0e}" if x else "0"  # noqa: E731
    return [[row.world, row.physics, *map(text, row[2:])] for row in rows]


def page(rows: list[Distance]) -> str:
    """Writes docs/worlds.md."""
    lines = [HEAD, ["---"] * len(HEAD), *cells(rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{ABOUT}\n{table}\n"


ABOUT = """# The worlds of dm_control

Six tasks of dm_control (Tassa et al. 2018) are MJX worlds of our own: their MJCFs are written anew
from its published sizes, masses and gains, their rewards and observations from its formulas. The
table is made by `./run envs --distance=<dmc_traj.npz> --page=docs/worlds.md` and says how far they
are from trajectories that dm_control 1.0.50 recorded on MuJoCo 3.17, 60 random controls of each
task: the greatest absolute difference over all steps and entries (m, rad, m/s, rad/s).

"1 step" begins at the recorded state each time; "60 steps" begins at the first one and feeds the
same controls, so that differences grow as the mechanism lets them. In C the same MJCF runs in
double precision with dm_control's integrator and solver; MJX runs as the world does, in single
precision.

- `mjx/cartpole` integrates by Euler's method where dm_control uses Runge-Kutta's: a quarter of the
  time.
- The others keep dm_control's integrator and time steps. Their solver takes at most 8 iterations
  of at most 4 line-search steps, where MuJoCo's own stops by itself.
- `mjx/cheetah` and `mjx/walker` consider the 8 nearest contacts. The cheetah leaves out ten pairs
  of parts that stay 5 cm or more apart within the joints' limits.
"""


def _seconds(world: str) -> float:
    name = world.removeprefix("mjx/")
    if name == "cartpole":
        return 0.01
    return importlib.import_module(f"jaxdl.envs.control.{name}").SECONDS


def _ours(world: str, settings: dict[str, str], recording: Recording) -> tuple[Any, Move]:
    """Our compiled model, and a step of our world as a function of many states."""
    from jaxdl.envs import make
    from jaxdl.envs.names import home_of

    env = make(world, **settings)
    task = env.sample_task(jax.random.key(0))
    module = importlib.import_module(home_of(world)[0])
    if world == "mjx/cartpole":
        from jaxdl.envs.mujoco import read_asset

        compiled = read_asset(module.XML)
        state_of = module.State
        task = module.Task(*map(jnp.asarray, module.Task()))._replace(balance=task.balance)
    else:
        compiled = module.design(*settings.values()).mechanism.compiled
        state_of = importlib.import_module("jaxdl.envs.control.episodes").State
    if recording.target is not None:
        goal = task.goal._replace(place=jnp.float32(recording.target[:2]))
        task = task._replace(goal=goal)
    count = len(recording.act)
    key = jax.random.key(0)

    @jax.jit
    @jax.vmap
    def step(qpos, qvel, act):
        state, out = env.step(key, state_of(qpos, qvel, jnp.int32(0)), act, task)
        return state.qpos, state.qvel, out.obs, out.reward

    def move(*arrays):
        given = len(arrays[0])
        # One shape, so that it is compiled once.
        padded = [np.resize(x, (count, *x.shape[1:])).astype(np.float32) for x in arrays]
        return tuple(np.asarray(x)[:given] for x in step(*padded))

    return compiled, move


def _exact(compiled: Any, world: str) -> Any:
    """The model with dm_control's integrator and solver."""
    compiled.opt.iterations = 200 if world == "mjx/finger" else 100
    compiled.opt.ls_iterations = 50
    compiled.opt.tolerance = 1e-8
    if world == "mjx/cartpole":
        compiled.opt.integrator = mujoco.mjtIntegrator.mjINT_RK4
    return compiled


def _c_step(compiled: Any, steps: int) -> Move:
    """A step of MuJoCo in C as a function of many states."""
    data = mujoco.MjData(compiled)

    def move(qpos, qvel, act):
        after = []
        for joints, speeds, controls in zip(qpos, qvel, act, strict=True):
            data.qpos, data.qvel, data.ctrl = joints, speeds, controls
            data.qacc_warmstart = 0
            mujoco.mj_step(compiled, data, nstep=steps)
            after.append((data.qpos.copy(), data.qvel.copy()))
        moved = [np.array(x) for x in zip(*after, strict=True)]
        return moved[0], moved[1], None, None

    return move


def _apart(x: Any, y: Any) -> float:
    return float(np.max(np.abs(np.asarray(x, np.float64) - y)))
