"""The systems: found in the folders of the lecture's sections, not listed. No JAX here.

A launch file is `<section>/<system>.py`; what its paper claims stands beside it in
`<system>_claims.py`, its hot paths in `<system>_bench.py`. `JAXDL_SYSTEMS` names more folders that
are laid out like this one.
"""

import ast
import difflib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from experiments._claim import Claim
from jaxdl.core.run import BadInput
from jaxdl.launch.modules import load_file

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SECTIONS = {  # folder -> title, in the lecture's order
    "vision": "Vision",
    "language": "Language",
    "rl": "Reinforcement learning",
    "meta": "Learning to learn",
    "sim2real": "From simulation to reality",
    "imitation": "Imitation",
    "robots": "Robots",
    "science": "Science",
}
TOOLS = {  # name of a file in this folder, perhaps with an underscore before it -> what it does
    "tour": "trains every system and writes one report",
    "claims": "measures what the papers state",
    "bench": "times every hot path, with the peers beside it",
    "sweep": "runs a system with every combination of some settings, and compares",
    "watch": "shows a trained policy at play, as a GIF",
    "play": "lets you play a board game against a trained net, in the terminal",
    "chat": "writes on from a text with a trained GPT-2, in the terminal",
    "fold": "predicts structures of proteins from their sequences, by AlphaFold",
    "zero_shot": "measures what a trained GPT-2 can do that it was not trained for",
    "scaling": "trains GPT-2 at several widths, and tells the loss of the largest from the others",
    "export": "writes a trained policy or encoder as weights and StableHLO",
    "device": "measures what an accelerator can in a few minutes",
    "envs": "lists the worlds that --env names",
    "docs": "renders the tables of the documentation again",
    "test": "the checks and tests [--slow, or pytest arguments]",
}
NEEDED = ("ABOUT", "Config", "PRESETS", "build")


class SystemFile(NamedTuple):
    """A launch file.

    Attributes:
      name: of the system, and of the file without ".py".
      section: name of its folder.
      path: of the file.
      module: what was imported: ABOUT, Config, PRESETS, build, and perhaps main.
    """

    name: str
    section: str
    path: Path
    module: ModuleType


class Found(NamedTuple):
    """What a search has found.

    Attributes:
      systems: name -> launch file, by section.
      problems: one line for each launch file that cannot be used.
    """

    systems: dict[str, SystemFile]
    problems: dict[Path, str]


def systems() -> dict[str, SystemFile]:
    """Returns every launch file that can be used, by name, in the order of the sections."""
    return search().systems


def search() -> Found:
    """Imports all launch files; one that is broken is told and does not hinder the others."""
    found, problems = {}, {}
    for path in _launch_files():
        try:
            system = load(path)
            if path.stem in TOOLS:
                raise BadInput(f"{path.stem} is the name of a command")
            if path.stem in found:
                raise BadInput(f"there is a system {path.stem} already, {found[path.stem].path}")
            found[path.stem] = system
        except BadInput as error:
            problems[path] = f"{_short(path)}: {error}"
    return Found(found, problems | _missing_folders())


def load(path: Path) -> SystemFile:
    """Imports one launch file.

    Raises:
      BadInput: it cannot be imported, or lacks a part of a launch file.
    """
    try:
        return as_system(load_file(path), path)
    except (Exception, SystemExit) as error:
        if isinstance(error, BadInput):
            raise
        text = next(iter(str(error).splitlines()), "")
        raise BadInput(f"cannot be imported: {type(error).__name__}: {text}") from error


def as_system(module: ModuleType, path: Path) -> SystemFile:
    """Returns the launch file that a module is.

    Raises:
      BadInput: it lacks a part of one.
    """
    missing = [name for name in NEEDED if not hasattr(module, name)]
    if missing:
        raise BadInput(f"is no launch file: it lacks {', '.join(missing)}")
    if "smoke" not in module.PRESETS:
        raise BadInput("is no launch file: PRESETS lacks smoke")
    return SystemFile(path.stem, path.parent.name, path, module)


def _launch_files() -> Iterator[Path]:
    for section in SECTIONS:
        yield from _launch_files_in(HERE / section)
    for root in _own_folders():
        known = [root / section for section in SECTIONS]
        more = [path for path in sorted(root.glob("[!._]*/")) if path not in known]
        for folder in (*known, *more):
            yield from _launch_files_in(folder)


def _launch_files_in(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.glob("*.py")) if path.stem[0] not in "_."]
    return [path for path in files if not path.stem.endswith(("_claims", "_bench"))]


def _own_folders() -> list[Path]:
    """Returns the folders that JAXDL_SYSTEMS names and that are there."""
    return [path for path in _named_folders() if path.is_dir()]


