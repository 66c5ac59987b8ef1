"""Batches of molecules of different sizes, and what their atoms are worth alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.science.ani.extended_xyz import Frame


class Molecules(NamedTuple):
    """N molecules in the same A places; place a holds the same element in all, or no atom.

    Attributes:
      coordinates: [N, A, 3], Angstrom; 0 where there is no atom.
      mask: [N, A] float32, 1 where there is one.
      energy: [N], eV, less the self energies of the atoms.
      forces: [N, A, 3], eV/Angstrom; 0 where there is no atom.
    """

    coordinates: Any
    mask: Any
    energy: Any
    forces: Any


class MoleculeSet(NamedTuple):
    """What is learned from and what is held out.

    Attributes:
      elements: their symbols.
      species: [A] int32, numbers of the elements, rising: the places of all molecules.
      pool: to learn from.
      held_out: name -> molecules that are never learned from; the first decides.
      self_energies: [E] of the elements, eV.
    """

    elements: tuple[str, ...]
    species: np.ndarray
    pool: Molecules
    held_out: Mapping[str, Molecules]
    self_energies: np.ndarray


def make_set(
    pool: Sequence[Frame],
    held_out: Mapping[str, Sequence[Frame]],
    places: Mapping[str, int],
    *,
    isolated: Mapping[str, float] | None = None,
) -> MoleculeSet:
    """Puts molecules into places and takes the self energies off.

    Args:
      pool: to learn from, with energies and forces.
      held_out: name -> others.
      places: element -> most atoms of it in a molecule.
      isolated: element -> energy of the atom alone, eV; None finds the energies whose sum is
        nearest to those of the pool.

    Raises:
      BadInput: another element, more atoms, or a molecule without energy or forces.
    """
    elements, species = tuple(places), species_of(places)
    for frame in (*pool, *(frame for more in held_out.values() for frame in more)):
        _check(frame, places)
    if isolated is None:
        counts = np.array([[f.symbols.count(e) for e in elements] for f in pool])
        energies = fit_self_energies(counts, np.array([f.energy for f in pool]))
    else:
        energies = np.array([isolated.get(e, 0.0) for e in elements])
    place = lambda frames: _batch(frames, elements, species, energies)  # noqa: E731
    others = {name: place(more) for name, more in held_out.items()}
    return MoleculeSet(elements, species, place(pool), others, energies)


def species_of(places: Mapping[str, int]) -> np.ndarray:
    """Returns the species [A] int32 of the places, rising."""
    return np.repeat(np.arange(len(places)), list(places.values())).astype(np.int32)


def fit_self_energies(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Returns self energies [E] by least squares, eV, the smallest where many are as good.

    Args:
      counts: [N, E] atoms of each element.
      energies: [N], eV.
    """
    return np.linalg.lstsq(counts.astype(np.float64), energies, rcond=None)[0]


def take(molecules: Molecules, rows: Any) -> Molecules:
    """Takes some of the molecules."""
    return Molecules(*(x[rows] for x in molecules))


def _check(frame: Frame, places: Mapping[str, int]) -> None:
    for symbol in set(frame.symbols):
        if frame.symbols.count(symbol) > places.get(symbol, 0):
            raise BadInput(
                f"a molecule has {frame.symbols.count(symbol)} atoms of {symbol}: there is room "
                f"for {', '.join(f'{n} of {e}' for e, n in places.items())}"
            )
    if not np.isfinite(frame.energy) or frame.forces is None:
        raise BadInput("a molecule to learn from has no energy or no forces")


def _batch(frames, elements, species, energies) -> Molecules:
    """Fills the places of N molecules; energies are subtracted in float64."""
    shape = len(frames), len(species)
    x, forces = (np.zeros((*shape, 3), np.float32) for _ in range(2))
    mask, total = np.zeros(shape, np.float32), np.zeros(len(frames), np.float32)
    for row, frame in enumerate(frames):
        kinds = np.array([elements.index(symbol) for symbol in frame.symbols])
        total[row] = frame.energy - energies[kinds].sum()
        for kind in range(len(elements)):
            mine = np.flatnonzero(kinds == kind)
            places = np.flatnonzero(species == kind)[: len(mine)]
            x[row, places], forces[row, places] = frame.positions[mine], frame.forces[mine]
            mask[row, places] = 1
    return Molecules(x, mask, total, forces)
