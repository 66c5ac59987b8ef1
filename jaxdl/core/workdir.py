"""A run's folder: whose it is, what is written into it and when."""

import errno
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.core import report
from jaxdl.core.checkpoint import Checkpoints, Saved
from jaxdl.core.logs import Axis, open_logs, say, silent_logs
from jaxdl.core.mesh import on_first_process
from jaxdl.core.replay import open_with_replay
from jaxdl.core.run import FREE, BadInput, Run


class Workdir(NamedTuple):
    """What the driver asks of a run's folder; without a folder only `log` shows something.

    Attributes:
      path: of the folder; None without one.
      claim: identity -> None; refuses the folder of a run with other settings.
      is_other_program: identity -> whether the checkpoints there are of another program.
      restore: abstract state -> the newest good checkpoint, or None.
      result: () -> what result.json holds, or None.
      begin: step -> None; writes config.json and opens the logs there.
      log: step, metrics -> None.
      profile: call number -> a context that traces the second call, if asked for.
      save: step, state, notes -> None.
      check: () -> None; raises NotSaved if a save has failed since.
      interrupt: step -> None; says how to go on.
      finish: result, arrays, exhibits -> None; waits for the checkpoints, writes the results.
    """

    path: Path | None
    claim: Callable[[Mapping[str, Any]], None]
    is_other_program: Callable[[Mapping[str, Any]], bool]
    restore: Callable[[Any], Saved | None]
    result: Callable[[], dict | None]
    begin: Callable[[int], None]
    log: Callable[[int, Mapping[str, Any]], None]
    profile: Callable[[int], Any]
    save: Callable[[int, Any, dict[str, Any]], None]
    check: Callable[[], None]
    interrupt: Callable[[int], None]
    finish: Callable[[dict, Callable[[], Sequence[Any]]], None]


@contextmanager
def open_workdir(run: Run, axis: Axis) -> Iterator[Workdir]:
    """Takes hold of `run.workdir` ("" for a run that writes nothing).

    Args:
      run: the run.
      axis: what its steps are counted in, beside steps.

    Raises:
      BadInput: another process is at work in it, or it cannot be written to.
    """
    path = Path(run.workdir) if run.workdir else None
    is_first = jax.process_index() == 0
    logs = silent_logs()
    config: dict[str, Any] = {}
    with ExitStack() as stack:
        checkpoints = _take_folder(path, run, stack) if path else _no_checkpoints()

        def claim(identity):
            nonlocal config
            config = _describe_run(run, identity)
            if path is not None:
                on_first_process(partial(_compare_runs, path, run, config))

        def is_other_program(identity):
            config["program"] = dict(identity)
            if path is None:
                return False
            return on_first_process(partial(_compare_programs, path, config)) == 1

        def result():
            with suppress(OSError, ValueError):
                return json.loads((path / "result.json").read_text()) if path else None

        def begin(step):
            nonlocal logs
            if is_first and path:
                _write_json(path / "config.json", config)
            if is_first:
                logs = open_logs(run, path, step, axis)
                stack.callback(logs.close)
                _announce(run, path, step)

        def log(step, metrics):
            logs.write(step, metrics)

        def profile(call):
            is_wanted = run.profile and run.workdir and call == 1
            return jax.profiler.trace(f"{run.workdir}/profile") if is_wanted else nullcontext()

        def interrupt(step):
            checkpoints.close()
            hint = f"; the same command with --workdir={path} goes on" if path else ""
            say(f"stopped at step {step} of {run.steps}{hint}")

        def finish(result, draw):
            checkpoints.close()
            logs.close()
            if path and is_first:
                _write_json(path / "result.json", result)
                report.write(path, draw())
                say(f"results in {path}, report: {path / 'report.html'}")

        yield Workdir(
            path=path,
            claim=claim,
            is_other_program=is_other_program,
            restore=lambda abstract_state: checkpoints.restore(abstract_state, None),
            result=result,
            begin=begin,
            log=log,
            profile=profile,
            save=checkpoints.save,
            check=checkpoints.check,
            interrupt=interrupt,
            finish=finish,
        )


