"""What the report of AlphaFold 1 shows: distances, contacts, and chains beside the true ones."""

from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed

CONTACT = 8.0  # Angstrom
FARTHEST = 22.0  # Angstrom, in pictures
SAME_FOLD = 0.5  # of TM-scores (Zhang & Skolnick 2004)
GROUPS = ("held out", "training")
SIDES = "of a held-out chain (left) and one of training (right)"


def alphafold1_exhibits(outcome: Outcome) -> list[Exhibit]:
    """Shows distances, contacts and folded chains of held-out sequences.

    Args:
      outcome: whose evaluation is that of `folding_score`.
    """
    if "shown/own" not in outcome.arrays:
        return []
    shown = {
        name.removeprefix("shown/"): of_first_seed(outcome, name)
        for name in outcome.arrays
        if name.startswith("shown/")
    }
    by_noise, noises = (of_first_seed(outcome, name) for name in ("tm_scores", "noises"))
    scores = by_noise[:, 0]
    lengths = shown["mask"].sum(1).astype(int)
    which = [{name: x[i] for name, x in shown.items()} for i in range(len(lengths))]
    middle = len(which) // 2  # held-out chains stand first, then as many of training
    chosen = [0, middle] if middle else [0]
    which, lengths, scores = [which[i] for i in chosen], lengths[chosen], scores[chosen]
    return [
        Exhibit(
            "distances",
            distances_figure(which, lengths),
            f"Distances between CB atoms {SIDES}: below the diagonal the truth, above it the mean "
            "of the predicted distogram.",
        ),
        Exhibit(
            "contacts",
            contacts_figure(which, lengths),
            f"How likely the net takes a pair for a contact (CB atoms nearer than 8 Angstrom) "
            f"{SIDES}: above the diagonal; below it the true contacts. Pairs fewer than 6 residues "
            "apart are left out.",
        ),
        Exhibit(
            "structures",
            structures_figure(which, lengths, scores),
            "Chains folded by descent of the predicted potential (colored from the first residue "
            "to the last) laid upon the true ones (gray), by their CA atoms, seen from two sides: "
            "a held-out chain above, one of training below.",
        ),
        Exhibit(
            "noise",
            noise_figure(by_noise, noises),
            "TM-scores of the same chains folded from their true distances, told with normal "
            "errors of that size: what descent can do with good distances. Dashed: by the net's; "
            "dotted: above it folds are the same.",
        ),
    ]


def distances_figure(which: list[dict[str, np.ndarray]], lengths: np.ndarray) -> Any:
    """Draws true and expected distances, a panel a chain; returns a matplotlib figure."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(which) + 0.6, 3.4), layout="constrained")
        panels = figure.subplots(1, len(which), squeeze=False)[0]
        for panel, chain, length in zip(panels, which, lengths, strict=True):
            true, own = (chain[name][:length, :length] for name in ("distance", "expected"))
            both = np.where(np.tri(length, k=-1, dtype=bool), true, own)
            np.fill_diagonal(both, np.nan)
            image = panel.imshow(both, cmap="viridis_r", vmin=2, vmax=FARTHEST)
            _name_residues(panel)
        figure.colorbar(image, ax=panels, shrink=0.8, label="Angstrom")
    return figure


def contacts_figure(which: list[dict[str, np.ndarray]], lengths: np.ndarray) -> Any:
    """Draws true and predicted contacts, a panel a chain; returns a matplotlib figure."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(which) + 0.6, 3.4), layout="constrained")
        panels = figure.subplots(1, len(which), squeeze=False)[0]
        for panel, chain, length in zip(panels, which, lengths, strict=True):
            true = chain["distance"][:length, :length] < CONTACT
            own = chain["contacts"][:length, :length]
            both = np.where(np.tri(length, k=-1, dtype=bool), true, own)
            place = np.arange(length)
            both[np.abs(place[:, None] - place) < 6] = np.nan
            image = panel.imshow(both, cmap="Greys", vmin=0, vmax=1)
            _name_residues(panel)
        figure.colorbar(image, ax=panels, shrink=0.8, label="probability")
    return figure


