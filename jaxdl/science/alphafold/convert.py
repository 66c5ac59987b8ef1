"""Parameters as DeepMind publishes them, read into trees of ours: names are mapped, arrays kept.

A file `params_model_*.npz` holds an array a key, and a key is `<scope>//<leaf>`, such as
`alphafold/alphafold_iteration/evoformer/evoformer_iteration/msa_transition/transition1//weights`.
`NAMES` says what the parts of a scope are called here, `LEAVES` what the leaves are. Blocks that
are run one after the other are stacked along a first axis there as here.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxdl.core.run import BadInput
from jaxdl.data.formats import as_bad_input, escape_for_terminal, read_npz

EVOFORMER = {  # algorithms 6 to 19
    "evoformer/evoformer_iteration": "trunk/evoformer_stack/blocks",
    "evoformer/single_activations": "trunk/evoformer_stack/single",
    "evoformer/extra_msa_stack": "trunk/extra_msa_stack/blocks",
    "evoformer_iteration": "blocks",
    "template_embedding/attention": "template_embedding/pointwise/attention",
    "single_template_embedding": "embedder",
    "template_pair_stack/__layer_stack_no_state": "stack/blocks",
    "embedding2d": "pair",
    "output_layer_norm": "norm",
    "template_single_embedding": "template_angle_embedding/expand",
    "template_projection": "template_angle_embedding/project",
    "query_norm": "norm",
    "feat_2d_norm": "pair_norm",
    "transition1": "expand",
    "transition2": "contract",
    "input_layer_norm": "norm",
    "layer_norm_input": "norm",
    "center_layer_norm": "center_norm",
    "left_projection": "left",
    "right_projection": "right",
    "output_projection": "output",
    "gating_linear": "gate",
}
STRUCTURE = {  # algorithms 20 to 29
    "single_layer_norm": "single_norm",
    "pair_layer_norm": "pair_norm",
    "initial_projection": "single",
    "fold_iteration": "layer",
    "invariant_point_attention": "attention",
    "q_scalar": "query",
    "kv_scalar": "key_value",
    "q_point_local": "query_points",
    "kv_point_local": "key_value_points",
    "attention_2d": "pair_bias",
    "attention_layer_norm": "attention_norm",
    "fold_iteration/transition": "layer/transition_1",
    "transition_1": "transition_2",
    "transition_2": "transition_3",
    "transition_layer_norm": "transition_norm",
    "affine_update": "backbone_update/update",
    "rigid_sidechain": "torsions",
    "input_projection": "single",
    "input_projection_1": "initial",
    "resblock1": "a_hidden",
    "resblock2": "a_out",
    "resblock1_1": "b_hidden",
    "resblock2_1": "b_out",
    "unnormalized_angles": "angles",
    "act_0": "hidden_1",
    "act_1": "hidden_2",
}
WHOLE = {  # algorithms 2 to 4 and 32, and the heads
    "alphafold/alphafold_iteration": "",
    "evoformer": "trunk",
    "preprocess_1d": "input/target",
    "preprocess_msa": "input/msa",
    "left_single": "input/left",
    "right_single": "input/right",
    "pair_activiations": "input/relpos/distance",
    "prev_pos_linear": "recycling/distance",
    "prev_msa_first_row_norm": "recycling/first_row_norm",
    "prev_pair_norm": "recycling/pair_norm",
    "extra_msa_activations": "extra",
    "structure_module": "structure",
    "distogram_head": "distogram",
    "masked_msa_head": "masked_msa",
    "predicted_lddt_head": "plddt",
    "predicted_aligned_error_head": "pae",
    "experimentally_resolved_head": "resolved",
}
NAMES = EVOFORMER | STRUCTURE | WHOLE  # part of a scope -> part of a path; "" is left out
LEAVES = {
    "weights": "kernel",
    "offset": "bias",
    "feat_2d_weights": "pair_bias/kernel",
    "query_w": "query/kernel",
    "key_w": "key/kernel",
    "value_w": "value/kernel",
    "gating_w": "gate/kernel",
    "gating_b": "gate/bias",
    "output_w": "output/kernel",
    "output_b": "output/bias",
    "trainable_point_weights": "point_weights",
}
SHOWN = 12  # rows of a table of what does not fit


def convert(path: str | Path, expected: Any = None) -> dict[str, Any]:
    """Reads a file of published parameters.

    Args:
      path: of `params_model_*.npz`.
      expected: tree of what has shapes, such as `jax.eval_shape(net.init, ...)["params"]`; None
        takes what the file holds.

    Returns:
      The tree of parameters, float32.

    Raises:
      BadInput: the file is damaged or holds something else, or its arrays are missing, left over or
        of another shape than expected; several are a short table.
    """
    path = Path(path)
    with as_bad_input(f"{path}: cannot be read as .npz"), zipfile.ZipFile(path) as archive:
        names = tuple(name.removesuffix(".npy") for name in archive.namelist())
    arrays = dict(zip(names, read_npz(path, names), strict=True))
    return to_params(arrays, expected, where=str(path))


def to_params(
    arrays: Mapping[str, np.ndarray],
    expected: Any = None,
    *,
    scope: str = "",
    where: str = "params",
) -> dict[str, Any]:
    """Names the arrays of a file, or of a part of it, as we do.

    Args:
      arrays: key -> array.
      expected: as in `convert`.
      scope: of which the arrays are taken and which is cut off, such as one module's.
      where: what a message begins with.

    Returns:
      The tree of parameters, float32.

    Raises:
      BadInput: as in `convert`.
    """
    chosen = [key for key in arrays if key.startswith(f"{scope}/")] if scope else [*arrays]
    cut = f"{our_scope(scope)}/" if scope else ""
    paths = {key: our_path(key).removeprefix(cut) for key in chosen}
    if len({*paths.values()}) < len(paths):
        raise BadInput(f"{where}: two of its arrays have one name here")
    compare({path: (key, np.shape(arrays[key])) for key, path in paths.items()}, expected, where)
    flat = {path: np.asarray(arrays[key], np.float32) for key, path in paths.items()}
    with as_bad_input(f"{where}: its names are no tree"):
        return unflatten_dict(flat, sep="/")


def our_path(key: str) -> str:
    """Returns the path of ours that a key `<scope>//<leaf>` stands for."""
    scope, _, leaf = key.rpartition("//")
    path = our_scope(scope), LEAVES.get(leaf, leaf)
    return "/".join(filter(None, path))


def our_scope(scope: str) -> str:
    """Returns the path of ours that a scope stands for; of names that fit, the longest counts."""
    left, path = scope.split("/"), []
    while left:
        taken = next((n for n in (3, 2) if "/".join(left[:n]) in NAMES), 1)
        theirs = "/".join(left[:taken])
        path.append(NAMES.get(theirs, theirs))
        left = left[taken:]
    return "/".join(filter(None, path))


def compare(found: Mapping[str, tuple[str, tuple[int, ...]]], expected: Any, where: str) -> None:
    """Compares what a file holds with what is expected.

    Args:
      found: path of ours -> (the file's key, shape).
      expected: tree of what has shapes; None for anything.
      where: what the message begins with.

    Raises:
      BadInput: something is missing, left over or of another shape.
    """
    if expected is None:
        return
    shapes = {path: tuple(x.shape) for path, x in flatten_dict(expected, sep="/").items()}
    rows = [f"missing: {path} {shapes[path]}" for path in shapes if path not in found]
    rows += [
        f"left over: {escape_for_terminal(key)[:160]} {shape}"
        for path, (key, shape) in found.items()
        if path not in shapes
    ]
    rows += [
        f"shape: {escape_for_terminal(key)[:160]} {shape}, expected {shapes[path]} as {path}"
        for path, (key, shape) in found.items()
        if shapes.get(path, shape) != shape
    ]
    if len(rows) == 1:
        raise BadInput(f"{where} does not fit, {rows[0]}")
    if rows:
        more = [f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        lines = [f"{where} does not fit in {len(rows)} arrays", *rows[:SHOWN], *more]
        raise BadInput("\n  ".join(lines))
