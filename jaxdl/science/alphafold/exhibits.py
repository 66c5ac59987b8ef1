"""What the report of AlphaFold shows: structures, distances, contacts and confidence."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from jaxdl.pages.exhibit import Exhibit, Outcome
from jaxdl.science.alphafold.heads import distance_middles
from jaxdl.science.alphafold.recycling import Prediction
from jaxdl.science.figures import (
    CONTACT,
    aligned_error,
    confidence_along,
    confidence_scatter,
    contact_map,
    distance_maps,
    distances_of,
)
from jaxdl.science.films import Folding, Shots, film
from jaxdl.science.pictures import THIN, TRUE, Strand, confidence_colors, draw, frame

if TYPE_CHECKING:
    from PIL.Image import Image

SIDES = {"learned": "learned", "held_out": "held-out"}
CA = 1  # of atom37
SIZE = 256  # pixels of a structure's picture
MOST = 4  # structures of a side that are drawn
COLORED = "colored by pLDDT: blue is confident, orange is not"


class Told(NamedTuple):
    """A chain and what the net says of it, without padding.

    Attributes:
      true: [N, 3] CA atoms, Angstrom.
      is_true: [N] bool, which of them are known.
      told: [N, 3], superposed on the true ones.
      plddt: [N], 0 to 100.
      lddt: [N], 0 to 100, NaN where the truth is not known.
      distance: [N, N] expected, Angstrom.
      contact: [N, N] probability of a distance below 8 Angstrom.
      trajectory: [F, N, 3] after all layers of all cycles, superposed on the true ones.
      layers: of a cycle.
    """

    true: np.ndarray
    is_true: np.ndarray
    told: np.ndarray
    plddt: np.ndarray
    lddt: np.ndarray
    distance: np.ndarray
    contact: np.ndarray
    trajectory: np.ndarray
    layers: int


def told_chains(arrays: Mapping[str, np.ndarray], side: str, several: bool = False) -> list[Told]:
    """Reads the chains of a side out of an evaluation's arrays, from the shortest to the longest.

    Args:
      arrays: of `jaxdl.science.alphafold.alphafold`'s evaluation.
      side: "learned" or "held_out".
      several: whether the arrays have a leading axis of seeds, of which the first is taken.
    """
    prefix = f"{side}/"
    own = {
        name.removeprefix(prefix): array[0] if several else array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    return [_told(own, i) for i in range(len(own.get("aatype", ())))]


def _told(arrays: Mapping[str, np.ndarray], i: int) -> Told:
    chosen = {name: array[i] for name, array in arrays.items() if np.ndim(array) > 1}
    length = int(np.max(np.nonzero(chosen["mask"])[0], initial=0)) + 1
    known = chosen["mask"][:length] > 0
    cycles, layers = chosen["trajectory"].shape[:2]
    trajectory = chosen["trajectory"][:, :, :length].reshape(cycles * layers, length, 3)
    return Told(
        true=chosen["true"][:length],
        is_true=known,
        told=chosen["told"][:length],
        plddt=chosen["plddt"][:length],
        lddt=np.where(known, 100 * chosen["residue_lddt"][:length], np.nan),
        distance=chosen["distance"][:length, :length],
        contact=chosen["contact"][:length, :length],
        trajectory=trajectory,
        layers=layers,
    )


def alphafold_exhibits(outcome: Outcome) -> list[Exhibit]:
    """Shows structures upon the true ones, distances, contacts, and what confidence is worth.

    Args:
      outcome: whose evaluation is that of `jaxdl.science.alphafold.alphafold`.
    """
    sides = {side: told_chains(outcome.arrays, side, outcome.num_seeds > 1) for side in SIDES}
    sides = {side: told for side, told in sides.items() if told}
    if not sides:
        return []
    scores = {side: side_text(outcome, side) for side in sides}
    shown = [
        Exhibit(
            "structures",
            structures_image(sides),
            f"Predicted backbones, {COLORED}; the true ones, gray and thin, in the same place. "
            f"{' '.join(scores.values())}",
        )
    ]
    for side, told in sides.items():
        longest, name = told[-1], SIDES[side]
        true = distances_of(longest.true, longest.is_true)
        shown += [
            Exhibit(
                f"distances_{side}",
                distance_maps({"expected by the distogram": longest.distance, "true": true}),
                f"Distances of a {name} chain of {len(longest.true)} residues.",
            ),
            Exhibit(
                f"contacts_{side}",
                contact_map(longest.contact, true),
                "Contacts of that chain: CB atoms (CA of glycine) nearer than 8 Å by the "
                "distogram, CA atoms in truth.",
            ),
            Exhibit(
                f"confidence_{side}",
                confidence_along(longest.plddt, longest.lddt),
                f"What the net thinks of its prediction of that {name} chain, and what it is "
                "worth. Gaps are residues whose place is not known.",
            ),
        ]
    groups = {SIDES[side]: confidence_pairs(told) for side, told in sides.items()}
    caption = "Each dot is a residue: its confidence over its true score."
    return [*shown, Exhibit("plddt", confidence_scatter(groups), caption)]


def side_text(outcome: Outcome, side: str) -> str:
    """Writes the scores of a side, such as "Learned chains: lDDT 0.91, TM-score 0.85."."""
    prefix = "eval/learned/" if side == "learned" else "eval/"
    names = {"lddt": "lDDT", "tm": "TM-score"}
    found = {
        text: outcome.metrics[prefix + name]["mean"]
        for name, text in names.items()
        if prefix + name in outcome.metrics
    }
    scores = ", ".join(f"{text} {value:.2f}" for text, value in found.items())
    return f"{SIDES[side].capitalize()} chains: {scores} on average." if scores else ""


def confidence_pairs(told: list[Told]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the confidences and the true scores [M] of all residues of which both are known."""
    plddt = np.concatenate([one.plddt for one in told])
    lddt = np.concatenate([one.lddt for one in told])
    known = np.isfinite(lddt)
    return plddt[known], lddt[known]


