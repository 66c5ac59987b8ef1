"""Writes a trained policy or encoder as weights and a StableHLO program.

Takes the newest good checkpoint of a run of any system, and writes beside it
export/weights.safetensors, export/program.stablehlo (any batch size; CPU, CUDA, TPU), what goes in
and comes out (export.json), and how to run it with JAX alone (README.md). Then both files are read
back and must give what the learner's own function gives. Nothing else in the folder is changed.

    ./run export --workdir=latest
    ./run export --workdir=runs/ppo/cpu-20260101-120000 --which=2 --out=exported
    ./run export --workdir=runs/noisy_student/cpu-20260101-120000 --stage=teacher
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from experiments._finished import check_folders, find_run, newest_state, state_of_seed
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


@dataclass(frozen=True)
class Config:
    """Which run, and where to."""

    workdir: str = option("", "the folder of the run, or latest")
    out: str = option("", "where the export goes (default: export/ in that folder)")
    stage: str = option("", "which stage of a run that has several (default: the last one)")
    which: int = option(0, "which of the run's seeds, counted from 0", at_least=0)
    platforms: tuple[str, ...] = option(
        ("cpu", "cuda", "tpu"), "that the program can run on; cpu, where it is checked, among them"
    )

    def __post_init__(self):
        for name in self.platforms:
            if name not in PLATFORMS:
                raise BadInput(f"--platforms={name}: should be among {', '.join(PLATFORMS)}")
        if "cpu" not in self.platforms:
            raise BadInput("--platforms must hold cpu: the program is checked there")
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
    from jaxdl.pages import print_text

    run = find_run(config.workdir, config.stage, config.which, "export")
    jax.config.update("jax_platforms", "cpu")  # whoever trains on the accelerator keeps it
    with jax.default_device(jax.devices("cpu")[0]):
        system = run.file.module.build(run.config)
        if system.deployment is None:
            raise BadInput(f"{run.folder} is of {run.file.name}, which has nothing to export")
        step, state = newest_state(run, system.learner)
        about = {
            "system": run.file.name,
            "preset": run.config.run.preset,
            "step": step,
            "which": config.which,
            "num_seeds": run.config.run.num_seeds,
            "fingerprint": fingerprint(state),
        }
        state = state_of_seed(run, state, config.which)
        folder = make_folder(Path(config.out) if config.out else run.folder / "export")
        deploy.write(folder, system.deployment, state, platforms=config.platforms, about=about)
        checks = deploy.check(folder, system.deployment, state)
    agree = all(check.agrees for check in checks)
    if not agree:
        (folder / "export.json").unlink()  # so that nobody takes it for a good one
    for check in checks:
        print_text(f"{'ok' if check.agrees else 'WRONG':<6}{check.text}")
    if not agree:
        sys.exit(f"jaxdl: {folder} is not what was trained")
    print_text(f"step {step} of {run.folder}; how to run it: {folder / 'README.md'}")
    return folder


def make_folder(folder: Path) -> Path:
    """Makes a folder if it is not there, and returns it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out={folder} cannot be made: {error.strerror}") from None
    return folder


if __name__ == "__main__":
    launch_tool(main, PRESETS)
