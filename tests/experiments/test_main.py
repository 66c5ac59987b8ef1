import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments._systems import TOOLS

ROOT = Path(__file__).parents[2]


def call(*arguments, code=0, cwd=ROOT):
    command = [sys.executable, "-m", "experiments", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAXDL_SYSTEMS": ""}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stderr
    return done


def test_lists_commands_and_systems_by_section_with_a_line_each():
    lines = call().stdout.splitlines()
    for name in ("ppo", "rl2", "simclr", *TOOLS):
        (line,) = [x for x in lines if x.split()[:1] == [name]]
        assert len(line.split()) > 3
    places = [lines.index(title) for title in ("Commands", "Vision", "Reinforcement learning")]
    assert places == sorted(places)
    ppo = next(line for line in lines if line.split()[:1] == ["ppo"])
    assert "PPO (Schulman et al. 2017)" in ppo


def test_a_mistyped_name_is_corrected():
    assert "did you mean ppo?" in call("ppoo", code=2).stderr
    assert "did you mean claims?" in call("claim", code=2).stderr
    assert "./run lists them" in call("xyzzy", code=2).stderr


@pytest.mark.parametrize("tool", [name for name in TOOLS if name not in ("test", "docs")])
def test_every_command_explains_itself(tool):
    done = call(tool, "--help")
    assert done.stdout and not done.stderr


def test_a_launch_file_of_ones_own_is_run_by_path_and_by_module(tmp_path):
    shutil.copytree(ROOT / "docs/tiny/vision", tmp_path / "mine")
    (tmp_path / "mine/tiny.py").rename(tmp_path / "mine/my_system.py")
    flags = ("--preset=smoke", "--steps=4", "--steps_per_call=2")
    for name, folder in (("mine/my_system.py", "a"), ("mine.my_system", "b")):
        if folder == "b":
            (tmp_path / "mine/__init__.py").touch()
        call(name, *flags, f"--workdir={folder}", cwd=tmp_path)
        config = json.loads((tmp_path / folder / "config.json").read_text())
        assert config["system"] == "my_system"
        assert config["launch_file"] == str(tmp_path / "mine/my_system.py")
    ends = [json.loads((tmp_path / x / "result.json").read_text()) for x in "ab"]
    assert ends[0]["fingerprint"] == ends[1]["fingerprint"]
    assert ends[0]["about"]["command"] == f"./run mine/my_system.py {' '.join(flags)} --workdir=a"
    assert "missing.py is no file" in call("missing.py", code=2, cwd=tmp_path).stderr


@pytest.mark.slow
def test_the_newest_run_goes_on_with_its_settings(tmp_path):
    command = (str(ROOT / "docs/tiny/vision/tiny.py"),)
    settings = ("--preset=smoke", "--steps=4", "--steps_per_call=2", "--batch_size=32")
    for _ in range(2):  # the second one is the newest
        call(*command, *settings, cwd=tmp_path)
        time.sleep(1.1)  # folders are named by the second
    old, newest = sorted(path.parent for path in tmp_path.glob("runs/tiny/*/config.json"))
    done = call(*command, "--workdir=latest", "--steps=6", cwd=tmp_path)
    assert f"resuming {newest.relative_to(tmp_path)} at step 4" in done.stderr
    end = json.loads((newest / "result.json").read_text())
    assert (end["steps"], end["config"]["batch_size"], end["preset"]) == (6, 32, "smoke")
    assert json.loads((old / "result.json").read_text())["steps"] == 4
    other = call(*command, "--workdir=latest", "--batch_size=64", code=2, cwd=tmp_path)
    assert "--batch_size: it has 32, this run 64" in other.stderr


BAD = {
    ("ppo", "--env=cartpol"): "cartpole",
    ("ppo", "--num_env=4"): "num_envs",
    ("ppo", "--num_envs=many"): "num_envs",
    ("ppo", "cartpole"): "stray argument",
    ("simclr", "--data=mnist"): "train-images-idx3-ubyte",
    ("simclr", "--data=cifar10", "--data_dir=."): "data_batch_1.bin",
    ("simclr", "--batch_size=100000"): "batch_size",
    ("rl2", "--num_envs=0"): "--num_envs must be at least 1",
    ("bench", "--only=nothing"): "should be one of",
    ("claims", "--only=ppo/nothing"): "claims",
    ("tour", "--preset=huge"): "smoke",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_told_in_a_few_lines(arguments, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert BAD[arguments] in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 8


SCRIPT = ROOT / "run"


def test_run_says_what_is_missing_without_a_suitable_python(tmp_path):
    """The script alone, in a folder and a home without any Python."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat", "cksum", "tr", "mkdir", "rm", "kill", "sleep"):
        for folder in ("/bin", "/usr/bin"):
            if Path(folder, tool).exists():
                (tools / tool).symlink_to(Path(folder, tool))
                break
    for name in ("run", "pyproject.toml", "uv.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "run").chmod(0o755)
    environment = {"PATH": str(tools), "HOME": str(tmp_path), "JAXDL_PYTHON": "/nowhere/python"}
    done = subprocess.run(
        [str(tmp_path / "run")], env=environment, capture_output=True, text=True, timeout=60
    )
    found_elsewhere = any(Path("/opt").glob("*/bin/python3")) or any(
        Path("/usr/local/bin").glob("python3.1[2-9]")
    )
    if found_elsewhere:
        pytest.skip("this machine has a Python that the script always finds")
    assert done.returncode == 1
    assert "Python >= 3.12" in done.stderr and len(done.stderr.splitlines()) <= 2
