"""Sweeps as they run: cells, reports, growth, refusals, signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import optax
import pytest

from experiments import sweep
from experiments._sweep_plan import check_folder
from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import BadInput, Run, fit
from jaxdl.core.run import NonFinite
from jaxdl.pages import show_rounded
from tests.experiments.launch_files import write
from tests.experiments.sweeps import main, planned

ROOT = Path(__file__).parents[2]

GRID = {"learning_rate": [0.01, 0.1, 1e30], "note": ["plain", "<b>bold</b>"]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps") / "toy"
    return folder, sweep.sweep(planned(folder, GRID), main)


def test_a_cell_is_an_ordinary_run(swept, tmp_path):
    folder, result = swept
    cell = next(x for x in result["cells"] if x["settings"] == {"lr": 0.1, "note": "plain"})
    run = Run(steps=20, steps_per_call=5, devices=1, num_seeds=3)
    alone = fit(least_squares(optax.sgd(0.1)), sample, run)[1]
    assert cell["fingerprint"] == alone["fingerprint"]
    assert cell["metrics"] == alone["metrics"]
    written = json.loads((folder / "cells/lr-0.1_note-plain/result.json").read_text())
    assert written["fingerprint"] == cell["fingerprint"]
    kept = [p.name for p in (folder / "cells/lr-0.1_note-plain/checkpoints").glob("[0-9]*")]
    assert kept == ["20"]  # the newest alone


def test_the_result_ranks_all_cells(swept):
    folder, result = swept
    assert json.loads((folder / "result.json").read_text())["best"] == result["best"]
    means = [x["metrics"]["loss"]["mean"] for x in result["cells"] if x["status"] == "done"]
    assert len(means) == 4 and means == sorted(means)  # a loss: lower is better
    bad = [x for x in result["cells"] if x["settings"]["lr"] == 1e30]
    assert [x["status"] for x in bad] == ["not finite"] * 2
    assert all("is not finite at step" in x["message"] for x in bad)
    assert "lr=0.1 note=plain = lr=0.1 note=<b>bold</b>" in result["verdict"][0]


def test_the_report_shows_all_cells_and_escapes_them(swept):
    folder, result = swept
    page = (folder / "report.html").read_text()
    assert "&lt;b&gt;bold&lt;/b&gt;" in page and "<b>" not in page
    cells = re.findall(r"<td>(.*?)</td>", page.replace("\u00a0", " "))
    for cell in result["cells"]:
        if cell["status"] == "done":
            assert show_rounded(cell["metrics"]["loss"]) in cells
        else:
            assert f"not finite: {cell['message']}" in cells
    assert page.count("data:image/svg+xml;base64") == 3  # dots, heat map, curves
    assert not re.search(r"""(src|href)=["']?http""", page)


def never(config):
    raise AssertionError("a cell that had ended was run again")


def test_what_has_ended_is_not_run_again(swept, capsys):
    folder, result = swept
    again = sweep.sweep(planned(folder, GRID, metric="loss", lower=False), never)
    assert {x["name"]: x.get("fingerprint") for x in again["cells"]} == {
        x["name"]: x.get("fingerprint") for x in result["cells"]
    }
    assert (
        again["cells"][0]["settings"]["lr"] == 0.01 == result["cells"][3]["settings"]["lr"]
    )  # higher first
    assert "report: " in capsys.readouterr().out
    sweep.sweep(planned(folder, GRID), never)


def test_a_metric_that_no_cell_has_is_told_at_once(swept):
    with pytest.raises(BadInput, match="--metric=speed: should be one of loss"):
        sweep.sweep(planned(swept[0], GRID, metric="speed"), never)


