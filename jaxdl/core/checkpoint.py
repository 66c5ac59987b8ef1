"""Checkpoints: Orbax writes the arrays, a manifest of SHA-256 sums says that they are still good.

Orbax restores flipped bits in its data files without an error, and casts dtypes without a word.
So each `checkpoints/<step>/manifest.json`, written last, holds the sum of every file beside it and
the shape and dtype of every leaf. What does not agree with its manifest is not loaded.
"""

import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
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
NOTES = "notes.json"
PIECE = 1 << 24  # bytes that are hashed at a time
_TIMES = "_CHECKPOINT_METADATA"  # Orbax writes the time of completion into it afterwards


class Saved(NamedTuple):
    """A checkpoint that has been read.

    Attributes:
      step: its number.
      state: as it was saved.
      notes: what was written beside it.
    """

    step: int
    state: Any
    notes: dict[str, Any]


class Checkpoints(NamedTuple):
    """The checkpoints of one folder.

    Attributes:
      restore: abstract state with shardings, steps to choose from (None: all) -> the newest good
        one, or None where there is none.
      steps: () -> numbers of the checkpoints that are in place.
      save: step, state, notes -> None; returns before the files are written.
      check: () -> None; raises NotSaved if a save has failed since.
      wait: () -> None; returns when the files are written.
      close: () -> None; waits, and raises NotSaved if they could not be written.
    """

    restore: Callable[[Any, Collection[int] | None], Saved | None]
    steps: Callable[[], list[int]]
    save: Callable[[int, Any, dict[str, Any]], None]
    check: Callable[[], None]
    wait: Callable[[], None]
    close: Callable[[], None]


class Pending(NamedTuple):
    """A save that is under way.

    Attributes:
      step: its number.
      leaves: path -> [shape, dtype] of the state.
      notes: what is written beside it.
    """

    step: int
    leaves: dict[str, list]
    notes: dict[str, Any]


def open_checkpoints(
    folder: Path,
    *,
    keep: int = 3,
    keep_every: int = 0,
    warn: Callable[[str], None] = print,
    before_sealing: Callable[[], None] = lambda: None,
) -> Checkpoints:
    """Opens, or makes, a folder of checkpoints.

    Args:
      folder: holds one folder a step.
      keep: how many of the newest are kept.
      keep_every: keeps those at multiples of so many steps as well (0: none).
      warn: called with one line for each step that cannot be trusted.
      before_sealing: called by the thread that writes, before a step is moved into place.
    """
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # failures are told by `NotSaved`
    under_way: list[Pending] = []

    def seal():  # called by Orbax's own thread, before it moves a finished step into place
        pending = under_way.pop()
        before_sealing()
        if jax.process_index() == 0:
            _seal(next(folder.glob(f"{pending.step}.orbax-checkpoint-tmp*")), pending)

    manager = _manager(folder, keep, keep_every, seal)

    def wait():
        with _saving(folder):
            manager.wait_until_finished()

    def check():
        if under_way and not manager.is_saving_in_progress():
            wait()

    def save(step, state, notes):
        wait()
        if step not in manager.all_steps():
            _check_room(folder, step, state)
            under_way[:] = [Pending(step, describe(state), notes)]
            with _saving(folder):
                manager.save(step, args=ocp.args.StandardSave(_without_empty(state)))

    def find(abstract_state, among):
        steps = [step for step in manager.all_steps() if among is None or step in among]
        step, faults = _newest_good(folder, steps, abstract_state)
        for bad, why in faults.items():
            warn(f"checkpoint {bad} is not used: {why}")
            (folder / str(bad)).rename(folder / f"{bad}.damaged-{time.time_ns()}")
        return step

    def restore(abstract_state, among=None):
        step = on_first_process(lambda: find(abstract_state, among))
        manager.reload()
        if step < 0:
            return None
        args = ocp.args.StandardRestore(_without_empty(abstract_state))
        state = _with_empty(manager.restore(step, args=args), abstract_state)
        return Saved(step, state, _read_notes(folder / str(step)))

    def close():
        try:
            wait()
        finally:
            with _saving(folder):
                manager.close()

    return Checkpoints(restore, lambda: sorted(manager.all_steps()), save, check, wait, close)


def _manager(folder: Path, keep: int, keep_every: int, seal: Callable) -> ocp.CheckpointManager:
    kept = [LatestN(keep), *([EveryNSteps(keep_every)] if keep_every else [])]
    options = ocp.CheckpointManagerOptions(
        preservation_policy=AnyPreservationPolicy(kept),
        cleanup_tmp_directories=True,
        async_options=ocp.AsyncOptions(post_finalization_callback=seal),
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def read_newest(
    folder: Path, abstract_state: Any, warn: Callable[[str], None]
) -> tuple[int, Any] | None:
    """Reads the newest good checkpoint of a folder that may be in use, and touches nothing in it.

    Args:
      folder: holds one folder a step.
      abstract_state: with shardings.
      warn: called with one line for each step that cannot be trusted.

    Returns:
      (step, state), or None where there is none.

    Raises:
      BadInput: it holds another kind of state.
    """
    steps = steps_in(folder)
    step, faults = _newest_good(folder, steps, abstract_state)
    for bad, why in faults.items():
        warn(f"checkpoint {bad} is not used: {why}")
    if step < 0:
        return None
    with ocp.StandardCheckpointer() as reader:
        path = folder.absolute() / str(step) / "default"
        state = reader.restore(path, _without_empty(abstract_state))
    return step, _with_empty(state, abstract_state)


def steps_in(folder: Path) -> list[int]:
    """Lists the steps of the checkpoints that are in place."""
    return sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdecimal())


