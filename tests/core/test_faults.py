"""What the driver promises when things go wrong: each test does the wrong thing for real."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import BadInput, Learner, Run, TrainState, fit
from jaxdl.core.checkpoint import open_checkpoints
from jaxdl.core.logs import read_metrics
from jaxdl.core.run import NonFinite
from tests.core.helpers import ROOT, TOY, finish, result, run_toy, saved_steps, start, wait_for


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The fingerprint of the toy's run that nothing went wrong with."""
    folder = tmp_path_factory.mktemp("straight")
    run_toy(folder)
    return result(folder)["fingerprint"]


@pytest.mark.slow
def test_killed_again_and_again_a_run_ends_with_the_same_bits(tmp_path, straight):
    dice = random.Random(0)
    checkpoints = tmp_path / "checkpoints"
    for attempt in range(6):
        process = start(*TOY, f"--workdir={tmp_path}", "--pause=0.02")
        before = saved_steps(tmp_path)
        if attempt % 2:  # in the midst of a save
            wait_for(lambda: list(checkpoints.glob("*-tmp*")), process)
        else:
            wait_for(lambda old=before: saved_steps(tmp_path)[-1:] > old[-1:], process)
            process.poll() or wait_for(lambda: dice.random() < 0.1, process)
        process.kill()
        finish(process, -9)
        rows = read_metrics(tmp_path / "metrics.jsonl")
        last = rows[-1]["step"] if rows else 0
        assert last - max(saved_steps(tmp_path), default=0) <= 10 + 10  # one save may be under way
    assert 0 < saved_steps(tmp_path)[-1] < 100
    message = run_toy(tmp_path)
    assert f"resuming {tmp_path} at step" in message
    assert result(tmp_path)["fingerprint"] == straight
    steps = [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")]
    assert steps == list(range(5, 101, 5))
    assert not list(checkpoints.glob("*-tmp*"))


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "run"
    run = Run(steps=40, steps_per_call=20, save_every=20, devices=1, workdir=str(folder))
    state, _ = fit(least_squares(optax.adam(1e-2)), sample, run)
    return folder / "checkpoints", state


def restored(folder, state):
    """What a restore gives, and the warnings it wrote."""
    warnings = []
    checkpoints = open_checkpoints(folder, warn=warnings.append)
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract_state = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state
    )
    saved = checkpoints.restore(abstract_state, None)
    checkpoints.close()
    return saved.step, saved.state, warnings


def test_no_flipped_bit_is_restored(two_checkpoints, tmp_path):
    """In every file of the newest checkpoint, at several places each."""
    folder, state = two_checkpoints
    files = sorted(p.relative_to(folder) for p in (folder / "40").rglob("*") if p.is_file())
    dice = random.Random(1)
    refused = 0
    for turn, name in enumerate(files * 3):
        copy = tmp_path / str(turn)
        shutil.copytree(folder, copy)
        content = bytearray((copy / name).read_bytes())
        if not content:
            continue
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        (copy / name).write_bytes(content)
        step, found, warnings = restored(copy, state)
        if step == 40:  # the damage was where nothing is read from
            assert jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), found, state)), name
        else:
            refused += 1
            assert step == 20 and len(warnings) == 1 and "checkpoint 40 is not used" in warnings[0]
            assert [p.name for p in copy.glob("40.damaged-*")]
    assert refused >= 0.8 * 3 * len(files)


@pytest.mark.parametrize("damage", ["truncated", "missing", "no manifest"])
def test_truncated_and_missing_files_are_named(two_checkpoints, tmp_path, damage):
    folder, state = two_checkpoints
    shutil.copytree(folder, tmp_path / "copy")
    data = (p for p in (tmp_path / "copy/40").rglob("d/*") if p.is_file())
    victim = max(data, key=lambda p: p.stat().st_size)
    if damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif damage == "missing":
        victim.unlink()
    else:
        victim = tmp_path / "copy/40/manifest.json"
        victim.unlink()
    step, _, warnings = restored(tmp_path / "copy", state)
    assert step == 20
    assert len(warnings) == 1 and victim.name.split(".")[0] in warnings[0]