def structures_image(sides: Mapping[str, list[Told]]) -> "Image":
    """Draws predicted structures upon the true ones, a row a side."""
    from PIL import Image

    from jaxdl.render.film import captioned, mosaic

    columns = max(min(len(told), MOST) for told in sides.values())
    images = []
    for side, told in sides.items():
        row = [captioned(structure(one), SIDES[side], score_text(one)) for one in told[-columns:]]
        images += row + [np.full_like(row[0], 252)] * (columns - len(row))
    return Image.fromarray(mosaic(images, columns))


def structure(one: Told, *, size: int = SIZE) -> np.ndarray:
    """Draws a prediction upon the true structure, [size, size, 3] uint8."""
    true = Strand(one.true, one.is_true, TRUE, THIN)
    everywhere = np.ones(len(one.told), bool)
    told = Strand(one.told, everywhere, confidence_colors(one.plddt))
    return draw([told, true], frame(true, [told]), size=size)


def score_text(one: Told) -> str:
    """Writes how good a prediction is, such as "lDDT 87"."""
    return f"lDDT {np.nanmean(one.lddt):.0f}" if np.isfinite(one.lddt).any() else ""


def alphafold_film(outcome: Outcome) -> tuple[Shots, str]:
    """Films how the passes of the net refine a learned chain and a held-out one.

    Returns:
      Pictures with milliseconds, and a caption.
    """
    sides = {side: told_chains(outcome.arrays, side, outcome.num_seeds > 1) for side in SIDES}
    longest = {SIDES[side]: told[-1] for side, told in sides.items() if told}
    if not longest:
        return [], ""
    shots = film([refinement(one) for one in longest.values()], titles=list(longest))
    caption = (
        "CA atoms after each layer of the structure module, cycle after cycle, "
        f"{COLORED}; the true structure is gray."
    )
    return shots, caption


def refinement(one: Told) -> Folding:
    """Returns how a chain has formed, layer after layer and cycle after cycle."""
    stages = len(one.trajectory)
    return Folding(
        stages=one.trajectory,
        is_known=np.ones(len(one.told), bool),
        plddt=np.broadcast_to(one.plddt, (stages, len(one.plddt))),
        true=one.true,
        is_true=one.is_true,
        captions=stage_texts(stages, one.layers),
    )


def stage_texts(stages: int, layers: int) -> list[str]:
    """Names the stages of a refinement, layers within cycles, such as "cycle 2, layer 5"."""
    return [f"cycle {i // layers + 1}, layer {i % layers + 1}" for i in range(stages)]


def prediction_exhibits(prediction: Prediction) -> list[Exhibit]:
    """Shows a prediction of which the truth is not known.

    Args:
      prediction: of NumPy arrays, without padding.
    """
    from PIL import Image

    strand = Strand(prediction.positions[:, CA], prediction.atom_mask[:, CA] > 0,
                    confidence_colors(prediction.plddt))  # fmt: skip
    chances = np.asarray(jax.nn.softmax(prediction.distogram))
    expected = {"expected by the distogram": chances @ np.asarray(distance_middles())}
    near = np.asarray(distance_middles()) < CONTACT
    placed = {"of the structure": distances_of(strand.positions, strand.is_known)}
    mean = prediction.plddt.mean()
    shown = [
        Exhibit(
            "structure",
            Image.fromarray(draw([strand], frame(strand), size=2 * SIZE)),
            f"The backbone, {COLORED}; {mean:.0f} on average.",
        ),
        Exhibit(
            "confidence", confidence_along(prediction.plddt), "What the net thinks of each residue."
        ),
        Exhibit(
            "distances",
            distance_maps(expected | placed),
            "Distances: of CB atoms by the distogram, of CA atoms in the structure.",
        ),
        Exhibit("contacts", contact_map(chances[..., near].sum(-1)), "Contacts by the distogram."),
    ]
    if np.ndim(prediction.pae) == 2:
        caption = "How far off a residue is expected to be, in the frame of another."
        shown.append(Exhibit("aligned_error", aligned_error(prediction.pae), caption))
    return shown


def prediction_film(prediction: Prediction, *, size: int = 320) -> Shots:
    """Films how recycling refines a prediction, colored by the confidence after each cycle."""
    cycles, layers, length, _ = prediction.trajectory.shape
    stages = cycles * layers
    folding = Folding(
        stages=prediction.trajectory.reshape(stages, length, 3),
        is_known=prediction.atom_mask[:, CA] > 0,
        plddt=np.repeat(prediction.cycle_plddt, layers, axis=0),
        captions=stage_texts(stages, layers),
    )
    return film([folding], size=size)
