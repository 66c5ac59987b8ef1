"""A molecule that moves, by the house's camera: spheres for atoms, capsules for bonds."""

from collections.abc import Sequence

import numpy as np

from jaxdl.pages.exhibit import Outcome, of_first_seed
from jaxdl.science.ani.units import COLORS, FS_PER_PS, RADII

PACE, HOLD = 50, 1000  # ms of a picture, and of the last one
MOST_FRAMES = 120
BALL, STICK = 0.45, 0.11  # share of the covalent radius, and Angstrom
REACH = 1.25  # by which distances of bonded atoms exceed their radii at most
MARGIN = 0.6  # Angstrom about what is seen

Shots = list[tuple[np.ndarray, int]]  # pictures [H, W, 3] uint8, and ms that each stays


def ani_film(outcome: Outcome, *, elements: Sequence[str], size: int = 300) -> tuple[Shots, str]:
    """Films the dynamics of an evaluation.

    Args:
      outcome: of `ani`.
      elements: their symbols.
      size: of a picture, pixels.

    Returns:
      Pictures with milliseconds, and a caption.
    """
    if "path" not in outcome.arrays:
        return [], ""
    path, time = of_first_seed(outcome, "path"), of_first_seed(outcome, "path_time")
    species = of_first_seed(outcome, "species")
    there = of_first_seed(outcome, "is_atom")[0] > 0
    symbols = [elements[kind] for kind in species[there]]
    stride = -(-len(path) // MOST_FRAMES)
    pictures = film_atoms(path[::stride, there], symbols, time[::stride], size=size)
    shots = [*((p, PACE) for p in pictures[:-1]), (pictures[-1], HOLD)]
    return shots, "A held-out molecule moves by the forces of the net alone, from 300 K on."


def film_atoms(
    path: np.ndarray, symbols: Sequence[str], time: np.ndarray, *, size: int
) -> list[np.ndarray]:
    """Draws a molecule at T moments, seen from the side on which it is broadest.

    Args:
      path: [T, A, 3], Angstrom.
      symbols: [A] of the elements.
      time: [T], fs.
      size: of a picture, pixels.
    """
    import jax

    from jaxdl.render.capsules import look_at, photograph, window_of
    from jaxdl.render.film import captioned

    path = upright(path)
    bonds = bonds_of(path[0], symbols)
    reach = float(np.linalg.norm(path, axis=-1).max()) + MARGIN
    moments = [capsules_of(x, symbols, bonds) for x in path]
    window = max(window_of(one, reach, size) for one in moments)
    eye = look_at(np.zeros(3), reach, np.eye(3))
    take = jax.jit(lambda capsules: photograph(capsules, eye, size=size, window=window))
    return [
        captioned(np.asarray(take(one)), f"{t / FS_PER_PS:.2f} ps")
        for one, t in zip(moments, time, strict=True)
    ]


def upright(path: np.ndarray) -> np.ndarray:
    """Turns and centers a path [T, A, 3] so that its first moment lies broad before the camera."""
    centered = path - path.mean(axis=1, keepdims=True)
    _, _, axes = np.linalg.svd(centered[0])
    axes = axes * np.array([1, 1, np.linalg.det(axes)])[:, None]
    return centered @ axes.T


def bonds_of(coordinates: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Returns pairs [B, 2] of atoms that are near enough to be bonded, by covalent radii."""
    radius = np.array([RADII[symbol] for symbol in symbols])
    first, second = np.triu_indices(len(symbols), 1)
    distance = np.linalg.norm(coordinates[first] - coordinates[second], axis=-1)
    near = distance < REACH * (radius[first] + radius[second])
    return np.stack([first[near], second[near]], axis=1)


def capsules_of(coordinates: np.ndarray, symbols: Sequence[str], bonds: np.ndarray):
    """Returns spheres for atoms and two half sticks for each bond."""
    from jaxdl.render.capsules import Capsules

    x = np.asarray(coordinates, np.float32)
    rgb = np.array([COLORS[symbol] for symbol in symbols], np.float32)
    radius = BALL * np.array([RADII[s] + 0.25 for s in symbols], np.float32)
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    middle = (x[ends[:, 0]] + x[ends[:, 1]]) / 2
    return Capsules(
        np.concatenate([x, x[ends[:, 0]]]),
        np.concatenate([x, middle]),
        np.concatenate([radius, np.full(len(ends), STICK, np.float32)]),
        np.concatenate([rgb, rgb[ends[:, 0]]]),
    )
