"""The checks and tests: `./run test [--slow, or arguments for pytest]`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str]) -> int:
    """Runs lint, types, the direction of imports, and pytest; the first that fails ends it.

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
