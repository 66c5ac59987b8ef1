"""Where a run starts: at the learner's own state, a given one, or another run's parameters."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.checkpoint import describe, list_differences, read_leaves
from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput, Run

Start = TrainState | Callable[[TrainState], TrainState] | None


class Origin(NamedTuple):
    """What `--init_from` names.

    Attributes:
      folder: of the other run, or of one of its stages.
      source: path of the part that is taken, such as "encoder/conv"; "" is everything.
      target: path of the part that is replaced.
    """

    folder: Path
    source: str
    target: str


def start_state(
    fresh: TrainState, start: Start, run: Run, abstract_state: TrainState
) -> TrainState:
    """Makes the state that a run starts from.

    Args:
      fresh: what the learner's `init` has drawn, leaves [S, ...] for S > 1 seeds.
      start: None, a state of that kind, or a function of one seed's fresh state.
      run: its `init_from`.
      abstract_state: shapes, dtypes and shardings.

    Raises:
      BadInput: it is of another kind; with a short table of what differs.
    """
    state = fresh
    if callable(start) and not isinstance(start, TrainState):
        state = jax.vmap(start)(fresh) if run.num_seeds > 1 else start(fresh)
    elif start is not None:
        state = start
    if run.init_from:
        state = state._replace(params=_take_parameters(state.params, run))
    if state is fresh:
        return fresh
    if differences := list_differences(describe(abstract_state), describe(state)):
        raise BadInput("\n  ".join(["init is another kind of state", *differences]))
    # A copy, since the driver gives the memory of its state away at every call.
    places = jax.tree.map(lambda x: x.sharding, abstract_state)
    return jax.jit(lambda tree: jax.tree.map(jnp.copy, tree), out_shardings=places)(state)


def parse_origin(text: str) -> Origin:
    """Reads `<workdir>[:stage][#part[=part]]`.

    Raises:
      BadInput: it is not of that form, or there is no such folder.
    """
    match = re.fullmatch(r"([^#]+?)(?::([A-Za-z0-9._-]+))?(?:#([^=]*)(?:=(.*))?)?", text)
    if not match:
        raise BadInput(f"--init_from={text}: should be <workdir>[:stage][#part[=part]]")
    workdir, stage, source, target = match.groups()
    folder = Path(workdir) / (stage or "")
    if not (folder / "checkpoints").is_dir():
        stages = sorted(path.parent.name for path in Path(workdir).glob("*/checkpoints"))
        hint = f"; it has the stages {', '.join(stages)}" if stages else ""
        raise BadInput(f"--init_from={text}: {folder} holds no checkpoints{hint}")
    return Origin(folder, (source or "").strip("/"), (target or source or "").strip("/"))


def _take_parameters(params: Any, run: Run) -> Any:
    """The parameters with those of another run in the place of all, or of a part."""
    origin = parse_origin(run.init_from)
    leaves = read_leaves(origin.folder / "checkpoints")
    if not leaves:
        raise BadInput(f"--init_from={run.init_from}: no checkpoint there can be used")
    found = _below({_plain(path): leaf for path, leaf in leaves.items()}, f"params/{origin.source}")
    paths, structure = jax.tree_util.tree_flatten_with_path(params)
    own = {_plain(jax.tree_util.keystr(path)): leaf for path, leaf in paths}
    wanted = _below(own, origin.target)
    found = _match_seeds(found, _num_seeds(origin.folder), run)
    if not wanted:
        parts = sorted({name.split("/")[0] for name in own})
        raise BadInput(f"--init_from={run.init_from}: the parameters have only {', '.join(parts)}")
    lines = list_differences(_describe(wanted), _describe(found))
    if lines:
        raise BadInput("\n  ".join([f"--init_from={run.init_from} does not fit", *lines]))
    prefix = f"{origin.target}/" if origin.target else ""
    replaced = {f"{prefix}{name}".rstrip("/"): jnp.asarray(leaf) for name, leaf in found.items()}
    return jax.tree.unflatten(structure, [replaced.get(name, leaf) for name, leaf in own.items()])


def _describe(leaves: Mapping[str, Any]) -> dict[str, list]:
    return {name: [list(x.shape), str(x.dtype)] for name, x in leaves.items()}


def _plain(path: str) -> str:
    """A leaf's path as names between slashes: `.params['a'][0]` is `params/a/0`."""
    return "/".join("".join(part) for part in re.findall(r"\.(\w+)|\['([^']*)'\]|\[(\d+)\]", path))


def _below(leaves: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The leaves of a part, by their path within it; a leaf itself has the path ""."""
    prefix = part.strip("/")
    if not prefix:
        return dict(leaves)
    chosen = {
        path: x for path, x in leaves.items() if path == prefix or path.startswith(f"{prefix}/")
    }
    return {path.removeprefix(prefix).lstrip("/"): x for path, x in chosen.items()}


def _num_seeds(folder: Path) -> int:
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return int(json.loads((folder / "config.json").read_text()).get("num_seeds", 1))
    return 1


def _match_seeds(leaves: dict[str, np.ndarray], there: int, run: Run) -> dict[str, np.ndarray]:
    """Gives each seed the parameters of the same seed, or all of them those of a single one."""
    if there == run.num_seeds:
        return leaves
    if there > 1:
        raise BadInput(
            f"--init_from={run.init_from} has {there} seeds, this run {run.num_seeds}: "
            "should have 1 or as many"
        )
    return {n: np.broadcast_to(x, (run.num_seeds, *x.shape)) for n, x in leaves.items()}
