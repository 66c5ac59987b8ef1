"""Devices: the one mesh, what is copied or split over it, and how hosts find each other."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.run import BadInput, Run, in_cluster

AXIS = "data"
_FAILED = -(2**31)
FAKE_DEVICES = {  # flags of XLA's beside those that ask for fake devices
    "xla_cpu_enable_concurrency_optimized_scheduler": "false",
    "xla_cpu_collective_call_terminate_timeout_seconds": "600",
}


def make_mesh(num_devices: int = 0) -> Mesh:
    """A mesh with the one axis `data` over the first `num_devices` devices (0: all).

    Raises:
      BadInput: there are fewer devices, or not all are asked for by several processes.
    """
    devices = jax.devices()
    if jax.process_count() > 1 and num_devices not in (0, len(devices)):
        raise BadInput(f"--devices={num_devices}: several processes use all {len(devices)} devices")
    if num_devices > len(devices):
        hint = "; on CPU, set XLA_FLAGS=--xla_force_host_platform_device_count=N"
        raise BadInput(f"--devices={num_devices}, but there are {len(devices)}{hint}")
    devices = devices[: num_devices or len(devices)]
    # Auto, not the default Explicit: the compiler places what is between the driver's constraints.
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def connect(run: Run) -> None:
    """Joins the processes of one run: by its flags, or as SLURM, MPI, Kubernetes or a TPU pod tell.

    Raises:
      BadInput: several processes without the address of the first.
    """
    if jax.distributed.is_initialized():
        return
    join = partial(
        jax.distributed.initialize,
        heartbeat_timeout_seconds=run.heartbeat,
        initialization_timeout=1800,  # hosts of a large job start minutes apart
    )
    if run.coordinator:
        join(run.coordinator, run.num_processes, run.process_id)
    elif run.num_processes > 1:
        raise BadInput(f"--num_processes={run.num_processes} needs --coordinator=host:port")
    elif in_cluster() and not run.alone:
        print(
            "jaxdl: a cluster announces other tasks; waiting for them "
            "(--alone for a task that is a run of its own)",
            file=sys.stderr,
            flush=True,
        )
        join()


def on_first_process(find: Callable[[], int]) -> int:
    """Calls `find` on process 0 and tells all the number; what it raises ends all of them."""
    if jax.process_count() == 1:
        return find()
    number, error = _FAILED, None
    if jax.process_index() == 0:
        try:
            number = find()
        except Exception as raised:
            error = raised
    number = int(multihost_utils.broadcast_one_to_all(np.int32(number)))
    if error:
        raise error
    if number == _FAILED:
        raise BadInput("process 0 has ended the run; it tells why")
    return number


def spread(tree: Any) -> Any:
    """Splits the leading axis of every leaf [n, ...] over the devices; the identity without a mesh.

    For a population that a learner makes itself; the driver splits `batch` and `actors` already.
    """
    return split(tree, axis=0)


def split(tree: Any, *, axis: int) -> Any:
    """Like `spread`, along another axis of the leaves."""
    if jax.sharding.get_abstract_mesh().empty:
        return tree
    spec = P(*(None,) * axis, AXIS)
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, spec), tree)


def per_device(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Runs fn([n, ...]) -> [n, ...] on each device's own slice, with no communication.

    For a vmapped `while_loop`, whose condition would otherwise be agreed upon by all devices at
    every iteration. `fn` closes over nothing that is split.
    """

    def apply(tree):
        if jax.sharding.get_abstract_mesh().empty:
            return fn(tree)
        # MJX's solver fails the check of varying axes; with no collectives inside it has no use.
        return jax.shard_map(fn, in_specs=P(AXIS), out_specs=P(AXIS), check_vma=False)(tree)

    return apply


def layout(mesh: Mesh, state: Any, *, axis: int = 0) -> Any:
    """Returns the sharding of each leaf of a state.

    The field `actors` of a TrainState is split along `axis`; scalars in it, and all else, are
    copied.

    Args:
      mesh: the devices.
      state: shapes of a TrainState.
      axis: of the envs: 0, or 1 behind an axis of seeds.

    Raises:
      BadInput: the actors cannot be divided evenly among the devices.
    """
    copied = NamedSharding(mesh, P())

    def place_actor(leaf):
        if len(leaf.shape) <= axis:
            return copied
        if leaf.shape[axis] % mesh.size:
            raise BadInput(f"num_envs={leaf.shape[axis]} is not divisible by devices={mesh.size}")
        return NamedSharding(mesh, P(*(None,) * axis, AXIS))

    places = jax.tree.map(lambda leaf: copied, state)
    if not hasattr(state, "actors"):
        return places
    return places._replace(actors=jax.tree.map(place_actor, state.actors))


def prepare_jax() -> None:
    """Sets JAX up for a process: how closed-over data, compiled programs and fake devices are kept.

    Compiled programs are cached in a folder that only this user can write to: they are executable
    code, so a folder that others can write to is refused. `JAXDL_CACHE` names another folder; the
    empty string turns the cache off.
    """
    # See jaxdl/__init__.py; this is for processes that have imported JAX before.
    jax.config.update("jax_use_simplified_jaxpr_constants", True)
    _order_collectives()
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = os.environ.get("JAXDL_CACHE", str(home / "jaxdl" / "xla"))
    if not folder:
        return
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    status = os.stat(folder)
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise BadInput(f"the compilation cache {folder} can be written to by others; chmod 700 it")
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _order_collectives() -> None:
    """Lets the fake devices of a CPU meet in one order; call it before JAX looks for devices.

    XLA's scheduler for concurrency lets each device start whichever collective is ready first. On
    fewer cores than devices all threads then wait in different ones, until XLA ends the process.
    That it does after 40 s, which devices that take turns on a busy core can need by themselves.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "host_platform_device_count" not in flags:
        return
    for name, value in FAKE_DEVICES.items():
        if name not in flags:
            flags += f" --{name}={value}"
    os.environ["XLA_FLAGS"] = flags
