"""Makes network.npz and parameter_names.json by DeepMind's own modules.

    PYTHONPATH=<google-deepmind/alphafold>:. python tests/science/alphafold/golden/make_network.py

google-deepmind/alphafold at commit c77e5d2 (Apache-2.0) with dm-haiku 0.0.17 and JAX 0.11.2 on a
CPU, `deterministic`. All parameters are drawn anew, by their names, so that none of them is zero;
`drawn.py` has what both sides draw. Torsions that a template's first residue does not have are 0,
where DeepMind's follow from where the template lies. network.npz holds the outputs of a small net
with templates and one recycling, and its parameters' shapes; parameter_names.json the names and
shapes of model_1_ptm as it is published. model_1 lacks its `predicted_aligned_error_head`, and
model_3 its templates.
"""

import json
from pathlib import Path

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from alphafold.common import residue_constants
from alphafold.model import all_atom, config, modules

from tests.science.alphafold.golden.drawn import LENGTH, PASSES, SMALL, draw_parameters, make_batch

CLIP = jnp.clip  # whose arguments had other names when DeepMind's code was written
jnp.clip = lambda x, *rest, a_min=None, a_max=None: CLIP(x, *(rest or (a_min, a_max)))
TORSIONS = all_atom.atom37_to_torsion_angles
HERE = Path(__file__).parent


def defined_torsions(**arrays):
    """Returns DeepMind's torsions of templates, with 0 for those that are not defined."""
    found = TORSIONS(**arrays)
    mask = found["torsion_angles_mask"]
    return {n: x * mask[..., None] if x.ndim > mask.ndim else x for n, x in found.items()}


def small_config():
    """Returns the configuration of `SMALL` sizes, with templates and aligned errors."""
    chosen = config.model_config("model_1_ptm").model
    chosen.num_recycle = PASSES - 1
    chosen.resample_msa_in_recycling = True
    chosen.global_config.update(deterministic=True, subbatch_size=1000)
    trunk = chosen.embeddings_and_evoformer
    trunk.update(
        evoformer_num_block=SMALL["blocks"],
        extra_msa_stack_num_block=SMALL["extra_blocks"],
        msa_channel=SMALL["c_m"],
        pair_channel=SMALL["c_z"],
        seq_channel=SMALL["c_s"],
        extra_msa_channel=SMALL["c_e"],
    )
    set_heads(trunk.evoformer, SMALL["c_triangle"], SMALL["pair_heads"])
    trunk.evoformer.msa_row_attention_with_pair_bias.num_head = SMALL["msa_heads"]
    trunk.evoformer.msa_column_attention.num_head = SMALL["msa_heads"]
    trunk.evoformer.outer_product_mean.num_outer_channel = SMALL["c_outer"]
    template, c_t = trunk.template, SMALL["c_t"]
    set_heads(template.template_pair_stack, c_t, SMALL["template_heads"])
    for name in ("triangle_attention_starting_node", "triangle_attention_ending_node"):
        template.template_pair_stack[name].update(key_dim=c_t, value_dim=c_t)
    template.template_pair_stack.num_block = SMALL["template_blocks"]
    template.attention.update(key_dim=c_t, value_dim=c_t, num_head=SMALL["template_heads"])
    heads = chosen.heads
    heads.structure_module.update(
        num_layer=SMALL["structure_layers"],
        num_channel=SMALL["c_s"],
        num_head=SMALL["ipa_heads"],
        num_point_qk=SMALL["query_points"],
        num_point_v=SMALL["value_points"],
        num_scalar_qk=SMALL["ipa_channels"],
        num_scalar_v=SMALL["ipa_channels"],
    )
    heads.structure_module.sidechain.num_channel = SMALL["c_torsion"]
    heads.predicted_lddt.num_channels = SMALL["c_plddt"]
    return chosen


def set_heads(block, c_triangle, heads):
    """Sets the sizes of the triangles of a stack."""
    for name in ("triangle_multiplication_outgoing", "triangle_multiplication_incoming"):
        block[name].num_intermediate_channel = c_triangle
    for name in ("triangle_attention_starting_node", "triangle_attention_ending_node"):
        block[name].num_head = heads


