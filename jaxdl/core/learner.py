"""What a system is: a pair of pure functions, a yardstick, and the state they share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Metrics = dict[str, jax.Array]


class TrainState(NamedTuple):
    """All that a run is, but for its seed and its step number.

    Attributes:
      params: the network's parameters; a copy on every device.
      opt_state: the optimizer's state; a copy on every device.
      actors: leaves [num_envs, ...]: env states, recurrent carries, replay rings. The only part
        that is split over the devices.
      extra: target networks, queues, normalizers, counters; a copy on every device.
    """

    params: Any
    opt_state: Any
    actors: Any = ()
    extra: Any = ()


class Learner(NamedTuple):
    """A system. Its network, env, optimizer and hyper-parameters are closed over by its factory.

    Attributes:
      init: key -> state.
      step: key, state, batch -> state, metrics. The metrics are finite scalars. A learner that
        makes its own data takes `batch = ()`.
      evaluate: key, state -> metrics: the number that the paper reports.
    """

    init: Callable[[jax.Array], TrainState]
    step: Callable[[jax.Array, TrainState, Any], tuple[TrainState, Metrics]]
    evaluate: Callable[[jax.Array, TrainState], Metrics] = lambda key, state: {}


class HostData(NamedTuple):
    """Data that does not fit on the device: batches that the host reads, one call ahead.

    Attributes:
      fetch: seed, step, rows -> pytree of arrays [len(rows), ...]. A function of its arguments
        alone, so that a resumed run and a run on more hosts see the same data.
      batch_size: the number of rows of the global batch.
    """

    fetch: Callable[[int, int, Any], Any]
    batch_size: int


def over_seeds(learner: Learner, n: int) -> Learner:
    """Turns one learner into n independent ones, side by side in one program.

    Args:
      learner: any learner.
      n: the number of seeds. Seed i does not depend on n.

    Returns:
      A learner whose state, batch and metrics carry a leading axis [n, ...].
    """

    def init(key):
        return jax.vmap(learner.init)(jax.random.split(key, n))

    def step(key, state, batch):
        return jax.vmap(learner.step)(jax.random.split(key, n), state, batch)

    def evaluate(key, state):
        return jax.vmap(learner.evaluate)(jax.random.split(key, n), state)

    return Learner(init, step, evaluate)


def skip_nonfinite(learner: Learner) -> Learner:
    """Undoes the steps of a learner whose metrics, parameters or optimizer state are not finite.

    Args:
      learner: any learner.

    Returns:
      The same with one metric more, `skipped`: 1 where the state was left as it was before.
    """

    def step(key, state, batch):
        after, metrics = learner.step(key, state, batch)
        good = finite((after.params, after.opt_state, metrics))
        state = jax.tree.map(lambda new, old: jnp.where(good, new, old), after, state)
        return state, metrics | {"skipped": jnp.float32(~good)}

    return learner._replace(step=step)


def finite(tree: Any) -> jax.Array:
    """Whether all floats of a pytree are finite."""
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.all(jnp.array([jnp.isfinite(x).all() for x in floats]))
