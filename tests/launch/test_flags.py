import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch.flags import as_dict, configure
from jaxdl.launch.options import Optimizer
from jaxdl.launch.parsing import parser_of, written

FORKS = Path(__file__).with_name("forks.py")
TOY = '''
"""A toy system."""
from dataclasses import dataclass
from typing import Literal
from jaxdl.launch import About, launch
from jaxdl.launch.options import Optimizer
from jaxdl.core.run import BadInput, Run, option

ABOUT = About("Toy", "Nobody 2020", "", "Learns nothing.", "loss")

@dataclass(frozen=True)
class Config:
    clip: float | None = option(0.2, "clip range", above=0)
    stop: float | None = option(None, "when to stop")
    sizes: tuple[int, ...] = option((64, 64), "hidden sizes", at_least=1)
    kind: Literal["ant", "humanoid"] = option("ant", "which")
    squash: bool = option(False, "squash")
    aid: Literal[False, True, "torch"] = option(False, "aid")
    share: float = option(0.5, "a share", at_least=0, below=1)
    run: Run = Run(steps=1000)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    def __post_init__(self):
        if self.squash and self.clip is None:
            raise BadInput("--squash needs --clip")

PRESETS = {"smoke": Config(run=Run(steps=5)), "cpu": Config()}

def build(config):
    raise AssertionError("main is called instead")

def main(config):
    print("reached", config)

if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
'''
BAD = {
    "--lrr=1": "Did you mean: lr",
    "--lr=abc": "--learning_rate=abc",
    "--lr=-1": "--learning_rate must be above 0",
    "--lr=nan": "--learning_rate must be above 0",
    "--lr=inf": "--learning_rate must be above 0",
    "--clip=0": "--clip must be above 0",
    "--share=1": "--share must be at least 0 and below 1",
    "--sizes=8,0": "--sizes must be at least 1",
    "--kind=dog": "ant|humanoid",
    "--optimizer=adan": "adam|adamw",
    "--squash=maybe": "boolean",
    "--aid=lots": "false|true|torch",
    "--sizes=1,x": "--sizes=1,x",
    "--clip=wide": "--clip=wide",
    "--squash --clip=none": "--squash needs --clip",
    "--steps=1.5": "--steps=1.5",
    "--steps=0": "--steps must be at least 1",
    "--num_seeds=-3": "--num_seeds",
    "--seed=-1": "--seed",
    "--save_on=KILLL": "--save_on=KILLL",
    "--preset=huge": "smoke|cpu",
    "stray": "stray argument 'stray'",
    "--lr": "Missing value",
    "--workdir=a/b!c": "--workdir",
    "--workdir=" + "x" * 65: "--workdir",
    "--workdir=latest": "there is no run below runs/toy",
    "--config=nowhere.json": "nowhere.json",
    "--config=list.json": "does not hold the settings",
    "--config=broken.json": "is not JSON",
    "--config=unknown.json": "did you mean 'clip'",
    "--config=mistyped.json": "steps='many' is not of type int",
    "--config=outside.json": "--share must be at least 0 and below 1",
    "--config=other.json": "does not hold the settings of toy",
    "--flagfile=nowhere": "nowhere",
}
FILES = {
    "list.json": [1],
    "unknown.json": {"clipp": 1},
    "mistyped.json": {"steps": "many"},
    "outside.json": {"share": 2},
    "other.json": {"system": "ppo"},
    "some.json": {"lr": 1, "clip": None, "sizes": [3], "steps": 7},
    # What the driver writes holds more than settings; a horizon that followed from the steps is
    # not kept, one that was chosen is.
    "run.json": {"system": "toy", "preset": "smoke", "steps": 20, "horizon": 20, "workdir": "x"}
    | {"program": {"sha256": "0"}, "data_sha256": "1", "launch_file": "/else/where.py"},
    "chosen.json": {"system": "toy", "preset": "smoke", "steps": 20, "horizon": 40},
}
GOOD = (
    "--preset=smoke --config=some.json --steps=9 --squash --clip=0.1",
    "--clip=none --sizes=8,16 --optimizer=lars",
    "--config=run.json --steps=50",
    "--config=chosen.json --steps=50",
    "--help",
    "--preset=smoke --lr=oops --help",
)
AID = {"--aid": "True", "--noaid": "False", "--aid=false": "False", "--aid=torch": "'torch'"}

ROOT = Path(__file__).parents[2]


