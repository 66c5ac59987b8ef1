"""The net is run several times, and told what it has said before (Jumper et al. 2021).

Algorithms 30 and 31 of the supplement, and prediction with them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.atoms import atom37_exists
from jaxdl.science.alphafold.confidence import (
    plddt,
    predicted_aligned_error,
    predicted_tm_score,
)
from jaxdl.science.alphafold.examples import Example, blank_example
from jaxdl.science.alphafold.features import Features, Sampling, draw_features
from jaxdl.science.alphafold.network import AlphaFold, Outputs, Recycled
from jaxdl.science.proteins import atom37_from_atom14

FEW = 4  # residues that parameters are drawn for
Draw = Callable[[jax.Array], Features]  # number of the pass -> features [M, ...] of M ensembles


class Prediction(NamedTuple):
    """What the net says of a chain.

    Attributes:
      positions: [N, 37, 3], in Angstrom.
      atom_mask: [N, 37] float32, atoms that the residue has.
      plddt: [N], 0 to 100.
      distogram: [N, N, 64] logits.
      pae: [N, N], expected aligned error in Angstrom; () without that head.
      ptm: scalar, predicted TM-score; () without that head.
      trajectory: [C, L, N, 3], C-alpha after each of the L layers of each of the C cycles.
      cycle_plddt: [C, N], after each cycle.
    """

    positions: jax.Array
    atom_mask: jax.Array
    plddt: jax.Array
    distogram: jax.Array
    pae: Any
    ptm: Any
    trajectory: jax.Array
    cycle_plddt: jax.Array


def nothing_yet(net: AlphaFold, length: int) -> Recycled:
    """Returns what the first pass is told, zeros, for N residues (algorithm 2, line 1)."""
    c_m, c_z = net.sizes.c_m, net.sizes.c_z
    return Recycled(
        jnp.zeros((length, c_m), net.dtype),
        jnp.zeros((length, length, c_z), net.dtype),
        jnp.zeros((length, 3)),
    )


def init_params(net: AlphaFold, key: jax.Array) -> Any:
    """Draws parameters of a net, which suit chains and alignments of any size."""
    draw_key, key = jax.random.split(key)
    blank = blank_example(FEW, templates=net.sizes.templates)
    features = draw_features(draw_key, blank, Sampling(clusters=1, extra=1), 0)
    return net.init(key, features, nothing_yet(net, FEW))["params"]


def recycle(
    net: AlphaFold, params: Any, draw: Draw, recycles: int, length: int
) -> tuple[Outputs, Any]:
    """Algorithm 30: GenericRecyclingInferenceProcedure.

    Args:
      net: the net.
      params: of it.
      draw: number of the pass -> features [M, ...].
      recycles: passes after the first one; without recycling there are none.
      length: N.

    Returns:
      What the last pass says, and of all C passes the C-alpha [C, L, N, 3] after each layer of the
      structure module, and the confidence [C, N].
    """

    def run(recycled, number):
        return net.apply({"params": params}, draw(number), recycled)

    def body(last, number):
        outputs = run(last.recycled, number)  # 4
        return outputs, (outputs.structure.frames.translation, plddt(outputs.plddt))

    start = nothing_yet(net, length)
    shapes = jax.eval_shape(run, start, jnp.int32(0))
    first = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)  # 2
    passes = 1 if net.without.recycling else recycles + 1
    return jax.lax.scan(body, first._replace(recycled=start), jnp.arange(passes))  # 3


def recycle_in_training(
    net: AlphaFold, params: Any, draw: Draw, passes: jax.Array, length: int, key: jax.Array
) -> tuple[Outputs, Features]:
    """Algorithm 31: GenericRecyclingTrainingProcedure. Gradients see the last pass alone.

    Args:
      net: the net.
      params: of it.
      draw: number of the pass -> features [1, ...].
      passes: int32 scalar, N', how many passes there are; the same for all chains of a batch.
      length: N.
      key: of dropout.

    Returns:
      What the last pass says, and the features that it has read.
    """
    frozen = jax.lax.stop_gradient(params)

    def run(params, features, number, recycled):
        rngs = {"dropout": jax.random.fold_in(key, number)}
        return net.apply({"params": params}, features, recycled, not net.dropout, rngs=rngs)

    def body(number, recycled):
        return run(frozen, draw(number), number, recycled).recycled

    recycled, last = nothing_yet(net, length), 0
    if not net.without.recycling:
        last = passes - 1
        recycled = jax.lax.fori_loop(0, last, body, recycled)  # 3-5
    features = draw(last)
    outputs = run(params, features, last, jax.lax.stop_gradient(recycled))  # 6-8
    return outputs, jax.tree.map(lambda x: x[0], features)


def predict(
    net: AlphaFold,
    params: Any,
    key: jax.Array,
    example: Example,
    *,
    sampling: Sampling,
    recycles: int = 3,
    ensembles: int = 1,
) -> Prediction:
    """Predicts the structure of an example from its sequence and alignment (algorithms 2, 30).

    Args:
      net: the net.
      params: of it, ours or `convert`'s.
      key: of the rows of the alignment and the letters that are hidden.
      example: whose positions are not looked at. It is read whole, without deleted blocks.
      sampling: rows that are seen.
      recycles: passes after the first one.
      ensembles: draws of the alignment that a pass averages over.
    """
    sampling = sampling._replace(delete_blocks=False)
    length = example.aatype.shape[0]

    def draw(number):
        return draw_features(key, example, sampling, number, ensembles)

    outputs, (trajectory, confidence) = recycle(net, params, draw, recycles, length)
    has_pae = net.sizes.pae
    return Prediction(
        positions=atom37_from_atom14(outputs.structure.positions14, example.aatype),
        atom_mask=atom37_exists(example.aatype) * example.mask[:, None],
        plddt=confidence[-1],
        distogram=outputs.distogram,
        pae=predicted_aligned_error(outputs.pae) if has_pae else (),
        ptm=predicted_tm_score(outputs.pae, example.mask) if has_pae else (),
        trajectory=trajectory,
        cycle_plddt=confidence,
    )
