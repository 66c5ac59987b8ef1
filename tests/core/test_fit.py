import json
import os
import re
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import BadInput, HostData, Learner, Run, TrainState, fingerprint, fit, over_seeds
from jaxdl.core.data import host_seeds
from jaxdl.core.logs import interval, read_metrics
from jaxdl.core.run import NonFinite

LEARNER = least_squares(optax.adam(1e-2))


def run(tmp_path, **changes):
    settings = {"steps": 40, "steps_per_call": 10, "workdir": str(tmp_path / "run"), "devices": 1}
    return fit(LEARNER, sample, Run(**settings | changes), samples_per_step=256)


def test_training_equals_the_plain_loop():
    """The driver adds nothing: the same keys through a Python loop give the same parameters."""
    state, _ = fit(LEARNER, sample, Run(steps=7, steps_per_call=3, seed=5, devices=1))
    init_key, run_key, *_ = jax.random.split(jax.random.key(5), 4)
    expected = LEARNER.init(jax.random.fold_in(init_key, 0))  # of seed 0
    for step in range(7):
        data_key, step_key = jax.random.split(jax.random.fold_in(run_key, step))
        batch = sample(jax.random.fold_in(data_key, 0), step)
        expected, _ = LEARNER.step(jax.random.fold_in(step_key, 0), expected, batch)
    np.testing.assert_allclose(state.params, expected.params, atol=1e-6)


def test_result_and_metrics(tmp_path):
    state, result = run(tmp_path, eval_every=20)
    written = json.loads((tmp_path / "run/result.json").read_text())
    assert written == result
    assert result["fingerprint"] == fingerprint(state)
    for key in ("system", "preset", "config", "seed", "num_seeds", "steps", "compile_seconds"):
        assert key in result
    assert {"wall_seconds", "samples_per_second", "versions", "device"} <= result.keys()
    rows = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [row["step"] for row in rows] == [10, 20, 30, 40]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert result["window"] == {"first_step": 37, "last_step": 40}
    assert result["metrics"]["loss"]["mean"] < rows[-1]["loss"]  # of the last 4 steps, not 10
    page = (tmp_path / "run/report.html").read_text()
    assert "data:image/svg+xml;base64" in page
    assert not re.search(r"""(src|href)=["']?http""", page)


def test_steps_per_call_does_not_change_the_result():
    ends = [fit(LEARNER, sample, Run(steps=12, steps_per_call=n, devices=1))[0] for n in (1, 5, 12)]
    for end in ends[1:]:
        np.testing.assert_allclose(end.params, ends[0].params, rtol=0, atol=1e-7)


def test_resume_is_exact(tmp_path):
    straight = run(tmp_path / "a", save_every=20)[1]
    run(tmp_path / "b", steps=20)
    resumed = run(tmp_path / "b")[1]
    assert resumed["fingerprint"] == straight["fingerprint"]
    rows = [read_metrics(tmp_path / f"{x}/run/metrics.jsonl") for x in "ab"]
    assert [r["step"] for r in rows[0]] == [r["step"] for r in rows[1]]
    assert run(tmp_path / "b")[1] == resumed  # it was over already


def test_a_run_cut_before_its_result_is_evaluated_again(tmp_path):
    straight = run(tmp_path)[1]
    (tmp_path / "run/result.json").unlink()
    assert run(tmp_path)[1]["fingerprint"] == straight["fingerprint"]


def test_leaves_without_elements_are_saved_and_restored(tmp_path):
    """MJX's worlds have them: activations [num_envs, 0] of models without muscles."""

    def init(key):
        return TrainState(jnp.zeros(3), (), actors={"act": jnp.zeros((4, 0)), "qpos": jnp.ones(4)})

    learner = Learner(init, lambda key, state, batch: (state, {"one": jnp.float32(1)}))
    settings = {"steps_per_call": 1, "devices": 2, "workdir": str(tmp_path / "run")}
    fit(learner, (), Run(steps=1, **settings))
    state, _ = fit(learner, (), Run(steps=2, **settings))
    assert state.actors["act"].shape == (4, 0) and state.actors["act"].dtype == jnp.float32
    np.testing.assert_array_equal(state.actors["qpos"], np.ones(4))