def _named_folders() -> list[Path]:
    names = os.environ.get("JAXDL_SYSTEMS", "").split(os.pathsep)
    folders = dict.fromkeys(Path(name).resolve() for name in names if name)
    return [folder for folder in folders if folder != HERE]


def _missing_folders() -> dict[Path, str]:
    missing = [path for path in _named_folders() if not path.is_dir()]
    return {path: f"JAXDL_SYSTEMS: {path} is no folder" for path in missing}


def _short(path: Path) -> str:
    """Returns a path as it is read most easily from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def find(name: str) -> SystemFile:
    """Returns the launch file of a name, a path to a file, or a dotted module.

    Raises:
      BadInput: there is none, with the name that was perhaps meant; or it is broken.
    """
    if name.endswith(".py") or os.sep in name:
        return _by_path(Path(name))
    found = search()
    if name in found.systems:
        return found.systems[name]
    for path, problem in found.problems.items():
        if path.stem == name:
            raise BadInput(problem)
    if "." in name:
        return _by_module(name)
    raise BadInput(f"unknown system {name!r}{suggestion(name, found.systems)}")


def suggestion(name: str, known: Mapping[str, Any]) -> str:
    """Returns how a message about an unknown name ends."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else "; ./run lists them"


def _by_path(path: Path) -> SystemFile:
    if not path.is_file():
        raise BadInput(f"{path} is no file")
    if str(path.resolve().parent) not in sys.path:  # as if Python had been started with the file
        sys.path.append(str(path.resolve().parent))
    try:
        return load(path.resolve())
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _by_module(name: str) -> SystemFile:
    try:
        module = importlib.import_module(name)
        return as_system(module, Path(str(module.__file__)).resolve())
    except (Exception, SystemExit) as error:
        text = next(iter(str(error).splitlines()), "")
        kind = (
            "" if isinstance(error, BadInput) else f"cannot be imported: {type(error).__name__}: "
        )
        raise BadInput(f"{name}: {kind}{text}") from error


def system_of(config: Mapping[str, Any]) -> SystemFile:
    """Returns the launch file that a run's config.json names.

    Raises:
      BadInput: it names none, or one that is no longer there.
    """
    file = config.get("launch_file")
    if file and Path(file).is_file():
        return _by_path(Path(file))
    if not config.get("system"):
        raise BadInput("names no system: the run was started from Python, without a launch file")
    return find(config["system"])


def claims_of(system: SystemFile) -> list[Claim]:
    """Returns what the paper states; empty where no <system>_claims.py stands beside the system.

    Raises:
      BadInput: that file cannot be imported, or holds no CLAIMS.
    """
    return _from_sibling(system, "claims", "CLAIMS") or []


def bench_file(system: SystemFile) -> Path:
    """Returns where a system's benchmarks stand, if it has any."""
    return system.path.with_name(f"{system.name}_bench.py")


def _from_sibling(system: SystemFile, suffix: str, name: str) -> Any:
    """Returns a name out of <system>_<suffix>.py; None where there is no such file."""
    path = system.path.with_name(f"{system.name}_{suffix}.py")
    return read_name(path, name) if path.exists() else None


def read_name(path: Path, name: str) -> Any:
    """Imports a file and returns one of its names.

    Raises:
      BadInput: it cannot be imported, or lacks the name.
    """
    try:
        return getattr(load_file(path), name)
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        text = next(iter(str(error).splitlines()), "")
        raise BadInput(f"{_short(path)}: {type(error).__name__}: {text}") from error


def case_names(path: Path) -> list[str]:
    """Returns the names of the cases in a benchmark's file without importing it, and so JAX."""
    for node in ast.parse(path.read_text("utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "CASES":
            keys = getattr(node.value, "keys", [None])
            if all(isinstance(key, ast.Constant) for key in keys):
                return [key.value for key in keys]
    return list(read_name(path, "CASES"))  # not written out: it has to be computed


def results_file(tier: str, system: SystemFile | str, results: Path = RESULTS) -> Path:
    """Returns where the figures of a system's claims lie."""
    name = system if isinstance(system, str) else system.name
    return results / tier / f"{name}.json"


def claims_measured(tier: str, system: SystemFile | str, results: Path = RESULTS) -> dict[str, Any]:
    """Returns the claims of a results file by name; empty where nothing was measured."""
    file = results_file(tier, system, results)
    return json.loads(file.read_text("utf-8"))["claims"] if file.exists() else {}


def verdicts(system: SystemFile | str, results: Path = RESULTS) -> list[str]:
    """Returns one sentence for each claim that was measured, in every tier."""
    tiers = sorted(path.name for path in results.glob("*/") if path.name != "smoke")
    return [
        f"{row['answer']} ({tier}): {row['statement']} ({row['source']}). {row['summary']}"
        for tier in tiers
        for row in claims_measured(tier, system, results).values()
    ]
