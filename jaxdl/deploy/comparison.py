"""Compares an export that is read back with the function that it was made of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import TrainState
from jaxdl.deploy.program import PROGRAM, WEIGHTS, Deployment, batched, load, named

# Of the largest value: how far floats may lie apart where a compiler orders a sum differently.
TOLERANCE = 1e-5


class Check(NamedTuple):
    """The verdict on one thing that was read back.

    Attributes:
      agrees: whether it is what was written.
      text: what was compared, and how far it agrees.
    """

    agrees: bool
    text: str


def check(
    folder: str | Path,
    deployment: Deployment,
    state: TrainState,
    *,
    batch_sizes: Sequence[int] = (1, 5),
) -> list[Check]:
    """Reads an export back and compares it with the function that it was made of.

    Args:
      folder: what `write` has filled.
      deployment: the same.
      state: the same.
      batch_sizes: both run on random inputs of each of these sizes.

    Returns:
      One Check of the weights, which must agree bit for bit, and one for each batch size.
    """
    loaded = load(folder)
    weights = deployment.weights(state)
    kept = {name: np.asarray(x) for name, x in named(weights).items() if name in loaded.weights}
    same = kept.keys() == loaded.weights.keys() and all(
        x.dtype == loaded.weights[name].dtype and x.tobytes() == loaded.weights[name].tobytes()
        for name, x in kept.items()
    )
    numbers = f"{len(kept)} arrays, {sum(x.size for x in kept.values()):,} numbers"
    checks = [Check(same, f"{WEIGHTS}: {numbers}, {'bit for bit' if same else 'not the same'}")]
    for size in batch_sizes:
        inputs = random_inputs(deployment.inputs, size)
        with jax.disable_jit(False):  # both as compiled programs, whatever JAX_DISABLE_JIT is
            expected = jax.jit(deployment.apply)(weights, inputs)
        got = loaded.call(inputs)
        agrees, text = compare(named(expected), named(got))
        checks.append(Check(agrees, f"{PROGRAM}: batch of {size}, {text}"))
    return checks


def compare(expected: Mapping[str, Any], got: Mapping[str, Any]) -> tuple[bool, str]:
    """Says whether two sets of named arrays agree, and how far; integers must be equal."""
    if expected.keys() != got.keys():
        return False, f"{sorted(got)} instead of {sorted(expected)}"
    far = {}
    for name, x in expected.items():
        x = np.asarray(x)
        y = np.asarray(got[name])
        if (x.shape, x.dtype) != (y.shape, y.dtype):
            return False, f"{name} is {y.dtype} {y.shape} instead of {x.dtype} {x.shape}"
        if x.tobytes() == y.tobytes():
            continue
        if not jnp.issubdtype(x.dtype, jnp.inexact):
            return False, f"{name} differs"
        x = x.astype(np.float64)
        y = y.astype(np.float64)
        far[name] = float(np.max(np.abs(x - y)) / max(np.max(np.abs(x)), 1e-30))
    if not far:
        return True, f"{', '.join(expected)}: bit for bit"
    name = max(far, key=lambda name: np.nan_to_num(far[name], nan=np.inf))
    text = f"{name} differs by {far[name]:.1e} of its largest value"
    return far[name] <= TOLERANCE, text


def random_inputs(inputs: Mapping[str, Any], size: int, seed: int = 0) -> Any:
    """Draws rows [size, ...] of noise: normal floats, any bytes, integers below 10, and coins."""
    draw = np.random.default_rng(seed)

    def draw_leaf(spec):
        if jnp.issubdtype(spec.dtype, jnp.inexact):
            return draw.normal(size=spec.shape).astype(spec.dtype)
        below = {"bool": 2, "uint8": 256}.get(str(spec.dtype), 10)
        return draw.integers(below, size=spec.shape).astype(spec.dtype)

    return jax.tree.map(draw_leaf, batched(inputs, size))
