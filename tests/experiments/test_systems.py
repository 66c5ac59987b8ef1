"""A system in a folder of one's own appears everywhere, without another edit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import _systems, bench, claims, tour
from experiments.__main__ import listing
from experiments._systems import find, search, system_of, systems, verdicts
from jaxdl.core.run import BadInput
from jaxdl.launch.modules import load_file

ROOT = Path(__file__).parents[2]
TINY = ROOT / "docs/tiny/vision"
BROKEN = {
    "raises.py": ("1 / 0", "cannot be imported: ZeroDivisionError"),
    "unfinished.py": ("def build(config", "cannot be imported: SyntaxError"),
    "leaves.py": ("import sys; sys.exit(3)", "cannot be imported: SystemExit"),
    "needs.py": ("import not_installed", "cannot be imported: ModuleNotFoundError"),
    "lacking.py": ("ABOUT = build = 1", "it lacks Config, PRESETS"),
    "no_smoke.py": ("ABOUT = Config = build = 1; PRESETS = {}", "PRESETS lacks smoke"),
    "helper.py": ("VALUE = 1", "it lacks ABOUT"),
    "ppo.py": ("from jaxdl.launch import About", "is no launch file"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder laid out like experiments/, with a copy of the tiny system."""
    root = tmp_path_factory.mktemp("own")
    shutil.copytree(TINY, root / "vision", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(autouse=True)
def named(root, monkeypatch, tmp_path):
    monkeypatch.setenv("JAXDL_SYSTEMS", str(root))
    monkeypatch.chdir(tmp_path)


def test_the_copy_is_found_and_listed_in_its_section(root):
    tiny = systems()["tiny"]
    assert (tiny.section, tiny.path) == ("vision", root / "vision/tiny.py")
    lines = listing(search()).splitlines()
    place = next(i for i, line in enumerate(lines) if line.split()[:1] == ["tiny"])
    assert "Tiny (LeCun et al. 1998)" in lines[place]
    titles = [line for line in lines[:place] if line in _systems.SECTIONS.values()]
    assert titles[-1] == "Vision"


def test_the_tiny_system_is_small():
    def lines(name):
        return len((TINY / name).read_text().splitlines())

    assert lines("_tiny_learner.py") <= 60 and lines("tiny.py") <= 80


def test_every_launch_file_is_short_and_imports_without_jax():
    code = """
import sys
from experiments._systems import search, claims_of
found = search()
assert not found.problems, found.problems
for system in found.systems.values():
    claims_of(system)
    assert "jax" not in sys.modules, system
    lines = len(system.path.read_text().splitlines())
    assert lines <= 160, (system.path, lines)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_broken_launch_files_are_told_in_a_line_each_and_hide_nothing(tmp_path, monkeypatch):
    for name, (text, _) in BROKEN.items():
        (tmp_path / "rl").mkdir(exist_ok=True)
        (tmp_path / "rl" / name).write_text(text)
    folders = [str(tmp_path), os.environ["JAXDL_SYSTEMS"], str(tmp_path / "missing")]
    monkeypatch.setenv("JAXDL_SYSTEMS", os.pathsep.join(folders))
    found = search()
    assert "tiny" in found.systems and not found.systems.keys() & {"raises", "lacking", "helper"}
    for name, (_, text) in BROKEN.items():
        problem = found.problems[tmp_path / "rl" / name]
        assert text in problem and len(problem.splitlines()) == 1
        assert problem in listing(found)
    assert "is no folder" in found.problems[tmp_path / "missing"]
    with pytest.raises(BadInput, match="raises.py: cannot be imported"):
        find("raises")


def test_a_name_that_stands_twice_is_told_and_the_first_is_kept(root, tmp_path, monkeypatch):
    shutil.copytree(root / "vision", tmp_path / "vision")
    monkeypatch.setenv("JAXDL_SYSTEMS", f"{root}{os.pathsep}{tmp_path}")
    found = search()
    assert found.systems["tiny"].path == root / "vision/tiny.py"
    assert "there is a system tiny already" in found.problems[tmp_path / "vision/tiny.py"]


def test_a_system_may_not_be_called_like_a_command(tmp_path, monkeypatch):
    shutil.copytree(TINY, tmp_path / "vision")
    (tmp_path / "vision/tiny.py").rename(tmp_path / "vision/tour.py")
    monkeypatch.setenv("JAXDL_SYSTEMS", str(tmp_path))
    assert "tour" not in search().systems
    assert "is the name of a command" in search().problems[tmp_path / "vision/tour.py"]


def test_a_file_is_found_by_its_path_and_by_its_module(root, tmp_path, monkeypatch):
    monkeypatch.delenv("JAXDL_SYSTEMS")
    assert find(str(root / "vision/tiny.py")).module is load_file(root / "vision/tiny.py")
    shutil.copytree(TINY, tmp_path / "mypackage")
    (tmp_path / "mypackage/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    system = find("mypackage.tiny")
    assert (system.name, system.module.__name__) == ("tiny", "mypackage.tiny")
    assert load_file(tmp_path / "mypackage/tiny.py") is system.module
    assert system_of({"system": "tiny", "launch_file": str(system.path)}).module is system.module
    for name, hint in {
        "tinyy": "unknown system",
        "mypackage.nothing": "No module named",
        "mypackage": "unknown system",
        "nowhere/tiny.py": "is no file",
    }.items():
        with pytest.raises(BadInput, match=hint):
            find(name)
    with pytest.raises(BadInput, match="started from Python"):
        system_of({})


def test_the_tour_trains_and_shows_it(tmp_path):
    rows = tour.main(tour.Config(str(tmp_path / "tour"), "smoke", only=("tiny",)))
    assert [row[0] for row in rows] == ["Tiny"]
    assert rows[0][1].startswith("accuracy 9") and rows[0][1].endswith(" %")
    assert rows[0][2] == "always guessing the most frequent digit 11.4 %"
    page = (tmp_path / "tour/report.html").read_text()
    assert "A linear classifier learns to read digits. (LeCun et al. 1998)" in page
    assert page.count("data:image") >= 2  # a curve and the templates
    assert (tmp_path / "tour/tour.png").exists()
    (run,) = (tmp_path / "tour").glob("smoke-*/tiny")
    config = json.loads((run / "config.json").read_text())
    assert system_of(config).name == "tiny"


def test_its_claims_are_measured_and_told_to_the_next_run(tmp_path):
    results = tmp_path / "results"
    claims.main(claims.Config(only=("tiny",), tier="smoke", results=str(results)))
    (row,) = json.loads((results / "smoke/tiny.json").read_text())["claims"].values()
    assert row["answer"] in ("holds", "undecided") and "2 seeds" in row["summary"]
    (results / "smoke").rename(results / "cpu")
    (text,) = verdicts("tiny", results)
    assert text.startswith(f"{row['answer']} (cpu): a linear classifier of the pixels")


def test_its_benchmark_is_found_by_case_and_by_system(tmp_path):
    for name in ("tiny", "tiny_step"):
        assert list(bench.chosen([name])) == ["tiny_step"]
    rows = bench.main(bench.Config(only=("tiny_step",), out=str(tmp_path / "bench.jsonl")))
    assert [(row["case"], row["who"]) for row in rows] == [("tiny_step", "jaxdl")]
    assert json.loads((tmp_path / "bench.jsonl").read_text())["items_per_second"] > 0
    with pytest.raises(BadInput, match="did you mean tiny_step"):
        bench.Config(only=("tiny_stepp",))


def test_the_tests_of_all_systems_take_it():
    command = [sys.executable, "-m", "pytest", "--collect-only", "--slow"]
    files = ["core/test_contract.py", "experiments/test_resume.py", "experiments/test_presets.py"]
    files = [f"tests/{file}" for file in files]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, timeout=120)
    for file in files:
        collected = [line for line in done.stdout.splitlines() if line.startswith(file)]
        assert any("tiny" in line for line in collected), done.stdout
