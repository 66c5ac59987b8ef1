"""Tells the sizes of a net from the shapes of its parameters in DeepMind's layout."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.science.alphafold.network import Sizes

Shape = tuple[int, ...]


def read_sizes(path: str | Path) -> Sizes:
    """Reads the sizes of the net that a file of parameters belongs to, such as params_model_1.npz.

    Raises:
      BadInput: the file cannot be read, or is laid out otherwise.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            shapes = {name: file[name].shape for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path} holds no arrays that can be read: {error}") from None
    except Exception as error:  # a damaged archive has many names for it
        raise BadInput(f"{path} is damaged: {type(error).__name__}: {error}") from None
    try:
        return sizes_of(shapes)
    except (KeyError, IndexError) as error:
        raise BadInput(
            f"{path} is not laid out as DeepMind's parameters of AlphaFold are: no {error.args[0]}"
        ) from None


def sizes_of(shapes: Mapping[str, Shape]) -> Sizes:
    """Returns the sizes of the net whose parameters have these shapes.

    Args:
      shapes: name of an array, such as "alphafold/alphafold_iteration/evoformer/preprocess_1d//w",
        -> its shape; layers that are repeated have their number as the first axis.

    Raises:
      KeyError: there is no such array.
    """

    def shape(within: str, last: str) -> Shape:
        for name, found in shapes.items():
            if f"/{within}/" in name and name.endswith(f"/{last}"):
                return found
        raise KeyError(f".../{within}/.../{last}")

    has_templates = any("/template_embedding/" in name for name in shapes)
    rows = shape("evoformer_iteration", "msa_row_attention_with_pair_bias/attention//query_w")
    triangle = shape("evoformer_iteration", "triangle_attention_starting_node/attention//query_w")
    outer = shape("evoformer_iteration", "outer_product_mean/left_projection//weights")
    center = "triangle_multiplication_outgoing/center_layer_norm//scale"
    extra = shape("extra_msa_stack", "msa_transition/input_layer_norm//scale")
    points = shape("fold_iteration", "invariant_point_attention//trainable_point_weights")
    heads = points[-1]
    queries = shape("fold_iteration", "invariant_point_attention/q_point_local//weights")[-1]
    keys = shape("fold_iteration", "invariant_point_attention/kv_point_local//weights")[-1]
    templates = {}
    if has_templates:
        embedded = shape("single_template_embedding", "embedding2d//weights")
        stack = shape("template_pair_stack", "pair_transition/input_layer_norm//scale")
        templates = {"templates": True, "c_t": embedded[-1], "template_blocks": stack[0]}
    return Sizes(
        c_m=rows[1],
        c_z=triangle[1],
        c_s=shape("evoformer", "single_activations//weights")[-1],
        c_e=extra[-1],
        blocks=rows[0],
        extra_blocks=extra[0],
        msa_heads=rows[2],
        pair_heads=triangle[2],
        c_outer=outer[-1],
        c_triangle=shape("evoformer_iteration", center)[-1],
        ipa_heads=heads,
        ipa_channels=shape("fold_iteration", "q_scalar//weights")[-1] // heads,
        query_points=queries // (3 * heads),
        value_points=(keys - queries) // (3 * heads),
        c_torsion=shape("fold_iteration", "rigid_sidechain/input_projection//weights")[-1],
        c_plddt=shape("predicted_lddt_head", "act_0//weights")[-1],
        pae=any("/predicted_aligned_error_head/" in name for name in shapes),
        **templates,
    )
