import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import optax
import pytest
import scipy.stats
from absl import flags

from experiments import _compare as compare
from experiments import sweep
from experiments._grid import cell_name, layout, read_grid
from experiments._sweep_plan import check_folder
from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import BadInput, Run, fit
from jaxdl.core.logs import interval
from jaxdl.core.run import NonFinite, option
from jaxdl.launch.flags import as_dict, configure, define
from jaxdl.pages import show_rounded
from tests.experiments.launch_files import write

Wanted = compare.Wanted
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Config:
    run: Run = Run(steps=20, steps_per_call=5, devices=1)
    learning_rate: float = option(0.1, "step size", short="lr", above=0)
    sizes: tuple[int, ...] = option((4, 4), "widths")
    note: str = option("", "some text")
    squash: bool = option(False, "squash")
    clip: float | None = option(None, "clip range")
    kind: Literal["a", "b"] = option("a", "which")


PRESETS = {"smoke": Config()}


def main(config):
    """Least squares by gradient descent, which a huge step size makes infinite."""
    return fit(least_squares(optax.sgd(config.learning_rate)), sample, config.run)


@pytest.fixture
def parsed():
    """Parses flags as `launch` does, and forgets them afterwards."""
    before = set(flags.FLAGS)
    define(PRESETS["smoke"])
    yield lambda *arguments: flags.FLAGS(["sweep", *arguments])
    flags.FLAGS.remove_flag_values(set(flags.FLAGS) - before)
    flags.FLAGS.unparse_flags()


def planned(folder, grid, *, metric="", lower=None, **values):
    settings = {"workdir": str(folder), "num_seeds": 3} | values
    config = configure("toy", PRESETS, "smoke", settings)
    described = {
        "system": "toy",
        "preset": "smoke",
        "grid": {"lr" if name == "learning_rate" else name: x for name, x in grid.items()},
        "swept": list(grid),
        "settings": as_dict(config),
    }
    described = json.loads(json.dumps(described))
    cells = layout(grid, config, str(folder), PRESETS)
    return sweep.Plan(config.run, described, cells, metric, lower)


def test_a_grid_is_read_as_the_flags_are(parsed):
    parsed()
    texts = ["sizes=64x64,32", "squash=true,false", "clip=none,0.5", "kind=b", "lr=1e-4,3"]
    grid = read_grid(texts, PRESETS["smoke"])
    assert grid == {
        "learning_rate": [1e-4, 3.0],
        "sizes": [(64, 64), (32,)],
        "squash": [True, False],
        "clip": [None, 0.5],
        "kind": ["b"],
    }
    assert list(grid) == ["learning_rate", "sizes", "squash", "clip", "kind"]  # the Config's order


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ["a", "b"]),
        ("bandit:arms=5,bandit:arms=10", ["bandit:arms=5", "bandit:arms=10"]),
        ("mjx/cartpole:task=swingup,randomize=0.2;pendulum", [
            "mjx/cartpole:task=swingup,randomize=0.2", "pendulum",
        ]),
        ("a:b=1,c=2;", ["a:b=1,c=2"]),
        ('"a:b=1,c=2",d', ["a:b=1,c=2", "d"]),
        ("'a;b', c", ["a;b", "c"]),
        ('"a:b=1,c=2"', ["a:b=1,c=2"]),
    ],
)  # fmt: skip
def test_values_may_hold_commas(parsed, text, values):
    parsed()
    assert read_grid([f"note={text}"], PRESETS["smoke"]) == {"note": values}


BAD = {
    'note="a,b': "a quote is not closed",
    "note=a;;b": "a value is missing",
    "first_seed=1,2": "--num_seeds",
    "lr": "should be setting=value,value",
    "lrr=1": "did you mean 'lr'",
    "lr=fast": "'fast' is not of type float",
    "lr=": "a value is missing",
    "lr=1,,2": "a value is missing",
    "lr=1,1.0": "1.0 is given twice",
    "sizes=4x,a": "'a' is not of the form 64x64",
    "kind=c": "should be one of <a|b>",
    "seed=1,2": "--num_seeds",
    "num_seeds=1,2": "--num_seeds",
    "workdir=a": "changes nothing",
    "devices=1,2": "changes nothing",
    "clip=1": "given twice",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_grid_is_refused(parsed, text):
    parsed("--clip=0.5")
    with pytest.raises(BadInput, match=re.escape(BAD[text])):
        read_grid([text], PRESETS["smoke"])


def test_a_setting_is_given_once(parsed):
    parsed()
    with pytest.raises(BadInput, match="learning_rate is given twice"):
        read_grid(["lr=1", "learning_rate=2"], PRESETS["smoke"])
    with pytest.raises(BadInput, match="--grid is missing"):
        read_grid([], PRESETS["smoke"])


def test_the_names_of_cells():
    assert cell_name({"lr": 1e-4, "clip": 0.1}) == "lr-0.0001_clip-0.1"
    assert cell_name({"sizes": (64, 32), "squash": True, "clip": None}) == (
        "sizes-64x32_squash-true_clip-none"
    )
    odd = [cell_name({"env": name}) for name in ("brax/ant", "brax.ant", "../x", "é" * 200)]
    assert len(set(odd)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) for name in odd)


