"""How a run is driven, and how it can end. No JAX here: flags are checked before it is loaded."""

import json
import math
import os
import re
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class BadInput(ValueError):
    """Tells the user that what was asked for cannot be done, and what to mend (exit code 2)."""


class NonFinite(FloatingPointError):
    """Tells that a metric or a part of the state became NaN or infinite (exit code 3)."""


class NotSaved(OSError):
    """Tells that a checkpoint could not be written (exit code 4)."""


class Stopped(SystemExit):
    """Ends a run that a signal has asked to stop, with exit code 128 + the signal's number.

    Attributes:
      step: how many steps were done.
      state: the state after them, so that a run without a workdir is not lost.
    """

    def __init__(self, code: int, step: int, state: Any):
        super().__init__(code)
        self.step = step
        self.state = state


Number = int | float


def option(
    default: Any,
    text: str,
    *,
    short: str | None = None,
    at_least: Number | None = None,
    above: Number | None = None,
    at_most: Number | None = None,
    below: Number | None = None,
    free: bool = False,
    check: str = "",
) -> Any:
    """Declares a field of a Config, which becomes a flag.

    Args:
      default: of the field.
      text: the flag's help.
      short: a second, shorter name of the flag.
      at_least: the smallest value. Bounds hold for each item of a tuple, and not for None.
      above: what the value must exceed.
      at_most: the largest value.
      below: what the value must stay under.
      free: the value may change when a run goes on, since it changes nothing in what is trained.
      check: "module:function" that refuses bad values with BadInput. It is imported when a value is
        checked, and loads no JAX.
    """
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    return field(
        default=default,
        metadata={"help": text, "short": short, "free": free, "check": check, **bounds},
    )


def not_a_flag(default: Any = "", **kwargs: Any) -> Any:
    """Declares a field that the launcher fills in and that has no flag."""
    return field(metadata={"flag": False}, **(kwargs or {"default": default}))


def check_options(config: Any, prefix: str = "--") -> None:
    """Checks the fields of one dataclass against the bounds of their options.

    Raises:
      BadInput: a value is out of its bounds; the message names the flag.
    """
    for one in fields(config):
        value = getattr(config, one.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, int | float) and not isinstance(item, bool):
                if problem := out_of_bounds(item, one.metadata):
                    raise BadInput(f"{prefix}{one.name} must be {problem}, got {value}")


def out_of_bounds(value: Number, bounds: Mapping[str, Any]) -> str:
    """Says which of an option's bounds a number breaks, or "" if none."""
    at_least, above = bounds.get("at_least"), bounds.get("above")
    at_most, below = bounds.get("at_most"), bounds.get("below")
    inside = not math.isnan(value)
    inside &= at_least is None or value >= at_least
    inside &= above is None or value > above
    inside &= at_most is None or value <= at_most
    inside &= below is None or value < below
    inside &= math.isfinite(value) or at_most == math.inf
    return "" if inside else bounds_text(bounds) or "finite"


def bounds_text(bounds: Mapping[str, Any]) -> str:
    """Writes an option's bounds in words, such as "above 0 and at most 1"; "" without bounds."""
    words = {"at_least": "at least", "above": "above", "at_most": "at most", "below": "below"}
    parts = [f"{word} {bounds[n]:g}" for n, word in words.items() if bounds.get(n) is not None]
    return " and ".join(parts)


SIGNALS = ("TERM", "INT", "HUP", "USR1")


