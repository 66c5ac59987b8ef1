"""The house's own checks can fail: repeated lines, budgets, rooms, and what `run` promises."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from experiments import _test
from experiments._budget import Cost, add_up, room_of, system_of
from experiments._imports import dependencies, dependents, import_graph, imports_of
from experiments._repeats import FORM, MOST_REPEATED, code_lines, compare, report

ROOT = Path(__file__).parents[1]

FIRST = '''"""Text."""

import jax  # a library


def build(config):
    """Builds."""
    # a comment
    net = make_net(config.width,
        config.depth)
    return System(net)
'''


def test_lines_are_normalized():
    lines = code_lines(FIRST)
    assert lines.total() == 4
    assert "config.depth)" in lines
    assert lines == code_lines(FIRST.replace("config.width,", "config . width ,  # why"))
    assert not any("import" in line or "Text" in line or "comment" in line for line in lines)


def test_a_copied_file_is_found(tmp_path, capsys):
    (tmp_path / "a.py").write_text(FIRST)
    (tmp_path / "b.py").write_text(FIRST.replace("make_net", "make_other_net"))
    (tmp_path / "c.py").write_text("\n".join(f"x{i} = {i}" for i in range(9)))
    files = sorted(tmp_path.glob("*.py"))
    shares = {each.file: each for each in compare({p.name: p.read_text() for p in files})}
    assert shares["a.py"].share == shares["b.py"].share == 0.75
    assert shares["c.py"].share == 0.0
    assert report({"files": files}, tmp_path) == 1
    assert capsys.readouterr().out.count("too many") == 2
    assert report({"files": files[1:]}, tmp_path) == 0
    assert MOST_REPEATED == 0.15


def test_what_every_file_has_to_hold_is_no_repetition():
    form = 'if __name__ == "__main__":\n    launch(build, PRESETS, ABOUT)\n'
    lines = code_lines(f"f(\n    net,\n    width=3,\n)\n{form}")
    assert lines == {"f(": 1, "width=3": 1}
    assert code_lines(form.replace("launch(build", "launch(make")).total() == 1


def test_the_form_is_that_of_the_system_to_be_copied():
    tiny = (ROOT / "docs" / "tiny" / "vision" / "tiny.py").read_text()
    for line in ("ABOUT = About(", "def build(config: Config) -> System:", "PRESETS = {"):
        assert line in tiny
        assert line in FORM


def test_a_line_counts_as_often_as_the_sibling_has_it():
    (first, second) = compare({"a": "x = 1\nx = 1\nx = 1\ny = 2", "b": "x = 1\nz = 3"})
    assert (first.file, first.share) == ("b", 0.5)
    assert (second.file, second.share) == ("a", 0.25)


def write_modules(root, sources):
    modules = {}
    for name, source in sources.items():
        path = root / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        modules[name] = path
    return modules


def test_imports_are_followed_both_ways(tmp_path):
    sources = {
        "jaxdl.core.fit": "",
        "jaxdl.rl.ppo": "from jaxdl.core import fit",
        "jaxdl.meta.rl2": "from jaxdl.rl.ppo import ppo",
        "jaxdl.nn.mlp": "if TYPE_CHECKING:\n    import jaxdl.rl.ppo",
        "tests.meta.test_rl2": "def f():\n    from jaxdl.meta import rl2",
        "tests.nn.test_mlp": "import jaxdl.nn.mlp as m",
        "tests.rl.test_start": "command = ['python', '-m', 'experiments', 'ppo']",
        "experiments.__main__": "",
        "experiments._systems": "",
        "experiments.rl.ppo": "from jaxdl.rl import ppo",
    }
    graph = import_graph(write_modules(tmp_path, sources), tmp_path)
    assert dependents(graph, ["jaxdl.rl.ppo"]) == {
        *("jaxdl.rl.ppo", "jaxdl.meta.rl2", "tests.meta.test_rl2", "experiments.rl.ppo"),
        *("experiments._systems", "experiments.__main__", "tests.rl.test_start"),
    }
    assert dependents(graph, ["jaxdl.nn.mlp"]) == {"jaxdl.nn.mlp", "tests.nn.test_mlp"}
    assert dependencies(graph, ["tests.meta.test_rl2"]) == {
        *("tests.meta.test_rl2", "jaxdl.meta.rl2", "jaxdl.rl.ppo", "jaxdl.core.fit"),
    }


def test_relative_imports_have_their_full_names(tmp_path):
    files = write_modules(tmp_path, {"jaxdl.rl.ppo": "from . import replay\nfrom ..ops import gae"})
    found = imports_of(files["jaxdl.rl.ppo"], tmp_path)
    assert {"jaxdl.rl.replay", "jaxdl.ops.gae"} <= found


def test_a_room_brings_the_tests_of_those_that_import_it():
    files = {str(path.relative_to(ROOT)) for path in _test.tests_of(["rl"])}
    assert {"tests/rl/test_ppo.py", "tests/meta/test_rl2.py"} <= files
    assert "tests/core/test_contract.py" in files
    assert not any(file.startswith(("tests/nn/", "tests/ops/", "tests/data/")) for file in files)


def test_rooms_are_folders_of_jaxdl_and_sections():
    assert {"core", "rl", "vision", "benchmarks", "experiments"} <= _test.find_rooms()
    assert "results" not in _test.find_rooms()


def test_a_part_that_fails_is_said_and_one_that_lacks_is_left_out():
    part = _test.run_part([sys.executable, "-c", "print('why'); raise SystemExit(3)"])
    assert part.code == 3
    assert "why" in part.output
    assert _test.run_part(["no-such-program-here"]).code is None


def test_costs_are_added_up_by_room_and_by_system():
    costs = [
        Cost("tests/core/test_contract.py::test_bits[ppo-4]", False, 15.0),
        Cost("tests/rl/test_ppo.py::test_learns", False, 6.0),
        Cost("tests/rl/test_ppo.py::test_killed", True, 59.0),
        Cost("tests/vision/test_simclr.py::test_x", False, 19.0),
        Cost("tests/test_readme.py::test_y", False, 1.0),
    ]
    text = "\n".join(add_up(costs, ["ppo", "simclr"]))
    assert "100 in all" in text
    assert "rl 65, vision 19, core 15, tests 1" in text
    (ppo,) = re.findall(r".*ppo .*", text)
    assert "21.0 and 59.0" in ppo
    assert ppo.endswith("OVER BUDGET")
    (simclr,) = re.findall(r".*simclr .*", text)
    assert not simclr.endswith("OVER BUDGET")


@pytest.mark.parametrize(
    ("test", "system"),
    [
        ("tests/core/test_contract.py::test_bits[moco-ppo_recurrent-4]", "ppo"),
        ("tests/core/test_contract.py::test_bits[noisy_student-4]", "noisy_student"),
        ("tests/rl/test_ppo.py::test_learns[0.2]", "ppo"),
        ("tests/experiments/test_main.py::test_rl2_prints", "rl2"),
        ("tests/core/test_fit.py::test_support[a]", ""),
    ],
)
def test_a_test_belongs_to_the_system_that_it_names(test, system):
    assert system_of(test, ["ppo", "rl2", "noisy_student", "student"]) == system
    assert room_of(test) == test.split("/")[1]


def test_the_meter_measures_each_test(tmp_path):
    (tmp_path / "test_spin.py").write_text(
        "import time\n"
        "def test_spin():\n"
        "    end = time.process_time() + 0.6\n"
        "    while time.process_time() < end: pass\n"
        "def test_rest(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "experiments._budget", "--rootdir", "."]
    done = subprocess.run(
        [*command, "test_spin.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (total,) = re.findall(r"CPU-seconds by room, (\d+) in all", done.stdout)
    assert total == "1"


def start(*arguments, **environment):
    return subprocess.run(
        ["/bin/sh", str(ROOT / "run"), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_python_at_hand_is_used_as_it_is():
    done = start(JAXDL_VENV="none", JAXDL_PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "ppo" in done.stdout
    assert "installing" not in done.stderr


def test_what_the_python_at_hand_lacks_is_named(tmp_path):
    bare = tmp_path / "python"  # without site-packages
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    bare.chmod(0o755)
    done = start(JAXDL_VENV="none", JAXDL_PYTHON=str(bare))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "lacks" in line
    assert {"jax", "flax", "mujoco-mjx"} <= set(line.split())
    done = start(JAXDL_VENV="none", JAXDL_PYTHON="/bin/false")
    assert done.returncode == 2
    assert done.stderr.strip() == "jaxdl: JAXDL_PYTHON=/bin/false is no Python >= 3.12"


def test_what_is_named_as_missing_is_what_the_project_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split("[<>=]", each)[0] for each in project["dependencies"]}
    (block,) = re.findall(r"needed = \{(.*?)\}", (ROOT / "run").read_text(), re.DOTALL)
    assert set(re.findall(r': "([^"]+)"', block)) == needed - {"flatbuffers"}  # jax.export's own


def test_a_stamped_environment_is_started_where_it_lies(tmp_path):
    """The folder that JAXDL_VENV names is taken as it is when its stamp fits the lock."""
    venv = tmp_path / "elsewhere"
    (venv / "bin").mkdir(parents=True)
    texts = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "uv.lock").read_bytes()
    done = subprocess.run(["cksum"], input=texts, capture_output=True, check=True)
    stamp = done.stdout.decode().strip().replace(" ", "")
    (venv / "stamp").write_text(f"{stamp}-dev-jax0.12.0.1")
    (venv / "bin" / "python").write_text('#!/bin/sh\necho started "$@"\n')
    (venv / "bin" / "python").chmod(0o755)
    done = start("ppo", JAXDL_VENV=str(venv), JAXDL_JAX="0.12.0.1")
    assert done.stdout == "started -m experiments ppo\n", done.stderr


def test_the_wheel_holds_jaxdl_alone_and_its_types():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["jaxdl"]
    assert (ROOT / "jaxdl" / "py.typed").exists()