def in_small_file_system(folder, script, timeout=120):
    """Runs a shell script where `folder` is a file system of 3 MB."""
    mount = f"mount -t tmpfs -o size=3m tmpfs {folder} && "
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    if not shutil.which("unshare") or subprocess.run([*namespace, mount + "true"]).returncode:
        pytest.skip("needs the right to mount a file system in a name space of one's own")
    return subprocess.run(
        [*namespace, mount + script], cwd=ROOT, capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.slow
def test_a_full_disk_ends_the_run_and_spoils_nothing(tmp_path, straight):
    toy = f"PYTHONPATH={ROOT} {sys.executable} {TOY[0]} --workdir={tmp_path}/run"
    fill = "2>/dev/null dd if=/dev/zero bs=1k of=" + str(tmp_path / "filler")
    done = in_small_file_system(
        tmp_path,
        f"""
        code() {{ "$@" && echo exit 0 || echo exit $?; }}
        export XLA_FLAGS= JAX_PLATFORMS=cpu
        code env {toy} --steps=20
        {fill} || true
        truncate --size=-60K {tmp_path}/filler
        code env {toy}
        ls {tmp_path}/run/checkpoints
        {fill} || true
        truncate --size=-16K {tmp_path}/filler
        code env {toy} --full --pause=0.05
        rm {tmp_path}/filler
        ls {tmp_path}/run/checkpoints
        code env {toy}
        grep -o '"fingerprint": "[0-9a-f]*"' {tmp_path}/run/result.json
        """,
    )
    lines = done.stdout.split("\n")
    assert [x for x in lines if x.startswith("exit")] == ["exit 0", "exit 4", "exit 4", "exit 0"]
    assert {"10", "20"} <= set(lines)
    assert straight in done.stdout
    told = [x for x in done.stderr.splitlines() if x.startswith("jaxdl: ")]
    assert any("no room for checkpoint 30" in x for x in told), done.stderr
    assert any("could not be written" in x and "no space is left" in x for x in told), done.stderr


def test_a_failed_save_ends_the_run_soon(tmp_path, monkeypatch):
    """Not at the next save: at the next call."""
    from jaxdl.core import checkpoint
    from jaxdl.core.run import NotSaved

    def fail(folder, pending):
        raise OSError("the disk is gone")

    monkeypatch.setattr(checkpoint, "_seal", fail)
    learner = least_squares(optax.sgd(0.1))
    run = Run(steps=10**6, steps_per_call=10, save_every=10, devices=1, workdir=str(tmp_path / "r"))
    with pytest.raises(NotSaved, match="the disk is gone"):
        fit(learner, sample, run)
    assert not saved_steps(tmp_path / "r")


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_during_compilation(tmp_path, number, code):
    command = ("-m", "experiments", "ppo", "--preset=smoke", "--steps=4", "--steps_per_call=1")
    command += ("--eval_steps=10", f"--workdir={tmp_path / 'run'}")
    process = start(*command, cache=False)
    wait_for(lambda: (tmp_path / "run/metrics.jsonl").exists(), process)  # opened before compiling
    process.send_signal(number)
    message = finish(process, code)
    assert "saving at the end of this call" in message and "Traceback" not in message
    assert saved_steps(tmp_path / "run") in ([0], [1])
    finish(start(*command))
    finish(start(*command[:-1], f"--workdir={tmp_path / 'straight'}"))
    ends = [result(tmp_path / name)["fingerprint"] for name in ("run", "straight")]
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_signals_during_evaluation(tmp_path, straight):
    process = start(*TOY, f"--workdir={tmp_path}", "--evaluation=2", "--eval_every=20")
    wait_for(lambda: (tmp_path / "evaluating").exists(), process)
    process.send_signal(signal.SIGTERM)
    finish(process, 143)
    assert 20 <= saved_steps(tmp_path)[-1] <= 30
    run_toy(tmp_path)
    assert result(tmp_path)["fingerprint"] == straight


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once(tmp_path):
    process = start(*TOY, f"--workdir={tmp_path}", "--evaluation=60", "--eval_every=20")
    wait_for(lambda: (tmp_path / "evaluating").exists(), process)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGINT)
    assert "ended without saving" in finish(process, 130, seconds=10)
    assert saved_steps(tmp_path)  # those of before


def bad_steps(bad):
    """A learner that counts to the number of its good steps; `bad(count, draw)` says which fail."""

    def step(key, state, batch):
        fails = bad(state.params, jax.random.uniform(key))
        params = jnp.where(fails, jnp.nan, state.params + 1)
        return state._replace(params=params), {"level": params}

    return Learner(lambda key: TrainState(jnp.float32(0), ()), step)