def test_cells_are_what_the_flags_would_give(tmp_path):
    plan = planned(tmp_path, {"learning_rate": [0.1, 0.2], "steps": [20, 50]})
    assert [cell.settings for cell in plan.cells] == [
        {"lr": 0.1, "steps": 20},
        {"lr": 0.1, "steps": 50},
        {"lr": 0.2, "steps": 20},
        {"lr": 0.2, "steps": 50},
    ]
    config = plan.cells[3].config
    assert (config.learning_rate, config.run.steps, config.run.num_seeds) == (0.2, 50, 3)
    assert config.run.save_every == 5  # a tenth
    assert config.run.workdir == f"{tmp_path}/cells/lr-0.2_steps-50"
    assert config.run.config["learning_rate"] == 0.2 and config.run.system == "toy"
    assert [cell.config.run.horizon for cell in plan.cells] == [20, 50, 20, 50]
    fixed = planned(tmp_path, {"steps": [20, 50]}, horizon=100)
    assert [cell.config.run.horizon for cell in fixed.cells] == [100, 100]
    assert planned(tmp_path, {"sizes": [(1,)]}, save_every=7).cells[0].config.run.save_every == 7
    with pytest.raises(BadInput, match="cell lr=-1.0: --learning_rate must be above 0"):
        planned(tmp_path, {"learning_rate": [0.1, -1.0]})


def test_holm_and_the_paired_test_against_references():
    assert compare.holm([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert compare.holm([0.6, 0.7]) == [1.0, 1.0]
    a, b = np.random.default_rng(0).normal(size=(2, 6))
    assert compare.paired_t(a - b) == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, rel=1e-9)
    assert compare.paired_t([0.0, 0.0]) == 1.0 and compare.paired_t([2.0, 2.0]) == 0.0


def record(values, **settings):
    metrics = {} if values is None else {"score": interval(values)}
    status = "not finite" if values is None else "done"
    return {"name": cell_name(settings), "settings": settings, "status": status} | {
        "metrics": metrics,
        "fingerprint": cell_name(settings),
        "samples_per_second": 1.0,
        "message": "",
    }


def test_the_ranking_says_what_the_intervals_allow():
    cells = [record(None, x=0), record([1, 2, 3, 4], x=1), record([9, 10, 11, 12], x=2)]
    cells += [record([9, 9.5, 12, 12], x=3)]
    rows = compare.rank(cells, "score", lower=False)
    assert [row.cell["settings"]["x"] for row in rows] == [3, 2, 1, 0]
    assert rows[1].gap["values"] == [0, 0.5, -1, 0] and rows[0].gap is None
    alone = [
        scipy.stats.ttest_rel([9, 9.5, 12, 12], x).pvalue for x in ([9, 10, 11, 12], [1, 2, 3, 4])
    ]
    assert [row.p for row in rows[1:]] == [
        pytest.approx(alone[0]),
        pytest.approx(2 * alone[1]),
        None,
    ]
    found, how = compare.verdict(rows, "score", lower=False)
    assert "Best mean: x=3, with score 10.6 ± 2.5 (higher is better; 4 seeds)." in found
    assert "Cannot be told apart from it: x=2." in found
    assert "Shown to be worse: 1 of the other 2." in found
    assert "Holm's correction for 2 comparisons" in how
    rows = compare.rank(cells, "score", lower=True)
    assert [row.cell["settings"]["x"] for row in rows] == [1, 2, 3, 0]


def test_one_seed_proves_nothing():
    cells = [record(1.0, x=1), record(2.0, x=2)]
    rows = compare.rank(cells, "score", lower=False)
    assert [row.p for row in rows] == [None, None]
    assert "no interval" in compare.verdict(rows, "score", lower=False)[1]


def test_equal_runs_are_named():
    cells = [record([1.0, 2.0], x=1), record([1.0, 2.0], x=2)]
    cells[1]["fingerprint"] = cells[0]["fingerprint"]
    rows = compare.rank(cells, "score", lower=False)
    assert "Equal to the last bit: x=1 = x=2." in compare.verdict(rows, "score", lower=False)[0]


def test_the_metric_is_chosen_by_its_name():
    names = dict.fromkeys(("eval/episode_length", "eval/episode_return", "loss"))
    assert compare.choose(Wanted(), names) == ("eval/episode_return", False)
    assert compare.choose(Wanted(), {"loss": 0, "speed": 0}) == ("loss", True)
    assert compare.choose(Wanted("loss", False), {"loss": 0}) == ("loss", False)
    with pytest.raises(BadInput, match="--metric=los: should be one of loss, speed"):
        compare.choose(Wanted("los"), {"loss": 0, "speed": 0})


def test_the_systems_headline_is_chosen_before_names():
    names = dict.fromkeys(("eval/episode_length", "eval/episode_return", "eval/bits"))
    assert compare.choose(Wanted(headline="eval/bits", headline_lower=True), names) == (
        "eval/bits",
        True,
    )
    lost = Wanted(headline="eval/lost", headline_lower=True)
    assert compare.choose(lost, names) == ("eval/episode_return", False)
    asked = Wanted("eval/episode_length", headline="eval/bits", headline_lower=True)
    assert compare.choose(asked, names) == ("eval/episode_length", False)


def test_seeds_without_a_value_are_left_out_of_comparisons():
    assert compare.paired_t([1.0, np.nan]) == 1.0
    full = compare.paired_t([1.0, 2.0, 4.0])
    assert compare.paired_t([1.0, np.nan, 2.0, 4.0]) == pytest.approx(full)


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (364.08, 85.1, "364 ± 85"),
        (353.04, 111.0, "353 ± 110"),
        (0.98321, 0.00331, "0.9832 ± 0.0033"),
        (1234567.0, 2345.0, "1,234,567 ± 2,300"),
        (9.96, 0.996, "9.96 ± 1.00"),
        (2.5, 0.0, "2.5 ± 0"),
        (2.5, None, "2.5"),
    ],
)
def test_numbers_have_the_digits_that_are_known(mean, half, text):
    assert show_rounded({"mean": mean, "ci95": half}) == text


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
