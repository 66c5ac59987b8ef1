"""Recorded trajectories: from MuJoCo in C with hidden physics, and from files; cut into windows."""

from pathlib import Path
from typing import Literal, NamedTuple

import mujoco
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.sim2real.machines import Machine

HOLD = 0.1  # s, for which a random control stays
SLOWEST, FASTEST = 0.3, 3.0  # Hz, between which a swept control goes
TRIES = 200  # episodes that are recorded to find one that stays away from hard ends
SHARE = 2 / 3  # of a file's steps that is learned from; the rest is held out
# World -> the task of dm_control's whose recordings it is compared with.
DM_CONTROL = {
    "swingup": "cartpole-swingup",
    "mjx/cartpole": "cartpole-swingup",
    "mjx/reacher": "reacher-easy",
    "mjx/cheetah": "cheetah-run",
    "mjx/walker": "walker-walk",
    "mjx/finger": "finger-spin",
    "mjx/ball_in_cup": "ball_in_cup-catch",
}

Controls = Literal["both", "random", "swept"]


class Record(NamedTuple):
    """Holds what H machines did in E episodes of T steps each.

    Attributes:
      qpos: [H, E, T + 1, Q].
      qvel: [H, E, T + 1, Q].
      ctrl: [H, E, T, A].
    """

    qpos: np.ndarray
    qvel: np.ndarray
    ctrl: np.ndarray


class Windows(NamedTuple):
    """Holds N stretches of K steps of each of H machines.

    Attributes:
      qpos: [N, H, K + 1, Q].
      qvel: [N, H, K + 1, Q].
      ctrl: [N, H, K, A].
    """

    qpos: np.ndarray
    qvel: np.ndarray
    ctrl: np.ndarray


def record(
    machine: Machine,
    factors: np.ndarray,
    *,
    episodes: int,
    steps: int,
    seed: int,
    controls: Controls = "both",
    noise: float = 0.0,
) -> Record:
    """Records machines in MuJoCo, in C and in double precision, under controls that excite them.

    Args:
      machine: what moves.
      factors: [H, C] of its constants, one row a machine: the physics that are to be found.
      episodes: E of each.
      steps: T of an episode.
      seed: of the starts, controls and noise.
      controls: random ones that stay for 0.1 s, sines swept from 0.3 to 3 Hz, or both in turns.
      noise: of the sensors, normal, in units of the deviation of each coordinate over a record.

    Raises:
      BadInput: no episode of that length stays away from joints' hard ends.
    """
    rng = np.random.default_rng([seed, episodes, steps])
    told = []
    for row in np.atleast_2d(factors):
        model = machine.build_model(row)
        runs = [
            _episode(machine, model, rng, steps, _is_swept(controls, number))
            for number in range(episodes)
        ]
        told.append([np.stack(part) for part in zip(*runs, strict=True)])
    qpos, qvel, ctrl = (np.stack(part) for part in zip(*told, strict=True))
    clean = Record(qpos, qvel, ctrl)
    return clean if noise == 0 else _with_noise(clean, rng, noise)


def read_record(machine: Machine, path: str, count: int) -> Record:
    """Reads trajectories from a file, the same for each of `count` machines.

    Args:
      machine: whose they are.
      path: of an npz file with `qpos` and `qvel` [E, T + 1, Q] and `ctrl` [E, T, A], of which E may
        be missing; or of dm_control's recordings, `<task>/qpos`, `<task>/qvel` and `<task>/act`.
      count: H.

    Raises:
      BadInput: no such file, or one of another world.
    """
    if not Path(path).is_file():
        raise BadInput(f"--record={path} is no file")
    task = DM_CONTROL[machine.name.partition(":")[0]]
    try:
        with np.load(path) as file:
            names = ["qpos", "qvel", "ctrl"]
            if "qpos" not in file:
                names = [f"{task}/{name}" for name in ("qpos", "qvel", "act")]
            parts = [np.asarray(file[name], np.float64) for name in names]
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(f"--record={path} holds no record of {machine.name}: {error}") from None
    parts = [part[None] if part.ndim == 2 else part for part in parts]
    found = Record(*(np.broadcast_to(part, (count, *part.shape)) for part in parts))
    check_record(machine, found, path)
    return found


def check_record(machine: Machine, found: Record, path: str) -> None:
    """Checks that a record can be one of a machine.

    Raises:
      BadInput: it has other joints, motors or lengths, or numbers that are not finite.
    """
    _, episodes, steps = found.ctrl.shape[:3]
    expected = {
        "qpos": (episodes, steps + 1, machine.joints),
        "qvel": (episodes, steps + 1, machine.joints),
        "ctrl": (episodes, steps, machine.controls),
    }
    for name, shape in expected.items():
        part = getattr(found, name)
        if part.shape[1:] != shape:
            raise BadInput(
                f"--record={path} is of another world than {machine.name}: {name} is "
                f"{list(part.shape[1:])}, should be {list(shape)}"
            )
        if not np.isfinite(part).all():
            raise BadInput(f"--record={path}: {name} holds numbers that are not finite")


