"""Every example of README.md and BUILD.md is run, and every command line in them is parsed."""

import re
import runpy
import shlex
import shutil
import textwrap
from pathlib import Path

import pytest

from experiments import __main__ as house
from experiments import _test
from experiments._systems import find, systems
from jaxdl.core.run import BadInput
from jaxdl.launch.flags import configure, fields
from jaxdl.launch.parsing import may_be_bare, parser_of

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "BUILD.md")
HELP = {"--help", "-h"}
SYSTEM = r"<?(system|experiment)>?"  # what stands for any system in a usage line


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of the code blocks of a page, in order."""
    found = []
    language = None
    for line in (ROOT / page).read_text().splitlines():
        fence = line.strip().startswith("```")
        if fence and language is None:
            language = line.strip().removeprefix("```")
            lines = []
        elif fence:
            found.append((language, textwrap.dedent("\n".join(lines))))
            language = None
        elif language is not None:
            lines.append(line)
    return found


def examples() -> dict[str, str]:
    """Page and number -> Python source."""
    sources = {page: [text for kind, text in blocks(page) if kind == "python"] for page in PAGES}
    return {f"{page}-{i}": text for page in PAGES for i, text in enumerate(sources[page])}


EXAMPLES = examples()
SLOW = ("mjx", "brax")  # worlds that compile for tens of seconds


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if any(s in source for s in SLOW) else [])
        for name, source in EXAMPLES.items()
    ],
)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "robot").mkdir()
    for place in (tmp_path / "robot" / "scene.xml", tmp_path / "scene.xml"):
        shutil.copy(ROOT / "tests" / "render" / "assets" / "reacher.xml", place)
    shutil.copytree(ROOT / "tests" / "language" / "golden" / "gpt2", tmp_path / "gpt2")
    (tmp_path / "example.py").write_text(EXAMPLES[name])
    names = runpy.run_path("example.py")
    if name == "README.md-0":
        assert names["gradient"].shape == names["z1"].shape
        assert len(names["result"]["metrics"]["eval/episode_return"]["values"]) == 3


def test_there_are_examples():
    assert "README.md-0" in EXAMPLES
    assert sum(name.startswith("BUILD.md") for name in EXAMPLES) >= 2


def commands() -> list[tuple[str, str]]:
    """Page and text of every `./run ...`, in blocks and in running text."""
    found = []
    for page in PAGES:
        shell = [text for kind, text in blocks(page) if kind in ("", "sh", "bash")]
        lines = [line for text in shell for line in text.splitlines()]
        lines += re.findall(r"`([^`\n]*\./run[^`\n]*)`", (ROOT / page).read_text())
        for line in lines:
            found += [(page, match[0].strip()) for match in re.finditer(r"\./run\b[^'&|]*", line)]
    return sorted(set(found))


def parse(command: str) -> None:
    """Reads a command as ./run would, without starting anything.

    Raises:
      BadInput: it names no system or command, or a flag or value that does not fit.
    """
    words = shlex.split(command.replace("...", "x"), comments=True)[1:]
    words = [word for word in words if not re.fullmatch(r"\[.*\]|.*\]", word)]  # "[--only=case]"
    if not words or {*words} & HELP or re.fullmatch(SYSTEM, words[0]):
        return
    name, *rest = words
    if name == "test":
        allowed = {"--slow"} | _test.find_rooms()
        if {*rest} - allowed:
            raise BadInput(f"./run test does not know {rest}")
    elif name == "sweep":
        parse_sweep(*rest)
    elif name in house.TOOLS:
        module = house.tool_module(name)
        parse_flags(name, getattr(module, "PRESETS", {}), rest)
    elif not re.match(r"(path/to|mypackage)", name):
        system = find(name)
        parse_flags(name, system.module.PRESETS, rest)


def parse_sweep(name: str, *words: str) -> None:
    presets = find(name).module.PRESETS
    rest = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--grid":
            setting, values = waiting.pop(0).split("=")
            grid = [f"--{setting}={value.replace('x', ',')}" for value in values.split(",")]
            for each in grid:
                parse_flags(name, presets, [each])
        elif not re.match(r"--(metric|(no)?lower_is_better)\b", word):
            rest.append(word)
    parse_flags(name, presets, rest)


def parse_flags(name: str, presets: dict, words: list[str]) -> None:
    """Checks flags against the Config that they fill."""
    if not presets and words:
        raise BadInput(f"./run {name} has no flags, got {words}")
    flags = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    if not presets:
        return
    preset = flags.pop("preset", "cpu" if "cpu" in presets else next(iter(presets)))
    flags.pop("config", None)
    if preset not in presets:
        raise BadInput(f"./run {name} has no preset {preset}")
    known = {}
    for setting in fields(presets[preset]):
        known |= {each: setting for each in (setting.name, setting.short) if each}
    values = {}
    for flag, text in flags.items():
        plain = flag if flag in known else flag.removeprefix("no")
        if plain not in known:
            raise BadInput(f"./run {name} has no flag --{flag}")
        if not text and may_be_bare(known[plain].kind):
            text = "true"
        if known[plain].kind is bool:
            values[plain] = plain == flag and text != "false"
        else:
            values[plain] = None if text == "none" else parser_of(known[plain].kind).parse(text)
    if name in house.TOOLS:
        values.pop("workdir", None)  # tools look whether it is there
    configure(name, presets, preset, values)


COMMANDS = commands()


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_are_known(page, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.fasta", "mine.a3m", "params_model_1.npz"):  # `fold` looks whether they exist
        Path(name).touch()
    parse(command)


def test_there_are_commands():
    assert len(COMMANDS) > 20
    assert {page for page, _ in COMMANDS} == {*PAGES}
    assert (
        "README.md",
        "./run tour      # trains every system and writes runs/tour/report.html",
    ) in COMMANDS


@pytest.mark.parametrize(
    "command",
    [
        "./run pppo",
        "./run ppo --stepps=3",
        "./run ppo --steps=0",
        "./run ppo --steps=many",
        "./run ppo --objective=clipp",
        "./run ppo --preset=huge",
        "./run watch --wrokdir=latest",
        "./run test --fast",
        "./run sweep ppo --grid lrr=1e-3",
        "./run sweep ppo --grid lr=fast",
        "./run docs --now",
    ],
)
def test_a_wrong_command_is_found(command):
    with pytest.raises((BadInput, ValueError)):
        parse(command)


def test_every_system_is_in_the_documentation():
    text = (ROOT / "README.md").read_text() + (ROOT / "docs" / "reading.md").read_text()
    for system in systems().values():
        if system.path.is_relative_to(ROOT / "experiments"):
            assert f"`./run {system.name}`" in text