def peer_batch(length=LENGTH):
    """Adds to the drawn batch what DeepMind's structure module looks up."""
    batch = make_batch(length)
    aatype, passes = batch["aatype"], len(batch["aatype"])
    tables = {
        "residx_atom37_to_atom14": np.zeros((passes, length, 37), np.int32),
        "residx_atom14_to_atom37": np.zeros((passes, length, 14), np.int32),
        "atom14_atom_exists": np.zeros((passes, length, 14), np.float32),
        "atom37_atom_exists": np.zeros((passes, length, 37), np.float32),
    }
    for n, kind in enumerate(aatype[0]):
        one = residue_constants.restypes[kind]
        three = residue_constants.restype_1to3[one]
        for i, atom in enumerate(residue_constants.restype_name_to_atom14_names[three]):
            if atom:
                place = residue_constants.atom_order[atom]
                tables["residx_atom37_to_atom14"][:, n, place] = i
                tables["residx_atom14_to_atom37"][:, n, i] = place
                tables["atom14_atom_exists"][:, n, i] = 1
                tables["atom37_atom_exists"][:, n, place] = 1
    length = np.full(passes, length, np.int32)
    beta = np.where(
        (batch["template_aatype"] == 7)[..., None],
        batch["template_all_atom_positions"][..., 1, :],
        batch["template_all_atom_positions"][..., 3, :],
    )
    known = np.where(
        batch["template_aatype"] == 7,
        batch["template_all_atom_masks"][..., 1],
        batch["template_all_atom_masks"][..., 3],
    )
    templates = {"template_pseudo_beta": beta, "template_pseudo_beta_mask": known}
    return batch | tables | templates | {"seq_length": length}


def transformed(chosen):
    """Makes DeepMind's net of a configuration."""

    def forward(batch):
        return modules.AlphaFold(chosen)(
            batch, is_training=False, compute_loss=False, return_representations=True
        )

    return hk.transform(forward)


def shapes_of(params):
    """Returns name -> shape of parameters, named as in the published files."""
    return {
        f"{module}//{name}": list(leaf.shape)
        for module, leaves in params.items()
        for name, leaf in leaves.items()
    }


def main():
    """Writes both files."""
    key, batch = jax.random.key(0), peer_batch()
    published = {}
    for name in ("model_1", "model_3", "model_1_ptm"):
        chosen = config.model_config(name).model
        chosen.num_recycle = PASSES - 1
        net = transformed(chosen)
        published[name] = shapes_of(jax.eval_shape(net.init, key, batch))
    whole = published["model_1_ptm"]
    without = {name: x for name, x in whole.items() if "predicted_aligned_error" not in name}
    assert published["model_1"] == without
    assert published["model_3"] == {n: x for n, x in without.items() if "/template" not in n}
    lines = ",\n".join(f"{json.dumps(n)}: {json.dumps(x)}" for n, x in sorted(whole.items()))
    (HERE / "parameter_names.json").write_text(f"{{\n{lines}\n}}\n")

    all_atom.atom37_to_torsion_angles = defined_torsions
    net = transformed(small_config())
    shapes = shapes_of(jax.eval_shape(net.init, key, batch))
    params: dict = {}
    for name, leaf in draw_parameters(shapes).items():
        module, leaf_name = name.split("//")
        params.setdefault(module, {})[leaf_name] = leaf
    with jax.default_matmul_precision("highest"):
        found = jax.jit(net.apply)(params, key, batch)
    structure = found["structure_module"]
    np.savez_compressed(
        HERE / "network.npz",
        shapes=json.dumps(shapes),
        single=found["representations"]["single"],
        pair=found["representations"]["pair"],
        distogram=found["distogram"]["logits"],
        masked_msa=found["masked_msa"]["logits"],
        positions=structure["final_atom_positions"],
        plddt=found["predicted_lddt"]["logits"],
        pae=found["predicted_aligned_error"]["logits"],
        resolved=found["experimentally_resolved"]["logits"],
    )


if __name__ == "__main__":
    main()