def test_a_sweep_grows_but_does_not_change(tmp_path):
    ran = []

    def noted(config):
        ran.append(config.learning_rate)
        return main(config)

    folder = tmp_path / "toy"
    sweep.sweep(planned(folder, {"learning_rate": [0.1]}), noted)
    grown = planned(folder, {"learning_rate": [0.2, 0.1]}, eval_every=10)
    check_folder(folder, grown.described)
    assert len(sweep.sweep(grown, noted)["cells"]) == 2
    assert ran == [0.1, 0.2]
    others = {
        "--grid lr: it has 0.2 too": planned(folder, {"learning_rate": [0.1, 0.3]}),
        "swept: it has ['learning_rate']": planned(folder, {"sizes": [(1,), (2,)]}),
        "--num_seeds: it has 3, this one 4": planned(
            folder, {"learning_rate": [0.1, 0.2]}, num_seeds=4
        ),
        "--steps: it has 20, this one 30": planned(folder, {"learning_rate": [0.1, 0.2]}, steps=30),
    }
    for text, other in others.items():
        with pytest.raises(BadInput, match="holds another sweep") as error:
            check_folder(folder, other.described)
        assert text in str(error.value)
    run = folder / "cells/lr-0.1"
    with pytest.raises(BadInput, match="holds a run, not a sweep"):
        check_folder(run, planned(run, {"learning_rate": [0.1]}).described)


def test_a_refused_cell_is_told_and_tried_again(tmp_path):
    def choosy(config):
        if config.kind == "b":
            raise BadInput("b is not to be had")
        return main(config)

    plan = planned(tmp_path / "toy", {"kind": ["b", "a"]})
    cells = {x["name"]: x for x in sweep.sweep(plan, choosy)["cells"]}
    assert (cells["kind-b"]["status"], cells["kind-a"]["status"]) == ("refused", "done")
    assert cells["kind-b"]["message"] == "b is not to be had"
    assert all(x["status"] == "done" for x in sweep.sweep(plan, main)["cells"])


def test_a_sweep_without_any_number_fails(tmp_path):
    with pytest.raises(NonFinite, match="no cell"):
        sweep.sweep(planned(tmp_path / "toy", {"learning_rate": [1e30]}), main)
    assert "not finite" in (tmp_path / "toy/report.html").read_text()


def test_a_signal_ends_the_sweep_and_the_next_start_goes_on(tmp_path, capsys):
    def stopped(config):
        if config.learning_rate == 0.2:
            raise SystemExit(143)  # what `fit` raises when it has saved
        return main(config)

    plan = planned(tmp_path / "toy", {"learning_rate": [0.1, 0.2]})
    with pytest.raises(SystemExit, match="143"):
        sweep.sweep(plan, stopped)
    assert f"--workdir={tmp_path / 'toy'} goes on" in capsys.readouterr().err
    statuses = [
        x["status"] for x in json.loads((tmp_path / "toy/result.json").read_text())["cells"]
    ]
    assert statuses == ["done", "not run"]
    assert [x["status"] for x in sweep.sweep(plan, main)["cells"]] == ["done", "done"]


def test_a_cell_cut_before_its_result_keeps_its_training_metrics(tmp_path):
    plan = planned(tmp_path / "toy", {"learning_rate": [0.1]})
    whole = sweep.sweep(plan, main)["cells"][0]
    for name in ("cell.json", "result.json"):
        (tmp_path / "toy/cells/lr-0.1" / name).unlink()
    again = sweep.sweep(plan, main)["cells"][0]
    assert again["metrics"] == whole["metrics"] and "loss" in whole["metrics"]
    assert again["fingerprint"] == whole["fingerprint"]


def test_two_sweeps_cannot_share_a_folder(tmp_path):
    plan = planned(tmp_path / "toy", {"learning_rate": [0.1]})

    def meanwhile(config):
        with pytest.raises(BadInput, match="another run is at work"):
            sweep.sweep(plan, never)
        return main(config)

    sweep.sweep(plan, meanwhile)


