"""Algorithms 6 to 19 beside DeepMind's own modules: value and gradient, everything drawn anew."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import alphafold
from jaxdl.science.alphafold.evoformer import BlockSizes
from tests.science.alphafold.deepmind import compare, open_oracle

S, N, C_M, C_Z = 5, 7, 16, 12
LIMIT = 2e-5  # relative; float32 sums of some hundred terms


@pytest.fixture(scope="module")
def oracle():
    return open_oracle()


def data(seed=0):
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(S, N, C_M)).astype(np.float32)
    z = rng.normal(size=(N, N, C_Z)).astype(np.float32)
    msa_mask = (rng.random((S, N)) < 0.7).astype(np.float32)
    pair_mask = (rng.random((N, N)) < 0.7).astype(np.float32)
    msa_mask[1], pair_mask[2], pair_mask[:, 3] = 0.0, 0.0, 0.0  # nothing at all is seen
    return m, z, msa_mask, pair_mask


CASES = {  # our module -> (name there, its class, of the MSA or of pairs)
    "msa_row_attention_with_pair_bias": ("MSARowAttentionWithPairBias", "both"),
    "msa_column_attention": ("MSAColumnAttention", "msa"),
    "msa_column_global_attention": ("MSAColumnGlobalAttention", "msa"),
    "msa_transition": ("Transition", "msa"),
    "outer_product_mean": ("OuterProductMean", "msa"),
    "triangle_multiplication_outgoing": ("TriangleMultiplication", "pair"),
    "triangle_multiplication_incoming": ("TriangleMultiplication", "pair"),
    "triangle_attention_starting_node": ("TriangleAttention", "pair"),
    "triangle_attention_ending_node": ("TriangleAttention", "pair"),
    "pair_transition": ("Transition", "pair"),
}
OURS = {
    "msa_row_attention_with_pair_bias": {"heads": 8, "size": 2},
    "msa_column_attention": {"heads": 8, "size": 2},
    "msa_column_global_attention": {"heads": 8, "size": 2},
    "outer_product_mean": {"c_z": C_Z, "size": 32},
    "triangle_attention_starting_node": {"heads": 4, "size": 3},
    "triangle_attention_ending_node": {"heads": 4, "size": 3},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_module_is_the_published_one(oracle, name):
    kind, of = CASES[name]
    m, z, msa_mask, pair_mask = data()
    inputs = {"both": (m, z), "msa": (m,), "pair": (z,)}[of]
    masks = (pair_mask,) if of == "pair" else (msa_mask,)
    config = oracle.config.embeddings_and_evoformer.evoformer
    config = config[name.replace("_global", "")]

    def theirs(inputs, masks):
        common = {"config": config, "global_config": oracle.config.global_config, "name": name}
        if name == "outer_product_mean":
            common["num_output_channel"] = C_Z
        module = getattr(oracle.modules, kind)(**common)
        if of == "both":
            return module(inputs[0], masks[0], inputs[1], is_training=True)
        return module(*inputs, *masks, is_training=True)

    ours = getattr(alphafold, name)(**OURS.get(name, {}))
    errors = compare(oracle, theirs, ours, name, inputs, masks)
    print(name, {key: f"{error:.1e}" for key, error in errors.items()})
    assert max(errors.values()) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("extra", [False, True])
def test_a_block_is_the_published_one(oracle, extra):
    m, z, msa_mask, pair_mask = data()
    config = oracle.config.embeddings_and_evoformer.evoformer

    def theirs(inputs, masks):
        block = oracle.modules.EvoformerIteration(
            config, oracle.config.global_config, is_extra_msa=extra, name="evoformer_iteration"
        )
        activations = {"msa": inputs[0][0], "pair": inputs[0][1]}
        out = block(activations, {"msa": masks[0], "pair": masks[1]}, is_training=False)
        return alphafold.Representations(out["msa"], out["pair"])

    sizes = BlockSizes(msa_size=2, column_size=2, pair_size=3)
    ours = alphafold.EvoformerBlock(sizes, global_columns=extra)
    state = alphafold.Representations(jnp.asarray(m), jnp.asarray(z))
    errors = compare(oracle, theirs, ours, "evoformer_iteration", (state,), (msa_mask, pair_mask))
    print("block", extra, {key: f"{error:.1e}" for key, error in errors.items()})
    assert max(errors.values()) < LIMIT


def templates(count=3, seed=3):
    rng = np.random.default_rng(seed)
    positions = (4 * rng.normal(size=(count, N, 37, 3))).astype(np.float32)
    mask = (rng.random((count, N, 37)) < 0.9).astype(np.float32)
    exists = np.asarray([1, 1, 0], np.float32)
    aatype = rng.integers(0, 22, (count, N)).astype(np.int32)
    return alphafold.Templates(aatype, positions, mask, positions[:, :, 3], mask[:, :, 3], exists)


@pytest.mark.slow
def test_template_embedding_is_the_published_one(oracle):
    _, z, _, pair_mask = data()
    config = oracle.config.embeddings_and_evoformer.template.copy_and_resolve_references()
    with config.unlocked():
        config.use_template_unit_vector = True
    given = templates()
    batch = {
        "template_aatype": given.aatype,
        "template_all_atom_positions": given.positions,
        "template_all_atom_masks": given.mask,
        "template_pseudo_beta": given.pseudo_beta,
        "template_pseudo_beta_mask": given.pseudo_beta_mask,
        "template_mask": given.exists,
    }

    def theirs(inputs, masks):
        module = oracle.modules.TemplateEmbedding(config, oracle.config.global_config)
        return module(inputs[0], batch, masks[1], is_training=False)

    ours = alphafold.TemplateEmbedding(unit_vectors=True)
    errors = compare(oracle, theirs, ours, "template_embedding", (z,), (given, pair_mask))
    print("template_embedding", {key: f"{error:.1e}" for key, error in errors.items()})
    assert max(errors.values()) < LIMIT
