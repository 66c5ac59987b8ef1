"""Writes a trained function as two files, its weights by name and its program in StableHLO.

`weights.safetensors` holds the arrays, `program.stablehlo` what `jax.export` makes of the function,
for several platforms and any batch size. `export.json`, written last, says what goes in and what
comes out, and has the SHA-256 of both files. `README.md` shows how to run them with JAX alone.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from safetensors.numpy import load_file, save

from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput
from jaxdl.deploy.usage import usage

WEIGHTS = "weights.safetensors"
PROGRAM = "program.stablehlo"
ABOUT = "export.json"
USAGE = "README.md"
PACKAGES = ("jaxdl", "jax", "jaxlib", "safetensors")

Weights = Any  # a pytree of arrays
Inputs = dict[str, Any]  # name -> array [b, ...], or a tree of them
Outputs = dict[str, Any]  # likewise
Apply = Callable[[Weights, Inputs], Outputs]


class Deployment(NamedTuple):
    """What is kept of a trained system, a pure function and the weights that it reads.

    Attributes:
      text: what it is and what its inputs and outputs mean, for the reader of its README.
      weights: state -> pytree of arrays. Those that `apply` does not use are not written.
      apply: weights, inputs -> outputs {name: [b, ...]}.
      inputs: name -> shape and dtype of one row [...]; `apply` gets [b, ...]. Where a value is a
        tree, here or among the outputs, it is one of dicts and tuples, which all can read.
    """

    text: str
    weights: Callable[[TrainState], Weights]
    apply: Apply
    inputs: dict[str, Any]


class Loaded(NamedTuple):
    """An export that has been read back.

    Attributes:
      call: inputs -> outputs, for any batch size.
      weights: name -> array.
      about: what export.json holds.
    """

    call: Callable[[Inputs], Outputs]
    weights: dict[str, np.ndarray]
    about: dict[str, Any]


def write(
    folder: str | Path,
    deployment: Deployment,
    state: TrainState,
    *,
    platforms: Sequence[str] = ("cpu", "cuda", "tpu"),
    about: Mapping[str, Any] | None = None,
) -> None:
    """Writes weights, program, README.md and export.json.

    Args:
      folder: is made if it is not there; an earlier export in it is written over.
      deployment: what is kept of the system.
      state: of one trained learner.
      platforms: what the program can be compiled for.
      about: further entries of export.json.
    """
    folder = Path(folder)
    (b,) = export.symbolic_shape("b")
    inputs = batched(deployment.inputs, b)
    with _without_paths(), jax.disable_jit(False):
        function, weights = _by_name(deployment, deployment.weights(state))
        exported = export.export(jax.jit(function), platforms=platforms)(_shapes(weights), inputs)
    outputs = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ABOUT).unlink(missing_ok=True)  # without it a folder is not a whole export
    arrays = {name: np.asarray(x) for name, x in weights.items()}
    (folder / WEIGHTS).write_bytes(save(arrays))
    (folder / PROGRAM).write_bytes(exported.serialize())
    content = {
        **(about or {}),
        "inputs": _describe(inputs),
        "outputs": _describe(outputs),
        "weights": _describe(weights),
        "platforms": list(exported.platforms),
        "calling_convention": exported.calling_convention_version,
        "sha256": {name: _sha256(folder / name) for name in (WEIGHTS, PROGRAM)},
        "versions": {name: _version(name) for name in PACKAGES},
    }
    (folder / USAGE).write_text(usage(deployment.text, deployment.inputs, content), "utf-8")
    (folder / ABOUT).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # a copy of the sources without pip's metadata
        return "unknown"


def load(folder: str | Path) -> Loaded:
    """Reads an export back.

    Args:
      folder: what `write` has filled.

    Raises:
      BadInput: a file is missing, or is not the one that was written.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        sums = {name: about["sha256"][name] for name in (WEIGHTS, PROGRAM)}
        found = {name: _sha256(folder / name) for name in sums}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder} does not hold a whole export: {error!r}") from None
    for name in sums:
        if found[name] != sums[name]:
            raise BadInput(f"{folder / name} has changed since it was written")
    weights = load_file(folder / WEIGHTS)
    program = jax.jit(export.deserialize(bytearray((folder / PROGRAM).read_bytes())).call)

    def call(inputs):
        with jax.disable_jit(False):  # a program cannot be taken apart, whatever JAX_DISABLE_JIT is
            return program(weights, inputs)

    return Loaded(call, weights, about)


def batched(inputs: Any, size: Any) -> Any:
    """Returns the shapes of `size` rows, a number or a symbol, out of those of one."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((size, *x.shape), x.dtype), inputs)


def _by_name(deployment: Deployment, weights: Weights) -> tuple[Apply, dict[str, jax.Array]]:
    """Makes `apply` a function of {name: array}, and returns those arrays that it reads.

    A program for one row and one platform shows which those are; one for more keeps them all.
    """
    one_row = batched(deployment.inputs, 1)
    traced = export.export(jax.jit(deployment.apply), platforms=["cpu"])(_shapes(weights), one_row)
    leaves = named(weights)
    structure = jax.tree.structure(weights)
    read = {n: x for i, (n, x) in enumerate(leaves.items()) if i in traced.module_kept_var_idx}

    def function(weights, inputs):
        # What is not read may be anything.
        full = [weights.get(name, jnp.zeros(x.shape, x.dtype)) for name, x in leaves.items()]
        return deployment.apply(jax.tree.unflatten(structure, full), inputs)

    return function, read


def named(tree: Any) -> dict[str, Any]:
    """Returns the leaves of a tree by path, such as `params/actor/0/kernel`."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x for path, x in paths}


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def _describe(tree: Any) -> dict[str, dict]:
    def sizes(shape):
        return [size if isinstance(size, int) else str(size) for size in shape]

    return {
        name: {"shape": sizes(x.shape), "dtype": str(x.dtype)} for name, x in named(tree).items()
    }


@contextmanager
def _without_paths():
    """Keeps the paths of source files out of what is exported meanwhile."""
    limit = jax.config.jax_traceback_in_locations_limit
    jax.config.update("jax_traceback_in_locations_limit", 0)
    try:
        yield
    finally:
        jax.config.update("jax_traceback_in_locations_limit", limit)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
