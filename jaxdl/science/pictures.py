"""Pictures of proteins by the house's camera: the backbone as a tube of capsules.

A tube runs through the CA atoms along a spline (Catmull and Rom 1974). Its colors are those of a
confidence, as in the AlphaFold database, or of the place along the chain.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from jaxdl.render.capsules import Capsules, look_at, photograph, window_of

PIECES = 3  # capsules from one CA to the next
RADIUS, THIN = 0.75, 0.4  # of a tube, Angstrom
CUT = 8.0  # Angstrom between neighbors in the chain, beyond which they are no longer joined
PAD = 256  # capsules come in multiples of so many, so that few programs are compiled
MARGIN = 1.0  # Angstrom about what is seen
LEAST_REACH = 8.0  # Angstrom; what has collapsed is seen to be small
MOST_REACH = 1.4  # by which a picture grows for what does not fit
TRUE = (0.62, 0.62, 0.6)  # color of a true structure
# Confidence from which a color holds (pLDDT of the AlphaFold database, Varadi et al. 2022).
BANDS = ((90.0, "#0053d6"), (70.0, "#65cbf3"), (50.0, "#ffdb13"), (0.0, "#ff7d45"))
BAND_NAMES = ("very high, > 90", "confident, 70 to 90", "low, 50 to 70", "very low, < 50")


class Strand(NamedTuple):
    """A chain as it is drawn.

    Attributes:
      positions: [N, 3] of the CA atoms, Angstrom.
      is_known: [N] bool, which of them are drawn.
      rgb: [N, 3] within [0, 1], or one color [3].
      radius: of the tube, Angstrom.
    """

    positions: np.ndarray
    is_known: np.ndarray
    rgb: Any
    radius: float = RADIUS


class Framing(NamedTuple):
    """What a camera is pointed at, the same for all pictures of a film.

    Attributes:
      center: [3], Angstrom.
      reach: radius of the ball that is seen, Angstrom.
      axes: [3, 3] the camera's right, up and back in the world, as columns.
    """

    center: np.ndarray
    reach: float
    axes: np.ndarray


def confidence_colors(plddt: np.ndarray) -> np.ndarray:
    """Returns colors [N, 3] of confidences [N] of 0 to 100."""
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(color) for _, color in BANDS], np.float32)
    least = np.array([bound for bound, _ in BANDS[:-1]])
    return colors[np.sum(np.asarray(plddt)[:, None] < least, -1)]


def place_colors(length: int) -> np.ndarray:
    """Returns colors [N, 3] from the beginning of a chain, blue, to its end, red."""
    from matplotlib import colormaps

    return np.asarray(colormaps["turbo"](np.linspace(0.08, 0.92, length)))[:, :3]


def tube(strand: Strand) -> Capsules:
    """Returns the capsules of a smooth tube through a chain, and spheres where it stands alone."""
    x = np.asarray(strand.positions, np.float32)
    known = np.asarray(strand.is_known, bool)
    rgb = np.broadcast_to(np.asarray(strand.rgb, np.float32), x.shape)
    gap = np.linalg.norm(np.diff(x, axis=0), axis=-1)
    joined = known[:-1] & known[1:] & (gap < CUT)
    before = np.where(np.r_[False, joined[:-1]][:, None], np.roll(x, 1, 0)[:-1], 2 * x[:-1] - x[1:])
    after = np.where(np.r_[joined[1:], False][:, None], np.roll(x, -2, 0)[:-1], 2 * x[1:] - x[:-1])
    share = np.linspace(0, 1, PIECES + 1, dtype=np.float32)
    points = _spline(before, x[:-1], x[1:], after, share)  # [N - 1, P + 1, 3]
    nearer = np.where(share[:-1, None] + 0.5 / PIECES < 0.5, rgb[:-1, None], rgb[1:, None])
    radius = np.broadcast_to(
        np.where(joined, strand.radius, 0.0)[:, None], points.shape[:1] + (PIECES,)
    )
    flat = lambda a: np.reshape(a, (-1, *a.shape[2:])).astype(np.float32)  # noqa: E731
    alone = known & ~np.r_[joined, False] & ~np.r_[False, joined]
    spheres = Capsules(x, x, np.where(alone, strand.radius, 0.0).astype(np.float32), rgb)
    pieces = Capsules(flat(points[:, :-1]), flat(points[:, 1:]), flat(radius), flat(nearer))
    whole = Capsules(*(np.concatenate(arrays) for arrays in zip(pieces, spheres, strict=True)))
    return Capsules(*(array[whole.radius > 0] for array in whole))


def join(parts: Sequence[Capsules], count: int) -> Capsules:
    """Puts capsules together, and fills up to a count with some that are not seen."""
    whole = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    more = count - len(whole[0])
    return Capsules(*(np.pad(a, [(0, more)] + [(0, 0)] * (a.ndim - 1)) for a in whole))


def frame(strand: Strand, others: Sequence[Strand] = ()) -> Framing:
    """Points a camera at a chain, so that its two longest axes lie in the picture.

    Args:
      strand: which is seen as a whole.
      others: of which most is seen, unless they are far larger.
    """
    points = np.asarray(strand.positions, np.float64)[np.asarray(strand.is_known, bool)]
    center = points.mean(0)
    axes = np.linalg.svd(points - center, full_matrices=False)[2].T
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    own = np.linalg.norm(points - center, axis=-1).max()
    reach = max(own, LEAST_REACH)
    for other in others:
        away = np.linalg.norm(
            np.asarray(other.positions)[np.asarray(other.is_known, bool)] - center, axis=-1
        )
        reach = max(reach, min(np.quantile(away, 0.95), MOST_REACH * own))
    return Framing(center.astype(np.float32), float(reach) + MARGIN, axes.astype(np.float32))


def draw(strands: Sequence[Strand], framing: Framing, *, size: int = 320) -> np.ndarray:
    """Draws chains in one space, [size, size, 3] uint8."""
    return draw_turning([strands], framing, [0.0], size=size)[0]


def draw_turning(
    moments: Sequence[Sequence[Strand]],
    framing: Framing,
    angles: Sequence[float],
    *,
    size: int = 320,
) -> list[np.ndarray]:
    """Draws chains at several moments, by one program.

    Args:
      moments: which chains, at each moment.
      framing: where the camera points.
      angles: by which it has gone around at each moment, degrees about the picture's upright axis.
      size: height and width, pixels.

    Returns:
      Pictures [size, size, 3] uint8.
    """
    import jax.numpy as jnp

    tubes = [[tube(strand) for strand in strands] for strands in moments]
    most = max(sum(len(one.radius) for one in parts) for parts in tubes)
    scenes = [join(parts, -(-most // PAD) * PAD) for parts in tubes]
    program = _program(size, max(window_of(scene, framing.reach, size) for scene in scenes))
    pictures = []
    for scene, angle in zip(scenes, np.deg2rad(angles), strict=True):
        c, s = np.cos(angle), np.sin(angle)
        about = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
        center, reach = jnp.asarray(framing.center), jnp.float32(framing.reach)
        pictures.append(np.asarray(program(scene, look_at(center, reach, framing.axes @ about))))
    return pictures


@cache
def _program(size: int, window: int) -> Any:
    import jax

    return jax.jit(partial(photograph, size=size, window=window))


def _spline(a: Any, b: Any, c: Any, d: Any, share: np.ndarray) -> np.ndarray:
    """Returns points [N, P, 3] between b and c [N, 3], given their neighbors a and d."""
    a, b, c, d = (x[:, None] for x in (a, b, c, d))
    t = share[None, :, None]
    linear, square, cube = c - a, 2 * a - 5 * b + 4 * c - d, 3 * (b - c) + d - a
    return b + 0.5 * t * (linear + t * (square + t * cube))


def superposed(moving: np.ndarray, fixed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lays chains upon another by the motion of least root mean square distance.

    Args:
      moving: [F, N, 3], Angstrom.
      fixed: [N, 3], Angstrom.
      weights: [N], 0 for what is not known.

    Returns:
      [F, N, 3].
    """
    from jaxdl.science.geometry import Rigid, apply, superpose

    fixed = np.where(np.asarray(weights)[:, None] > 0, fixed, 0.0).astype(np.float32)
    everywhere = np.broadcast_to(fixed, moving.shape)
    motion, _ = superpose(
        np.asarray(moving, np.float32), everywhere, np.broadcast_to(weights, moving.shape[:2])
    )
    return np.asarray(apply(Rigid(motion.rotation[:, None], motion.translation[:, None]), moving))
