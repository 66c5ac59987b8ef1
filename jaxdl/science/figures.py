"""How structures and what is thought of them look as figures: distances, contacts, confidence.

Distances are between CA atoms in Angstrom; where something is not known it is NaN or None.
"""

from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE
from jaxdl.science.pictures import BAND_NAMES, BANDS

CONTACT = 8.0  # Angstrom
FARTHEST = 22.0  # of the distogram's bins (Jumper et al. 2021, supplement, section 1.9.8)


def distances_of(positions: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Returns distances [N, N] between points [N, 3], NaN where one of them is not known [N]."""
    difference = positions[:, None] - positions[None]
    known = np.asarray(is_known, bool)
    return np.where(known[:, None] & known[None], np.sqrt(np.square(difference).sum(-1)), np.nan)


def distance_maps(maps: dict[str, np.ndarray]) -> Any:
    """Draws distances beside each other on one scale, the nearest dark.

    Args:
      maps: title -> [N, N], Angstrom.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.0 * len(maps) + 0.6, 3.1), layout="constrained")
        panels = figure.subplots(1, len(maps), squeeze=False)[0]
        for panel, (title, distances) in zip(panels, maps.items(), strict=True):
            image = _map(panel, distances, cmap="viridis_r", vmin=2, vmax=FARTHEST)
            panel.set_title(title, fontsize=9)
            _bare(panel, "residue", "residue" if panel is panels[0] else "")
        figure.colorbar(image, ax=list(panels), shrink=0.85, label="Å", extend="max")
    return figure


def contact_map(probability: np.ndarray, true: np.ndarray | None = None) -> Any:
    """Draws predicted contacts above the diagonal, true ones below it.

    Args:
      probability: [N, N] that a distance is below 8 Angstrom.
      true: [N, N] distances, Angstrom; None where they are not known.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    n = len(probability)
    upper = np.triu(np.ones((n, n), bool), 1)
    below = probability if true is None else np.where(np.isnan(true), 0.0, true < CONTACT)
    shown = np.where(upper, probability, below)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.1, 3.5), layout="constrained")
        panel = figure.subplots()
        image = _map(panel, shown, cmap="Blues", vmin=0, vmax=1)
        panel.plot([0.5, n + 0.5], [0.5, n + 0.5], color="0.6", lw=0.8)
        _bare(panel, "residue", "residue")
        if true is not None:
            halo = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
            inside: Any = {"transform": panel.transAxes, "fontsize": 8, "bbox": halo}
            panel.text(0.97, 0.95, "predicted", ha="right", va="top", **inside)
            panel.text(0.03, 0.05, "true", ha="left", va="bottom", **inside)
        figure.colorbar(image, ax=panel, shrink=0.85, label="probability of < 8 Å")
    return figure


def confidence_along(plddt: np.ndarray, lddt: np.ndarray | None = None) -> Any:
    """Draws the confidence along a chain, over bands of the AlphaFold database's colors.

    Args:
      plddt: [N], 0 to 100.
      lddt: [N], 0 to 100, of the CA atoms, NaN where the truth is not known; None for none.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    places = np.arange(1, len(plddt) + 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 2.5), layout="constrained")
        panel = figure.subplots()
        top = 100.0
        for (bottom, color), name in zip(BANDS, BAND_NAMES, strict=True):
            panel.axhspan(bottom, top, color=color, alpha=0.16, lw=0)
            panel.text(1.01, (bottom + top) / 2, name, fontsize=7, va="center",
                       transform=panel.get_yaxis_transform())  # fmt: skip
            top = bottom
        panel.plot(places, plddt, color=COLORS[0], lw=1.4, label="pLDDT, predicted")
        if lddt is not None:
            panel.plot(places, lddt, color="black", lw=1.1, ls="--", label="lDDT, true")
            figure.legend(loc="outside upper left", ncols=2, fontsize=8)
        panel.set(xlim=(1, len(plddt)), ylim=(0, 100), xlabel="residue", ylabel="pLDDT")
        panel.grid(False)
    return figure


def aligned_error(pae: np.ndarray) -> Any:
    """Draws the predicted aligned error [N, N] in Angstrom of a residue, in the frame of another.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.1, 3.5), layout="constrained")
        panel = figure.subplots()
        image = _map(panel, pae, cmap="Greens_r", vmin=0, vmax=30)
        _bare(panel, "scored residue", "aligned residue")
        figure.colorbar(image, ax=panel, shrink=0.85, label="expected error (Å)")
    return figure


def confidence_scatter(groups: dict[str, tuple[np.ndarray, np.ndarray]]) -> Any:
    """Draws each residue's confidence over its true score, one panel a group.

    Args:
      groups: title -> (pLDDT [M], true lDDT [M]), both 0 to 100.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(groups) + 0.4, 3.0), layout="constrained")
        panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
        for panel, (title, (plddt, lddt)) in zip(panels, groups.items(), strict=True):
            panel.plot([0, 100], [0, 100], color="0.6", lw=1)
            panel.plot(lddt, plddt, "o", color=COLORS[0], ms=2.5, alpha=0.5, mew=0)
            panel.set(xlim=(0, 100), ylim=(0, 100), xlabel="true lDDT", aspect="equal")
            panel.set_title(f"{title}: {correlation_text(plddt, lddt)}", fontsize=9)
        panels[0].set_ylabel("pLDDT")
    return figure


def correlation_text(one: np.ndarray, other: np.ndarray) -> str:
    """Writes the Pearson correlation of two arrays, where both of them vary."""
    if len(one) < 3 or np.std(one) < 1e-6 or np.std(other) < 1e-6:
        return f"{len(one)} residues"
    return f"r = {np.corrcoef(one, other)[0, 1]:.2f}".replace("-", "\u2212")


def _map(panel: Any, array: np.ndarray, **style: Any) -> Any:
    """Draws a map [N, N] of pairs of residues, which are counted from 1."""
    ends = (0.5, len(array) + 0.5)
    return panel.imshow(array, extent=(*ends, *ends[::-1]), **style)


def _bare(panel: Any, below: str, beside: str) -> None:
    """Labels a map of pairs of residues, without lines in it."""
    from matplotlib.ticker import MaxNLocator

    panel.grid(False)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    panel.set_xlabel(below, fontsize=8)
    panel.set_ylabel(beside, fontsize=8)
