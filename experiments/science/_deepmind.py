"""DeepMind's own AlphaFold modules, run by haiku, as candidates of benchmarks and tests.

They come from a checkout of google-deepmind/alphafold, named by its path; dm-haiku and
ml-collections have to be installed. Nothing of it is used elsewhere.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np

MODEL = "model_1"  # monomer, with templates


class DeepMind(NamedTuple):
    """What a checkout holds.

    Attributes:
      modules: its `alphafold.model.modules`.
      haiku: the library.
      config: of the whole model.
    """

    modules: ModuleType
    haiku: ModuleType
    config: Any


def open_deepmind(folder: str) -> DeepMind | str:
    """Imports the published modules; returns one line that says why where that does not work."""
    if not folder:
        return "no checkout of google-deepmind/alphafold is named (--peer_path)"
    if not (Path(folder) / "alphafold/model/modules.py").exists():
        return f"{folder} holds no alphafold/model/modules.py"
    sys.path.insert(0, str(folder))
    try:
        modules, config, haiku = map(
            importlib.import_module, ("alphafold.model.modules", "alphafold.model.config", "haiku")
        )
    except ImportError as error:
        return f"DeepMind's modules do not load: {error}"
    finally:
        sys.path.remove(str(folder))
    return DeepMind(modules, haiku, config.model_config(MODEL).model)


def redraw(shapes: Any, seed: int = 0, scale: float = 0.3) -> Any:
    """Draws every leaf of a tree from normal numbers, so that no gate and no output is zero."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: np.float32(scale * rng.normal(size=x.shape)), shapes)


def flat_keys(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Gives haiku's parameters the keys of a published file."""
    return {f"{scope}//{leaf}": x for scope, leaves in params.items() for leaf, x in leaves.items()}


def make_apply(peer: DeepMind, build: Callable[..., Any], *args: Any) -> tuple[Callable, Any]:
    """Makes a pure function of a module.

    Args:
      peer: the library.
      build: args -> output, which makes the module and calls it.
      *args: for their shapes.

    Returns:
      params, *args -> output; and shapes of the parameters.
    """
    transformed = peer.haiku.transform(build)
    shapes = jax.eval_shape(transformed.init, jax.random.key(0), *args)
    return lambda params, *args: transformed.apply(params, jax.random.key(0), *args), shapes
