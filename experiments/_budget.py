"""A pytest plugin that adds up CPU-seconds by room and by system, and names what is over budget.

`./run test` loads it. A test belongs to the system that its parameters, its name or its file name;
the time of processes that a test starts counts as its own.
"""

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pytest

from experiments._imports import find_launch_files

FAST_BUDGET = 20.0  # CPU-seconds a system in `./run test`
SLOW_BUDGET = 60.0  # more of them in `./run test --slow`


class Cost(NamedTuple):
    """What one phase of a test cost.

    Attributes:
      test: its pytest node id.
      is_slow: whether it runs with `--slow` only.
      seconds: of CPU, its children included.
    """

    test: str
    is_slow: bool
    seconds: float


def cpu_seconds() -> float:
    """Returns the CPU time of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def room_of(test: str) -> str:
    """Returns `core` for tests/core/test_fit.py::test_x, and `tests` for tests/test_x.py."""
    parts = test.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]


def system_of(test: str, systems: Iterable[str]) -> str:
    """Returns the system that a test's parameters, its name or its file name; "" for none."""
    file, _, name = test.partition("::")
    function, _, parameters = name.partition("[")
    for text in (parameters, function, file.rpartition("/")[2]):
        words = f"_{re.sub('[^a-z0-9]+', '_', text.lower())}_"
        named = [system for system in systems if f"_{system}_" in words]
        if named:
            return max(named, key=len)
    return ""


def add_up(costs: Iterable[Cost], systems: Sequence[str]) -> list[str]:
    """Returns the lines that the end of a run prints."""
    rooms: dict[str, float] = {}
    by_system: dict[tuple[str, bool], float] = {}
    for test, is_slow, seconds in costs:
        rooms[room_of(test)] = rooms.get(room_of(test), 0.0) + seconds
        name = system_of(test, systems)
        if name:
            by_system[name, is_slow] = by_system.get((name, is_slow), 0.0) + seconds
    ordered = sorted(rooms.items(), key=lambda pair: -pair[1])
    lines = [f"CPU-seconds by room, {sum(rooms.values()):.0f} in all:"]
    lines += ["  " + ", ".join(f"{room} {seconds:.0f}" for room, seconds in ordered)]
    lines += [f"CPU-seconds by system (budget {FAST_BUDGET:.0f}, and {SLOW_BUDGET:.0f} of --slow):"]
    for name in sorted({name for name, _ in by_system}):
        fast = by_system.get((name, False), 0.0)
        slow = by_system.get((name, True), 0.0)
        is_over = fast > FAST_BUDGET or slow > SLOW_BUDGET
        line = f"  {name:<12}{fast:7.1f}" + (f" and {slow:.1f}" if slow else "")
        lines.append(line + ("  OVER BUDGET" if is_over else ""))
    return lines


class Meter:
    """Measures tests where they run, and collects what was measured where pytest was started."""

    def __init__(self):
        self.costs: list[Cost] = []
        self.mark = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        """Begins a test."""
        self.mark = cpu_seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        """Notes what a phase of a test cost; pytest-xdist hands it on with the report."""
        report = yield
        now = cpu_seconds()
        report.cpu_seconds = now - self.mark
        self.mark = now
        return report

    def pytest_runtest_logreport(self, report):
        """Collects."""
        seconds = getattr(report, "cpu_seconds", 0.0)
        self.costs.append(Cost(report.nodeid, "slow" in report.keywords, seconds))

    def pytest_terminal_summary(self, terminalreporter):
        """Prints the sums."""
        if self.costs:
            systems = [path.stem for path in find_launch_files()]
            terminalreporter.section("budget")
            for line in add_up(self.costs, systems):
                terminalreporter.write_line(line)


def pytest_configure(config):
    """Registers the meter."""
    config.pluginmanager.register(Meter(), "jaxdl_budget")
