"""Every system, killed during a save, ends with the bits of a run that was never cut."""

import pytest

from experiments._systems import systems
from jaxdl.launch import configure
from tests.core.helpers import finish, result, start, wait_for

STEPS = 8  # of a smoke preset, each followed by a save


def cheap(system):
    """The flags of a short smoke run: every step is a call and a save, evaluation is small."""
    presets = systems()[system].module.PRESETS
    config = configure(system, presets, "smoke")
    small = {"eval_envs": 2, "eval_steps": 10, "eval_tasks": 256}
    small |= {"train_images": 256, "test_images": 100, "baselines": "false"}
    steps = min(config.run.steps, STEPS)
    flags = {"steps": steps, "steps_per_call": 1, "save_every": 1}
    flags |= {name: value for name, value in small.items() if name in config.run.config}
    return [f"--{name}={value}" for name, value in flags.items()]


@pytest.mark.slow
@pytest.mark.parametrize("system", systems())
def test_killed_during_a_save_a_run_ends_with_the_same_bits(system, tmp_path):
    command = ("-m", "experiments", system, "--preset=smoke", *cheap(system))
    process = start(*command, f"--workdir={tmp_path / 'cut'}")

    def is_saving():
        saves = list((tmp_path / "cut").glob("**/checkpoints/*"))
        done = [path for path in saves if path.name.isdigit()]
        return done and any("-tmp" in path.name for path in saves)

    wait_for(is_saving, process)
    process.kill()
    finish(process, -9)
    fingerprints = []
    for name in ("cut", "straight"):
        message = finish(start(*command, f"--workdir={tmp_path / name}"))
        assert ("resuming" in message) == (name == "cut")
        ends = [result(path.parent) for path in sorted((tmp_path / name).glob("**/result.json"))]
        assert ends and all((x["system"], x["preset"]) == (system, "smoke") for x in ends)
        fingerprints.append([end["fingerprint"] for end in ends])  # of each stage
    assert fingerprints[0] == fingerprints[1]
