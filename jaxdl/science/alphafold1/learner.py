"""AlphaFold 1 (Senior et al. 2020): a net that tells distances, and descent that folds by them.

Improved protein structure prediction using potentials from deep learning. The net learns from
crops of the pairs of a chain; whole chains are folded by the potential that its distogram makes.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Evaluate, Learner, TrainState, update
from jaxdl.science import proteins
from jaxdl.science.alphafold1.backbone import build_backbone
from jaxdl.science.alphafold1.distogram import (
    bin_centers,
    by_separation,
    contact_probability,
    distances,
    distogram_loss,
    noisy_distogram,
    reference_distogram,
)
from jaxdl.science.alphafold1.examples import FEATURES, Examples, crop, random_crop
from jaxdl.science.alphafold1.folding import Folded, fold
from jaxdl.science.alphafold1.potential import Potential, make_potential
from jaxdl.science.alphafold1.torsions import draw_torsions, marginals, torsion_loss
from jaxdl.science.geometry import apply, superpose

NOISES = (1.0, 2.0, 4.0, 8.0)  # Angstrom, of true distances that chains are folded by
USUAL = 1.0


class Effort(NamedTuple):
    """How much folding costs: starts * rounds * evaluations values with gradients a chain.

    Attributes:
      starts: side by side.
      rounds: of restarts.
      evaluations: of a descent.
    """

    starts: int = 8
    rounds: int = 4
    evaluations: int = 300


def alphafold1(
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    size: int = 64,
    torsion_weight: float = 0.1,
    score: Evaluate | None = None,
) -> Learner:
    """Learns to tell distances and torsions from sequences.

    Args:
      net: a `DistanceNet`.
      tx: the optimizer.
      size: C, of a crop's sides.
      torsion_weight: of the torsions' loss beside the distogram's.
      score: evaluates the net, see `folding_score`.

    Returns:
      A learner of batches of `Examples` [B, N, ...], each of which it sees a crop of. Its metrics
      are `loss`, `distogram_loss` and `torsion_loss`, in nats, and norms.
    """

    def init(key):
        residues, places = jnp.zeros((2, FEATURES)), jnp.zeros((2, 2), jnp.int32)
        params = net.init(key, residues, residues, places, jnp.ones((2, 2)))["params"]
        return TrainState(params, tx.init(params))

    def losses(params, key, example):
        crop_key, dropout_key = jax.random.split(key)
        example = random_crop(crop_key, example, size)
        distance_logits, torsion_logits = net.apply(
            {"params": params},
            example.rows,
            example.columns,
            example.places,
            example.masks,
            True,
            rngs={"dropout": dropout_key},
        )
        return (
            distogram_loss(distance_logits, example.distance, example.pair_mask),
            torsion_loss(torsion_logits, example.torsion_bins, example.torsion_masks),
        )

    def step(key, state, batch):
        batch = Examples(*batch)
        keys = jax.random.split(key, len(batch.mask))

        def objective(params):
            each = jax.vmap(losses, (None, 0, 0))(params, keys, batch)
            by_distance, by_torsion = (jnp.mean(x) for x in each)
            return by_distance + torsion_weight * by_torsion, (by_distance, by_torsion)

        (loss, parts), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        metrics = {"loss": loss, "distogram_loss": parts[0], "torsion_loss": parts[1]}
        return state, metrics | norms

    return Learner(init, step) if score is None else Learner(init, step, score)


def folding_score(
    net: nn.Module,
    examples: Callable[[], tuple[Examples, Examples]],
    *,
    folded: int,
    effort: Effort,
) -> Callable[[jax.Array, TrainState], dict[str, jax.Array]]:
    """Makes the evaluation: distograms of held-out chains, and some of them folded.

    Args:
      net: a `DistanceNet`.
      examples: -> training chains, whose distances by separation are the reference, and H held-out
        chains, none of them related to one of training.
      folded: how many of them are folded, and as many of training.
      effort: of a folding.

    Returns:
      key, state -> means over held-out chains: `distogram_loss` in nats, `reference_loss` of who
      knows separations alone, `precision` of the likeliest L / 5 contacts at least 12 residues
      apart, and of the folded ones `tm_score` and `lddt` at the lowest energy, and
      `tm_score_by_distances`, folded from true distances with errors of 1 Angstrom. All of them
      again as `train_...` of training chains. The arrays `tm_scores` [2 F, 5] of the folded ones,
      held-out first, by the net's distogram and by true distances with errors of `noises` [4], and
      `shown/` mask, distance, expected, contacts, own and true traces of them.
    """

    def evaluate(key, state):
        train, held_out = examples()
        reference = count_reference(train)
        first = jax.tree.map(lambda x: x[:folded], held_out)
        look = partial(predict, net, state.params)
        found = fold_each(key, look, effort, reference, _join(first, train, folded))
        told = jax.lax.map(
            lambda example: distogram_scores(look(example)[0], reference, example),
            _join(held_out, train, folded),
        )
        scores = {name: found.pop(name) for name in ("tm_score", "lddt")}
        folds = {name: x[:, 0] for name, x in scores.items()}
        folds["tm_score_by_distances"] = scores["tm_score"][:, 1 + NOISES.index(USUAL)]
        means = _means(folds, len(first.mask)) | _means(told, len(held_out.mask))
        arrays = {f"shown/{name}": x[:, 0] for name, x in found.items()}
        return means | arrays | {"tm_scores": scores["tm_score"], "noises": jnp.array(NOISES)}

    return evaluate


def fold_each(
    key: jax.Array,
    look: Callable[[Examples], tuple[jax.Array, jax.Array]],
    effort: Effort,
    reference: jax.Array,
    chains: Examples,
) -> dict[str, jax.Array]:
    """Folds every chain by the net's distogram first, then by true distances with errors.

    Args:
      key: of errors and starts.
      look: the net: a chain -> logits of distances and of torsions.
      effort: of a folding.
      reference: [S, 64] log probabilities by separation.
      chains: leaves [B, N, ...].

    Returns:
      What `structure_scores` and `picture` return, with leaves [B, 5, ...].
    """

    def one(example, key, noise):
        noise_key, fold_key = jax.random.split(key)
        logits, torsion_logits = look(example)
        told = noisy_distogram(noise_key, distances(example.cb), reference, noise=noise)
        logits = jnp.where(noise > 0, told, logits)
        potential = predicted_potential(logits, torsion_logits, reference, example)
        own = fold_chain(fold_key, potential, effort)
        return structure_scores(own.torsions[0], example) | picture(logits, example)

    sources = jnp.array([0.0, *NOISES])
    keys = jax.random.split(key, (len(chains.mask), len(sources)))

    def by_source(now):
        example, keys = now
        return jax.lax.map(lambda source: one(example, *source), (keys, sources))

    return jax.lax.map(by_source, (chains, keys))


def _join(held_out: Examples, train: Examples, count: int) -> Examples:
    """Puts held-out chains and so many of training into one batch."""
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y[:count]]), held_out, train)


def _means(scores: dict[str, jax.Array], held_out: int) -> dict[str, jax.Array]:
    """Averages scores over held-out chains, which stand first, and over those of training."""
    first = {name: jnp.mean(x[:held_out]) for name, x in scores.items()}
    return first | {f"train_{name}": jnp.mean(x[held_out:]) for name, x in scores.items()}


def picture(logits: jax.Array, example: Examples) -> dict[str, jax.Array]:
    """Returns what the report draws of a distogram, all [N, N], and the mask [N]."""
    return {
        "mask": example.mask,
        "distance": distances(example.cb),
        "expected": jax.nn.softmax(logits) @ bin_centers(),
        "contacts": contact_probability(logits),
    }


def predict(net: nn.Module, params, example: Examples) -> tuple[jax.Array, jax.Array]:
    """Returns logits of a whole chain: distances [N, N, 64], the same both ways, and torsions."""
    whole = crop(example, jnp.zeros(2, jnp.int32), len(example.mask))
    logits, torsions = net.apply(
        {"params": params}, whole.rows, whole.columns, whole.places, whole.masks
    )
    return (logits + logits.swapaxes(0, 1)) / 2, jnp.mean(torsions, 0)


def count_reference(train: Examples) -> jax.Array:
    """Returns the reference distogram [S, 64] of training chains, by separation."""
    pairs = train.known[:, :, None] * train.known[:, None]
    return reference_distogram(jax.vmap(distances)(train.cb), pairs)


def predicted_potential(
    logits: jax.Array, torsion_logits: jax.Array, reference: jax.Array, example: Examples
) -> Potential:
    """Makes the potential of a chain from what the net tells of it."""
    return make_potential(
        jax.nn.log_softmax(logits),
        reference,
        marginals(torsion_logits),
        example.mask,
        example.glycine,
    )


def fold_chain(key: jax.Array, potential: Potential, effort: Effort) -> Folded:
    """Folds from starts that are drawn of the potential's own torsions, by L-BFGS."""
    return fold(
        key,
        potential,
        lambda key, count: draw_torsions(key, potential.torsions, count),
        starts=effort.starts,
        rounds=effort.rounds,
        evaluations=effort.evaluations,
    )


def distogram_scores(
    logits: jax.Array, reference: jax.Array, example: Examples
) -> dict[str, jax.Array]:
    """Scores the distogram of a chain, beside the one of who knows separations alone."""
    distance = distances(example.cb)
    pairs = example.known[:, None] * example.known * (1 - jnp.eye(len(distance)))
    of_separation = by_separation(reference, len(distance))
    precision = proteins.distogram_precision(
        contact_probability(logits), example.cb, example.known, separation=(12, None)
    )
    return {
        "distogram_loss": distogram_loss(logits, distance, pairs),
        "reference_loss": distogram_loss(of_separation, distance, pairs),
        "precision": precision,
    }


def structure_scores(torsions: jax.Array, example: Examples) -> dict[str, jax.Array]:
    """Scores a folded chain by its CA atoms; returns scores, and both traces, superposed."""
    own = build_backbone(torsions).ca
    known = (own, example.ca, example.known)
    motion, _ = superpose(*known)
    scores = {name: getattr(proteins, name)(*known) for name in ("tm_score", "lddt")}
    return scores | {"own": apply(motion, own), "true": example.ca}
