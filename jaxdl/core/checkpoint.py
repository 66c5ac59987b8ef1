"""Checkpoints: Orbax writes the arrays, a manifest of SHA-256 sums says that they are still good.

Orbax restores flipped bits in its data files without an error, and casts dtypes without a word.
So each `checkpoints/<step>/manifest.json`, written last, holds the sum of every file beside it and
the shape and dtype of every leaf. What does not agree with its manifest is not loaded.
"""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, EveryNSteps, LatestN

from jaxdl.core.mesh import on_first_process
from jaxdl.core.run import BadInput, NotSaved

MANIFEST = "manifest.json"
_TIMES = "_CHECKPOINT_METADATA"  # Orbax writes the time of completion into it afterwards


class Checkpoints(NamedTuple):
    """The checkpoints of one workdir.

    Attributes:
      restore: abstract state (with shardings) -> (step, state), or None where there is none.
      save: step, state -> None; returns before the files are written.
      check: () -> None; raises NotSaved if a save has failed since.
      close: waits for the files, and raises NotSaved if they could not be written.
    """

    restore: Callable[[Any], tuple[int, Any] | None]
    save: Callable[[int, Any], None]
    check: Callable[[], None]
    close: Callable[[], None]


def open_checkpoints(
    folder: Path, *, keep: int = 3, keep_every: int = 0, warn: Callable[[str], None] = print
) -> Checkpoints:
    """Opens, or makes, a folder of checkpoints.

    Args:
      folder: holds one folder a step.
      keep: how many of the newest are kept.
      keep_every: keeps those at multiples of so many steps as well (0: none).
      warn: called with one line for each step that cannot be trusted.
    """
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # what fails, `NotSaved` tells
    pending: list[tuple[int, dict]] = []

    def seal():  # called by Orbax's own thread, before it moves a finished step into place
        step, leaves = pending.pop()
        if jax.process_index() == 0:
            _seal(next(folder.glob(f"{step}.orbax-checkpoint-tmp*")), leaves)

    manager = _manager(folder, keep, keep_every, seal)

    def wait():
        with _saving(folder):
            manager.wait_until_finished()

    def check():
        if pending and not manager.is_saving_in_progress():
            wait()

    def save(step, state):
        wait()
        if step not in manager.all_steps():
            _check_room(folder, step, state)
            pending[:] = [(step, describe(state))]
            with _saving(folder):
                manager.save(step, args=ocp.args.StandardSave(_without_empty(state)))

    def find(like):
        step, faults = _newest_good(folder, manager.all_steps(), like)
        for bad, why in faults.items():
            warn(f"checkpoint {bad} is not used: {why}")
            (folder / str(bad)).rename(folder / f"{bad}.damaged-{time.time_ns()}")
        return step

    def restore(like):
        step = on_first_process(lambda: find(like))
        manager.reload()
        if step < 0:
            return None
        found = manager.restore(step, args=ocp.args.StandardRestore(_without_empty(like)))
        return step, _with_empty(found, like)

    def close():
        try:
            wait()
        finally:
            with _saving(folder):
                manager.close()

    return Checkpoints(restore, save, check, close)