def test_a_damaged_checkpoint_is_passed_over(tmp_path, capsys):
    straight = run(tmp_path, save_every=10)[1]["fingerprint"]
    newest = tmp_path / "run/checkpoints/40"
    damaged = max((p for p in newest.rglob("d/*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert run(tmp_path, save_every=10)[1]["fingerprint"] == straight
    warning = [x for x in capsys.readouterr().err.splitlines() if "is not used" in x]
    assert len(warning) == 1 and "checkpoint 40" in warning[0] and damaged.name in warning[0]
    (tmp_path / "run/checkpoints/40/manifest.json").unlink()
    assert run(tmp_path, save_every=10)[1]["fingerprint"] == straight


def test_another_configuration_is_refused(tmp_path):
    run(tmp_path, config={"lr": 0.1, "sizes": (64, 64)})
    run(tmp_path, config={"lr": 0.1, "sizes": (64, 64)})
    with pytest.raises(BadInput, match=r"--lr: it has 0\.1, this run 0\.2"):
        run(tmp_path, config={"lr": 0.2, "sizes": (64, 64)})
    with pytest.raises(BadInput, match="--seed: it has 0, this run 1"):
        run(tmp_path, config={"lr": 0.1, "sizes": (64, 64)}, seed=1)


def test_another_kind_of_state_is_refused(tmp_path):
    run(tmp_path)
    other = least_squares(optax.sgd(0.1))
    with pytest.raises(BadInput, match="holds another kind of state") as error:
        fit(other, sample, Run(steps=50, devices=1, workdir=str(tmp_path / "run")))
    assert "opt_state" in str(error.value)
    assert len(str(error.value).splitlines()) <= 15


@pytest.mark.parametrize(
    "other, line",
    [
        (lambda w: w.astype(jnp.bfloat16), "expected [[64, 64], 'bfloat16'], found [[64, 64], 'f"),
        (lambda w: w[:32], "expected [[32, 64], 'float32'], found [[64, 64], 'float32']"),
        (lambda w: {"kernel": w}, ".params['kernel']: expected [[64, 64], 'float32'], found None"),
    ],
    ids=["dtype", "shape", "structure"],
)
def test_nothing_is_cast_and_nothing_is_loaded(tmp_path, other, line):
    """Orbax alone would turn float32 into bfloat16 without a word."""
    run(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run/checkpoints").rglob("*")}

    def init(key):
        state = LEARNER.init(key)
        return state._replace(params=other(state.params))

    with pytest.raises(BadInput) as error:
        fit(LEARNER._replace(init=init), sample, Run(devices=1, workdir=str(tmp_path / "run")))
    assert line in str(error.value)
    assert len(str(error.value).splitlines()) <= 15
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run/checkpoints").rglob("*")} == before


def test_non_finite_values_end_the_run_and_are_not_saved(tmp_path):
    def step(key, state, batch):
        params = jnp.where(state.params > 24, jnp.nan, state.params + 1)
        return state._replace(params=params), {"level": params}

    learner = Learner(lambda key: TrainState(jnp.float32(0), ()), step)
    settings = Run(steps=60, steps_per_call=10, save_every=10, workdir=str(tmp_path / "run"))
    with pytest.raises(NonFinite, match="level is not finite at step 26"):
        fit(learner, (), settings)
    assert sorted(p.name for p in (tmp_path / "run/checkpoints").glob("[0-9]*")) == ["10", "20"]


def test_non_finite_parameters_are_seen_behind_finite_metrics():
    def step(key, state, batch):
        return state._replace(params=state.params / 0), {"fine": jnp.float32(1)}

    learner = Learner(lambda key: TrainState(jnp.float32(1), ()), step)
    with pytest.raises(NonFinite, match="parameter"):
        fit(learner, (), Run(steps=4, steps_per_call=2))


def test_seeds_are_independent_and_summarized():
    states, result = fit(LEARNER, sample, Run(steps=5, steps_per_call=5, num_seeds=3, devices=1))
    assert states.params.shape[0] == 3
    assert not np.allclose(states.params[0], states.params[1])
    loss = result["metrics"]["loss"]
    assert len(set(loss["values"])) == 3
    assert loss == interval(loss["values"])


def test_a_seed_does_not_depend_on_the_number_of_seeds():
    key = jax.random.key(3)
    two, three = (over_seeds(LEARNER, n).init(key).params for n in (2, 3))
    np.testing.assert_array_equal(two, three[:2])


def test_interval_is_students():
    # n = 3, sd = 1: t(0.975, 2) / sqrt(3) = 4.30265 / 1.73205
    assert interval([1.0, 2.0, 3.0])["ci95"] == pytest.approx(2.48414, abs=1e-5)
    assert interval(2.0) == {"mean": 2.0, "ci95": None, "values": [2.0]}


@pytest.mark.parametrize("seeds", [1, 2])
def test_devices_do_not_change_the_result(seeds):
    settings = {"steps": 10, "steps_per_call": 5, "num_seeds": seeds}
    one, four = (fit(LEARNER, sample, Run(devices=d, **settings))[0] for d in (1, 4))
    np.testing.assert_allclose(one.params, four.params, atol=1e-5)


def test_a_run_goes_on_with_another_number_of_devices(tmp_path):
    straight, _ = run(tmp_path / "a")
    run(tmp_path / "b", steps=20, devices=4)
    state, _ = run(tmp_path / "b", devices=2)
    np.testing.assert_allclose(state.params, straight.params, atol=1e-5)


def test_indivisible_sizes_are_refused():
    with pytest.raises(BadInput, match="batch_size=6 is not divisible by devices=4"):
        fit(LEARNER, lambda key, step: jnp.zeros((6, 64)), Run(devices=4))
    actors = Learner(lambda key: TrainState((), (), actors=jnp.zeros((6, 2))), LEARNER.step)
    with pytest.raises(BadInput, match="num_envs=6 is not divisible by devices=4"):
        fit(actors, (), Run(devices=4))
    with pytest.raises(BadInput, match="--devices=9"):
        fit(LEARNER, sample, Run(devices=9))


@pytest.mark.parametrize("seeds", [1, 2])
def test_host_data_is_a_function_of_seed_step_and_row(seeds):
    def fetch(seed, step, rows):
        generators = [np.random.default_rng((seed, step, row)) for row in rows]
        return np.stack([g.normal(size=64).astype(np.float32) for g in generators])

    data = HostData(fetch, batch_size=8)
    settings = {"steps": 7, "seed": 4, "num_seeds": seeds}
    one, _ = fit(LEARNER, data, Run(steps_per_call=3, devices=1, **settings))
    four, _ = fit(LEARNER, data, Run(steps_per_call=7, devices=4, **settings))
    np.testing.assert_allclose(one.params, four.params, atol=1e-5)
    if seeds == 1:
        init_key, *_, data_key = jax.random.split(jax.random.key(4), 4)
        (stream,) = host_seeds(data_key, range(1))
        expected = LEARNER.init(jax.random.fold_in(init_key, 0))
        for step in range(7):
            expected, _ = LEARNER.step(None, expected, fetch(stream, step, np.arange(8)))
        np.testing.assert_allclose(one.params, expected.params, atol=1e-6)


SCRIPT = """
import sys, optax
from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import Run, fit, mesh
mesh.prepare_jax()
steps, folder = int(sys.argv[1]), sys.argv[2]
fit(least_squares(optax.adam(1e-2)), sample,
    Run(steps=steps, steps_per_call=10, save_every=200, devices=1, workdir=folder))
"""


def launch(steps, folder):
    command = [sys.executable, "-c", SCRIPT, str(steps), str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=os.getcwd())


def wait_for(condition, process):
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.01)


@pytest.mark.parametrize("number, code", [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_run_that_is_ended_goes_on_bit_for_bit(tmp_path, number, code):
    # An endless run is cut after its first checkpoint, then finished some way beyond the cut: it
    # must agree with a run that never stopped.
    process = launch(10**6, tmp_path / "cut")
    wait_for(lambda: (tmp_path / "cut/checkpoints/200/manifest.json").exists(), process)
    process.send_signal(number)
    message = process.communicate()[1]
    assert process.returncode == code, message
    saved = max(
        int(p.name) for p in (tmp_path / "cut/checkpoints").glob("[0-9]*") if p.name.isdigit()
    )
    if number == signal.SIGTERM:
        assert f"stopped at step {saved}" in message
    with (tmp_path / "cut/metrics.jsonl").open("a") as file:
        file.write('{"step": 99')  # a line that the kill has cut
    end = (saved // 200 + 2) * 200
    results = []
    for name in ("cut", "straight"):
        process = launch(end, tmp_path / name)
        assert process.wait(60) == 0, process.stderr.read()
        results.append(json.loads((tmp_path / name / "result.json").read_text())["fingerprint"])
        rows = read_metrics(tmp_path / name / "metrics.jsonl")
        assert [row["step"] for row in rows] == list(range(10, end + 1, 10))
    assert results[0] == results[1]
