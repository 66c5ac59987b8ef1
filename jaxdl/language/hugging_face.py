"""Folders of Hugging Face in and out, `config.json` and `model.safetensors`, for GPT-2 and BERT."""

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from jaxdl.core.run import BadInput
from jaxdl.language.layouts import Layout, Net, config_of, layout_of, net_from, rename
from jaxdl.nn.attention import Backend
from jaxdl.nn.bert import BERT
from jaxdl.nn.gpt2 import GPT2
from jaxdl.nn.transformer import unstack_blocks, wide

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in several files
SHOWN = 12  # rows of a table of what does not fit

Params = dict[str, Any]
Tensors = dict[str, np.ndarray]
Apply = Callable[..., Any]


def load(
    folder: str | Path, *, dtype: str = "float32", backend: Backend = "xla"
) -> tuple[Apply, Params]:
    """Reads a GPT2LMHeadModel or a BertForPreTraining.

    Args:
      folder: with config.json and model.safetensors, or several files and their index.
      dtype: of the computation, "float32", "bfloat16" or "float64"; the latter needs
        JAX_ENABLE_X64=1. Parameters are float32, or float64 with it.
      backend: of attention.

    Returns:
      A pure function, and its parameters. For GPT-2 it is params, tokens [B, T] -> logits
      [B, T, V]; for BERT params, tokens, token types, mask, each [B, T] -> (logits of words
      [B, T, V], of what follows [B, 2]).

    Raises:
      BadInput: files are missing, cut off or of another model; or tensors are missing, surplus or
        of another shape than config.json says.
    """
    folder = Path(folder)
    net = read_net(folder, dtype=dtype, backend=backend)
    layout = layout_of(net)
    tensors = _current(_read_tensors(folder), layout)
    expected = tensor_shapes(net)
    _compare({name: x.shape for name, x in tensors.items()}, expected, folder)
    return apply_of(net), to_params(tensors, layout, wide(net.dtype))


def read_net(folder: str | Path, *, dtype: str = "float32", backend: Backend = "xla") -> Net:
    """Reads which net a folder holds, and none of its weights; the arguments are as in `load`.

    Raises:
      BadInput: config.json is missing, damaged or of another model.
    """
    file = Path(folder) / CONFIG
    return net_from(_read_json(file), str(file), dtype=_checked(dtype), backend=backend)


