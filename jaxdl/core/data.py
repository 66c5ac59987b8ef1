"""Where batches come from: a function of key and step, arrays on the device, or the host."""

import hashlib
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.learner import Data, DeviceData, HostData, Sample, seed_keys
from jaxdl.core.mesh import AXIS
from jaxdl.core.run import BadInput, Run

KINDS = "(), sample(key, step) -> batch, DeviceData or HostData"


class Source(NamedTuple):
    """Data as the driver's programs take them.

    Attributes:
      resident: pytree of arrays that is an argument of the programs; () for other data.
      draw: resident, key of the step, step -> batch [B, ...], or [S, B, ...] for S seeds; None
        where batches are fed.
      feed: the numbers of N steps -> what the host has read for them [N, (S,) B, ...], or None.
      batch: shapes of one batch.
    """

    resident: Any
    draw: Callable[[Any, jax.Array, jax.Array], Any] | None
    feed: Callable[[range], Any]
    batch: Any


def check_data(data: Data, devices: int) -> None:
    """Refuses what is no data, and batches that do not divide among the devices.

    Raises:
      BadInput: with what would be accepted.
    """
    if isinstance(data, DeviceData | HostData):
        sizes = [data.batch_size]
    elif isinstance(data, tuple) and data == ():
        sizes = []
    elif callable(data):
        sizes = [x.shape[0] for x in jax.tree.leaves(_batch_shapes(data))]
    else:
        raise BadInput(f"data of type {type(data).__name__} are not known; should be {KINDS}")
    for size in sizes:
        if size % devices:
            raise BadInput(f"batch_size={size} is not divisible by devices={devices}")
    if isinstance(data, DeviceData):
        _check_rows(data)


def _batch_shapes(sample: Callable) -> Any:
    try:
        shapes = jax.eval_shape(sample, jax.random.key(0), jax.ShapeDtypeStruct((), jnp.int32))
    except TypeError as error:
        raise BadInput(
            f"data as a function should be sample(key, step) -> batch: {error}"
        ) from None
    if not jax.tree.leaves(shapes) or any(x.ndim == 0 for x in jax.tree.leaves(shapes)):
        raise BadInput(f"sample(key, step) should return arrays [B, ...], got {shapes}")
    return shapes


def _check_rows(data: DeviceData) -> None:
    counts = {x.shape[0] for x in jax.tree.leaves(data.arrays)}
    if len(counts) != 1:
        raise BadInput(f"DeviceData.arrays should have equally many rows, got {sorted(counts)}")
    (rows,) = counts
    if not 1 <= data.batch_size <= rows:
        raise BadInput(f"batch_size={data.batch_size} should be 1 to {rows}, the rows there are")
    if rows * data.batch_size // math.gcd(rows, data.batch_size) >= 2**32:
        raise BadInput(f"batch_size={data.batch_size} of {rows} rows: choose one that divides them")


def open_data(data: Data, run: Run, mesh: Mesh, data_key: jax.Array) -> Source:
    """Prepares data for the programs of a run.

    Args:
      data: what `check_data` has accepted.
      run: its seeds and steps.
      mesh: resident arrays are copied to each of its devices.
      data_key: fixed for the run; orders of rows and host seeds are drawn from it.
    """
    if isinstance(data, HostData):
        seeds = host_seeds(data_key, run.seeds)
        return Source((), None, _host_feed(data, run, mesh, seeds), _host_batch(data, seeds))
    resident = ()
    if isinstance(data, DeviceData):
        resident = jax.device_put(data.arrays, NamedSharding(mesh, P())), data_key
        draw = _epochs(data, run)
    elif callable(data):
        draw = _samples(data, run)
    else:
        draw = lambda resident, key, step: ()  # noqa: E731
    step = jax.ShapeDtypeStruct((), jnp.int32)
    batch = jax.eval_shape(draw, resident, data_key, step)
    return Source(resident, draw, lambda steps: None, batch)


def _samples(sample: Sample, run: Run) -> Callable[[Any, jax.Array, jax.Array], Any]:
    def draw(resident, key, step):
        del resident
        keys = seed_keys(key, run.seeds)
        if run.num_seeds > 1:
            return jax.vmap(sample, (0, None))(keys, step)
        return sample(keys[0], step)

    return draw