def start(folder, *calls):
    (folder / "calls.json").write_text(json.dumps([call.split() for call in calls]))
    command = [sys.executable, str(FORKS), "toy.py", "calls.json", "results.json"]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    done = json.loads((folder / "results.json").read_text())
    return dict(zip(calls, done, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flags")
    (folder / "toy.py").write_text(TOY)
    (folder / "broken.json").write_text('{"lr": ')
    for name, content in FILES.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def done(folder):
    return start(folder, *BAD, *GOOD, *AID)


@pytest.mark.parametrize("argument", BAD)
def test_bad_input_is_one_line_before_jax_is_loaded(done, argument):
    end = done[argument]
    assert end["code"] == 2
    assert BAD[argument] in end["err"]
    assert len(end["err"].strip().splitlines()) == 1
    assert end["out"] == "" and end["jax"] == ""


def test_values_are_taken_from_flag_then_file_then_preset(done):
    end = done[GOOD[0]]
    assert end["code"] == 0, end["err"]
    assert "clip=0.1, stop=None, sizes=(3,), kind='ant', squash=True" in end["out"]
    assert "steps=9" in end["out"] and "preset='smoke'" in end["out"]
    assert "learning_rate=1.0" in end["out"] and "system='toy'" in end["out"]
    assert end["jax"] == "jax"  # the guard of the tests above can fail


def test_none_and_lists_on_the_command_line(done):
    text = done[GOOD[1]]["out"]
    assert "clip=None" in text and "sizes=(8, 16)" in text and "optimizer='lars'" in text


@pytest.mark.parametrize("argument", AID)
def test_a_flag_may_be_bare_and_have_other_values_too(done, argument):
    assert f"aid={AID[argument]}," in done[argument]["out"]


def test_the_config_of_another_run_is_taken_without_its_place_and_its_horizon(done):
    text = done[GOOD[2]]["out"]
    assert "steps=50, horizon=50" in text and "preset='smoke'" in text
    assert "workdir='runs/toy/smoke-" in text and "/else/where" not in text
    assert "horizon=40" in done[GOOD[3]]["out"]


def test_help_shows_every_flag_in_its_group(done):
    end = done["--help"]
    assert (end["code"], end["err"], end["jax"]) == (0, "", "")
    text = end["out"]
    assert "A toy system." in text
    titles = ["this system:", "optimizer:", "run:"]
    assert [text.index(title) for title in titles] == sorted(map(text.index, titles))
    own, optimizer, run = text.split(titles[0])[1], text.split(titles[1])[1], text.split("run:")[1]
    assert own.index("--sizes") < own.index("optimizer:") and "--lr" in optimizer
    assert "--workdir" in run and "--sizes" not in run
    for name in ("--clip", "--[no]squash", "--preset", "--config", "--seed"):
        assert name in text
    assert "at least 0 and below 1; default 0.5" in text  # bounds
    assert "ant|humanoid; default ant" in text and "[smoke|cpu; default cpu]" in text
    for typed in ("default 64,64]", "default none]", "default 1e-3]", "default false]"):
        assert typed in text


def test_help_shows_the_defaults_of_the_preset_and_needs_no_right_flags(done):
    end = done[GOOD[5]]
    assert end["code"] == 0 and "[at least 1; default 5]" in end["out"]


def test_help_loads_nothing_large(folder):
    """So that it takes a fraction of a second (`./run ppo --help`: 0.3 s)."""
    code = "import sys, runpy; sys.argv = ['toy.py', '--help']\n"
    code += "try: runpy.run_path('toy.py', run_name='__main__')\n"
    code += "except SystemExit: pass\n"
    code += "print('loaded', {'jax', 'jaxlib', 'matplotlib', 'mujoco'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded set()", done.stdout + done.stderr


TOOL = '''
"""A toy tool."""
import sys
from dataclasses import dataclass
from jaxdl.launch import launch_tool
from jaxdl.core.run import option

@dataclass(frozen=True)
class Config:
    only: tuple[str, ...] = option((), "what is looked at")

def main(config):
    print("±", config.only, sys.argv[1:])

launch_tool(main, {"cpu": Config()})
'''


def test_a_tool_with_one_preset_has_no_flag_for_it(folder):
    (folder / "tool.py").write_text(TOOL)
    run = [sys.executable, "tool.py"]
    done = subprocess.run([*run, "--help"], cwd=folder, capture_output=True, text=True)
    assert "--only" in done.stdout and 'default ""' in done.stdout
    assert "preset" not in done.stdout and "--config" not in done.stdout
    done = subprocess.run([*run, "--preset=cpu"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2 and "preset" in done.stderr


def in_shell(folder, line, **environment):
    line = line.replace("PYTHON", sys.executable)
    environment = os.environ | environment
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment, capture_output=True
    )


@pytest.mark.parametrize(
    "line",
    [
        "PYTHON tool.py >&- 2>&-",
        "PYTHON tool.py >&-",
        "PYTHON tool.py > /dev/full 2> /dev/full",
        "PYTHON tool.py 2>&1 | true",
        "PYTHON -c 'import sys; sys.argv = [\"x\"]; import tool' | head -c 1",
    ],
)
def test_a_display_that_is_gone_ends_nothing(folder, line):
    (folder / "tool.py").write_text(TOOL)
    done = in_shell(folder, line)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


def test_what_was_meant_for_a_closed_stream_is_not_written_into_a_file(folder):
    text = TOOL.replace('print("±"', 'file = open("kept.txt", "w"); print("±", file=sys.stderr')
    text = text.replace("file=sys.stderr, config.only, sys.argv[1:])", "file=sys.stderr)")
    (folder / "writer.py").write_text(text)
    done = in_shell(folder, "PYTHON writer.py 2>&-")
    assert done.returncode == 0 and (folder / "kept.txt").read_text() == ""


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_output_is_utf8_in_every_locale(folder, locale):
    (folder / "tool.py").write_text(TOOL)
    plain = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = in_shell(folder, "PYTHON tool.py --only=ü", **plain)
    assert done.returncode == 0 and done.stdout.startswith("± ".encode()), done.stderr
    ascii_only = in_shell(folder, "PYTHON tool.py", **plain, PYTHONIOENCODING="ascii")
    assert ascii_only.stdout.startswith("±".encode())


@dataclass(frozen=True)
class Inner:
    depth: int = option(2, "depth", at_least=1)


@dataclass(frozen=True)
class Config:
    net: Inner = field(default_factory=Inner)
    which: Literal["a", "b"] = option("a", "which")
    folder: str = option("", "where files lie", free=True)
    optimizer: Optimizer = field(default_factory=Optimizer)
    run: Run = Run()


PRESETS = {"cpu": Config()}


def test_nested_fields_have_dotted_names_and_shared_groups_have_not():
    settings = {"net.depth": 5, "steps": 3, "lr": 0.5}
    config = configure("x", PRESETS, "cpu", settings)
    assert config.net.depth == 5 and config.run.steps == 3 and config.optimizer.learning_rate == 0.5
    assert as_dict(config)["net.depth"] == 5 and as_dict(config)["learning_rate"] == 0.5
    assert config.run.config["net.depth"] == 5
    with pytest.raises(BadInput, match="did you mean 'net.depth'"):
        configure("x", PRESETS, "cpu", {"net.dept": 5})
    with pytest.raises(BadInput, match="should be one of cpu"):
        configure("x", PRESETS, "gpu")


def test_values_from_python_are_checked_like_flags():
    with pytest.raises(BadInput, match="--net.depth must be at least 1"):
        configure("x", PRESETS, "cpu", {"net.depth": 0})
    with pytest.raises(BadInput, match="--which='c': should be one of a, b"):
        configure("x", PRESETS, "cpu", {"which": "c"})
    with pytest.raises(BadInput, match="--learning_rate must be above 0"):
        configure("x", PRESETS, "cpu", {"lr": -1.0})


def test_a_run_is_prepared_with_its_horizon_and_what_may_change():
    run = configure("x", PRESETS, "cpu", {"steps": 7}).run
    assert run.horizon == 7 and run.config["horizon"] == 7
    assert {"folder", "steps_per_call", "launch_file"} <= run.free
    assert "which" not in run.free
    assert run.config["launch_file"] == str(Path(__file__).resolve())


@pytest.mark.parametrize(
    "value", [1e-3, 2.5e-4, 0.01, 0.1, 1.0, 0.0, -3e-7, 1e6, 123456789.5, 1 / 3, 1e-310]
)
def test_floats_are_written_as_they_are_typed(value):
    assert parser_of(float).parse(written(value)) == value


def test_values_are_written_as_they_are_typed():
    assert [written(x) for x in (1e-3, 2.5e-4, 3.0, None)] == ["1e-3", "2.5e-4", "3", "none"]
    assert [written(x) for x in ((64, 64), (), True, "a")] == ["64,64", "", "true", "a"]
    assert parser_of(tuple[int, ...] | None).parse("none") is None
    assert parser_of(tuple[int, ...] | None).parse("1,2") == (1, 2)
    assert parser_of(Literal[1, 2]).parse("2") == 2


def test_a_restarted_run_gets_every_signal(tmp_path):
    """The child prints its process id, saves on a signal (here: writes its name), and ends."""
    (tmp_path / "child.py").write_text(
        """
import os, signal, sys, time
from pathlib import Path
if "--max_restarts=0" not in sys.argv:
    from jaxdl.core.run import Run
    from jaxdl.launch.restart import supervise
    sys.exit(supervise(Run(workdir="runs/x", max_restarts=2), ["--config=y"]))
def leave(number, frame):
    Path("signal.txt").write_text(f"{number} {sys.argv[1:]}")
    sys.exit(128 + number)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, leave)
Path("ready").touch()
time.sleep(60)
"""
    )
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM):
        (tmp_path / "ready").unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "child.py"], cwd=tmp_path)
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        text = (tmp_path / "signal.txt").read_text()
        assert text.startswith(f"{number:d} ")
        assert "['--config=y', '--workdir=runs/x', '--max_restarts=0']" in text


def test_a_worlds_name_is_checked_before_jax_is_loaded(tmp_path):
    (tmp_path / "jax.py").write_text("raise RuntimeError('too early')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    for name, text in {"cartpol": "did you mean 'cartpole'?", "bandit:arm=3": "arms"}.items():
        done = subprocess.run(
            [sys.executable, "-m", "experiments", "ppo", f"--env={name}"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2 and text in done.stderr and "too early" not in done.stderr