def call(*arguments, **environment):
    command = [sys.executable, "-m", "experiments", "sweep", *map(str, arguments)]
    path = f"{environment.pop('first', ROOT)}{os.pathsep}{ROOT}"
    environment = os.environ | {"PYTHONPATH": path} | environment
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("pp", "--grid=lr=1"), "did you mean ppo?"),
        (("tour",), "unknown system 'tour'"),
        (("--grid=lr=1", "ppo"), "the system comes first: ./run sweep ppo"),
        (("ppo",), "--grid is missing"),
        (("ppo", "--grid", "lrr=1e-4"), "did you mean 'lr'?"),
        (("ppo", "--grid", "clip=0.1,7", "--num_envs=8"), "--clip must be above 0 and at most 1"),
    ],
)
def test_mistakes_are_told_in_a_line_before_jax_is_loaded(tmp_path, arguments, text):
    (tmp_path / "jax.py").write_text("raise RuntimeError('too early')")
    process = call(*arguments, first=tmp_path)
    out, message = process.communicate(timeout=60)
    assert process.returncode == 2 and text in message
    assert len(message.strip().splitlines()) == 1 and not out


def test_usage_and_help(tmp_path):
    out, _ = call().communicate(timeout=60)
    assert "./run sweep ppo --grid lr=1e-4,3e-4" in out
    out, _ = call("ppo", "--help").communicate(timeout=60)
    for name in ("--grid", "--metric", "--[no]lower_is_better", "--learning_rate", "--preset"):
        assert name in out


def test_a_launch_file_of_ones_own_is_swept(tmp_path):
    path = write(tmp_path / "own") / "linear.py"
    arguments = (path, "--preset=smoke", "--grid=width=1,2", f"--workdir={tmp_path}/s")
    process = call(*arguments, PYTHONIOENCODING="ascii")
    out, message = process.communicate(timeout=120)
    assert process.returncode == 0, message
    result = json.loads((tmp_path / "s/result.json").read_text())
    assert (result["metric"], result["system"]) == ("eval/size", "linear")  # its headline
    assert [cell["status"] for cell in result["cells"]] == ["done", "done"]
    assert "width  eval/size" in out and "report: " in out
    config = json.loads((tmp_path / "s/cells/width-2/config.json").read_text())
    assert config["launch_file"] == str(path)


SMALL = ("ppo", "--preset=smoke", "--grid", "lr=1e-3,5e-3", "--grid=clip=0.2", "--num_seeds=2")
SMALL += ("--steps=16", "--steps_per_call=2", "--save_every=2", "--eval_steps=10", "--devices=1")


@pytest.fixture
def start(tmp_path):
    """Starts the small sweep in a folder; what still runs at the end of the test is killed."""
    started = []

    def begin(name):
        started.append(call(*SMALL, f"--workdir={tmp_path / name}"))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def cut(process, number, checkpoints, step):
    """Sends a signal once there is a checkpoint of that step or a later one."""
    deadline = time.monotonic() + 120
    while not any(p.name.isdigit() and int(p.name) >= step for p in checkpoints.glob("*")):
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.005)
    process.send_signal(number)
    return process.communicate(timeout=120)[1]


@pytest.mark.slow
def test_a_sweep_killed_and_stopped_ends_with_the_same_bits(tmp_path, start):
    """SIGKILL in the second cell, then SIGTERM there, then to the end."""
    second = tmp_path / "cut/cells/lr-0.005_clip-0.2/checkpoints"
    process = start("cut")
    cut(process, signal.SIGKILL, second, 2)
    assert process.returncode == -signal.SIGKILL
    process = start("cut")
    message = cut(process, signal.SIGTERM, second, 6)
    assert process.returncode == 143, message
    assert "goes on" in message and "cell 2/2" in message and "cell 1/2" not in message
    cells = {}
    for name in ("cut", "straight"):
        process = start(name)
        out, message = process.communicate(timeout=240)
        assert process.returncode == 0, message
        assert ("resuming" in message) == (name == "cut")
        result = json.loads((tmp_path / name / "result.json").read_text())
        cells[name] = [(x["name"], x["fingerprint"], x["metrics"]) for x in result["cells"]]
        assert "eval/episode_return" in out
    assert cells["cut"] == cells["straight"]
