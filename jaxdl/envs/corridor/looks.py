"""Painted corridors: the looks that training draws at random, or the fixed one that it is shown."""

from typing import Any, NamedTuple

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


def draw_look(key: jax.Array, boxes: int, walls: int) -> Look:
    """Draws colors, patterns, light and noise (Sadeghi & Levine 2016, section IV).

    Args:
      key: of this look alone.
      boxes: N, surfaces beside floor and ceiling.
      walls: how many of them, the first, are walls. In half of the corridors all walls have one
        paint; everything else always has its own.
    """
    paint_key, light_key = jax.random.split(key)
    draws = jax.random.uniform(paint_key, (boxes + 2, PARTS))
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
    return Look(paint, *_draw_light(light_key))


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


def _draw_light(key: jax.Array) -> tuple[Light, jax.Array]:
    """Draws light, and the seed of the noise."""
    bits_key, key = jax.random.split(key)
    draws = jax.random.uniform(key, (6,))
    around = 2 * jnp.pi * draws[0]
    up = 2 * draws[1] - 1
    level = jnp.sqrt(1 - up**2)
    towards = jnp.stack([level * jnp.cos(around), level * jnp.sin(around), up])
    ambient, sun, lamp, grain = (
        low + draw * (high - low)
        for (low, high), draw in zip((AMBIENT, SUN, LAMP, GRAIN), draws[2:], strict=True)
    )
    return Light(ambient, sun, towards, lamp, grain), jax.random.bits(bits_key)


def painted(look: Look, hit: Hit, time: jax.Array) -> list[jax.Array]:
    """Colors what is met.

    Args:
      look: of the corridor.
      hit: arrays [H, W].
      time: int32, of which the noise of each picture is made.

    Returns:
      Red, green and blue [H, W].
    """
    paint: Any = jax.tree.map(lambda x: jnp.moveaxis(x[hit.surface], -1, 0)
                              if x.ndim == 2 else x[hit.surface], look.paint)  # fmt: skip
    cells = [paint.frequency[0] * hit.across, paint.frequency[1] * hit.up]
    odd = jnp.mod(jnp.floor(cells[0]) + jnp.floor(cells[1]), 2)
    wave = 0.5 + 0.5 * jnp.sin(jnp.pi * (cells[0] + cells[1]))
    mix = paint.checker * odd + paint.stripes * wave + paint.noise * smooth_noise(*cells)
    mix = jnp.minimum(mix, 1.0)
    light = look.light
    toward = sum(n * v for n, v in zip(hit.normal, light.towards, strict=True))
    lit = light.ambient + light.sun * jnp.maximum(toward, 0.0)
    lit = lit + light.lamp * hit.facing / (1 + (hit.distance / 3) ** 2)
    mix, lit = jax.lax.optimization_barrier((mix, lit))
    colors = [first + mix * (second - first) for first, second in zip(paint.rgb, paint.rgb2,
                                                                      strict=True)]  # fmt: skip
    seed = look.seed + jnp.uint32(0x9E3779B9) * time.astype(jnp.uint32)
    return [
        color * lit + light.grain * pixel_noise(seed + jnp.uint32(i), color.shape)
        for i, color in enumerate(colors)
    ]


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


def pixel_noise(seed: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Sums four bytes of a hash of each pixel's number to nearly normal ones of variance 1."""
    numbers = jax.lax.iota(jnp.uint32, shape[0] * shape[1]).reshape(shape)
    bits = hashed(hashed(numbers ^ seed) + seed)
    total = sum(((bits >> shift) & 255).astype(jnp.int32) for shift in (0, 8, 16, 24))
    return (total.astype(jnp.float32) - 510.0) * (3 / (256**2 - 1)) ** 0.5


def hashed(bits: jax.Array) -> jax.Array:
    """Hashes uint32 to uint32 that look random."""
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x2C1B3C6D)
    return bits ^ (bits >> 13)


def _share(bits: jax.Array) -> jax.Array:
    return (bits >> 8).astype(jnp.int32).astype(jnp.float32) * 2.0**-24
