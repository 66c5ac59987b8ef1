"""A trained policy or encoder as weights and a StableHLO program: `./run export --workdir=...`.

Takes the newest good checkpoint of a run of `./run ppo|rl2|simclr`, and writes beside it
export/weights.safetensors, export/program.stablehlo (any batch size; CPU, CUDA, TPU), what goes in
and comes out (export.json), and how to run it with JAX alone (README.md). Then both files are read
back and must give what the learner's own function gives. The run's folder is not changed otherwise.

    ./run export --workdir=runs/ppo/cpu-20260101-120000
    ./run export --workdir=runs/rl2/gpu-20260101-120000/k5_n10 --which=2 --out=exported
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from experiments._finished import check_folders, newest, settings
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch

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
        check_folders(self.workdir, self.out)


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

    module, trained = settings(config.workdir, config.which, "export")
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


if __name__ == "__main__":
    launch(main, PRESETS)