def save(
    folder: str | Path,
    model: Apply | Net,
    params: Params,
    *,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Writes a folder that transformers reads.

    Args:
      folder: is made if it is not there; a model in it is replaced.
      model: a net, or the function that `load` has returned.
      params: of the net; they are saved as float32.
      config: further entries of config.json, such as {"eos_token_id": 0}.

    Raises:
      BadInput: the parameters are not those of the net.
    """
    net = net_of(model)
    folder = Path(folder)
    if "Blocks" in params.get("transformer", {}):
        params = params | {"transformer": unstack_blocks(params["transformer"])}
    layout = layout_of(net)
    tensors = to_tensors(params, layout)
    _compare({name: x.shape for name, x in tensors.items()}, tensor_shapes(net), "the parameters")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{WEIGHTS}.part"
    save_file(tensors, part, metadata={"format": "pt"})
    os.replace(part, folder / WEIGHTS)
    content = config_of(net) | dict(config or {})
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def apply_of(net: Net) -> Apply:
    """Returns the function of a net that `load` returns."""
    return partial(_gpt2_logits if isinstance(net, GPT2) else _bert_logits, net)


def net_of(model: Apply | Net) -> Net:
    """Returns the net of a function that `load` has returned, or the net itself.

    Raises:
      BadInput: it is neither, or a BERT that is causal, of which Hugging Face has none.
    """
    net = find_net(model)
    if isinstance(net, BERT) and net.causal:
        raise BadInput("a causal BERT has no form that transformers would read as what it is")
    if net is None:
        raise BadInput(f"this takes a net, or what language.load has returned, not {model!r}")
    return net


def find_net(model: Any) -> Net | None:
    """Returns the net behind what `load` has returned, jitted or not; None where there is none."""
    if isinstance(model, GPT2 | BERT):
        return model
    model = getattr(model, "__wrapped__", model)  # of jax.jit
    if isinstance(model, partial) and model.args and isinstance(model.args[0], GPT2 | BERT):
        return model.args[0]
    return None


def tensor_shapes(net: Net) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the tensors that a net is saved as; nothing is computed."""
    plain = net.clone(scan_layers=False)
    tokens = jnp.zeros((1, 1), jnp.int32)
    variables = jax.eval_shape(plain.init, jax.random.key(0), tokens)
    arrays = flatten_dict(variables["params"], sep="/")
    shapes = {}
    for path, names, is_transposed in layout_of(net).entries:
        *rest, last = arrays[path].shape
        shape = (*rest, last // len(names))
        shapes |= dict.fromkeys(names, shape[::-1] if is_transposed else shape)
    return shapes


def to_params(tensors: Tensors, layout: Layout, dtype: Any) -> Params:
    """Turns tensors by name into the parameters of a net."""
    flat = {}
    for path, names, is_transposed in layout.entries:
        parts = [tensors[name].T if is_transposed else tensors[name] for name in names]
        flat[path] = jnp.asarray(np.concatenate(parts, axis=-1), dtype)
    return unflatten_dict(flat, sep="/")


def to_tensors(params: Params, layout: Layout) -> Tensors:
    """Undoes `to_params`, in float32.

    Raises:
      BadInput: an array is missing, or surplus.
    """
    flat = flatten_dict(params, sep="/")
    paths = {entry.path for entry in layout.entries}
    if paths != flat.keys():
        odd = sorted(paths ^ flat.keys())
        raise BadInput(f"the parameters are not those of the net: {', '.join(odd[:3])}, ...")
    tensors = {}
    for path, names, is_transposed in layout.entries:
        whole = np.asarray(flat[path], np.float32)
        for name, part in zip(names, np.split(whole, len(names), axis=-1), strict=True):
            tensors[name] = np.ascontiguousarray(part.T if is_transposed else part)
    return tensors


def _gpt2_logits(net: GPT2, params: Params, tokens: jax.Array) -> jax.Array:
    return net.apply({"params": params}, tokens)


def _bert_logits(
    net: BERT, params: Params, tokens: jax.Array, token_types=None, mask=None
) -> tuple[jax.Array, jax.Array]:
    return net.apply({"params": params}, tokens, token_types, mask)


def _checked(dtype: str) -> Any:
    name = getattr(dtype, "__name__", dtype)
    if name not in ("float32", "bfloat16", "float64"):
        raise BadInput(f"dtype={name!r} should be float32, bfloat16 or float64")
    if name == "float64" and not jax.config.jax_enable_x64:
        raise BadInput("dtype='float64' needs JAX_ENABLE_X64=1 in the environment")
    return jnp.dtype(name).type


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path.parent} holds no {path.name}") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path} does not hold an object")
    return content


def _read_tensors(folder: Path) -> Tensors:
    """Reads all tensors of a folder, from one file or from those that the index names."""
    files = [WEIGHTS]
    if not (folder / WEIGHTS).exists() and (folder / INDEX).exists():
        files = sorted(set(_read_json(folder / INDEX).get("weight_map", {}).values()))
    tensors = {}
    for file in files:
        path = folder / Path(file).name
        if not path.exists():
            raise BadInput(f"{folder} holds no {path.name}")
        try:
            tensors |= load_file(path)
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            raise BadInput(f"{path} is cut off or damaged: {error}") from None
    return tensors


def _current(tensors: Tensors, layout: Layout) -> Tensors:
    """Leaves out buffers and copies, and gives tensors of older files today's names."""
    named = {rename(name, layout): x for name, x in tensors.items()}
    for copy, original in layout.copies.items():
        if copy in named and original in named:
            if not np.array_equal(named[copy], named[original]):
                raise BadInput(f"{copy} differs from {original}, and this net has one for both")
    return {
        name: x
        for name, x in named.items()
        if name not in layout.copies and not name.endswith(layout.buffers)
    }


def _compare(
    found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], where: Any
) -> None:
    """Compares the shapes of tensors.

    Raises:
      BadInput: a tensor is missing, surplus or of another shape; several are a short table.
    """
    rows = [("missing", name, f"{expected[name]}") for name in expected if name not in found]
    rows += [("surplus", name, f"{found[name]}") for name in found if name not in expected]
    rows += [
        ("shape", name, f"{found[name]}, {CONFIG} asks for {shape}")
        for name, shape in expected.items()
        if found.get(name, shape) != shape
    ]
    if not rows:
        return
    lines = [f"{kind}: {name} {text}" for kind, name, text in rows[:SHOWN]]
    if len(rows) == 1:
        raise BadInput(f"{where} does not fit its net, {lines[0]}")
    if len(rows) > SHOWN:
        lines.append(f"and {len(rows) - SHOWN} more")
    raise BadInput("\n  ".join([f"{where} does not fit its net in {len(rows)} tensors", *lines]))
