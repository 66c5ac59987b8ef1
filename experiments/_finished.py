"""What a finished run has left: its system, its settings, and the state of its newest checkpoint.

Export and watch find a run by its folder. Its config.json names the launch file that started it.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from experiments._systems import SystemFile, system_of
from jaxdl.core.run import BadInput
from jaxdl.launch.latest import LATEST, latest_workdir
from jaxdl.launch.settings import RECORDED, checked, configure, fields

# What stands in a config.json beside the settings, put there by the launcher and the driver.
NOT_SETTINGS = (*RECORDED, "preset")


class FinishedRun(NamedTuple):
    """A run whose checkpoints can be read.

    Attributes:
      folder: that holds config.json and checkpoints/; of a stage, where a run has several.
      file: the launch file that it was started by.
      config: its own Config.
    """

    folder: Path
    file: SystemFile
    config: Any


def check_folders(workdir: str, out: str) -> None:
    """Refuses, before JAX is loaded, a run or a place for results that is no folder.

    Raises:
      BadInput: one of them is something else, or the run is not there.
    """
    if workdir and workdir != LATEST and not Path(workdir).is_dir():
        raise BadInput(f"--workdir={workdir} is not a folder")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise BadInput(f"--out={out} is not a folder")


def find_run(workdir: str, stage: str, which: int, purpose: str) -> FinishedRun:
    """Finds the launch file that a run was started by, and the run's own Config.

    Args:
      workdir: the run's folder, or "latest".
      stage: name of a stage; "" for the last one, or for a run without stages.
      which: of its seeds.
      purpose: what for, in a word, such as "export".

    Raises:
      BadInput: there is no such run, or its settings do not fit the code.
    """
    if not workdir:
        raise BadInput(f"--workdir is missing: the folder of the run to {purpose}, or latest")
    folder = stage_folder(Path(latest_workdir() if workdir == LATEST else workdir), stage)
    file = folder / "config.json"
    values = _read_settings(file)
    if not values.get("system"):
        raise BadInput(
            f"{file} names no launch file: the run was started from Python. To {purpose} a run, "
            "train it by a launch file (./run path/to/system.py); from Python, jaxdl.deploy.write "
            "keeps a function and its weights"
        )
    try:
        system = system_of(values)
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from None
    config = _configure(file, system, values | {"workdir": str(folder.resolve())})
    if which >= config.run.num_seeds:
        raise BadInput(f"--which={which}, but the run has {config.run.num_seeds} seeds")
    return FinishedRun(folder, system, config)


def stage_folder(workdir: Path, stage: str) -> Path:
    """Returns the folder of a stage of a run; the run's own folder where it has no stages.

    Raises:
      BadInput: there is no such stage, or no run.
    """
    stages = _stages_of(workdir)
    if stage and stage not in stages:
        known = f"its stages are {', '.join(stages)}" if stages else "the run has no stages"
        raise BadInput(f"--stage={stage}: {known}")
    if stage:
        return workdir / stage
    if (workdir / "config.json").exists() and (workdir / "checkpoints").exists():
        return workdir
    if stages:
        return workdir / stages[-1]
    if not (workdir / "config.json").exists():
        below = sorted(str(path.parent) for path in workdir.glob("*/config.json"))
        hint = f"; there is one in {', '.join(below)}" if below else ""
        raise BadInput(f"{workdir} holds no run: it has no config.json{hint}")
    return workdir


def _stages_of(workdir: Path) -> list[str]:
    """Lists the stages of a run in the order in which they were begun."""
    files = [
        file
        for file in workdir.glob("*/config.json")
        if _read_json(file).get("stage") == file.parent.name
    ]
    return [x.parent.name for x in sorted(files, key=lambda x: (x.stat().st_mtime_ns, x))]


def _read_json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} does not hold the settings of a run: {error!r}") from None
    if not isinstance(values, dict):
        raise BadInput(f"{file} does not hold the settings of a run: {str(values)[:60]!r}")
    return values


def _configure(file: Path, system: SystemFile, values: dict[str, Any]) -> Any:
    presets = system.module.PRESETS
    settings = {name: value for name, value in values.items() if name not in NOT_SETTINGS}
    preset = values.get("preset") or next(iter(presets))
    try:
        kinds = {one.name: one.kind for one in fields(next(iter(presets.values())))}
        settings = {name: checked(name, x, kinds.get(name)) for name, x in settings.items()}
        return configure(system.name, presets, preset, settings)
    except BadInput as error:
        raise BadInput(f"{file} does not fit {system.name} as it is now: {error}") from None


def newest_state(run: FinishedRun, learner: Any) -> tuple[int, Any]:
    """Reads the newest good checkpoint of a run onto the CPU, without its replay.

    Returns:
      Its step, and the state, leaves [S, ...] for S > 1 seeds.

    Raises:
      BadInput: none is good, or they hold another kind of state.
    """
    import jax
    from jax.sharding import SingleDeviceSharding

    from jaxdl.core.checkpoint import read_newest
    from jaxdl.core.learner import over_seeds

    seeds = run.config.run.num_seeds
    init = over_seeds(learner, seeds).init if seeds > 1 else learner.init
    place = SingleDeviceSharding(jax.devices("cpu")[0])
    abstract_state = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
        _without_replay(jax.eval_shape(init, jax.random.key(0))),
    )
    found = read_newest(run.folder / "checkpoints", abstract_state, _warn)
    if found is None:
        raise BadInput(f"{run.folder / 'checkpoints'} holds no checkpoint that can be used")
    return found


def state_of_seed(run: FinishedRun, state: Any, which: int) -> Any:
    """Returns one seed's part of a state, or of a part of it, that `newest_state` has read."""
    import jax

    return jax.tree.map(lambda x: x[which], state) if run.config.run.num_seeds > 1 else state


def _without_replay(state: Any) -> Any:
    """Returns a state with empty rings, as checkpoints keep it: the rings lie beside them."""
    import jax

    from jaxdl.core.learner import Replay

    def is_ring(node):
        return isinstance(node, Replay)

    return jax.tree.map(lambda x: Replay(()) if is_ring(x) else x, state, is_leaf=is_ring)


def _warn(text: str) -> None:
    from jaxdl.pages import print_text

    print_text(f"jaxdl: {text}", sys.stderr)
