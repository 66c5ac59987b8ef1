"""Which parameters of a net its policy reads, and which its value alone."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters.partial_eval import dce_jaxpr

from jaxdl.envs.spaces import Space, zeros
from jaxdl.nn import ActorCritic


def read_by_policy(net: ActorCritic, obs_space: Space) -> Any:
    """Marks the parameters that the policy depends on, by what is computed and not by names.

    Args:
      net: any; heads may share a trunk or not.
      obs_space: of one world.

    Returns:
      A tree of bools with the structure of the parameters.
    """

    def policy(params):
        obs = jax.tree.map(lambda x: jnp.asarray(x)[None, None], zeros(obs_space))
        return net.unroll(params, net.initial_carry(1), obs, jnp.zeros((1, 1), bool))[1]

    params = jax.eval_shape(net.init, jax.random.key(0))
    jaxpr = jax.make_jaxpr(policy)(params).jaxpr
    _, is_read = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return jax.tree.unflatten(jax.tree.structure(params), is_read)


def select(mask: Any, params: Any) -> Any:
    """Returns the parameters where the mask holds, and None elsewhere."""
    return jax.tree.map(lambda chosen, x: x if chosen else None, mask, params)


def exclude(mask: Any, params: Any) -> Any:
    """Returns the parameters where the mask does not hold, and None elsewhere."""
    return jax.tree.map(lambda chosen, x: None if chosen else x, mask, params)


def join(left: Any, right: Any) -> Any:
    """Returns what `select` and `exclude` have parted."""
    return jax.tree.map(
        lambda x, y: y if x is None else x, left, right, is_leaf=lambda x: x is None
    )
