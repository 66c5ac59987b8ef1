"""A trained policy or encoder as weights and a StableHLO program: `./run export --workdir=...`.

Takes the newest good checkpoint of a run of `./run ppo|rl2|simclr`, and writes beside it
export/weights.safetensors, export/program.stablehlo (any batch size; CPU, CUDA, TPU), what goes in
and comes out (export.json), and how to run it with JAX alone (README.md). Then both files are read
back and must give what the learner's own function gives. The run's folder is not changed otherwise.

    ./run export --workdir=runs/ppo/cpu-20260101-120000
    ./run export --workdir=runs/rl2/gpu-20260101-120000/k5_n10 --which=2 --out=exported
"""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxdl.core.flags import checked, configure, fields, launch
from jaxdl.core.run import BadInput, option

HERE = Path(__file__).parent
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


@dataclass(frozen=True)
class Config:
    """Which run, and where to."""

    workdir: str = option("", "the folder of the run")
    out: str = option("", "where the export goes (default: export/ in that folder)")
    which: int = option(0, "which of the run's seeds, counted from 0")
    platforms: tuple[str, ...] = option(
        ("cpu", "cuda", "tpu"), "that the program can run on; cpu, where it is checked, among them"
    )

    def __post_init__(self):
        for name in self.platforms:
            if name not in PLATFORMS:
                raise BadInput(f"--platforms={name}: should be among {', '.join(PLATFORMS)}")
        if "cpu" not in self.platforms:
            raise BadInput("--platforms must hold cpu: the program is checked there")
        if self.which < 0:
            raise BadInput(f"--which must not be negative, got {self.which}")
        if self.workdir and not Path(self.workdir).is_dir():
            raise BadInput(f"--workdir={self.workdir} is not a folder")
        if self.out and Path(self.out).exists() and not Path(self.out).is_dir():
            raise BadInput(f"--out={self.out} is not a folder")


PRESETS = {"cpu": Config()}


def main(config: Config) -> Path:
    """Writes, reads back and compares; returns the export's folder.

    Raises:
      BadInput: there is nothing to export, or it does not fit the code. Nothing was written.
      SystemExit: 1; what was read back is not what was written.
    """
    import jax

    from jaxdl import deploy
    from jaxdl.core import fingerprint

    module, trained = settings(config)
    jax.config.update("jax_platforms", "cpu")  # whoever trains on the accelerator keeps it
    with jax.default_device(jax.devices("cpu")[0]):
        learner, deployment = module.deploy(trained)
        seeds = trained.run.num_seeds
        step, state = newest(Path(config.workdir) / "checkpoints", learner, seeds)
        about = {"system": trained.run.system, "preset": trained.run.preset, "step": step}
        about |= {"which": config.which, "num_seeds": seeds, "fingerprint": fingerprint(state)}
        if seeds > 1:
            state = jax.tree.map(lambda x: x[config.which], state)
        folder = made(Path(config.out or f"{config.workdir}/export"))
        deploy.write(folder, deployment, state, platforms=config.platforms, about=about)
        checks = deploy.check(folder, deployment, state)
    for one in checks:
        print(f"{'ok' if one.agrees else 'WRONG':<6}{one.text}")
    if not all(one.agrees for one in checks):
        (folder / "export.json").unlink()  # so that nobody takes it for a good one
        sys.exit(f"jaxdl: {folder} is not what was trained")
    print(f"step {step} of {config.workdir}; how to run it: {folder / 'README.md'}")
    return folder


def made(folder: Path) -> Path:
    """The folder, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out={folder} cannot be made: {error.strerror}") from None
    return folder


def settings(config: Config) -> tuple[Any, Any]:
    """The launch file that a run was started by, and the run's own Config.

    Raises:
      BadInput: there is no such run, or its settings do not fit the code.
    """
    if not config.workdir:
        raise BadInput("--workdir is missing: the folder of the run to export")
    folder = Path(config.workdir)
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
        raise BadInput(f"{file} is of {system}, which trains nothing that could be exported")
    trained = _configured(file, module, system, preset, values | {"workdir": str(folder.resolve())})
    if config.which >= trained.run.num_seeds:
        raise BadInput(f"--which={config.which}, but the run has {trained.run.num_seeds} seeds")
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


if __name__ == "__main__":
    launch(main, PRESETS)
