"""`./run test`: lint, import direction, types, repeated lines, and pytest on all cores.

./run test                everything but the slow tests; --slow adds them
./run test rl             the tests of one room and of all that imports it
./run test -k returns     pytest alone, with its own arguments
"""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from experiments._imports import ROOT, dependents, find_modules, import_graph

CHECKS = (
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("lint-imports",),
    ("pyright", "--pythonpath", sys.executable),  # the jax at hand, whatever the lock says
    (sys.executable, "-m", "experiments._repeats"),
)
MOST_WORKERS = 8
# The contract of every system compiles for far longer than it computes: without LLVM's
# optimizations it takes two fifths less. Elsewhere tests measure what optimized code does.
CONTRACT = "tests/core/test_contract.py"
UNOPTIMIZED = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}


class Part(NamedTuple):
    """One part of a run.

    Attributes:
      name: its command in short.
      code: exit code; None where its program is not installed.
      output: what it printed; "" where that went to the terminal.
      seconds: it took by the clock.
    """

    name: str
    code: int | None
    output: str
    seconds: float


def main(arguments: Sequence[str]) -> int:
    """Runs the checks and tests that the arguments ask for; returns the exit code."""
    slow = [each for each in arguments if each == "--slow"]
    rooms = [each for each in arguments if each in find_rooms()]
    rest = [each for each in arguments if each not in (*slow, *rooms)]
    parts = [] if rooms or rest else run_checks()
    if all(part.code in (0, None) for part in parts):
        files = [str(path) for path in tests_of(rooms)] if rooms else []
        pytest = ["pytest", *slow, *([] if rest else find_workers())]
        if files or rest:
            parts.append(run_part([*pytest, *rest, *files], captured=False))
        else:
            parts.append(run_part([*pytest, CONTRACT], captured=False, variables=UNOPTIMIZED))
            parts.append(run_part([*pytest, f"--ignore={CONTRACT}"], captured=False))
    for part in parts:
        answer = {0: "", None: "  not installed, left out"}.get(part.code, "  FAILED")
        print(f"{part.seconds:7.1f} s  {part.name}{answer}")
    return next((part.code for part in parts if part.code), 0)


def find_rooms() -> set[str]:
    """Returns the names that `./run test` takes for rooms: folders of jaxdl and sections."""
    folders = [*(ROOT / "jaxdl").iterdir(), *(ROOT / "experiments").iterdir()]
    rooms = {path.name for path in folders if (path / "__init__.py").exists()}
    return rooms | {"experiments"}


def tests_of(rooms: Iterable[str]) -> list[Path]:
    """Returns the test files of some rooms, and those that import them, directly or not."""
    modules = find_modules()
    roots = {
        name
        for room in rooms
        for name in modules
        for package in (f"jaxdl.{room}", f"experiments.{room}", f"tests.{room}", room)
        if name == package or name.startswith(f"{package}.")
    }
    reached = dependents(import_graph(modules), roots)
    return [modules[name] for name in sorted(reached) if modules[name].name.startswith("test_")]


def find_workers() -> list[str]:
    """Returns the arguments that spread pytest over the cores, where pytest-xdist is installed."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = min(cores or 1, MOST_WORKERS)
    if workers == 1 or importlib.util.find_spec("xdist") is None:
        return []
    return ["-n", str(workers), "--dist", "worksteal"]


def run_checks() -> list[Part]:
    """Runs what needs no pytest, side by side, and prints what those that failed say."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(run_part, CHECKS))
    for part in parts:
        if part.code or "_repeats" in part.name:
            print(part.output, end="")
    return parts


def run_part(
    command: Sequence[str], *, captured: bool = True, variables: Mapping[str, str] | None = None
) -> Part:
    """Runs one command in the root of the repository, with some variables beside ours."""
    program, *rest = command
    modules = [] if program == sys.executable else [program]
    name = " ".join([*modules, *(each for each in rest if not each.startswith("/"))])
    if program == "pytest":
        command = [sys.executable, "-m", "pytest", "-p", "experiments._budget", *rest]
        name = " ".join(["pytest", *(each for each in rest if "test_contract" in each)])
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment() | dict(variables or {}),
            capture_output=captured,
            text=True,
        )
    except FileNotFoundError:
        return Part(name, None, "", 0.0)
    output = f"{done.stdout}{done.stderr}" if captured else ""
    return Part(name, done.returncode, output, time.monotonic() - began)


def _environment() -> dict[str, str]:
    """Returns ours, with the programs of this Python first and this clone's modules first."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": programs, "PYTHONPATH": os.pathsep.join(paths)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
