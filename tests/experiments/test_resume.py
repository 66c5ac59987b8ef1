import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = {  # a smoke preset in small calls, each followed by a save
    "ppo": ("--steps=12", "--steps_per_call=2", "--save_every=2", "--eval_steps=10"),
    "rl2": ("--steps=6", "--steps_per_call=1", "--save_every=1", "--eval_tasks=256"),
    "simclr": ("--steps=12", "--steps_per_call=2", "--save_every=2"),
}


def start(system, workdir):
    command = [
        sys.executable,
        "-m",
        "experiments",
        system,
        "--preset=smoke",
        f"--workdir={workdir}",
    ]
    return subprocess.Popen([*command, *SHORT[system]], cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("system", SHORT)
def test_a_killed_run_ends_with_the_same_bits(system, tmp_path):
    process = start(system, tmp_path / "cut")
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cut").glob("checkpoints/[0-9]/manifest.json")):
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -9
    fingerprints = []
    for name in ("cut", "straight"):
        process = start(system, tmp_path / name)
        message = process.communicate(timeout=120)[1]
        assert process.returncode == 0, message
        assert ("resuming" in message) == (name == "cut")
        result = json.loads((tmp_path / name / "result.json").read_text())
        assert (result["system"], result["preset"]) == (system, "smoke")
        fingerprints.append(result["fingerprint"])
    assert fingerprints[0] == fingerprints[1]