def _announce(run: Run, path: Path | None, step: int) -> None:
    if step and path:
        say(f"resuming {path} at step {step}")
    elif path:
        say(f"training in {path}; the report will be {path / 'report.html'}")
    schedule = run.config.get("horizon", run.horizon)
    if schedule and schedule < run.steps:
        say(
            f"schedules end at step {schedule}, the horizon of the run's beginning; the steps up "
            f"to {run.steps} go on from there (--horizon sets it for a new run)"
        )


def _take_folder(path: Path, run: Run, stack: ExitStack) -> Checkpoints:
    """Locks the folder and opens its checkpoints."""

    def take():
        try:
            path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock(path))
        except OSError as error:
            raise BadInput(f"--workdir={path} cannot be used: {error.strerror or error}") from None
        return 0

    on_first_process(take)
    checkpoints = open_with_replay(
        path / "checkpoints",
        save_replay=run.save_replay,
        keep=run.keep,
        keep_every=run.keep_every,
        warn=say,
    )
    stack.callback(checkpoints.close)
    return checkpoints


def _no_checkpoints() -> Checkpoints:
    def nothing():
        return None

    return Checkpoints(
        restore=lambda abstract_state, among: None,
        steps=lambda: [],
        save=lambda step, state, notes: None,
        check=nothing,
        wait=nothing,
        close=nothing,
    )


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds a folder for this process alone; the lock of a dead one holds nobody up.

    File systems without locks (some of Lustre and NFS) are warned of and used all the same.

    Raises:
      BadInput: another process holds it.
    """
    with (path / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise BadInput(f"another run is at work in {path}") from None
            say(f"{path} cannot be locked ({error.strerror}): start one run in it only")
        yield


def _describe_run(run: Run, identity: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json holds."""
    seeds = {"seed": run.seed, "num_seeds": run.num_seeds, "first_seed": run.first_seed}
    config = {**run.config, **seeds, **identity}
    return json.loads(json.dumps(config))  # tuples become lists, as they are on the disk


def _compare_runs(path: Path, run: Run, config: Mapping[str, Any]) -> int:
    """Compares with what the folder holds; returns 0.

    Raises:
      BadInput: it holds checkpoints of other settings.
    """
    old = _read_config(path)
    if lines := _differences(old, config, run) if old else []:
        more = [f"  ... and {len(lines) - 12} more"] if len(lines) > 12 else []
        text = [f"{path} holds a run with other settings", *lines[:12], *more]
        raise BadInput("\n".join([*text, "give another --workdir, or the same settings"]))
    return 0


def _read_config(path: Path) -> dict[str, Any]:
    """The config.json of a folder that holds checkpoints, else {}."""
    file = path / "config.json"
    if not file.exists() or not any((path / "checkpoints").glob("[0-9]*")):
        return {}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{file} is damaged ({error}); restore it, or move it away") from None


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], run: Run) -> list[str]:
    ignored = {*FREE, *run.free, "preset", "program"}
    names = sorted((new.keys() | old.keys()) - ignored)
    if "first_seed" not in old:  # a run from before seeds had numbers
        names = [name for name in names if name != "first_seed"]
    return [
        f"  --{name}: it has {old.get(name)!r}, this run {new.get(name)!r}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _compare_programs(path: Path, config: Mapping[str, Any]) -> int:
    """Returns 1 if the checkpoints are of another program, traced in the same surroundings."""
    old = _read_config(path).get("program", {})
    new = config["program"]
    is_comparable = old.get("traced_with") == new["traced_with"]
    return int(is_comparable and old.get("sha256") != new["sha256"])


def _write_json(file: Path, content: Any) -> None:
    """Writes a file whole or not at all."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.rename(file)
