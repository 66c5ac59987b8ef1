"""A process with a time limit, whose companions end with it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
GRACE = 3.0  # seconds between the request to end and the end by force


class Ended(NamedTuple):
    """How a process has ended.

    Attributes:
      code: its exit code, negative for a signal.
      overran: whether it was stopped by the time limit.
    """

    code: int
    overran: bool


def environment() -> dict[str, str]:
    """Returns this process's environment, in which the project's own modules are found."""
    path = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONUTF8": "1"}


def run_process(command: Sequence[str], log: Path, limit: float) -> Ended:
    """Runs a command; its output goes into a file.

    Whatever ends this function, the command and all that it has started are ended too.

    Args:
      command: the program and its arguments.
      log: the file; it is written over.
      limit: seconds, those included that a stopped command takes to end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + limit
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        try:
            code = process.wait(max(limit - GRACE, 0.1))
            return Ended(code, overran=False)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.1))
            return Ended(process.poll() or -signal.SIGKILL, overran=True)
        finally:
            _signal(process, signal.SIGKILL)  # the whole group, of which some may be left
            process.wait()


def _end_with_parent() -> None:
    """Lets the system end this process when its parent is killed, which cannot do so itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal(process: subprocess.Popen, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
