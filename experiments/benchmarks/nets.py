"""What the nets of policy learners cost: the reason for every form that is not the plain one."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from experiments._timing import Candidate, measure
from jaxdl.nn import dense, fast_dense
from jaxdl.nn.mlp import Affine, initial, layers, mlp

SHAPE = (128, 64, 64)  # T, E, D of an unroll
WIDTHS = (64, 64)


def dense_gradient(peers: bool) -> list[dict]:
    """Times the gradient of two dense layers over an unroll; an item is a step of one world."""
    del peers
    x = jax.random.normal(jax.random.key(0), SHAPE)
    params = initial(jax.random.key(1), layers(SHAPE[-1], WIDTHS))

    def loss(params, x, *, affine: Affine):
        return jnp.sum(mlp(params, x, activation=jnp.tanh, affine=affine) ** 2)

    forms = {
        "jaxdl": (fast_dense, "fast_dense, no forward-mode derivative"),
        "plain": (dense, "dense"),
    }
    candidates = {
        who: Candidate(
            jax.grad(partial(loss, affine=affine)), (params, x), SHAPE[0] * SHAPE[1], note
        )
        for who, (affine, note) in forms.items()
    }
    return measure("dense_gradient", candidates, repeats=20)


CASES: dict[str, Callable[[bool], list[dict]]] = {"dense_gradient": dense_gradient}