def _manager(folder: Path, keep: int, keep_every: int, seal: Callable) -> ocp.CheckpointManager:
    kept = [LatestN(keep), *([EveryNSteps(keep_every)] if keep_every else [])]
    options = ocp.CheckpointManagerOptions(
        preservation_policy=AnyPreservationPolicy(kept),
        cleanup_tmp_directories=True,
        async_options=ocp.AsyncOptions(post_finalization_callback=seal),
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def read_newest(folder: Path, like: Any, warn: Callable[[str], None]) -> tuple[int, Any] | None:
    """The newest good checkpoint of a folder that may be in use: nothing in it is touched.

    Args:
      folder: holds one folder a step.
      like: abstract state, with shardings.
      warn: called with one line for each step that cannot be trusted.

    Returns:
      (step, state), or None where there is none.

    Raises:
      BadInput: it holds another kind of state.
    """
    steps = [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdecimal()]
    step, faults = _newest_good(folder, steps, like)
    for bad, why in faults.items():
        warn(f"checkpoint {bad} is not used: {why}")
    if step < 0:
        return None
    with ocp.StandardCheckpointer() as reader:
        found = reader.restore(folder.absolute() / str(step) / "default", _without_empty(like))
    return step, _with_empty(found, like)


def _without_empty(state: Any) -> Any:
    """Orbax refuses arrays without elements, which MJX's worlds have; their shapes say it all."""
    return jax.tree.map(lambda x: x if x.size else None, state)


def _with_empty(found: Any, like: Any) -> Any:
    def fill(wanted, leaf):
        return (
            leaf if wanted.size else jnp.zeros(wanted.shape, wanted.dtype, device=wanted.sharding)
        )

    return jax.tree.map(fill, like, found, is_leaf=lambda x: x is None)


def _newest_good(folder: Path, steps: Sequence[int], like: Any) -> tuple[int, dict[int, str]]:
    """The newest step that agrees with its manifest, or -1, and what is wrong with newer ones."""
    faults, leaves = {}, describe(like)
    for step in sorted(steps, reverse=True):
        fault = _fault(folder / str(step), leaves)
        if fault is None:
            return step, faults
        faults[step] = fault
    return -1, faults


def _check_room(folder: Path, step: int, state: Any) -> None:
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        need = f"{free:,} bytes are free, twice its {size:,} are asked for"
        raise NotSaved(f"no room for checkpoint {step} in {folder}: {need}")


@contextmanager
def _saving(folder: Path):
    """Turns whatever Orbax raises while it writes into one line."""
    try:
        yield
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        full = "No space left" in str(error)
        if jax.process_count() > 1 and not full:
            raise  # another process may have died, which a restart mends
        reason = "no space is left on the device" if full else lines[0][:300]
        raise NotSaved(f"a checkpoint could not be written to {folder}: {reason}") from error


def describe(state: Any) -> dict[str, list]:
    """Path -> [shape, dtype] of every leaf: what two states must share to be the same kind."""
    paths = jax.tree_util.tree_flatten_with_path(state)[0]
    return {jax.tree_util.keystr(p): [list(x.shape), str(x.dtype)] for p, x in paths}


def _seal(step_folder: Path, leaves: dict) -> None:
    files = sorted(p for p in step_folder.rglob("*") if p.is_file() and p.name != _TIMES)
    content = {
        "leaves": leaves,
        "files": {str(p.relative_to(step_folder)): _sha256(p) for p in files},
    }
    unfinished = step_folder / (MANIFEST + ".part")
    unfinished.write_text(json.dumps({"sha256": _sum_of(content), **content}))
    unfinished.rename(step_folder / MANIFEST)


def _fault(step_folder: Path, leaves: dict) -> str | None:
    """Why a checkpoint cannot be trusted, or None.

    Raises:
      BadInput: it can be, but it is of another kind of state.
    """
    try:
        manifest = json.loads((step_folder / MANIFEST).read_text())
        own = manifest.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError):
        return "its manifest is missing or damaged"
    if own != _sum_of(manifest):
        return "its manifest has changed since it was written"
    for name, expected in manifest["files"].items():
        path = step_folder / name
        if not path.is_file():
            return f"{name} is missing"
        if _sha256(path) != expected:
            return f"{name} has changed since it was written"
    if manifest["leaves"] != leaves:
        raise BadInput(_mismatch(step_folder, manifest["leaves"], leaves))
    return None


def _mismatch(step_folder: Path, saved: dict, expected: dict, most: int = 12) -> str:
    paths = [p for p in {**expected, **saved} if saved.get(p) != expected.get(p)]
    lines = [f"{p}: expected {expected.get(p)}, found {saved.get(p)}" for p in paths[:most]]
    more = [f"... and {len(paths) - most} more"] if len(paths) > most else []
    return "\n  ".join([f"{step_folder} holds another kind of state", *lines, *more])


def _sum_of(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(state: Any) -> str:
    """SHA-256 over the path, dtype, shape and bytes of every leaf: equal bits, equal fingerprint.

    Args:
      state: any pytree of arrays or typed keys, on any number of devices.
    """
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        digest.update(np.ascontiguousarray(_on_host(leaf)).tobytes())
    return digest.hexdigest()


def _on_host(leaf: Any) -> np.ndarray:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return multihost_utils.process_allgather(leaf, tiled=True)
    return np.asarray(leaf)