def test_bad_updates_are_skipped_and_counted(tmp_path):
    learner = bad_steps(lambda count, draw: draw < 0.3)
    run = Run(steps=40, steps_per_call=10, skip_nonfinite=5, workdir=str(tmp_path / "run"))
    state, _ = fit(learner, (), run)
    rows = read_metrics(tmp_path / "run/metrics.jsonl")
    skipped = sum(row["skipped"] for row in rows)
    assert 5 <= skipped <= 20
    assert state.params == 40 - skipped
    assert all(np.isfinite(row["level"]) for row in rows)


def test_each_seed_skips_its_own_bad_updates():
    learner = bad_steps(lambda count, draw: draw < 0.3)
    run = Run(steps=20, steps_per_call=10, skip_nonfinite=8, num_seeds=3, seed=1)
    states, outcome = fit(learner, (), run)
    assert len(set(states.params.tolist())) == 3
    assert np.all(states.params < 20)
    assert len(outcome["metrics"]["skipped"]["values"]) == 3


def test_too_many_bad_updates_in_a_row_end_the_run(tmp_path):
    """Every step fails from count 24 on: the third in a row, step 27, is one too many."""
    learner = bad_steps(lambda count, draw: count >= 24)
    run = Run(steps=60, steps_per_call=10, save_every=10, skip_nonfinite=2)
    run = Run(**{**vars(run), "workdir": str(tmp_path / "run")})
    with pytest.raises(NonFinite, match="level is not finite at step 27, 3 times in a row"):
        fit(learner, (), run)
    assert saved_steps(tmp_path / "run") == [10, 20]


def test_an_evaluation_that_is_not_finite_ends_the_run():
    learner = least_squares(optax.sgd(0.1))._replace(evaluate=lambda key, state: {"x": jnp.inf})
    with pytest.raises(NonFinite, match="eval/x is not finite at step 3"):
        fit(learner, sample, Run(steps=3, steps_per_call=3, devices=1))


def test_the_newest_checkpoints_and_every_so_many_are_kept(tmp_path):
    run = {"steps": 100, "steps_per_call": 5, "save_every": 10, "keep": 2, "keep_every": 40}
    fit(
        least_squares(optax.sgd(0.1)),
        sample,
        Run(**run, devices=1, workdir=str(tmp_path / "run")),
    )
    assert saved_steps(tmp_path / "run") == [40, 80, 90, 100]
    with pytest.raises(BadInput, match="--keep_every=40 must be a multiple of --save_every=30"):
        Run(save_every=30, keep_every=40)


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_not(tmp_path):
    process = start(*TOY, f"--workdir={tmp_path}", "--pause=0.1")
    wait_for(lambda: (tmp_path / "metrics.jsonl").exists(), process)
    message = run_toy(tmp_path, code=2)
    assert "another run is at work" in message and len(message.splitlines()) == 1
    process.kill()
    finish(process, -9)
    assert Path(tmp_path / "lock").exists()
    run_toy(tmp_path, "--steps=20")


@pytest.mark.slow
def test_a_crashed_run_is_started_again(tmp_path, straight):
    process = start(*TOY, f"--workdir={tmp_path}", "--pause=0.02", "--max_restarts=1")
    wait_for(lambda: saved_steps(tmp_path), process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    subprocess.run(["kill", "-KILL", *children], check=True)
    message = finish(process)
    assert "ended with exit code 137; 1 restarts left" in message
    assert "resuming" in message
    assert result(tmp_path)["fingerprint"] == straight


@pytest.mark.slow
def test_a_restarted_run_hands_signals_on_and_knows_what_would_fail_again(tmp_path):
    process = start(*TOY, f"--workdir={tmp_path}", "--pause=0.05", "--max_restarts=9")
    wait_for(lambda: saved_steps(tmp_path), process)
    process.send_signal(signal.SIGTERM)
    assert "restarts left" not in finish(process, 143)
    assert "other settings" in run_toy(tmp_path, "--seed=1", "--max_restarts=9", code=2)


@pytest.mark.slow
def test_a_hang_is_noticed(tmp_path):
    hang = tmp_path / "hang"
    process = start(*TOY, f"--workdir={tmp_path}/run", f"--hang={hang}", "--watchdog=3")
    wait_for(lambda: saved_steps(tmp_path / "run"), process)
    hang.touch()
    message = finish(process, 1, seconds=20)
    assert "Timeout" in message and "in train" in message and "in fetch" in message
