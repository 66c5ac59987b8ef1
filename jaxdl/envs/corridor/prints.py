"""Printed corridors, which training never shows: photographs on all surfaces, lamps on the ceiling.

No parameter is shared with `jaxdl.envs.corridor.looks`. Surfaces show pieces of two photographs in
the place of colors and patterns; the light comes from lamps, and falls off towards the picture's
corners; the sensor counts photons, so that its noise grows with brightness.
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.corridor.camera import Hit
from jaxdl.envs.corridor.layout import CEILING
from jaxdl.envs.corridor.looks import pixel_noise

PIECES = 24  # of the photographs
PIECE_SIDE = 64  # pixels
PICTURES = ("china.jpg", "flower.jpg")
PLAIN = 25.0  # deviation of a piece of sky's bytes, which is left out


class Print(NamedTuple):
    """Holds what is printed on G surfaces.

    Attributes:
      piece: [G] int32, of the photographs.
      meters: [G] side of a piece on the surface; it is repeated.
    """

    piece: jax.Array
    meters: jax.Array


class Lamps(NamedTuple):
    """Holds lamps on the ceiling, at equal distances along x and y, and the camera's lens.

    Attributes:
      spacing: m between them.
      power: of each.
      haze: light that comes from everywhere.
      vignette: by how much the corners of the picture are darker than its middle.
      photons: that a white pixel counts.
    """

    spacing: jax.Array
    power: jax.Array
    haze: jax.Array
    vignette: jax.Array
    photons: jax.Array


class Printed(NamedTuple):
    """Holds how a corridor looks.

    Attributes:
      prints: on its surfaces.
      lamps: that shine on them.
      grains: uint32, of the sensor's noise.
    """

    prints: Print
    lamps: Lamps
    grains: jax.Array


# The least and the greatest of what is drawn.
METERS = (1.0, 3.0)
SPACING = (2.0, 4.0)
POWER = (0.3, 0.8)
HAZE = (0.2, 0.5)
VIGNETTE = (0.2, 0.5)
PHOTONS = (200.0, 2000.0)


def draw_printed(key: jax.Array, boxes: int, walls: int) -> Printed:
    """Draws pieces of photographs and lamps.

    Args:
      key: of this look alone.
      boxes: N, surfaces beside floor and ceiling.
      walls: how many of them, the first, are walls, which all show one piece.
    """
    surfaces = boxes + 2
    draws = jax.random.uniform(key, (2 * surfaces + 6,))
    piece = jnp.int32(PIECES * draws[:surfaces])
    piece = jnp.where(jnp.arange(surfaces) < walls, piece[0], piece)
    low, high = METERS
    meters = low + draws[surfaces : 2 * surfaces] * (high - low)
    *of_lamps, of_grains = draws[2 * surfaces :]
    bounds = (SPACING, POWER, HAZE, VIGNETTE, PHOTONS)
    lamps = Lamps(*(a + draw * (b - a) for (a, b), draw in zip(bounds, of_lamps, strict=True)))
    return Printed(Print(piece, meters), lamps, (of_grains * 2**24).astype(jnp.uint32))


def printed(look: Printed, hit: Hit, time: jax.Array) -> list[jax.Array]:
    """Colors what is met, as `jaxdl.envs.corridor.looks.painted` does."""
    meters = look.prints.meters[hit.surface]
    column, row = (
        jnp.int32(PIECE_SIDE * jnp.mod(x / meters, 1.0)) % PIECE_SIDE for x in (hit.across, -hit.up)
    )
    pieces = jnp.asarray(photographs())
    texture = pieces[look.prints.piece[hit.surface], row, column].astype(jnp.float32) / 255
    lamps = look.lamps
    lit = lamps.haze + lamps.power * _lamp_light(hit, lamps.spacing)
    side = len(hit.depth)
    edge = (2 * jnp.arange(side) + 1) / side - 1
    lens = 1 - lamps.vignette * (edge**2 + edge[:, None] ** 2) / 2
    seed = look.grains + jnp.uint32(0x9E3779B9) * time.astype(jnp.uint32)
    colors = [texture[..., i] * lit * lens for i in range(3)]
    grains = pixel_noise(seed, hit.depth.shape)
    return [
        color + jnp.sqrt(color / lamps.photons) * grain
        for color, grain in zip(colors, grains, strict=True)
    ]


def _lamp_light(hit: Hit, spacing: jax.Array) -> jax.Array:
    """Computes what the nearest lamp gives, by distance; up and across are where it is not flat."""
    aside = hit.across / spacing
    aside = spacing * (aside - jnp.round(aside))
    is_flat = hit.face == 2
    along = hit.up / spacing
    along = jnp.where(is_flat, spacing * (along - jnp.round(along)), 0.0)
    below = jnp.where(is_flat, jnp.where(hit.normal[2] > 0, CEILING, 0.5), CEILING - hit.up)
    return 1 / (1 + aside**2 + along**2 + below**2 / 2)


@cache
def photographs() -> np.ndarray:
    """Cuts pieces out of scikit-learn's photographs, [PIECES, side, side, 3] uint8."""
    from sklearn.datasets import load_sample_image

    random = np.random.default_rng(0)
    pictures = [load_sample_image(name) for name in PICTURES]
    pieces = []
    while len(pieces) < PIECES:
        picture = pictures[len(pieces) % len(pictures)]
        row, column = (random.integers(0, n - 2 * PIECE_SIDE) for n in picture.shape[:2])
        cut = picture[row : row + 2 * PIECE_SIDE, column : column + 2 * PIECE_SIDE]
        fours = cut.reshape(PIECE_SIDE, 2, PIECE_SIDE, 2, 3)
        if cut.std() > PLAIN:
            pieces.append(fours.mean(axis=(1, 3)).round().astype(np.uint8))
    return np.stack(pieces)
