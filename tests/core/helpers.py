"""How the tests start runs in processes of their own, and wait for them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

ROOT = Path(__file__).parents[2]
TOY = ("tests/core/toy.py",)


def start(*arguments, devices=1, cache=True, **environment):
    """Starts `python <arguments>` in a process of its own, with some fake devices."""
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    if not cache:
        env["JAXDL_CACHE"] = ""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=env | environment, stderr=subprocess.PIPE, text=True
    )


def finish(process, code=0, seconds=120):
    """Waits for a process, checks its exit code, and returns what it wrote to stderr."""
    try:
        message = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, message
    return message


def run_toy(workdir, *arguments, code=0, **options):
    """Runs the toy to its end; returns what it wrote to stderr."""
    return finish(start(*TOY, f"--workdir={workdir}", *arguments, **options), code)


def wait_for(condition, *processes, seconds=90):
    """Waits until a condition holds while the processes live."""
    deadline = time.monotonic() + seconds
    while not condition():
        for process in processes:
            assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.003)


def result(workdir):
    """A finished run's result.json."""
    return json.loads((Path(workdir) / "result.json").read_text())


def saved_steps(workdir):
    """The steps of the checkpoints that are in place."""
    names = [path.name for path in (Path(workdir) / "checkpoints").glob("*")]
    return sorted(int(name) for name in names if name.isdigit())


def saved_leaves(workdir, step):
    """The arrays of a checkpoint, by path, read without jaxdl."""
    folder = Path(workdir).absolute() / "checkpoints" / str(step) / "default"
    with ocp.PyTreeCheckpointer() as reader:
        tree = reader.metadata(folder).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        tree = reader.restore(folder, restore_args=as_numpy)
    return {jax.tree_util.keystr(p): leaf for p, leaf in jax.tree_util.tree_leaves_with_path(tree)}
