"""Starts a script many times in one process's children, which share what is slow to import."""

import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def main(script: str, calls: str, results: str) -> None:
    """Runs the script with each list of arguments; writes exit code, output, and if JAX was loaded.

    Args:
      script: path of a Python file.
      calls: path of a JSON file, a list of argument lists.
      results: path of the JSON file to write.
    """
    import jaxdl.launch  # noqa: F401

    done = [run(script, arguments, i) for i, arguments in enumerate(json.loads(read(calls)))]
    Path(results).write_text(json.dumps(done), "utf-8")


def run(script: str, arguments: list[str], number: int) -> dict:
    """Runs the script in a child."""
    names = {stream: f"{stream}-{number}.txt" for stream in ("out", "err", "jax")}
    child = os.fork()
    if not child:
        os._exit(as_child(script, arguments, names))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"code": code, **{stream: read(name) for stream, name in names.items()}}


def as_child(script: str, arguments: list[str], names: dict[str, str]) -> int:
    """Runs the script and returns its exit code."""
    for number, stream in ((1, "out"), (2, "err")):
        os.dup2(os.open(names[stream], os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    sys.argv = [script, *arguments]
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    Path(names["jax"]).write_text("jax" if "jax" in sys.modules else "")
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def read(name: str) -> str:
    """Returns a file's text."""
    return Path(name).read_text("utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
