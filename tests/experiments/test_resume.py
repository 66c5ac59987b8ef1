import importlib

import pytest

from experiments.__main__ import experiments
from tests.core.helpers import finish, result, saved_steps, start, wait_for

SHORT = {  # a smoke preset in small calls, each followed by a save
    "ppo": ("--steps=12", "--steps_per_call=2", "--save_every=2", "--eval_steps=10"),
    "rl2": ("--steps=6", "--steps_per_call=1", "--save_every=1", "--eval_tasks=256"),
    "simclr": ("--steps=12", "--steps_per_call=2", "--save_every=2"),
}


def test_every_system_is_here():
    modules = {name: importlib.import_module(f"experiments.{name}") for name in experiments()}
    presets = {name: getattr(module, "PRESETS", {}) for name, module in modules.items()}
    launched = {name for name, p in presets.items() if any(hasattr(c, "run") for c in p.values())}
    assert launched == SHORT.keys()


@pytest.mark.slow
@pytest.mark.parametrize("system", SHORT)
def test_killed_during_a_save_a_run_ends_with_the_same_bits(system, tmp_path):
    command = ("-m", "experiments", system, "--preset=smoke", *SHORT[system])
    process = start(*command, f"--workdir={tmp_path / 'cut'}")
    saves = tmp_path / "cut/checkpoints"
    wait_for(lambda: saved_steps(tmp_path / "cut") and list(saves.glob("*-tmp*")), process)
    process.kill()
    finish(process, -9)
    fingerprints = []
    for name in ("cut", "straight"):
        message = finish(start(*command, f"--workdir={tmp_path / name}"))
        assert ("resuming" in message) == (name == "cut")
        end = result(tmp_path / name)
        assert (end["system"], end["preset"]) == (system, "smoke")
        fingerprints.append(end["fingerprint"])
    assert fingerprints[0] == fingerprints[1]
