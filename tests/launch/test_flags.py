import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Literal

import pytest

from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch.flags import as_dict, configure

TOY = '''
"""A toy experiment."""
import sys
from dataclasses import dataclass
from typing import Literal
from jaxdl.launch.flags import launch
from jaxdl.core.run import BadInput, Run, option

@dataclass(frozen=True)
class Config:
    lr: float = option(1e-2, "learning rate")
    clip: float | None = option(0.2, "clip range")
    sizes: tuple[int, ...] = option((64, 64), "hidden sizes")
    kind: Literal["ant", "humanoid"] = option("ant", "which")
    squash: bool = option(False, "squash")
    run: Run = Run(steps=1000)
    def __post_init__(self):
        if self.lr <= 0:
            raise BadInput(f"--lr must be positive, got {self.lr}")

PRESETS = {"smoke": Config(run=Run(steps=5)), "cpu": Config()}

def main(config):
    print("jax" in sys.modules, config)

if __name__ == "__main__":
    launch(main, PRESETS)
'''
BAD = {
    "--lrr=1": "Did you mean: lr",
    "--lr=abc": "--lr=abc",
    "--lr=-1": "--lr must be positive",
    "--kind=dog": "ant|humanoid",
    "--squash=maybe": "boolean",
    "--sizes=1,x": "--sizes=1,x",
    "--clip=wide": "--clip=wide",
    "--steps=1.5": "--steps=1.5",
    "--steps=0": "--steps must be at least 1",
    "--num_seeds=-3": "--num_seeds",
    "--seed=-1": "--seed",
    "--preset=huge": "smoke|cpu",
    "stray": "stray argument 'stray'",
    "--lr": "Missing value",
    "--workdir=a/b!c": "--workdir",
    "--workdir=" + "x" * 65: "--workdir",
    "--config=nowhere.json": "nowhere.json",
    "--config=list.json": "does not hold the settings",
    "--config=broken.json": "is not JSON",
    "--config=unknown.json": "did you mean 'clip'",
    "--config=mistyped.json": "steps='many' is not of type int",
    "--config=other.json": "does not hold the settings of toy",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flags")
    (folder / "toy.py").write_text(TOY)
    (folder / "list.json").write_text("[1]")
    (folder / "broken.json").write_text('{"lr": ')
    (folder / "unknown.json").write_text('{"clipp": 1}')
    (folder / "mistyped.json").write_text('{"steps": "many"}')
    (folder / "other.json").write_text('{"system": "ppo"}')
    return folder


def call(folder, *arguments):
    command = [sys.executable, "toy.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("argument", BAD)
def test_bad_input_is_told_in_a_line(folder, argument):
    done = call(folder, argument)
    assert done.returncode == 2
    assert BAD[argument] in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    assert "Traceback" not in done.stderr
    assert "True" not in done.stdout  # main was not reached


def test_values_are_taken_from_flag_then_file_then_preset(folder):
    (folder / "some.json").write_text(json.dumps({"lr": 1, "clip": None, "sizes": [3], "steps": 7}))
    done = call(folder, "--preset=smoke", "--config=some.json", "--steps=9", "--squash")
    assert "lr=1.0, clip=None, sizes=(3,), kind='ant', squash=True" in done.stdout
    assert "steps=9" in done.stdout and "preset='smoke'" in done.stdout
    assert "system='toy'" in done.stdout


def test_none_and_lists_on_the_command_line(folder):
    done = call(folder, "--clip=none", "--sizes=8,16")
    assert "clip=None, sizes=(8, 16)" in done.stdout


def test_help_names_every_flag_and_its_default(folder):
    text = call(folder, "--help").stdout
    assert "A toy experiment." in text
    for name in ("--lr", "--clip", "--sizes", "--kind", "--workdir", "--preset", "--config"):
        assert name in text


def test_jax_is_not_loaded_before_the_flags_are_right(folder):
    code = "import sys, jaxdl.launch.flags, jaxdl.core.run; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@dataclass(frozen=True)
class Inner:
    depth: int = option(2, "depth")


@dataclass(frozen=True)
class Config:
    net: Inner = field(default_factory=Inner)
    which: Literal["a", "b"] = option("a", "which")
    run: Run = Run()


def test_nested_fields_have_dotted_names():
    config = configure("x", {"cpu": Config()}, "cpu", {"net.depth": 5, "steps": 3})
    assert config.net.depth == 5 and config.run.steps == 3
    assert as_dict(config)["net.depth"] == 5
    assert config.run.config["net.depth"] == 5
    with pytest.raises(BadInput, match="did you mean 'net.depth'"):
        configure("x", {"cpu": Config()}, "cpu", {"net.dept": 5})
    with pytest.raises(BadInput, match="should be one of cpu"):
        configure("x", {"cpu": Config()}, "gpu")
