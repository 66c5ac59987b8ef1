"""A run's folder: whose it is, what is written into it and when."""

import fcntl
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.core import report
from jaxdl.core.checkpoint import Checkpoints, open_checkpoints
from jaxdl.core.logs import open_logs, silent
from jaxdl.core.mesh import on_first_process
from jaxdl.core.run import FREE, BadInput, Run


class Workdir(NamedTuple):
    """What the driver asks of a run's folder; where there is none, only `log` shows something.

    Attributes:
      restore: abstract state -> (step, state) of the newest good checkpoint, or None.
      result: () -> what result.json holds, or None.
      begin: step -> None; opens the logs there.
      log: step, metrics -> None.
      profile: call number -> a context that traces the second call, if asked for.
      save: step, state -> None.
      check: () -> None; raises NotSaved if a save has failed since.
      interrupted: step -> None; tells how to go on.
      finish: result -> None; waits for the checkpoints, writes result.json and report.html.
    """

    restore: Callable[[Any], tuple[int, Any] | None]
    result: Callable[[], dict | None]
    begin: Callable[[int], None]
    log: Callable[[int, Mapping], None]
    profile: Callable[..., Any]
    save: Callable[[int, Any], None]
    check: Callable[[], None]
    interrupted: Callable[[int], None]
    finish: Callable[[dict], None]


@contextmanager
def open_workdir(run: Run) -> Iterator[Workdir]:
    """Takes hold of `run.workdir` ("" for a run that writes nothing).

    Raises:
      BadInput: another process is at work in it, or it holds another run's checkpoints.
    """
    path = Path(run.workdir) if run.workdir else None
    first, logs = jax.process_index() == 0, silent()
    with ExitStack() as stack:
        checkpoints = _take(path, run, stack) if path else _no_checkpoints()

        def result():
            file = path / "result.json" if path else None
            with suppress(OSError, ValueError):
                return json.loads(file.read_text()) if file else None

        def begin(step):
            nonlocal logs
            if first:
                logs = open_logs(run, path, step)
                stack.callback(logs.close)
            if first and step:
                _say(f"resuming {path} at step {step}")

        def log(step, metrics):
            logs.write(step, metrics)

        def profile(call):
            wanted = run.profile and run.workdir and call == 1
            return jax.profiler.trace(f"{run.workdir}/profile") if wanted else nullcontext()

        def interrupted(step):
            checkpoints.close()
            place = f"; the same command with --workdir={path} goes on" if path else ""
            _say(f"stopped at step {step} of {run.steps}{place}")

        def finish(result):
            checkpoints.close()
            logs.close()
            if path and first:
                (path / "result.json").write_text(json.dumps(result, indent=2) + "\n")
                report.write(path)

        restore, save, check, _ = checkpoints
        yield Workdir(restore, result, begin, log, profile, save, check, interrupted, finish)


def _take(path: Path, run: Run, stack: ExitStack) -> Checkpoints:
    """Locks the folder, settles whose it is, and opens its checkpoints."""

    def claim():
        path.mkdir(parents=True, exist_ok=True)
        stack.enter_context(lock(path))
        _claim(path, run)
        return 0

    on_first_process(claim)
    kept = {"keep": run.keep, "keep_every": run.keep_every}
    checkpoints = open_checkpoints(path / "checkpoints", **kept, warn=_say)
    stack.callback(checkpoints.close)
    return checkpoints


def _no_checkpoints() -> Checkpoints:
    return Checkpoints(lambda like: None, lambda step, state: None, lambda: None, lambda: None)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds a folder for this process alone; the lock of a dead one holds nobody up.

    Raises:
      BadInput: another process holds it.
    """
    with (path / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(f"another run is at work in {path}") from None
        yield


def _claim(path: Path, run: Run) -> None:
    """Writes config.json, unless the folder holds checkpoints of other settings."""
    config = {**run.config, "seed": run.seed, "num_seeds": run.num_seeds}
    config = json.loads(json.dumps(config))  # tuples become lists, as they are on the disk
    file = path / "config.json"
    if file.exists() and any((path / "checkpoints").glob("[0-9]*")):
        try:
            old = json.loads(file.read_text())
        except ValueError as error:
            raise BadInput(f"{file} is damaged ({error}); restore it, or move it away") from None
        names = sorted((config.keys() | old.keys()) - set(FREE) - {"preset"})
        lines = [
            f"  --{name}: it has {old.get(name)!r}, this run {config.get(name)!r}"
            for name in names
            if old.get(name) != config.get(name)
        ]
        if lines:
            more = [f"  ... and {len(lines) - 12} more"] if len(lines) > 12 else []
            text = [f"{path} holds a run with other settings", *lines[:12], *more]
            raise BadInput("\n".join([*text, "give another --workdir, or the same settings"]))
    file.write_text(json.dumps(config, indent=2) + "\n")


def _say(text: str) -> None:
    print(f"jaxdl: {text}", file=sys.stderr, flush=True)
