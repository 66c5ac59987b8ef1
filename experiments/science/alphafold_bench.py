"""What AlphaFold's parts cost beside DeepMind's own modules, and how that grows with the length.

    ./run bench --only=triangle_attention --peer_path=<checkout of google-deepmind/alphafold>

Inference in float32 with parameters that are all drawn anew. DeepMind's run as their model_1 does:
4 rows at a time in attention and transitions, 128 in the outer product mean. Ours takes 4 rows at a
time everywhere. Temporary memory is XLA's own account of each compiled program.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure
from experiments.science._deepmind import DeepMind, make_apply, open_deepmind, redraw
from experiments.science._fold_bench import alphafold_step, fold_256
from jaxdl.science import alphafold
from jaxdl.science.geometry import Rigid, rotation_from_quaternion

LENGTHS = 64, 128, 256, 384  # residues
LENGTH = 256  # where the two are compared
SEQUENCES = 128
C_M, C_Z, C_S = 256, 128, 384
CHUNK = 4  # rows at a time

Maker = Callable[[int], Candidate]  # residues -> candidate


def triangle_attention(peers: bool, peer_path: str = "") -> list[dict[str, Any]]:
    """Times attention around the starting node (algorithm 13); an item is a pair of residues."""
    del peers

    def ours(residues):
        net = alphafold.TriangleAttentionStartingNode(chunk=CHUNK)
        return candidate_of(net, (pairs(residues),), (jnp.ones((residues, residues)),))

    def theirs(peer):
        config = peer.config.embeddings_and_evoformer.evoformer.triangle_attention_starting_node
        return lambda z, mask: peer.modules.TriangleAttention(config, peer.config.global_config)(
            z, mask, is_training=False
        )

    return compare("triangle_attention", ours, theirs, peer_path)


def evoformer_block(peers: bool, peer_path: str = "") -> list[dict[str, Any]]:
    """Times a block with 128 sequences (algorithm 6, lines 2 to 10); an item is a pair."""
    del peers

    def ours(residues):
        state = alphafold.Representations(msa(residues), pairs(residues))
        masks = jnp.ones((SEQUENCES, residues)), jnp.ones((residues, residues))
        return candidate_of(alphafold.EvoformerBlock(chunk=CHUNK), (state,), masks)

    def theirs(peer):
        config = peer.config.embeddings_and_evoformer.evoformer

        def build(state, msa_mask, pair_mask):
            block = peer.modules.EvoformerIteration(config, peer.config.global_config, False)
            masks = {"msa": msa_mask, "pair": pair_mask}
            return block({"msa": state.m, "pair": state.z}, masks, is_training=False)

        return build

    return compare("evoformer_block", ours, theirs, peer_path)


def ipa(peers: bool, peer_path: str = "") -> list[dict[str, Any]]:
    """Times invariant point attention (algorithm 22); an item is a pair of residues."""
    del peers

    def ours(residues):
        single = jax.random.normal(jax.random.key(3), (residues, C_S))
        inputs = single, pairs(residues), frames(residues)
        return candidate_of(alphafold.InvariantPointAttention(), inputs, (jnp.ones(residues),))

    def theirs(peer):
        folding = importlib.import_module("alphafold.model.folding")
        affine = importlib.import_module("alphafold.model.quat_affine").QuatAffine

        def build(single, pair, frames, mask):
            config = peer.config.heads.structure_module
            net = folding.InvariantPointAttention(config, peer.config.global_config)
            there = affine(None, frames.translation, frames.rotation, unstack_inputs=True)
            return net(single, pair, mask[:, None], there)

        return build

    return compare("ipa", ours, theirs, peer_path)


def compare(
    case: str, ours: Maker, theirs: Callable[[DeepMind], Callable], peer_path: str
) -> list[dict[str, Any]]:
    """Times ours at all lengths, and both at one; the rows of ours tell the exponent.

    Args:
      case: the benchmark's name.
      ours: residues -> candidate.
      theirs: checkout -> a function of the same arguments that makes and calls their module.
      peer_path: of the checkout; "" for none.
    """
    candidates = {"jaxdl": ours(LENGTH)}
    peer = open_deepmind(peer_path)
    if isinstance(peer, str):
        print(f"{case}: DeepMind's is not timed: {peer}")
    else:
        args = candidates["jaxdl"].args[1:]
        apply, shapes = make_apply(peer, theirs(peer), *args)
        params = jax.tree.map(jnp.asarray, redraw(shapes))
        candidates["DeepMind"] = Candidate(apply, (params, *args), LENGTH**2, "as their model_1")
    rows = measure(case, candidates)
    others = [length for length in LENGTHS if length != LENGTH]
    rows += measure(case, {f"jaxdl, {n} residues": ours(n) for n in others}, repeats=3)
    seconds = {row["items"] ** 0.5: row["cpu_seconds"] for row in rows if row["who"] != "DeepMind"}
    rows[0]["note"] = f"{LENGTH} residues; CPU-seconds ~ N^{exponent(seconds):.2f} over {LENGTHS}"
    rows[0]["exponent"] = exponent(seconds)
    return rows


def candidate_of(net: Any, inputs: Sequence[Any], masks: Sequence[Any]) -> Candidate:
    """Makes a candidate of a module's forward pass, with parameters that are all drawn anew."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), *inputs, *masks)
    params = jax.tree.map(jnp.asarray, redraw(shapes))
    return Candidate(net.apply, (params, *inputs, *masks), len(masks[-1]) ** 2)


def exponent(seconds: dict[float, float]) -> float:
    """Fits the exponent of a power law, residues -> seconds, by least squares of logarithms."""
    slope, _ = np.polyfit(np.log([*seconds]), np.log([*seconds.values()]), 1)
    return float(slope)


def msa(residues: int) -> jax.Array:
    """Draws an MSA representation [S, N, c_m]."""
    return jax.random.normal(jax.random.key(1), (SEQUENCES, residues, C_M))


def pairs(residues: int) -> jax.Array:
    """Draws a pair representation [N, N, c_z]."""
    return jax.random.normal(jax.random.key(2), (residues, residues, C_Z))


def frames(residues: int) -> Rigid:
    """Draws frames [N] whose origins lie some nanometres apart."""
    turn_key, origin_key = jax.random.split(jax.random.key(4))
    turns = jax.random.normal(turn_key, (residues, 4))
    origins = 2 * jax.random.normal(origin_key, (residues, 3))
    return Rigid(rotation_from_quaternion(turns), origins)


CASES = {
    "evoformer_block": evoformer_block,
    "triangle_attention": triangle_attention,
    "ipa": ipa,
    "fold_256": fold_256,
    "alphafold_step": alphafold_step,
}
