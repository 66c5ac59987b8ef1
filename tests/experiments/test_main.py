import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def call(*arguments, code=0):
    command = [sys.executable, "-m", "experiments", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def test_lists_the_experiments_with_a_line_each():
    lines = call().stdout.splitlines()
    for name in ("ppo", "rl2", "simclr", "tour", "claims", "bench", "test"):
        (line,) = [x for x in lines if x.split()[:1] == [name]]
        assert len(line.split()) > 3


def test_a_mistyped_experiment_is_corrected():
    assert "did you mean ppo?" in call("ppoo", code=2).stderr


BAD = {
    ("ppo", "--env=cartpol"): "cartpole",
    ("ppo", "--num_env=4"): "num_envs",
    ("ppo", "--num_envs=many"): "num_envs",
    ("ppo", "cartpole"): "stray argument",
    ("simclr", "--data=mnist"): "train-images-idx3-ubyte",
    ("simclr", "--data=cifar10", "--data_dir=."): "data_batch_1.bin",
    ("simclr", "--batch_size=100000"): "batch_size",
    ("rl2", "--batch=7"): "--batch=7",
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