@dataclass(frozen=True)
class Run:
    """The driver's arguments; each is a flag of every experiment."""

    steps: int = option(1000, "learner steps in all", at_least=1)
    horizon: int = option(
        0, "steps that schedules are laid out for (0: the first run's --steps)", at_least=0
    )
    steps_per_call: int = option(10, "steps in one dispatch to the device", at_least=1, free=True)
    eval_every: int = option(
        0, "evaluate each time so many steps are passed (0: at the end only)", at_least=0, free=True
    )
    save_every: int = option(
        0, "save each time so many steps are passed (0: at the end only)", at_least=0, free=True
    )
    keep: int = option(3, "how many of the newest checkpoints are kept", at_least=1, free=True)
    keep_every: int = option(
        0, "keep the checkpoints of every so many steps too (0: none)", at_least=0, free=True
    )
    save_replay: bool = option(
        True,
        "the newest checkpoint holds replay too; without it a resumption refills it",
        free=True,
    )
    skip_nonfinite: int = option(
        0, "undo up to so many bad updates in a row (0: end at the first)", at_least=0
    )
    seed: int = option(0, "the run is a function of its flags and this number", at_least=0)
    num_seeds: int = option(
        1, "independent runs side by side, for means with intervals", at_least=1
    )
    first_seed: int = option(
        0, "number of the first of these runs: run 3 of 5 alone is --first_seed=3", at_least=0
    )
    devices: int = option(0, "devices to use (0: all)", at_least=0, free=True)
    workdir: str = option(
        "", "where results go; resumed if it holds checkpoints of this run", free=True
    )
    init_from: str = option(
        "", "start from the parameters of another run: <workdir>[:stage][#part[=part]]"
    )
    accept_changes: bool = option(
        False, "go on although the program has changed since the checkpoint", free=True
    )
    tensorboard: bool = option(False, "write TensorBoard events too", free=True)
    profile: bool = option(
        False, "write a jax.profiler trace of one call after the first", free=True
    )
    max_restarts: int = option(
        0, "start again so often from the last checkpoint if it crashes", at_least=0, free=True
    )
    watchdog: int = option(
        3600,
        "seconds a call may hang before stacks are printed (0: for ever)",
        at_least=0,
        free=True,
    )
    save_on: tuple[str, ...] = option(
        SIGNALS, "signals after which the run saves and ends", free=True
    )
    alone: bool = option(False, "do not join the other tasks that a cluster announces", free=True)
    coordinator: str = option(
        "", "host:port of process 0, for several processes by hand", free=True
    )
    num_processes: int = option(
        1, "processes of this run, with --coordinator", at_least=1, free=True
    )
    process_id: int = option(0, "this process's number, with --coordinator", at_least=0, free=True)
    heartbeat: int = option(
        100, "seconds of silence after which another process counts as dead", at_least=1, free=True
    )
    system: str = not_a_flag()
    preset: str = not_a_flag()
    config: Mapping[str, Any] = not_a_flag(default_factory=dict)
    free: frozenset[str] = not_a_flag(default=frozenset())

    def __post_init__(self):
        _convert(self)
        check_options(self)
        if self.keep_every and (not self.save_every or self.keep_every % self.save_every):
            every = f"--keep_every={self.keep_every}"
            raise BadInput(f"{every} must be a multiple of --save_every={self.save_every}")
        if self.process_id >= self.num_processes:
            raise BadInput(
                f"--process_id={self.process_id} of --num_processes={self.num_processes}"
            )
        if self.workdir and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", Path(self.workdir).name):
            raise BadInput(
                f"--workdir must end in a name of letters, digits, . _ -: {self.workdir!r}"
            )
        for name in self.save_on:
            if not hasattr(signal, f"SIG{name}"):
                raise BadInput(f"--save_on={name}: should be among {', '.join(SIGNALS)}")

    @property
    def seeds(self) -> range:
        """The numbers of the independent runs."""
        return range(self.first_seed, self.first_seed + self.num_seeds)


def _convert(run: Run) -> None:
    """Makes plain numbers of NumPy's and of floats that are whole, which JSON cannot hold.

    Raises:
      BadInput: a field is of another type.
    """
    for one in fields(Run):
        value = getattr(run, one.name)
        if one.type is int and type(value) is not int:
            try:
                whole = int(value)
            except (TypeError, ValueError, OverflowError):
                whole = None
            if whole is None or whole != value or isinstance(value, str):
                raise BadInput(f"--{one.name} must be a whole number, got {value!r}")
            object.__setattr__(run, one.name, whole)
        elif one.type is bool and type(value) is not bool:
            if value not in (0, 1):
                raise BadInput(f"--{one.name} must be true or false, got {value!r}")
            object.__setattr__(run, one.name, bool(value))
        elif one.type is str and not isinstance(value, str):
            if not isinstance(value, os.PathLike):
                raise BadInput(f"--{one.name} must be text, got {value!r}")
            object.__setattr__(run, one.name, os.fspath(value))


# What may change between a run and its resumption without changing what is computed.
FREE = ("steps", *(one.name for one in fields(Run) if one.metadata.get("free")))


def horizon(run: Run) -> int:
    """Steps that the schedules of a run are laid out for.

    `--horizon`, else the horizon that the run in the workdir was begun with, else `--steps`.
    """
    if run.horizon:
        return run.horizon
    with suppress(OSError, ValueError, TypeError):
        recorded = json.loads((Path(run.workdir) / "config.json").read_text()).get("horizon")
        if run.workdir and type(recorded) is int and recorded > 0:
            return recorded
    return run.steps


def default_workdir(system: str, preset: str) -> str:
    """Names a new folder below `runs/`."""
    return f"runs/{system}/{preset}-{time.strftime('%Y%m%d-%H%M%S')}"


def in_cluster() -> bool:
    """Whether a cluster says that this process has companions; JAX finds out which they are."""
    tasks = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "").split(",")
    return (
        any(int(os.environ.get(name) or 1) > 1 for name in tasks)
        or len(hosts) > 1
        # An indexed job of Kubernetes; the extra jax[k8s] asks the cluster for the rest.
        or ("KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ)
        or "JAX_COORDINATOR_ADDRESS" in os.environ
    )
