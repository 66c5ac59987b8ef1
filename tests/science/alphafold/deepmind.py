"""DeepMind's own modules as an oracle, with parameters that are all drawn anew."""

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from experiments.science._deepmind import DeepMind, flat_keys, make_apply, open_deepmind, redraw
from jaxdl.science.alphafold.convert import to_params


def open_oracle() -> DeepMind:
    """Imports the published modules, or skips: JAXDL_ALPHAFOLD names their checkout."""
    peer = open_deepmind(os.environ.get("JAXDL_ALPHAFOLD", ""))
    if isinstance(peer, str):
        pytest.skip(f"needs DeepMind's modules (JAXDL_ALPHAFOLD): {peer}")
    return peer


def relative_error(x: Any, y: Any) -> float:
    """The largest error of any leaf, relative to the largest number in that leaf of `y`.

    Leaves below a hundredth of the largest are compared to that, since some are 0 but for rounding
    (a bias before a softmax, for one).
    """
    leaves, others = jax.tree.leaves(x), jax.tree.leaves(y)
    assert jax.tree.structure(x) == jax.tree.structure(y)
    sizes = [np.max(np.abs(leaf)) for leaf in others]
    errors = [
        np.max(np.abs(np.float64(a) - np.float64(b))) / max(size, 1e-2 * max(sizes))
        for a, b, size in zip(leaves, others, sizes, strict=True)
    ]
    return max(errors)


def compare(
    peer: DeepMind, theirs: Callable, ours: Any, scope: str, inputs: tuple, masks: tuple
) -> dict[str, float]:
    """Returns the relative errors of value and of gradient, by inputs and by parameters.

    Args:
      peer: the published modules.
      theirs: inputs, masks -> output, which makes a module and calls it.
      ours: flax module.
      scope: of their module's parameters.
      inputs: what is differentiated.
      masks: further arguments.
    """
    apply, shapes = make_apply(peer, theirs, inputs, masks)
    params = redraw(shapes)
    expected = jax.eval_shape(ours.init, jax.random.key(0), *inputs, *masks)["params"]

    def rename(tree):
        return to_params(flat_keys(tree), expected, scope=scope)

    def ours_apply(params, inputs, masks):
        return ours.apply({"params": params}, *inputs, *masks)

    weights = redraw(jax.eval_shape(apply, params, inputs, masks), seed=1, scale=1.0)

    def value_and_gradient(apply, params):
        def loss(params, inputs):
            out = apply(params, inputs, masks)
            total = jax.tree.map(lambda w, y: (w * y).sum(), weights, out)
            return sum(jax.tree.leaves(total)), out

        with jax.default_matmul_precision("highest"):
            return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(params, inputs)

    (by_params, by_inputs), out = value_and_gradient(apply, params)
    (ours_by_params, ours_by_inputs), ours_out = value_and_gradient(ours_apply, rename(params))
    return {
        "value": relative_error(ours_out, out),
        "gradient by inputs": relative_error(ours_by_inputs, by_inputs),
        "gradient by parameters": relative_error(ours_by_params, rename(by_params)),
    }
