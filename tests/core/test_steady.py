"""What must not happen once a run is under way, and what a second start is spared."""

import gc
import importlib
import os
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import DeviceData, HostData, Run, fit
from tests.core.helpers import finish, result, start

LEARNER = least_squares(optax.adam(1e-2))
fit_module = importlib.import_module("jaxdl.core.fit")


def fetch(seed, step, rows):
    return np.random.default_rng((seed, step)).normal(size=(len(rows), 64)).astype(np.float32)


def watched(monkeypatch, look):
    """Calls look(call number) before each dispatch of the driver's loop."""
    compile_learner = fit_module.compile_learner

    def compile_and_watch(*args):
        program, calls = compile_learner(*args), iter(range(10**9))

        def advance(*args):
            look(next(calls))
            return program.advance(*args)

        return program._replace(advance=advance)

    monkeypatch.setattr(fit_module, "compile_learner", compile_and_watch)


def resident(key, step):
    """A batch of data that lie on the first device only."""
    return jax.random.choice(key, ROWS, (16,))


ROWS = jax.numpy.asarray(fetch(0, 0, range(100)))
DATA = {
    "sampled": sample,
    "resident": resident,
    "read": HostData(fetch, 16),
    "epochs": DeviceData(ROWS, 16),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("devices", [1, 4])
def test_no_hidden_transfers_and_no_compilation(monkeypatch, tmp_path, data, devices):
    """Nothing moves but what the driver says aloud: metrics, checkpoints, batches of the host."""
    train = fit_module.train
    compiled = []
    compiled_at_call = []

    def guarded(*args):
        with jax.transfer_guard("disallow"):
            return train(*args)

    def count(name, seconds, **_):
        if "backend_compile" in name:
            compiled.append(name)

    monkeypatch.setattr(fit_module, "train", guarded)
    watched(monkeypatch, lambda call: compiled_at_call.append(len(compiled)))
    jax.monitoring.register_event_duration_secs_listener(count)
    try:
        learner = LEARNER._replace(evaluate=lambda key, state: {"size": state.params.sum()})
        run = {"steps": 400, "steps_per_call": 10, "eval_every": 10, "save_every": 50}
        fit(learner, data, Run(**run, devices=devices, workdir=str(tmp_path / "run")))
    finally:
        jax.monitoring.unregister_event_duration_listener(count)
    assert len(compiled_at_call) == 40
    assert compiled_at_call[0] > 0, "the listener hears nothing"
    assert compiled_at_call[6] == compiled_at_call[-1]  # after the first call, evaluation and save


def test_the_guard_sees_a_hidden_transfer():
    add = jax.jit(lambda x: x + 1).lower(np.float32(0)).compile()
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="Disallowed"):
        add(np.float32(0))


def test_memory_is_flat(monkeypatch):
    arrays, resident = [], []
    page = os.sysconf("SC_PAGE_SIZE")

    def look(call):
        if call % 100 == 0:
            gc.collect()
            arrays.append(len(jax.live_arrays()))
            resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * page)

    watched(monkeypatch, look)
    learner = LEARNER._replace(evaluate=lambda key, state: {"size": state.params.sum()})
    fit(learner, sample, Run(steps=1201, steps_per_call=1, eval_every=1, devices=1))
    assert arrays[2] == arrays[-1]
    growth = resident[-1] - resident[2]  # over 1,000 calls; one call's metrics are 100 bytes
    assert growth < 4e6, f"{growth / 1000:.0f} bytes a call"


@pytest.mark.slow
def test_a_warm_start_compiles_from_the_cache_and_a_corrupted_one_again(tmp_path):
    command = ("-m", "experiments", "ppo", "--preset=smoke", "--steps=2", "--eval_steps=10")
    cache = tmp_path / "cache"

    def run(name):
        workdir = tmp_path / name
        finish(start(*command, f"--workdir={workdir}", JAXDL_CACHE=str(cache)))
        return result(workdir)

    cold = run("cold")
    assert oct(cache.stat().st_mode)[-3:] == "700"
    entries = sorted(cache.glob("*-cache"))
    assert any("advance" in entry.name for entry in entries)
    times = [entry.stat().st_mtime_ns for entry in entries]
    warm = run("warm")
    assert [entry.stat().st_mtime_ns for entry in entries] == times  # none was compiled again
    for entry in entries:
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 1
        entry.write_bytes(content)
    corrupted = run("corrupted")
    assert corrupted["compile_seconds"] > warm["compile_seconds"]
    assert cold["fingerprint"] == warm["fingerprint"] == corrupted["fingerprint"]
    assert warm["compile_seconds"] < 0.6 * cold["compile_seconds"]


def test_a_cache_that_others_can_write_to_is_refused(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    message = finish(start("-m", "experiments", "ppo", "--steps=1", JAXDL_CACHE=str(cache)), 2)
    assert "can be written to by others" in message and len(message.splitlines()) == 1
