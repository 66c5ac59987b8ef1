"""How an unroll of many worlds is cut into minibatches that keep every device busy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.nn.actor_critic import ActorCritic


class Batch(NamedTuple):
    """What the objective is computed from; every leaf but the carry is [T, E, ...].

    Attributes:
      carry: leaves [E, ...], the net's memory from before obs[0].
      obs: what was acted upon, as the net sees it.
      first: obs begins an episode.
      action: raw.
      logp: of the action, under the old policy.
      policy: the old one; () unless the objective needs it.
      value: of obs, before the update.
      adv: advantage.
      target: for the value.
    """

    carry: Any
    obs: Any
    first: jax.Array
    action: jax.Array
    logp: jax.Array
    policy: Any
    value: jax.Array
    adv: jax.Array
    target: jax.Array


def partition(
    net: ActorCritic, num_envs: int, unroll: int, minibatches: int, microbatches: int
) -> Callable[[jax.Array, Batch], Batch]:
    """How an epoch is cut: key, batch -> minibatches of microbatches, leaves [M, m, ...].

    Never across devices, which hold some of the worlds each: every part has its share of all.
    """
    recurrent = bool(jax.tree.leaves(jax.eval_shape(lambda: net.initial_carry(1))))
    parts = minibatches * microbatches
    if not recurrent and unroll % parts == 0:
        cut = time_slices
    elif num_envs % parts == 0:
        cut = env_rows
    else:
        divided = f"num_envs={num_envs}" + ("" if recurrent else f" or unroll={unroll}")
        raise BadInput(f"minibatches x microbatches = {parts} must divide {divided}")

    def divide(key, batch):
        cuts = cut(key, batch, parts)
        return jax.tree.map(lambda x: x.reshape(minibatches, microbatches, *x.shape[1:]), cuts)

    return divide


def time_slices(key: jax.Array, batch: Batch, parts: int) -> Batch:
    """Parts of random time steps, all worlds of each: leaves [P, T / P, E, ...]."""
    order = jnp.argsort(jax.random.uniform(key, batch.adv.shape[:1])).reshape(parts, -1)
    return jax.tree.map(lambda x: x[order], batch)


def env_rows(key: jax.Array, batch: Batch, parts: int) -> Batch:
    """Parts of random worlds, all time steps of each: leaves [P, T, E / P, ...].

    Each has one world out of every group of P neighbors.
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