def is_of_dm_control(path: str) -> bool:
    """Whether a file holds recordings of dm_control, whose constants are known."""
    with np.load(path) as file:
        return "qpos" not in file


def split_record(found: Record) -> tuple[Record, Record]:
    """Parts the steps of each episode: the first two thirds, and the rest, which is held out."""
    middle = round(SHARE * found.ctrl.shape[2])
    first = Record(found.qpos[:, :, : middle + 1], found.qvel[:, :, : middle + 1], found.ctrl)
    first = first._replace(ctrl=found.ctrl[:, :, :middle])
    last = Record(found.qpos[:, :, middle:], found.qvel[:, :, middle:], found.ctrl[:, :, middle:])
    return first, last


def windows(found: Record, length: int) -> Windows:
    """Cuts a record into stretches of so many steps, each of which begins where the last one ends.

    Raises:
      BadInput: the episodes are shorter than that.
    """
    machines, episodes, steps = found.ctrl.shape[:3]
    each = steps // length
    if each == 0:
        raise BadInput(f"a window of {length} steps is longer than the record's {steps}")
    begins = length * np.arange(each)

    def cut(part, size):
        rows = part[:, :, begins[:, None] + np.arange(size)]  # [H, E, each, size, ...]
        rows = rows.reshape(machines, episodes * each, size, part.shape[-1])
        return np.swapaxes(rows, 0, 1).astype(np.float32)

    return Windows(
        cut(found.qpos, length + 1), cut(found.qvel, length + 1), cut(found.ctrl, length)
    )


def _episode(
    machine: Machine, model: mujoco.MjModel, rng: np.random.Generator, steps: int, is_swept: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One episode, again if it reaches a hard end: qpos, qvel [T + 1, Q], ctrl [T, A]."""
    for _ in range(TRIES):
        draw = _swept if is_swept else _random
        ctrl = draw(rng, steps, machine)
        qpos, qvel = _play(machine, model, _start(rng, model), ctrl)
        if not machine.has_hard_ends or _is_clear(model, qpos):
            return qpos, qvel, ctrl
    raise BadInput(
        f"of {TRIES} episodes of {steps} steps of {machine.name} each reached a joint's end; "
        "record shorter ones"
    )


def _play(
    machine: Machine,
    model: mujoco.MjModel,
    start: tuple[np.ndarray, np.ndarray],
    ctrl: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = start
    states = [(data.qpos.copy(), data.qvel.copy())]
    for controls in ctrl:
        data.ctrl[:] = controls
        mujoco.mj_step(model, data, nstep=machine.steps)
        states.append((data.qpos.copy(), data.qvel.copy()))
    qpos, qvel = zip(*states, strict=True)
    return np.array(qpos), np.array(qvel)


def _start(rng: np.random.Generator, model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Limited joints in their middle third, free hinges anywhere, others near 0; all move."""
    limited = np.asarray(model.jnt_limited, bool)
    reach = np.where(model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE, np.pi, 0.1)
    reach = np.where(limited, np.ptp(model.jnt_range, axis=1) / 6, reach)
    middle = np.where(limited, model.jnt_range.mean(axis=1), 0.0)
    qpos = middle + reach * rng.uniform(-1, 1, model.nq)
    return qpos, 0.5 * rng.normal(size=model.nv)


def _random(rng: np.random.Generator, steps: int, machine: Machine) -> np.ndarray:
    hold = max(round(HOLD / machine.seconds), 1)
    drawn = rng.uniform(-1, 1, (-(-steps // hold), machine.controls))
    return np.repeat(drawn, hold, axis=0)[:steps]


def _swept(rng: np.random.Generator, steps: int, machine: Machine) -> np.ndarray:
    time = machine.seconds * np.arange(steps)[:, None]
    rise = (FASTEST - SLOWEST) / (machine.seconds * steps)
    begin = rng.uniform(0, 1, machine.controls)
    return np.sin(2 * np.pi * (begin + SLOWEST * time + rise * time**2 / 2))


def _is_swept(controls: Controls, number: int) -> bool:
    return controls == "swept" or (controls == "both" and number % 2 == 1)


def _is_clear(model: mujoco.MjModel, qpos: np.ndarray) -> bool:
    """Whether limited joints stay a twentieth of their range away from its ends."""
    limited = np.asarray(model.jnt_limited, bool)
    low, high = model.jnt_range[limited].T
    margin = (high - low) / 20
    inside = (qpos[:, limited] > low + margin) & (qpos[:, limited] < high - margin)
    return bool(inside.all())


def _with_noise(clean: Record, rng: np.random.Generator, noise: float) -> Record:
    def disturb(part):
        deviation = part.std(axis=(1, 2), keepdims=True)
        return part + noise * deviation * rng.normal(size=part.shape)

    return clean._replace(qpos=disturb(clean.qpos), qvel=disturb(clean.qvel))
