"""`./run <experiment> [--flags]`: lists the experiments, runs the checks, or starts one."""

import ast
import difflib
import importlib
import os
import subprocess
import sys
from pathlib import Path

from jaxdl.launch.flags import launch

HERE = Path(__file__).parent
ROOT = HERE.parent
NOT_LAUNCHED = ("__init__", "__main__", "finished", "timing")


def experiments() -> dict[str, str]:
    """Name -> the first line of its docstring, without importing any."""
    names = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in NOT_LAUNCHED)
    docs = {n: ast.get_docstring(ast.parse((HERE / f"{n}.py").read_text())) or "" for n in names}
    return {name: doc.splitlines()[0] if doc else "" for name, doc in docs.items()}


def test(arguments: list[str]) -> int:
    """Lint, types, the direction of imports, and pytest; the first that fails ends it.

    With arguments for pytest other than `--slow`, pytest alone.
    """
    checks = [] if {*arguments} - {"--slow"} else [
        ["ruff", "format", "--check", "--quiet", "."],
        ["ruff", "check", "--quiet", "."],
        ["lint-imports"],
        ["pyright"],
    ]  # fmt: skip
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in [*checks, [sys.executable, "-m", "pytest", *arguments]]:
        code = subprocess.run(command, cwd=ROOT, env=environment).returncode
        if code:
            print(f"jaxdl: {' '.join(command[:3])} failed", file=sys.stderr)
            return code
    return 0


def main() -> int:
    """Dispatches on the first argument."""
    known = experiments()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help", "help"):
        print("usage: ./run <experiment> [--preset=smoke|cpu|gpu|paper] [--flags, see --help]")
        for name, line in {
            **known,
            "test": "the checks and tests [--slow, or pytest arguments]",
        }.items():
            print(f"  {name:<10}{line}")
        return 0
    name = sys.argv[1]
    if name == "test":
        return test(sys.argv[2:])
    if name not in known:
        near = difflib.get_close_matches(name, [*known, "test"], 1)
        hint = f"; did you mean {near[0]}?" if near else "; ./run lists them"
        print(f"jaxdl: unknown experiment {name!r}{hint}", file=sys.stderr)
        return 2
    if name == "sweep":  # of another experiment, which it names
        return importlib.import_module("experiments.sweep").command(sys.argv[2:])
    sys.argv[:2] = [f"./run {name}"]
    module = importlib.import_module(f"experiments.{name}")
    launch(module.main, module.PRESETS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