def structures_figure(
    which: list[dict[str, np.ndarray]], lengths: np.ndarray, scores: np.ndarray
) -> Any:
    """Draws CA traces laid upon each other, a row a chain; returns a matplotlib figure."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.3 * len(which)), layout="constrained")
        panels = figure.subplots(len(which), 2, squeeze=False)
        for row, chain, length, score in zip(panels, which, lengths, scores, strict=False):
            for panel, sides in zip(row, ((0, 1), (2, 1)), strict=True):
                draw_traces(panel, chain["own"][:length], chain["true"][:length], sides)
            row[0].set_title(f"{length} residues, TM-score {score:.2f}", fontsize=9)
    return figure


def noise_figure(scores: np.ndarray, noises: np.ndarray) -> Any:
    """Draws TM-scores over the errors of distances, a line a chain.

    Args:
      scores: [B, 1 + K], of the net's distogram and of K noises; held-out chains first.
      noises: [K] in Angstrom.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        panel = figure.subplots()
        for place, row in enumerate(scores):
            group, first = place // (len(scores) // 2), place % (len(scores) // 2) == 0
            label = GROUPS[group] if first else None
            panel.plot(noises, row[1:], color=COLORS[group], marker="o", ms=3, label=label)
            panel.axhline(row[0], color=COLORS[group], ls="--", lw=0.9, alpha=0.7)
        panel.axhline(SAME_FOLD, color="0.6", lw=1, ls=":")
        panel.set(xscale="log", ylim=(0, 1), xticks=noises, xticklabels=[f"{x:g}" for x in noises])
        panel.minorticks_off()
        panel.set_xlabel("errors of distances, Angstrom")
        panel.set_ylabel("TM-score")
        panel.legend(fontsize=8)
    return figure


def draw_traces(panel: Any, own: np.ndarray, true: np.ndarray, sides: tuple[int, int]) -> None:
    """Draws two CA traces [N, 3] as they are seen along one axis, the nearer parts last.

    Args:
      panel: matplotlib axes.
      own: colored along the chain.
      true: gray.
      sides: which coordinates are right and up.
    """
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    axes = principal_axes(true)
    own, true = own @ axes, true @ axes
    depth = ({0, 1, 2} - set(sides)).pop()
    for trace, color, width in ((true, None, 4.0), (own, colormaps["turbo"], 2.2)):
        ends = np.stack([trace[:-1], trace[1:]], 1)  # [N - 1, 2, 3]
        order = np.argsort(ends[:, :, depth].mean(1))
        shades = np.linspace(0.05, 0.95, len(ends))
        colors = [color(shades[i]) if color else "0.78" for i in order]
        lines = ends[order][:, :, list(sides)]
        panel.add_collection(
            LineCollection(lines, colors=colors, linewidths=width, capstyle="round")
        )
    panel.autoscale_view()
    panel.set_aspect("equal")
    panel.grid(False)
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set_visible(False)
    _draw_scale(panel)


def principal_axes(points: np.ndarray) -> np.ndarray:
    """Returns a rotation [3, 3] whose columns are the axes of points, the longest first."""
    axes = np.linalg.svd(points - points.mean(0), full_matrices=False)[2].T
    return axes * np.array([1.0, 1.0, np.linalg.det(axes)])


def _draw_scale(panel: Any) -> None:
    """Draws a bar of 10 Angstrom in the lower left corner."""
    left, low = panel.get_xlim()[0], panel.get_ylim()[0]
    panel.plot([left, left + 10], [low, low], color=COLORS[1], lw=1.5)
    panel.annotate("10 Å", (left + 5, low), (0, 3), textcoords="offset points", ha="center")


def _name_residues(panel: Any) -> None:
    panel.set_xlabel("residue", fontsize=9)
    panel.set_ylabel("residue", fontsize=9)
    panel.grid(False)
