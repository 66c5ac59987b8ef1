"""How a run is driven, and how it can end. No JAX here: flags are checked before it is loaded."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class BadInput(ValueError):
    """What the user asked for cannot be done; the message says what to mend (exit code 2)."""


class NonFinite(FloatingPointError):
    """A metric or a parameter became NaN or infinite (exit code 3)."""


class NotSaved(OSError):
    """A checkpoint could not be written, be it for want of room (exit code 4)."""


def option(default: Any, text: str, *, short: str | None = None) -> Any:
    """A dataclass field with a default, the help text of its flag, and a second, shorter name."""
    return field(default=default, metadata={"help": text, "short": short})


def not_a_flag(default: Any = "", **kwargs: Any) -> Any:
    """A dataclass field that is filled in by the launcher and has no flag."""
    return field(metadata={"flag": False}, **(kwargs or {"default": default}))


@dataclass(frozen=True)
class Run:
    """The driver's arguments; each is a flag of every experiment."""

    steps: int = option(1000, "learner steps in all")
    steps_per_call: int = option(10, "steps in one dispatch to the device")
    eval_every: int = option(0, "evaluate each time so many steps are passed (0: at the end only)")
    save_every: int = option(0, "save each time so many steps are passed (0: at the end only)")
    keep: int = option(3, "how many of the newest checkpoints are kept")
    keep_every: int = option(0, "keep the checkpoints of every so many steps too (0: none)")
    skip_nonfinite: int = option(0, "undo up to so many bad updates in a row (0: end at the first)")
    seed: int = option(0, "the run is a function of its flags and this number")
    num_seeds: int = option(1, "independent runs side by side, for means with intervals")
    devices: int = option(0, "devices to use (0: all)")
    workdir: str = option("", "where results go; resumed if it holds checkpoints of this run")
    tensorboard: bool = option(False, "write TensorBoard events too")
    profile: bool = option(False, "write a jax.profiler trace of one call after the first")
    max_restarts: int = option(0, "start again so often from the last checkpoint if it crashes")
    watchdog: int = option(3600, "seconds a call may hang before stacks are printed (0: for ever)")
    coordinator: str = option("", "host:port of process 0, for several processes by hand")
    num_processes: int = option(1, "processes of this run, with --coordinator")
    process_id: int = option(0, "this process's number, with --coordinator")
    heartbeat: int = option(100, "seconds of silence after which another process counts as dead")
    system: str = not_a_flag()
    preset: str = not_a_flag()
    config: Mapping[str, Any] = not_a_flag(default_factory=dict)

    def __post_init__(self):
        counts = ("steps", "steps_per_call", "num_seeds", "num_processes", "keep", "heartbeat")
        for name in (f.name for f in fields(self) if f.type in (int, "int")):
            least = 1 if name in counts else 0
            if getattr(self, name) < least:
                raise BadInput(f"--{name} must be at least {least}, got {getattr(self, name)}")
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


# What may change between a run and its resumption without changing what is computed.
FREE = (
    *("steps", "steps_per_call", "eval_every", "save_every", "keep", "keep_every", "devices"),
    *("workdir", "tensorboard", "profile", "max_restarts", "watchdog"),
    *("coordinator", "num_processes", "process_id", "heartbeat"),
)


def default_workdir(system: str, preset: str) -> str:
    """A new folder below `runs/`."""
    return f"runs/{system}/{preset}-{time.strftime('%Y%m%d-%H%M%S')}"


def announced() -> bool:
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
