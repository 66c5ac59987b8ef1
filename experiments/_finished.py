"""What a finished run has left: its settings, and the state of its newest good checkpoint."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from jaxdl.core.run import BadInput
from jaxdl.launch.flags import checked, configure, fields

HERE = Path(__file__).parent


def check_folders(workdir: str, out: str) -> None:
    """Refuses, before JAX is loaded, a run or a place for results that is no folder.

    Raises:
      BadInput: one of them is something else, or the run is not there.
    """
    if workdir and not Path(workdir).is_dir():
        raise BadInput(f"--workdir={workdir} is not a folder")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise BadInput(f"--out={out} is not a folder")


def settings(workdir: str, which: int, purpose: str) -> tuple[Any, Any]:
    """The launch file that a run was started by, and the run's own Config.

    Args:
      workdir: the run's folder.
      which: of its seeds.
      purpose: what for, in a word: export, watch.

    Raises:
      BadInput: there is no such run, or its settings do not fit the code.
    """
    if not workdir:
        raise BadInput(f"--workdir is missing: the folder of the run to {purpose}")
    folder = Path(workdir)
    file = folder / "config.json"
    try:
        values = json.loads(file.read_text())
        system, preset = values.pop("system"), values.pop("preset")
    except FileNotFoundError:
        below = ", ".join(sorted(str(p.parent) for p in folder.glob("*/config.json")))
        hint = f"; there is one in {below}" if below else ""
        raise BadInput(f"{folder} holds no run: it has no config.json{hint}") from None
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise BadInput(f"{file} does not hold the settings of a run: {error!r}") from None
    if system not in [p.stem for p in HERE.glob("*.py") if not p.stem.startswith("__")]:
        raise BadInput(f"{file} is of {system!r}, which is no experiment")
    module = importlib.import_module(f"experiments.{system}")
    if not hasattr(module, "deploy"):
        raise BadInput(f"{file} is of {system}, which trains nothing to {purpose}")
    trained = _configured(file, module, system, preset, values | {"workdir": str(folder.resolve())})
    if which >= trained.run.num_seeds:
        raise BadInput(f"--which={which}, but the run has {trained.run.num_seeds} seeds")
    return module, trained


def _configured(file: Path, module: Any, system: str, preset: str, values: dict[str, Any]) -> Any:
    try:
        kinds = {one.name: one.kind for one in fields(next(iter(module.PRESETS.values())))}
        values = {name: checked(name, value, kinds.get(name)) for name, value in values.items()}
        return configure(system, module.PRESETS, preset, values)
    except BadInput as error:
        raise BadInput(f"{file} does not fit {system} as it is now: {error}") from None


def newest(folder: Path, learner: Any, num_seeds: int) -> tuple[int, Any]:
    """The step and the whole state of the newest good checkpoint, leaves [S, ...] for S > 1 seeds.

    Raises:
      BadInput: none is good, or they hold another kind of state.
    """
    import jax
    from jax.sharding import SingleDeviceSharding

    from jaxdl.core.checkpoint import read_newest
    from jaxdl.core.learner import over_seeds

    init = over_seeds(learner, num_seeds).init if num_seeds > 1 else learner.init
    place = SingleDeviceSharding(jax.devices("cpu")[0])
    like = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
        jax.eval_shape(init, jax.random.key(0)),
    )
    found = read_newest(folder, like, _warn)
    if found is None:
        raise BadInput(f"{folder} holds no checkpoint that can be used")
    return found


def _warn(text: str) -> None:
    print(f"jaxdl: {text}", file=sys.stderr)
