"""How far our MJX worlds are from dm_control, step by step along its recorded trajectories."""

import importlib
from collections.abc import Callable, Iterable
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
SOME = 10  # steps, between one and all
HEAD = [
    "world",
    "physics",
    "positions, 1 step",
    "speeds, 1 step",
    "observation",
    "reward",
    "positions, 10 steps",
    "speeds, 10 steps",
    "positions, 60 steps",
    "speeds, 60 steps",
]
C_LABEL, MJX_LABEL = "C, dm_control's integrator and solver", "MJX, as the world is"


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
    """Holds absolute differences to dm_control along a trajectory, the greatest of all entries.

    Attributes:
      world: its name.
      physics: what moved it.
      qpos: [T] after a step from each recorded state.
      qvel: [T] likewise.
      obs: [T] likewise; None where it was not made.
      rew: [T] likewise.
      some_qpos: after 10 steps from each recorded state that has as many after it.
      some_qvel: likewise.
      far_qpos: [T] after each step from the first state alone.
      far_qvel: [T] likewise.
    """

    world: str
    physics: str
    qpos: np.ndarray
    qvel: np.ndarray
    obs: np.ndarray | None
    rew: np.ndarray | None
    some_qpos: np.ndarray
    some_qvel: np.ndarray
    far_qpos: np.ndarray
    far_qvel: np.ndarray


# [N, Q], [N, Q], [N, A] -> the same after a step, [N, Q], [N, Q], then obs and rewards or None.
Move = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[Any, Any, Any, Any]]


def measure(path: str, worlds: Iterable[str] = RECORDED) -> list[Distance]:
    """Measures worlds, by MuJoCo in C with their MJCFs and by MJX.

    Args:
      path: of the file with the recorded trajectories, `dmc_traj.npz`.
      worlds: their names; by default all six.

    Raises:
      BadInput: the file is missing or holds something else.
    """
    rows = []
    for world in worlds:
        task, settings = RECORDED[world]
        recording = load(path, task)
        mine, mjx_step = _ours(world, settings, recording)
        steps = round(_seconds(world) / mine.opt.timestep)
        exact = _exact(mine, world)
        rows.append(compare(world, C_LABEL, recording, _c_step(exact, steps)))
        rows.append(compare(world, MJX_LABEL, recording, mjx_step))
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
    """Compares one step and ten from every recorded state, and all steps from the first."""
    told = recording.qpos, recording.qvel
    count = len(recording.act)
    qpos, qvel, obs, rew = move(*(x[:-1] for x in told), recording.act)
    some = min(SOME, count)
    joints = tuple(x[: count - some + 1] for x in told)
    for t in range(some):
        joints = move(*joints, recording.act[t : count - some + 1 + t])[:2]
    far, last = [], tuple(x[:1] for x in told)
    for t, act in enumerate(recording.act):
        last = move(*last, act[None])[:2]
        far.append([_apart(x, y[t + 1])[0] for x, y in zip(last, told, strict=True)])
    return Distance(
        world,
        physics,
        qpos=_apart(qpos, recording.qpos[1:]),
        qvel=_apart(qvel, recording.qvel[1:]),
        obs=None if obs is None else _apart(obs, recording.obs),
        rew=None if rew is None else _apart(rew, recording.rew),
        some_qpos=_apart(joints[0], recording.qpos[some:]),
        some_qvel=_apart(joints[1], recording.qvel[some:]),
        far_qpos=np.array([row[0] for row in far]),
        far_qvel=np.array([row[1] for row in far]),
    )


def cells(rows: list[Distance]) -> list[list[str]]:
    """Writes rows in columns of `HEAD`, medians before the greatest differences."""
    number = lambda x: f"{x:.0e}" if x else "0"  # noqa: E731

    def text(x):
        return "-" if x is None else f"{number(np.median(x))}, {number(np.max(x))}"

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
task: the greatest absolute difference over all entries (m, rad, m/s, rad/s), the median over steps
and then the greatest.

"1 step" begins at each recorded state, and so does "10 steps", which feeds the next ten controls
and compares where they lead; "60 steps" begins at the first state alone, and differences grow as
the mechanism lets them. In C the same MJCF runs in
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


def _apart(x: Any, y: Any) -> np.ndarray:
    """The greatest difference of each row."""
    apart = np.abs(np.asarray(x, np.float64) - y)
    return apart.reshape(len(apart), -1).max(axis=1)
