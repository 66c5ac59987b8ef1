"""How T steps of E worlds are cut into minibatches that keep every device busy.

A device holds some of the worlds, so time and worlds are never flattened into one axis: each world
is shuffled along its own time, and every part has a share of all worlds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.nn import ActorCritic


class Batch(NamedTuple):
    """What a surrogate objective is computed from; every leaf but the carry is [T, E, ...].

    Attributes:
      carry: leaves [E, ...], the net's memory before obs[0].
      obs: what was acted upon, as the net reads it.
      first: bool; obs begins an episode.
      action: raw.
      logp: float32 of the action, under the old policy.
      policy: the old one; () unless the objective needs it.
      value: of obs, before the update; () unless the objective needs it.
      adv: advantage.
      target: for the value.
    """

    carry: Any
    obs: Any
    first: jax.Array
    action: Any
    logp: jax.Array
    policy: Any
    value: jax.Array | tuple[()]
    adv: jax.Array
    target: jax.Array


class Minibatches(NamedTuple):
    """How the batch of an update is cut.

    Attributes:
      mix: key, batch -> batch, once for each update: each world's own permutation of its time.
      divide: key, batch -> minibatches of microbatches, leaves [M, m, ...], once for each epoch.
      steps: env steps in a minibatch.
    """

    mix: Callable[[jax.Array, Batch], Batch]
    divide: Callable[[jax.Array, Batch], Batch]
    steps: int


def plan_minibatches(
    net: ActorCritic, num_envs: int, unroll: int, minibatches: int, microbatches: int
) -> Minibatches:
    """Plans the cuts: parts of the mixed time, or of the worlds for nets with memory.

    A feed-forward net's steps are mixed once for each update, by one permutation of time for each
    world; an epoch then deals out the rows of this mixed batch at random. So in every epoch each
    world's order is uniform and independent of the other worlds' orders.

    Raises:
      BadInput: the parts divide neither the time axis nor the worlds.
    """
    is_recurrent = bool(jax.tree.leaves(jax.eval_shape(lambda: net.initial_carry(1))))
    parts = minibatches * microbatches
    if not is_recurrent and unroll % parts == 0:
        mix = mix_time
        cut = cut_time
    elif num_envs % parts == 0:
        mix = keep_order
        cut = cut_worlds
    else:
        axes = {"num_envs": num_envs} | ({} if is_recurrent else {"unroll": unroll})
        raise BadInput(_indivisible(parts, axes))

    def divide(key, batch):
        cuts = cut(key, batch, parts)
        return jax.tree.map(lambda x: x.reshape(minibatches, microbatches, *x.shape[1:]), cuts)

    return Minibatches(mix, divide, num_envs * unroll // minibatches)


def mix_time(key: jax.Array, batch: Any) -> Any:
    """Permutes the T steps of each world by a permutation of its own, leaves [T, E, ...]."""
    time, envs = jax.tree.leaves(batch)[0].shape[:2]
    order = jnp.argsort(jax.random.uniform(key, (envs, time)), axis=1)  # [E, T]

    def permute(x):
        return jax.vmap(lambda row, order: row[order], in_axes=(1, 0), out_axes=1)(x, order)

    return jax.tree.map(permute, batch)


def keep_order(key: jax.Array, batch: Batch) -> Batch:
    """Leaves a batch of sequences as it is."""
    del key
    return batch


def cut_time(key: jax.Array, batch: Batch, parts: int) -> Batch:
    """Cuts into parts of random time rows, all worlds of each: leaves [P, T / P, E, ...]."""
    order = jnp.argsort(jax.random.uniform(key, batch.adv.shape[:1])).reshape(parts, -1)
    return jax.tree.map(lambda x: x[order], batch)


def cut_worlds(key: jax.Array, batch: Batch, parts: int) -> Batch:
    """Cuts into parts of random worlds, all time steps of each: leaves [P, T, E / P, ...].

    Each part has one world out of every group of P neighbors.
    """
    groups = batch.adv.shape[1] // parts
    order = jnp.argsort(jax.random.uniform(key, (groups, parts)), axis=1)

    def cut(x, axis):
        x = jnp.moveaxis(x, axis, 0)
        x = x.reshape(groups, parts, *x.shape[1:])
        x = jax.vmap(lambda rows, order: rows[order])(x, order)  # [E / P, P, ...]
        return jnp.moveaxis(x, (1, 0), (0, axis + 1))

    rows = jax.tree.map(lambda x: cut(x, 1), batch._replace(carry=()))
    return rows._replace(carry=jax.tree.map(lambda x: cut(x, 0), batch.carry))


def _indivisible(parts: int, axes: dict[str, int]) -> str:
    """Says what parts would divide one of the axes."""
    fitting = {n for size in axes.values() for n in range(1, size + 1) if size % n == 0}
    below = max((n for n in fitting if n < parts), default=None)
    above = min((n for n in fitting if n > parts), default=None)
    nearest = " and ".join(str(n) for n in (below, above) if n)
    names = " or ".join(f"{name}={size}" for name, size in axes.items())
    return f"minibatches x microbatches = {parts} must divide {names}; the nearest: {nearest}"
