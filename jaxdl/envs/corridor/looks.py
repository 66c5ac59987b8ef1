"""Painted corridors: the looks that training draws at random, or the fixed one that it is shown."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.corridor.camera import Hit

PARTS = 12  # numbers of a surface's paint


class Paint(NamedTuple):
    """Holds how G surfaces are painted. Colors are within [0, 1].

    Attributes:
      rgb: [G, 3] color.
      rgb2: [G, 3] second color, which the patterns mix in.
      frequency: [G, 2] cells per m across and up.
      checker: [G] how far every other cell is mixed.
      stripes: [G] how far every other column of cells is mixed, in waves.
      noise: [G] how far the spots of a smooth random texture are mixed.
    """

    rgb: jax.Array
    rgb2: jax.Array
    frequency: jax.Array
    checker: jax.Array
    stripes: jax.Array
    noise: jax.Array


class Light(NamedTuple):
    """Holds the light in a corridor, and the camera's sensor.

    Attributes:
      ambient: from everywhere.
      sun: parallel light.
      towards: [3] where that comes from, a unit vector.
      lamp: from the drone; at 3 m half of it is left.
      grain: standard deviation of the sensor's noise.
    """

    ambient: jax.Array
    sun: jax.Array
    towards: jax.Array
    lamp: jax.Array
    grain: jax.Array


class Look(NamedTuple):
    """Holds how a corridor looks.

    Attributes:
      paint: of its surfaces.
      light: that shines on them.
      seed: uint32, of the sensor's noise.
    """

    paint: Paint
    light: Light
    seed: jax.Array


# The least and the greatest of what is drawn. Frequencies are log-uniform.
FREQUENCY = (0.4, 6.0)
AMBIENT = (0.35, 0.9)
SUN = (0.1, 0.6)
LAMP = (0.0, 0.4)
GRAIN = (0.0, 0.04)
FINER = 256  # steps of a frequency of 1, as it is looked up


def draw_look(key: jax.Array, boxes: int, walls: int) -> Look:
    """Draws colors, patterns, light and noise (Sadeghi & Levine 2016, section IV).

    Args:
      key: of this look alone.
      boxes: N, surfaces beside floor and ceiling.
      walls: how many of them, the first, are walls. In half of the corridors all walls have one
        paint; everything else always has its own.
    """
    draws = jax.random.uniform(key, (boxes + 3, PARTS))  # one draw compiles faster than three
    of_light, draws = draws[0], draws[1:]
    one_paint = draws[0, PARTS - 1] < 0.5
    is_like_first = one_paint & (jnp.arange(boxes + 2) < walls)
    draws = jnp.where(is_like_first[:, None], draws[0], draws)
    kind = draws[:, 10]  # plain, checkered, striped, or spotted
    strength = 0.3 + 0.7 * draws[:, 9]
    low, high = FREQUENCY
    paint = Paint(
        rgb=draws[:, :3],
        rgb2=draws[:, 3:6],
        frequency=low * (high / low) ** draws[:, 6:8],
        checker=jnp.where((kind > 0.2) & (kind < 0.45), strength, 0.0),
        stripes=jnp.where((kind > 0.45) & (kind < 0.7), strength, 0.0),
        noise=jnp.where((kind > 0.7) | (draws[:, 8] < 0.3), strength, 0.0),
    )
    return Look(paint, *_make_light(of_light))


def fixed_look(boxes: int, walls: int) -> Look:
    """Returns the look of a corridor as one would paint it by hand, always the same."""
    surfaces = boxes + 2
    number = np.arange(surfaces)
    is_wall = (number < walls)[:, None]
    furniture = np.array([[0.45, 0.3, 0.2], [0.3, 0.35, 0.45]])[number % 2]
    rgb = np.where(is_wall, [0.78, 0.74, 0.66], furniture)
    rgb[boxes], rgb[boxes + 1] = (0.5, 0.42, 0.35), (0.9, 0.9, 0.9)
    checker = np.zeros(surfaces)
    checker[boxes] = 0.3  # tiles
    none = jnp.zeros(surfaces)
    paint = Paint(
        rgb=jnp.float32(rgb),
        rgb2=jnp.float32(1 - rgb),
        frequency=jnp.full((surfaces, 2), 2.0),
        checker=jnp.float32(checker),
        stripes=none,
        noise=none,
    )
    towards = jnp.array([0.36, 0.48, 0.8])
    light = Light(*map(jnp.float32, (0.6, 0.35)), towards, jnp.float32(0.1), jnp.float32(0.0))
    return Look(paint, light, jnp.uint32(0))


def _make_light(draws: jax.Array) -> tuple[Light, jax.Array]:
    """Makes light, and the seed of the noise, of uniform draws [PARTS]."""
    around = 2 * jnp.pi * draws[0]
    up = 2 * draws[1] - 1
    level = jnp.sqrt(1 - up**2)
    towards = jnp.stack([level * jnp.cos(around), level * jnp.sin(around), up])
    ambient, sun, lamp, grain = (
        low + draw * (high - low)
        for (low, high), draw in zip((AMBIENT, SUN, LAMP, GRAIN), draws[2:6], strict=True)
    )
    return Light(ambient, sun, towards, lamp, grain), (draws[6] * 2**24).astype(jnp.uint32)


def painted(look: Look, hit: Hit, time: jax.Array) -> list[jax.Array]:
    """Colors what is met.

    Args:
      look: of the corridor.
      hit: arrays [H, W].
      time: int32, of which the noise of each picture is made.

    Returns:
      Red, green and blue [H, W].
    """
    first, second, frequency, (checker, stripes, noise) = _paint_of(look.paint, hit.surface)
    cells = [frequency[0] * hit.across, frequency[1] * hit.up]
    half = 0.5 * (jnp.floor(cells[0]) + jnp.floor(cells[1]))
    odd = 2 * (half - jnp.floor(half))
    along = 0.5 * (cells[0] + cells[1])
    wave = jnp.abs(2 * (along - jnp.floor(along)) - 1)
    mix = checker * odd + stripes * wave + noise * smooth_noise(*cells)
    mix = jnp.minimum(mix, 1.0)
    light = look.light
    toward = sum(n * v for n, v in zip(hit.normal, light.towards, strict=True))
    lit = light.ambient + light.sun * jnp.maximum(toward, 0.0)
    lit = lit + light.lamp * hit.facing / (1 + (hit.distance / 3) ** 2)
    mix, lit = jax.lax.optimization_barrier((mix, lit))
    colors = [one + mix * (other - one) for one, other in zip(first, second, strict=True)]
    seed = look.seed + jnp.uint32(0x9E3779B9) * time.astype(jnp.uint32)
    grains = pixel_noise(seed, mix.shape)
    return [color * lit + light.grain * grain for color, grain in zip(colors, grains, strict=True)]


def _paint_of(paint: Paint, surface: jax.Array) -> tuple[list, list, list, list]:
    """Looks up the paint of surfaces [H, W], in three words instead of eleven numbers.

    A lookup takes as long on a CPU as all else that is done for a pixel.

    Returns:
      Color, second color, frequency, and how far the patterns are mixed in, lists of arrays [H, W].
    """
    strengths = (paint.checker, paint.stripes, paint.noise)
    steps = jnp.round(paint.frequency * FINER).astype(jnp.uint32)
    tiles = steps[:, 0] | (steps[:, 1] << 12)
    words = [sum(_byte(color[:, i], 8 * i) for i in range(3)) for color in (paint.rgb, paint.rgb2)]
    words = [word | _byte(x, 24) for word, x in zip((*words, tiles), strengths, strict=True)]
    one, other, tiles = (word.at[surface].get(mode="promise_in_bounds") for word in words)
    frequency = [((tiles >> shift) & 0xFFF).astype(jnp.float32) / FINER for shift in (0, 12)]
    first, second = ([_unit(word, 8 * i) for i in range(3)] for word in (one, other))
    return first, second, frequency, [_unit(word, 24) for word in (one, other, tiles)]


def _byte(x: jax.Array, shift: int) -> jax.Array:
    """Writes a number within [0, 1] into a byte of a word."""
    return jnp.round(255 * x).astype(jnp.uint32) << shift


def _unit(word: jax.Array, shift: int) -> jax.Array:
    """Reads a byte as a number within [0, 1]."""
    return ((word >> shift) & 0xFF).astype(jnp.int32).astype(jnp.float32) / 255


def smooth_noise(x: jax.Array, y: jax.Array) -> jax.Array:
    """Interpolates random numbers within [0, 1] at the corners of cells smoothly, by x and y."""
    left, down = jnp.floor(x), jnp.floor(y)
    right, up = (v * v * (3 - 2 * v) for v in (x - left, y - down))
    a, b = (v.astype(jnp.int32).astype(jnp.uint32) for v in (left, down))
    corners = [
        [_share(hashed((a + i) * jnp.uint32(0x8DA6B343) ^ (b + j) * jnp.uint32(0xD8163841)))
         for i in (0, 1)]
        for j in (0, 1)
    ]  # fmt: skip
    low, high = (one + right * (other - one) for one, other in corners)
    return low + up * (high - low)


def pixel_noise(seed: jax.Array, shape: tuple[int, int]) -> list[jax.Array]:
    """Draws three uniform arrays [H, W] of mean 0 and variance 1 by hashing each pixel's number."""
    numbers = jax.lax.iota(jnp.uint32, shape[0] * shape[1]).reshape(shape)
    bits = hashed(hashed(numbers ^ seed) + seed)
    parts = [((bits >> shift) & 1023).astype(jnp.int32) for shift in (0, 10, 20)]
    return [(part.astype(jnp.float32) - 511.5) * (12 / (1024**2 - 1)) ** 0.5 for part in parts]


def hashed(bits: jax.Array) -> jax.Array:
    """Hashes uint32 to uint32 that look random."""
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x2C1B3C6D)
    return bits ^ (bits >> 13)


def _share(bits: jax.Array) -> jax.Array:
    return (bits >> 8).astype(jnp.int32).astype(jnp.float32) * 2.0**-24
