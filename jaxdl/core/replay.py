"""Replay rings are large: only the newest checkpoint holds them, in a folder of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxdl.core.checkpoint import Checkpoints, Saved, open_checkpoints
from jaxdl.core.learner import Replay


def _is_replay(node: Any) -> bool:
    return isinstance(node, Replay)


def take_out_replay(state: Any) -> tuple[Any, list[Any]]:
    """Returns the state with empty rings, and the rings."""
    nodes, structure = jax.tree.flatten(state, is_leaf=_is_replay)
    rings = [node.ring for node in nodes if _is_replay(node)]
    rest = [Replay(()) if _is_replay(node) else node for node in nodes]
    return jax.tree.unflatten(structure, rest), rings


def put_in_replay(state: Any, rings: list[Any]) -> Any:
    """Returns the state with these rings in place of its own."""
    nodes, structure = jax.tree.flatten(state, is_leaf=_is_replay)
    left = iter(rings)
    whole = [Replay(next(left)) if _is_replay(node) else node for node in nodes]
    return jax.tree.unflatten(structure, whole)


def replay_bytes(state: Any) -> int:
    """Returns the size of all rings of a state."""
    leaves = jax.tree.leaves(take_out_replay(state)[1])
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


def open_with_replay(
    folder: Path,
    *,
    save_replay: bool,
    keep: int,
    keep_every: int,
    warn: Callable[[str], None],
) -> Checkpoints:
    """Opens a folder of checkpoints whose states may hold replay rings.

    Restoring prefers the newest step of which the rings are there too. Without rings the state is
    restored with `None` in their place.

    Args:
      folder: holds one folder a step; the rings lie in `replay/` beside it.
      save_replay: whether rings are saved at all.
      keep: how many of the newest checkpoints are kept; of the rings it is one.
      keep_every: keeps those at multiples of so many steps as well (0: none).
      warn: called with one line for what cannot be used.
    """
    main = open_checkpoints(folder, keep=keep, keep_every=keep_every, warn=warn)
    second: list[Checkpoints] = []

    def rings_folder() -> Checkpoints:
        if not second:  # the state must be in place before its rings replace the earlier ones
            options = {"keep": 1, "warn": warn, "before_sealing": main.wait}
            second.append(open_checkpoints(folder.with_name("replay"), **options))
        return second[0]

    def restore(abstract_state, among=None):
        rest, rings = take_out_replay(abstract_state)
        if not rings:
            return main.restore(abstract_state, among)
        stored = rings_folder().steps() if folder.with_name("replay").exists() else []
        common = set(main.steps()) & set(stored)
        saved = main.restore(rest, common) if common else None
        if saved is None:
            saved = main.restore(rest, among)
            if saved is None:
                return None
            warn(f"checkpoint {saved.step} has no replay; it is filled anew")
            return Saved(saved.step, put_in_replay(saved.state, [None] * len(rings)), saved.notes)
        found = rings_folder().restore(rings, [saved.step])
        filled = found.state if found else [None] * len(rings)
        return Saved(saved.step, put_in_replay(saved.state, filled), saved.notes)

    def save(step, state, notes):
        rest, rings = take_out_replay(state)
        has_rings = bool(rings) and save_replay
        if has_rings and not rings_folder().steps():
            # No earlier ring could be gone back to: the first one is in place before its state.
            rings_folder().save(step, rings, {})
            rings_folder().wait()
        main.save(step, rest, notes)
        if has_rings:
            rings_folder().save(step, rings, {})

    def on_all(name):
        def call():
            for checkpoints in (main, *second):
                getattr(checkpoints, name)()

        return call

    return Checkpoints(restore, main.steps, save, on_all("check"), on_all("wait"), on_all("close"))
