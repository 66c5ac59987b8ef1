"""`./run device` measures the most valuable things first, in the time there is, on a CPU too."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import device
from experiments._device_items import KINDS, Item, fits, list_items
from experiments._device_process import run_process
from experiments._device_results import collect
from experiments._device_rows import Device, append, is_measured, read_rows
from jaxdl.core.run import BadInput
from tests.experiments.launch_files import POLICY, write

ROOT = Path(__file__).parents[2]
CARD = Device("H100", "gpu", 1, {"jax": "1"})
BROKEN = POLICY.replace("def build(config):", "def build(config):\n    import no_such_package")
SLOW = POLICY.replace("def build(config):", "def build(config):\n    import time; time.sleep(600)")


@pytest.fixture
def systems(tmp_path, monkeypatch):
    """A folder of one's own launch files, which the registry finds."""
    folder = write(tmp_path / "own")
    (folder / "lacking.py").write_text(BROKEN)
    (folder / "slow.py").write_text(SLOW)
    monkeypatch.setenv("JAXDL_SYSTEMS", str(folder.parent))
    return folder


def row(item="smoke/ppo", status="ok", name="H100", **more):
    return {"item": item, "device": name, "status": status, "limit": 75, "seconds": 1.0} | more


def test_the_list_goes_by_value_and_comes_from_the_registry(systems):
    items = list_items((), on_accelerator=True)
    kinds = [item.kind for item in items]
    assert list(dict.fromkeys(kinds)) == list(KINDS)
    assert sorted(kinds, key=list(KINDS).index) == kinds
    names = [item.name for item in items]
    assert {"smoke/linear", "smoke/ppo", "contract/linear", "claims/ppo"} <= {*names}
    assert "preset/linear" not in names  # it has no gpu preset
    arguments = {item.name: item.arguments for item in items}
    assert "--preset=gpu" in arguments["preset/ppo"] and "--tier=gpu" in arguments["claims/ppo"]


def test_on_a_cpu_the_sizes_are_those_of_a_cpu(systems):
    arguments = {x.name: x.arguments for x in list_items((), on_accelerator=False)}
    assert "--preset=cpu" in arguments["preset/ppo"] and "--tier=smoke" in arguments["claims/ppo"]


def test_a_part_of_the_list(systems):
    assert [x.name for x in list_items(("smoke/linear",), on_accelerator=True)] == ["smoke/linear"]
    assert {x.kind for x in list_items(("claims",), on_accelerator=True)} == {"claims"}
    linear = [x.name for x in list_items(("linear",), on_accelerator=False)]
    assert linear == ["smoke/linear", "contract/linear", "preset/linear"]
    with pytest.raises(BadInput, match="--only=smoke/liner: .*did you mean smoke/linear"):
        list_items(("smoke/liner",), on_accelerator=True)


def test_what_was_measured_on_this_device_is_passed_over():
    assert is_measured("smoke/ppo", CARD, [row()])
    assert is_measured("smoke/ppo", CARD, [row(status="failed")])
    assert not is_measured("smoke/ppo", CARD, [row(name="H200")])
    assert not is_measured("smoke/rl2", CARD, [row()])
    assert not is_measured("smoke/ppo", CARD, [row(status="overran")])
    assert is_measured("smoke/ppo", CARD, [row(status="skipped", missing="no_such_package")])
    assert not is_measured("smoke/ppo", CARD, [row(status="skipped", missing="numpy")])


def test_nothing_is_started_that_cannot_fit():
    item = Item("smoke", "ppo", ())
    least = KINDS["smoke"].least
    assert fits(item, least, "H100", []) and not fits(item, least - 1, "H100", [])
    overran = [row(status="overran", limit=30)]
    assert not fits(item, 31, "H100", overran) and fits(item, 40, "H100", overran)
    assert fits(item, 31, "H200", overran)


def test_rows_survive_a_line_that_was_cut(tmp_path):
    append(tmp_path, row("smoke/a"))
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"item": "smoke/b", "dev')
    append(tmp_path, row("smoke/c"))
    assert [x["item"] for x in read_rows(tmp_path)] == ["smoke/a", "smoke/c"]


