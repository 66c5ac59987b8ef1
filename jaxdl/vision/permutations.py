"""Sets of permutations that are far from each other, as jigsaw puzzles need them."""

import itertools
import math
from functools import lru_cache

import numpy as np

from jaxdl.core.run import BadInput

MOST_TILES = 10  # 3.6 million permutations: all of them are held at once


def permutations(count: int, *, tiles: int = 9, seed: int = 0) -> np.ndarray:
    """Chooses permutations with great Hamming distances (Noroozi & Favaro 2016, algorithm 1).

    The first one is drawn. Each further one is farthest from its nearest in the set, and of several
    such the one with the greatest sum of distances, which alone is what the paper's algorithm looks
    at; so no two of them are nearly the same. Up to `tiles` of them differ everywhere. More, up to
    half of all, are of one parity, since such differ in three places at least.

    Args:
      count: P, at most tiles!.
      tiles: T, 2 to 10.
      seed: of the first one, and of what is taken among equals.

    Returns:
      int32 [P, T]; place t of puzzle p shows the tile [p, t].

    Raises:
      BadInput: there are no so many permutations, or too many tiles.
    """
    if not 2 <= tiles <= MOST_TILES:
        raise BadInput(f"a puzzle should have 2 to {MOST_TILES} tiles, got {tiles}")
    if not 1 <= count <= math.factorial(tiles):
        most = math.factorial(tiles)
        raise BadInput(f"{tiles} tiles have 1 to {most:,} permutations, {count:,} are asked for")
    return _choose(count, tiles, seed).copy()


def hamming_distances(chosen: np.ndarray) -> np.ndarray:
    """Counts the places in which permutations [P, T] differ, for all pairs: [P (P - 1) / 2]."""
    pairs = np.triu_indices(len(chosen), k=1)
    return np.count_nonzero(chosen[pairs[0]] != chosen[pairs[1]], axis=1)


@lru_cache(maxsize=16)
def _choose(count: int, tiles: int, seed: int) -> np.ndarray:
    """Chooses greedily among all, or among the even ones where those are enough and better."""
    rng = np.random.default_rng(seed)
    candidates = _all_permutations(tiles)[:, rng.permutation(math.factorial(tiles))]
    if tiles < count <= candidates.shape[1] // 2:
        even = _is_even(candidates)
        candidates = np.ascontiguousarray(candidates[:, even == even[0]])
    return _choose_greedily(candidates, count).astype(np.int32)


def _all_permutations(tiles: int) -> np.ndarray:
    """Returns all of them as columns, uint8 [T, T!]: a place of all lies in one piece of memory."""
    flat = itertools.chain.from_iterable(itertools.permutations(range(tiles)))
    table = np.fromiter(flat, np.uint8, tiles * math.factorial(tiles))
    return np.ascontiguousarray(table.reshape(-1, tiles).T)


def _is_even(candidates: np.ndarray) -> np.ndarray:
    """Whether columns [T, N] have an even number of inversions: [N]."""
    inversions = np.zeros(candidates.shape[1], np.uint8)
    for i, j in itertools.combinations(range(len(candidates)), 2):
        inversions += (candidates[i] > candidates[j]).view(np.uint8)
    return inversions % 2 == 0


def _choose_greedily(candidates: np.ndarray, count: int) -> np.ndarray:
    """Takes columns of [T, N], the first one and then the farthest each time: [P, T]."""
    tiles, total = candidates.shape
    nearest = np.full(total, tiles, np.uint8)
    total_distance = np.zeros(total, np.uint16 if count < 2**16 // tiles else np.uint32)
    chosen = [0]
    while len(chosen) < count:
        distance = np.zeros(total, np.uint8)
        for place, tile in enumerate(candidates[:, chosen[-1]]):
            distance += (candidates[place] != tile).view(np.uint8)
        np.minimum(nearest, distance, out=nearest)
        total_distance += distance
        is_farthest = nearest == nearest.max()
        chosen.append(int(np.argmax(np.where(is_farthest, total_distance, 0))))
    return candidates[:, chosen].T
