"""DeepMind's own modules as an oracle: run by haiku, with parameters that are all drawn anew."""

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from jaxdl.science.alphafold.convert import to_params

WHY = "needs DeepMind's alphafold (its checkout named by JAXDL_ALPHAFOLD) and dm-haiku"


class Oracle(NamedTuple):
    modules: Any
    haiku: Any
    config: Any


def open_oracle() -> Oracle:
    """Imports the published modules, or skips."""
    folder = os.environ.get("JAXDL_ALPHAFOLD")
    if not folder or not (Path(folder) / "alphafold/model/modules.py").exists():
        pytest.skip(WHY)
    haiku = pytest.importorskip("haiku", reason=WHY)
    pytest.importorskip("ml_collections", reason=WHY)
    sys.path.insert(0, folder)
    try:
        from alphafold.model import config, modules
    finally:
        sys.path.remove(folder)
    return Oracle(modules, haiku, config.model_config("model_1").model)


def redraw(params: Any, seed: int = 0, scale: float = 0.3) -> Any:
    """Replaces every leaf by normal numbers, so that no gate and no output is zero."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: (scale * rng.normal(size=x.shape)).astype(np.float32), params)


def flat(params: Any) -> dict[str, np.ndarray]:
    """Writes haiku's parameters with the keys of a published file."""
    return {f"{scope}//{leaf}": x for scope, leaves in params.items() for leaf, x in leaves.items()}


def relative_error(x: Any, y: Any) -> float:
    """The largest error of any leaf, each relative to the largest number in that leaf of `y`."""

    def error(a, b):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        assert a.shape == b.shape
        return np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-30)

    jax.tree.structure(x) == jax.tree.structure(y)
    return max(jax.tree.leaves(jax.tree.map(error, x, y)))


def compare(oracle: Oracle, theirs: Any, ours: Any, name: str, inputs: tuple, masks: tuple):
    """Returns the relative errors of value and of gradient, by inputs and parameters.

    Args:
      oracle: haiku.
      theirs: inputs, masks -> output, within haiku's transform.
      ours: flax module.
      name: of haiku's module.
      inputs: what is differentiated.
      masks: further arguments.
    """
    run = oracle.haiku.transform(lambda *args: theirs(*args))
    shapes = jax.eval_shape(run.init, jax.random.key(0), inputs, masks)
    params = redraw(shapes)
    expected = jax.eval_shape(ours.init, jax.random.key(0), *inputs, *masks)["params"]

    def rename(tree):
        return to_params(flat(tree), expected, scope=name)

    def their_output(params, inputs):
        return run.apply(params, jax.random.key(0), inputs, masks)

    def our_output(params, inputs):
        return ours.apply({"params": params}, *inputs, *masks)

    rng = np.random.default_rng(1)
    shape = jax.eval_shape(their_output, params, inputs)
    weights = jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shape)

    def value_and_gradient(fn, params):
        def loss(params, inputs):
            out = fn(params, inputs)
            total = jax.tree.map(lambda w, y: (w * y).sum(), weights, out)
            return sum(jax.tree.leaves(total)), out

        with jax.default_matmul_precision("highest"):
            run = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))
            (by_params, by_inputs), out = run(params, inputs)
        return out, by_inputs, by_params

    out, by_inputs, by_params = value_and_gradient(their_output, params)
    ours_out, ours_by_inputs, ours_by_params = value_and_gradient(our_output, rename(params))
    return {
        "value": relative_error(ours_out, out),
        "gradient by inputs": relative_error(ours_by_inputs, by_inputs),
        "gradient by parameters": relative_error(ours_by_params, rename(by_params)),
    }