def test_what_overruns_is_stopped_with_its_children(tmp_path):
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print(child.pid, flush=True); time.sleep(300)"
    )
    began = time.monotonic()
    ended = run_process([sys.executable, "-c", code], tmp_path / "log.txt", 5.0)
    assert ended.overran and time.monotonic() - began < 8
    child = int((tmp_path / "log.txt").read_text())
    deadline = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(process):
    """Whether a process computes on; one that nobody has waited for yet does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("log", "status", "text"),
    [
        ("ModuleNotFoundError: No module named 'brax'", "skipped", "needs brax"),
        ("jaxdl: --data=x needs the extra `language` (see BUILD.md)", "skipped", "needs language"),
        ("Traceback\nValueError: no", "failed", "exit code 1: ValueError: no"),
        ("", "failed", "exit code 1: it printed nothing"),
    ],
)
def test_how_an_item_has_ended_in_a_line(tmp_path, log, status, text):
    from experiments._device_process import Ended

    (tmp_path / "log.txt").write_text(log)
    item = Item("smoke", "ppo", ())
    ended = Ended(1, overran=False)
    found = collect(item, ended, tmp_path / "nothing", tmp_path, tmp_path / "log.txt")
    assert (found["status"], found["text"]) == (status, text)


def call(out, *arguments, **environment):
    command = [sys.executable, "-m", "experiments", "device", f"--out={out}", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_call_writes_rows_prints_one_table_and_goes_on(systems, tmp_path):
    only = "--only=smoke/linear,smoke/lacking"
    out = tmp_path / "out"
    process = call(out, "--minutes=2", only, PYTHONIOENCODING="ascii")
    table, message = process.communicate(timeout=120)
    assert process.returncode == 0, message
    rows = {row["item"]: row for row in read_rows(out)}
    assert rows["smoke/linear"]["status"] == "ok" and rows["smoke/linear"]["unit"] == "moves"
    assert rows["smoke/linear"]["metrics"]["eval/size"]["mean"] > 0
    assert (rows["smoke/lacking"]["status"], rows["smoke/lacking"]["text"]) == (
        "skipped",
        "needs no_such_package",
    )
    lines = table.splitlines()
    assert lines[1].split()[:3] == ["item", "status", "seconds"]
    assert lines[-1] == "1 skipped, 1 ok"
    assert (out / "runs/smoke_linear/report.html").exists()
    assert not list(out.glob("**/checkpoints"))
    again, _ = call(out, "--minutes=2", only).communicate(timeout=120)
    assert "2 measured before" in again and len(read_rows(out)) == 2


def test_it_ends_in_time_and_says_what_did_not_fit(systems, tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "smoke", KINDS["smoke"]._replace(least=3.0))
    monkeypatch.setattr(device, "probe", lambda deadline: CARD._replace(platform="cpu"))
    config = device.Config(0.25, str(tmp_path / "out"), ("smoke/slow", "contract/slow"))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    began = time.monotonic()
    rows = device.main(config)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert time.monotonic() - began < 16
    assert [(row["item"], row["status"]) for row in rows] == [("smoke/slow", "overran")]
    assert json.loads((tmp_path / "out/rows.jsonl").read_text())["item"] == "smoke/slow"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_call_leaves_valid_rows(systems, tmp_path, number):
    out = tmp_path / "out"
    process = call(out, "--minutes=5", "--only=smoke/linear,smoke/slow")
    deadline = time.monotonic() + 90
    while not (out / "logs/smoke_slow.txt").exists() or not read_rows(out):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    children = []
    while not children:  # the log is there before the process that writes it
        assert time.monotonic() < deadline
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        children = [int(x) for task in tasks for x in (task / "children").read_text().split()]
    process.send_signal(number)
    table, _ = process.communicate(timeout=60)
    assert [row["item"] for row in read_rows(out)] == ["smoke/linear"]
    while any(is_running(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if number == signal.SIGTERM:
        assert process.returncode == 143 and "smoke/linear" in table
        assert "1 did not fit into the time: smoke/slow" in table


BENCH = """
def linear_case(peers):
    return [{"case": "linear_case", "who": "jaxdl", "items_per_second": 5e3}]

CASES = {"linear_case": linear_case}
"""
CLAIMS = """
from experiments._claim import Claim, Verdict

def measure(tier):
    return Verdict("holds", f"in {tier}", {})

CLAIMS = [Claim("moves", "It moves", "Nobody 2000, table 1", measure)]
"""


@pytest.mark.slow
def test_every_kind_of_item_on_a_cpu(systems, tmp_path):
    (systems / "linear_bench.py").write_text(BENCH)
    (systems / "linear_claims.py").write_text(CLAIMS)
    out = tmp_path / "out"
    only = "--only=linear,linear_case"
    process = call(out, "--minutes=4", only)
    table, message = process.communicate(timeout=280)
    assert process.returncode == 0, message
    rows = {row["item"]: row for row in read_rows(out)}
    texts = {item: row["text"] for item, row in rows.items()}
    assert list(rows) == [
        "smoke/linear", "contract/linear", "bench/linear_case", "preset/linear", "claims/linear",
    ]  # fmt: skip
    assert {row["status"] for row in rows.values()} == {"ok"}, table
    assert texts["contract/linear"] == "5 of 5 hold"
    assert texts["bench/linear_case"] == "linear_case jaxdl 5,000/s"
    assert texts["claims/linear"] == "moves holds"
    assert json.loads((out / "bench.jsonl").read_text())["device"]
    assert (out / "claims/smoke/linear.json").exists()