def _epochs(data: DeviceData, run: Run) -> Callable[[Any, jax.Array, jax.Array], Any]:
    num_rows = jax.tree.leaves(data.arrays)[0].shape[0]

    def draw(resident, key, step):
        del key  # the order of an epoch is the same for all of its steps
        arrays, data_key = resident
        rows = [
            epoch_rows(k, step, num_rows, data.batch_size) for k in seed_keys(data_key, run.seeds)
        ]
        rows = jnp.stack(rows) if run.num_seeds > 1 else rows[0]
        return jax.tree.map(lambda x: x[rows], arrays)

    return draw


def epoch_rows(key: jax.Array, step: jax.Array, num_rows: int, batch_size: int) -> jax.Array:
    """Returns the rows of a batch: each row once an epoch, in an order drawn for every epoch.

    Args:
      key: of the orders.
      step: int32 scalar, the number of the batch.
      num_rows: N.
      batch_size: B <= N. Where it does not divide N, a batch holds the end of one epoch and the
        beginning of the next.

    Returns:
      [B] int32.
    """
    shared = math.gcd(num_rows, batch_size)
    steps_per_cycle = num_rows // shared  # after which an epoch begins with a batch again
    cycle = step // steps_per_cycle
    position = (step % steps_per_cycle).astype(jnp.uint32) * jnp.uint32(batch_size)
    epoch = cycle * (batch_size // shared) + (position // num_rows).astype(jnp.int32)
    places = (position % num_rows).astype(jnp.int32) + jnp.arange(batch_size)
    order = jax.random.permutation(jax.random.fold_in(key, epoch), num_rows)
    if num_rows % batch_size == 0:
        return order[places]
    next_order = jax.random.permutation(jax.random.fold_in(key, epoch + 1), num_rows)
    return jnp.where(places < num_rows, order[places % num_rows], next_order[places % num_rows])


def _host_batch(data: HostData, seeds: list[int]) -> Any:
    """The shapes of a batch, told by its first row."""

    def widen(x):
        x = np.asarray(x)
        shape = (data.batch_size, *x.shape[1:])
        shape = (len(seeds), *shape) if len(seeds) > 1 else shape
        return jax.ShapeDtypeStruct(shape, jax.dtypes.canonicalize_dtype(x.dtype))

    return jax.tree.map(widen, data.fetch(seeds[0], 0, np.arange(1)))


def _host_feed(data: HostData, run: Run, mesh: Mesh, seeds: list[int]) -> Callable[[range], Any]:
    """Reads the batches of N steps on a thread, one call ahead: leaves [N, (S,) B, ...].

    Each process reads the rows of its own devices only.
    """
    several = len(seeds) > 1
    place = NamedSharding(mesh, P(None, None, AXIS) if several else P(None, AXIS))
    share = data.batch_size // jax.process_count()
    rows = np.arange(share) + share * jax.process_index()
    pool = ThreadPoolExecutor(1)
    ahead: dict[int, Future] = {}

    def read_step(step):
        batches = [data.fetch(seed, step, rows) for seed in seeds]
        return jax.tree.map(lambda *x: np.stack(x), *batches) if several else batches[0]

    def read(steps):
        return jax.tree.map(lambda *x: np.stack(x), *[read_step(step) for step in steps])

    def feed(steps):
        current = ahead.pop(steps.start, None) or pool.submit(read, steps)
        following = range(steps.stop, min(steps.stop + run.steps_per_call, run.steps))
        if following:
            ahead[following.start] = pool.submit(read, following)
        batches = current.result()
        return jax.tree.map(lambda x: jax.make_array_from_process_local_data(place, x), batches)

    return feed


def host_seeds(data_key: jax.Array, seeds: range) -> list[int]:
    """Draws one 64-bit number a seed, so that neighboring seeds read different streams."""
    words = jax.vmap(lambda key: jax.random.bits(key, (2,), jnp.uint32))(seed_keys(data_key, seeds))
    return [int(high) << 32 | int(low) for high, low in np.asarray(words)]


def data_identity(data: Data) -> str:
    """Returns what tells these data from others, wherever they lie: a checksum, or ""."""
    if isinstance(data, HostData):
        return data.identity
    if not isinstance(data, DeviceData):
        return ""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(data.arrays):
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).data)
    return digest.hexdigest()
