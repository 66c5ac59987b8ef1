"""`./run <system> [--flags]` trains one of the systems, `./run <command>` does what it says."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

from experiments._systems import (
    SECTIONS,
    TOOLS,
    Found,
    SystemFile,
    find,
    search,
    suggestion,
    verdicts,
)
from jaxdl.core.run import BadInput
from jaxdl.launch.display import steady_display
from jaxdl.launch.flags import launch, launch_tool

HERE = Path(__file__).parent
USAGE = """usage: ./run <system> [--preset=smoke|cpu|gpu|paper] [--flag=value ...]
       ./run <command> [--flag=value ...]
       ./run path/to/mysystem.py, ./run mypackage.mymodule   launch files of your own
       ./run <system or command> --help                      every flag"""


def main() -> int:
    """Dispatches on the first argument."""
    steady_display()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help", "help"):
        print(listing(search()), flush=True)
        return 0
    name = sys.argv[1]
    try:
        if name in TOOLS:
            return run_tool(name, sys.argv[2:])
        system = find_system(name)
    except BadInput as error:
        print(f"jaxdl: {error}", file=sys.stderr)
        return 2
    sys.argv[:2] = [f"./run {name}"]
    module = system.module
    launch(module.build, module.PRESETS, module.ABOUT, verdicts=verdicts(system))
    return 0


def find_system(name: str) -> SystemFile:
    """Returns the launch file that a name stands for.

    Raises:
      BadInput: there is none, with the system or command that was perhaps meant.
    """
    try:
        return find(name)
    except BadInput as error:
        if not str(error).startswith("unknown system"):
            raise
        known = {**search().systems, **TOOLS}
        raise BadInput(f"unknown system or command {name!r}{suggestion(name, known)}") from None


def run_tool(name: str, arguments: list[str]) -> int:
    """Starts a command: one with PRESETS gets its flags read, the others their arguments."""
    module = tool_module(name)
    if hasattr(module, "command"):
        return module.command(arguments) or 0
    if not hasattr(module, "PRESETS"):
        return module.main(arguments) or 0
    sys.argv[:2] = [f"./run {name}"]
    launch_tool(module.main, module.PRESETS)
    return 0


def tool_module(name: str) -> ModuleType:
    """Imports the file of a command; `test` is in _test.py, so that pytest leaves it alone."""
    plain = (HERE / f"{name}.py").exists()
    return importlib.import_module(f"experiments.{name if plain else f'_{name}'}")


def listing(found: Found) -> str:
    """Returns the commands and the systems by section, a line each; what is broken at last."""
    width = max(map(len, [*TOOLS, *found.systems])) + 2
    lines = [USAGE, "", "Commands"]
    lines += [f"  {name:<{width}}{text}" for name, text in TOOLS.items()]
    for section in dict.fromkeys([*SECTIONS, *(one.section for one in found.systems.values())]):
        members = [one for one in found.systems.values() if one.section == section]
        if members:
            lines += ["", SECTIONS.get(section, section.replace("_", " ").capitalize())]
        for one in members:
            about = one.module.ABOUT
            lines.append(f"  {one.name:<{width}}{about.title} ({about.paper}): {about.summary}")
    if found.problems:
        lines += ["", "Cannot be used"]
        lines += [f"  {problem}" for problem in found.problems.values()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
