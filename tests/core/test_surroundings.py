"""What a run meets in the field: clusters, strange file systems, terminals that go away."""

import errno
import os
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import BadInput, DeviceData, Learner, Run, TrainState, fit, mesh
from jaxdl.core.run import option
from jaxdl.core.workdir import lock
from tests.core.helpers import ROOT, TOY, finish, result, run_toy, saved_steps, start, wait_for


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, capsys, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    with lock(tmp_path):
        assert "cannot be locked" in capsys.readouterr().err
    monkeypatch.setattr("fcntl.flock", lambda *_: _raise(errno.EWOULDBLOCK))
    with pytest.raises(BadInput, match="another run is at work"), lock(tmp_path):
        pass


def _raise(number):
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("folder", ["/proc/run", "README.md/run"])
def test_a_workdir_that_cannot_be_made_is_told_in_a_line(folder, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(BadInput, match="cannot be used") as error:
        fit(least_squares(optax.sgd(0.1)), sample, Run(steps=1, devices=1, workdir=folder))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["HUP", "USR1"])
def test_a_lost_terminal_and_slurms_warning_save_the_run(tmp_path, name):
    number = getattr(signal, f"SIG{name}")
    process = start(*TOY, f"--workdir={tmp_path}", "--pause=0.02")
    wait_for(lambda: saved_steps(tmp_path), process)
    process.send_signal(number)
    assert f"SIG{name}: saving at the end of this call" in finish(process, 128 + number)
    run_toy(tmp_path)
    assert result(tmp_path)["steps"] == 100


def test_which_signals_save_is_a_setting():
    with pytest.raises(BadInput, match="--save_on=KILLED: should be among TERM, INT, HUP, USR1"):
        Run(save_on=("KILLED",))


def test_a_task_of_a_cluster_that_is_a_run_of_its_own_waits_for_nobody(monkeypatch, capsys):
    joined = []
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_, **__: joined.append(1))
    mesh.connect(Run(alone=True))
    assert not joined
    mesh.connect(Run())
    assert joined and "waiting for them (--alone" in capsys.readouterr().err


ORDER = "--xla_cpu_enable_concurrency_optimized_scheduler"
WAIT = " --xla_cpu_collective_call_terminate_timeout_seconds=600"


@pytest.mark.parametrize(
    "flags, expected",
    [
        ("", ""),
        ("--xla_force_host_platform_device_count=4", f" {ORDER}=false{WAIT}"),
        (f"--xla_force_host_platform_device_count=4 {ORDER}=true", WAIT),
    ],
)
def test_fake_devices_meet_in_one_order(monkeypatch, flags, expected):
    """Eight devices of AlphaZero's on two cores wait for each other within a minute otherwise."""
    monkeypatch.setenv("XLA_FLAGS", flags)
    mesh.prepare_jax()
    assert os.environ["XLA_FLAGS"] == flags + expected


@pytest.mark.slow
def test_the_display_never_ends_a_run(tmp_path):
    """A pipe that closes, a closed stderr, and a terminal of ASCII."""
    command = [sys.executable, *TOY, "--steps=30"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    for i, shell in enumerate(["2>&1 | head -c 30", "2>&-", ">&- 2>&-"]):
        line = f"{' '.join(command)} --workdir={tmp_path}/{i} {shell}"
        subprocess.run(["sh", "-c", line], cwd=ROOT, env=environment, timeout=120)
        assert result(tmp_path / str(i))["steps"] == 30


def test_jax_without_jit_trains_too():
    with jax.disable_jit():
        state, _ = fit(_counter(), (), Run(steps=3, steps_per_call=2, devices=1))
    assert state.params == 3


def _counter():
    def step(key, state, batch):
        return state._replace(params=state.params + 1), {"count": state.params}

    return Learner(lambda key: TrainState(jnp.float32(0), ()), step)


MEMORY = """
import os, resource, sys
import numpy as np
import jaxdl
import jax, jax.numpy as jnp
from jaxdl.core import DeviceData, Learner, Run, TrainState, fit, mesh
mesh.prepare_jax()
rows = np.random.default_rng(0).integers(0, 255, (20_000, 32, 32, 3), np.uint8)  # 61 MB
closed = jnp.asarray(rows)

def step(key, state, batch):
    x = batch if sys.argv[1] == "data" else closed[:64]
    return state._replace(params=state.params + x.mean()), {"x": x.mean()}

def evaluate(key, state):
    return {"size": closed.mean() if sys.argv[1] == "closure" else state.params}

learner = Learner(lambda key: TrainState(jnp.float32(0), ()), step, evaluate)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit(learner, DeviceData(rows, 64) if sys.argv[1] == "data" else (), Run(steps=4, devices=1))
growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
cache = sum(f.stat().st_size for f in os.scandir(os.environ["JAXDL_CACHE"]))
print(growth / rows.nbytes, cache / rows.nbytes)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["data", "closure"])
def test_data_stand_in_no_program(tmp_path, way):
    """Neither in memory several times, nor in the cache at all."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAXDL_CACHE": str(tmp_path / "cache")}
    environment.pop("XLA_FLAGS", None)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, way], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    memory, cache = map(float, done.stdout.split())
    assert memory < 6 and cache < 0.02


def test_options_that_are_free_may_change_when_a_run_goes_on(tmp_path):
    def run(steps, **config):
        return Run(
            steps=steps,
            devices=1,
            workdir=str(tmp_path / "run"),
            config=config,
            free=frozenset({"eval_envs", "data_dir"}),
        )

    fit(_counter(), (), run(1, eval_envs=8, data_dir="here", width=3))
    fit(_counter(), (), run(2, eval_envs=16, data_dir="there", width=3))
    with pytest.raises(BadInput, match="--width: it has 3, this run 4"):
        fit(_counter(), (), run(3, eval_envs=16, data_dir="there", width=4))
    assert option(1, "text", free=True).metadata["free"]


def test_device_data_that_lie_on_the_device_are_taken_as_they_are():
    rows = jnp.arange(8.0)
    data = DeviceData({"x": rows, "y": np.arange(8)}, 4)

    def step(key, state, batch):
        return state._replace(params=state.params + batch["x"].sum() - batch["y"].sum()), {
            "x": batch["x"].sum()
        }

    learner = Learner(lambda key: TrainState(jnp.float32(0), ()), step)
    state, _ = fit(learner, data, Run(steps=2, devices=1))
    assert state.params == 0 and rows.sum() == 28


def test_fit_is_the_function_whatever_was_imported_before():
    code = "import jaxdl.core.fit; from jaxdl.core.fit import start_state; "
    code += "from jaxdl.core import fit; import jaxdl.core as core; "
    code += "print(fit is core.fit, fit.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "fit"], done.stderr