def read_leaves(folder: Path) -> dict[str, np.ndarray]:
    """Reads the newest good checkpoint of a folder without knowing what kind of state it holds.

    Returns:
      Path of a leaf, such as ".params['kernel']" -> array; empty where no checkpoint is good.
    """
    for step in reversed(steps_in(folder)):
        if check_files(folder / str(step)) is None:
            break
    else:
        return {}
    paths = json.loads((folder / str(step) / MANIFEST).read_text())["leaves"]
    with ocp.PyTreeCheckpointer() as reader:
        path = folder.absolute() / str(step) / "default"
        tree = reader.metadata(path).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        tree = reader.restore(path, restore_args=as_numpy)
    found = {_plain_path(p): x for p, x in jax.tree_util.tree_leaves_with_path(tree)}
    return {p: found[_plain_text(p)] for p in paths if _plain_text(p) in found}


def _plain_path(path: tuple) -> str:
    return "/".join(str(getattr(part, "key", getattr(part, "idx", part))) for part in path)


def _plain_text(path: str) -> str:
    """Orbax keeps names and numbers of a path, and forgets whether they were keys or fields."""
    parts = re.findall(r"\.(\w+)|\['([^']*)'\]|\[(\d+)\]", path)
    return "/".join(field or key or number for field, key, number in parts)


def _without_empty(state: Any) -> Any:
    """Orbax refuses arrays without elements, which MJX's worlds have; their shapes say it all."""
    return jax.tree.map(lambda x: x if x.size else None, state)


def _with_empty(found: Any, abstract_state: Any) -> Any:
    def fill(wanted, leaf):
        if wanted is None or wanted.size:  # None: a replay ring that is not read
            return leaf
        return jnp.zeros(wanted.shape, wanted.dtype, device=wanted.sharding)

    return jax.tree.map(fill, abstract_state, found, is_leaf=lambda x: x is None)


def _newest_good(
    folder: Path, steps: Sequence[int], abstract_state: Any
) -> tuple[int, dict[int, str]]:
    """The newest step that agrees with its manifest, or -1, and what is wrong with newer ones."""
    faults = {}
    leaves = describe(abstract_state)
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


def _seal(step_folder: Path, pending: Pending) -> None:
    (step_folder / NOTES).write_text(json.dumps(pending.notes))
    files = sorted(p for p in step_folder.rglob("*") if p.is_file() and p.name != _TIMES)
    content = {
        "leaves": pending.leaves,
        "files": {str(p.relative_to(step_folder)): _sha256(p) for p in files},
    }
    unfinished = step_folder / (MANIFEST + ".part")
    unfinished.write_text(json.dumps({"sha256": _sum_of(content), **content}))
    unfinished.rename(step_folder / MANIFEST)


def _read_notes(step_folder: Path) -> dict[str, Any]:
    file = step_folder / NOTES
    return json.loads(file.read_text()) if file.exists() else {}


def check_files(step_folder: Path) -> str | None:
    """Says why the files of a checkpoint cannot be trusted, or returns None."""
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
    return None


def _fault(step_folder: Path, leaves: dict) -> str | None:
    """Why a checkpoint cannot be trusted, or None.

    Raises:
      BadInput: it can be, but it is of another kind of state.
    """
    if fault := check_files(step_folder):
        return fault
    saved = json.loads((step_folder / MANIFEST).read_text())["leaves"]
    if saved != leaves:
        lines = list_differences(leaves, saved)
        raise BadInput("\n  ".join([f"{step_folder} holds another kind of state", *lines]))
    return None


def list_differences(expected: dict, found: dict, most: int = 12) -> list[str]:
    """Lists the leaves in which two descriptions of a state differ, a line each."""
    paths = [p for p in {**expected, **found} if found.get(p) != expected.get(p)]
    lines = [f"{p}: expected {expected.get(p)}, found {found.get(p)}" for p in paths[:most]]
    return [*lines, f"... and {len(paths) - most} more"] if len(paths) > most else lines


def _sum_of(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(state: Any) -> str:
    """Hashes the path, dtype, shape and bytes of every leaf: equal bits, equal fingerprint.

    Args:
      state: any pytree of arrays or typed keys, on any number of devices. Large leaves are fetched
        in pieces, so that no second copy of them is made.
    """
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        for piece in _pieces(leaf):
            digest.update(np.ascontiguousarray(piece).data)
    return digest.hexdigest()


def _pieces(leaf: Any) -> Iterator[np.ndarray]:
    """The leaf's bytes in order, as arrays of at most `PIECE` bytes or one row."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        leaf = multihost_utils.process_allgather(leaf, tiled=True)
    if leaf.nbytes <= PIECE or leaf.ndim == 0:
        yield _as_bytes(leaf)
        return
    rows = max(PIECE * leaf.shape[0] // leaf.nbytes, 1)
    for start in range(0, leaf.shape[0], rows):
        yield _as_bytes(leaf[start : start + rows])


def _as_bytes(array: Any) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(array)).reshape(-1).view(np.uint8)
