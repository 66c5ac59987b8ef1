"""A reality that training never shows: bitmaps, soft shadows, a vignette, and shot noise.

No texture of it can be one of training. There each geom's colors are a mixture of two, so that they
lie on one line in the cube of colors, where a checker or smooth noise chooses among them. Here each
geom wears a bitmap, whose colors fill the cube in all three directions (`flatness`).
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.render import Look, default_look, depth, render_float, segmentation
from jaxdl.render.camera import rays
from jaxdl.sim2real.tables import Eye, Layout, Painter, Table, eye_of, poses

BITMAPS = 48  # of which each geom wears one
SIDE = 64  # of a bitmap, pixels
RAYS = 6  # directions towards a light that has a breadth
FINER = 2  # rays along each axis of a pixel


class Real(NamedTuple):
    """How one picture of this reality looks.

    Attributes:
      bitmaps: [G] int32, which one each geom wears.
      scale: [G] pixels of it per meter.
      origin: [G, 2] pixels of it at the geom's center.
      look: of white geoms: lights, camera, and nothing else.
      vignette: share of the light that the corners lose.
      gains: [3] of red, green and blue.
      gamma: exponent of the brightness.
      photons: that a white pixel counts, of which there is shot noise.
    """

    bitmaps: jax.Array
    scale: jax.Array
    origin: jax.Array
    look: Look
    vignette: jax.Array
    gains: jax.Array
    gamma: jax.Array
    photons: jax.Array


def held_out(table: Table) -> Painter:
    """Makes the painter of the family that is held out.

    Args:
      table: what is drawn.
    """
    fine = replace(
        table.scene,
        height=FINER * table.scene.height,
        width=FINER * table.scene.width,
        supersample=1,
        shadows=(True,) * RAYS,
    )
    fine = table._replace(scene=fine)

    def paint(key, layout):
        real_key, sensor_key = jax.random.split(key)
        real = draw_real(real_key, table)
        look = real.look._replace(size=layout.sizes)
        seen = poses(table, layout)
        eye = eye_of(table, look, seen)
        light = render_float(fine.scene, look, seen)
        ids = segmentation(fine.scene, look, seen)
        points = surface_points(fine, eye, depth(fine.scene, look, seen))
        image = light * worn(table, real, layout, ids, points)
        image = image.reshape(table.scene.height, FINER, table.scene.width, FINER, 3).mean((1, 3))
        return sense(sensor_key, real, image), eye

    return paint


def draw_real(key: jax.Array, table: Table) -> Real:
    """Draws how a picture looks.

    Args:
      key: of this picture alone.
      table: what is drawn.
    """
    keys = iter(jax.random.split(key, 20))
    geoms = len(table.scene.ids)

    def uniform(low, high, shape=()):
        return jax.random.uniform(next(keys), shape, minval=low, maxval=high)

    look = default_look(table.scene)
    white = jnp.ones((geoms, 3))
    around = uniform(0.0, 2 * jnp.pi)
    middle = jnp.stack([jnp.cos(around), jnp.sin(around), uniform(0.9, 2.5)])
    breadth = uniform(0.1, 0.35) * jax.random.normal(next(keys), (RAYS, 3))
    look = look._replace(
        rgb=white,
        rgb2=white,
        checker=jnp.zeros(geoms),
        noise=jnp.zeros(geoms),
        light=middle / jnp.linalg.norm(middle) + breadth,
        diffuse=jnp.full(RAYS, uniform(0.5, 0.9) / RAYS),
        specular=uniform(0.0, 0.1) / RAYS,
        ambient=uniform(0.25, 0.5),
        headlight=jnp.float32(0.0),
        camera_shift=uniform(-0.025, 0.025, (3,)),
        camera_turn=uniform(-0.015, 0.015, (3,)),
        fovy=look.fovy + uniform(-1.0, 1.0),
        sensor_noise=jnp.float32(0.0),
        blur=jnp.float32(0.0),
    )
    return Real(
        bitmaps=jax.random.randint(next(keys), (geoms,), 0, BITMAPS),
        scale=jnp.exp(uniform(jnp.log(60.0), jnp.log(400.0), (geoms,))),
        origin=uniform(0.0, float(SIDE), (geoms, 2)),
        look=look,
        vignette=uniform(0.1, 0.5),
        gains=uniform(0.85, 1.15, (3,)),
        gamma=uniform(0.8, 1.25),
        photons=jnp.exp(uniform(jnp.log(200.0), jnp.log(2000.0))),
    )


def surface_points(table: Table, eye: Eye, far: jax.Array) -> jax.Array:
    """Returns the points of the world [H, W, 3] that pixels of a depth [H, W] show."""
    directions, cosine = rays(table.scene, eye.fovy, eye.matrix, 1)
    along = far.ravel() / cosine
    points = eye.position + along[:, None] * jnp.stack(directions, axis=-1)
    return points.reshape(*far.shape, 3)


def worn(table: Table, real: Real, layout: Layout, ids: jax.Array, points: jax.Array) -> jax.Array:
    """Returns the bitmaps' colors [H, W, 3] at points of the geoms.

    A bitmap is laid upon a geom along a slanted direction of its own frame, so that it shows on all
    sides.

    Args:
      table: whose geoms these are.
      real: which bitmap each wears, and how.
      layout: where they are.
      ids: [H, W] the model's numbers of the geoms, -1 for the sky.
      points: [H, W, 3] m.
    """
    rows = jnp.zeros(table.model.ngeom, jnp.int32).at[jnp.array(table.scene.ids)].set(
        jnp.arange(len(table.scene.ids))
    )[jnp.maximum(ids, 0)]  # fmt: skip
    local = jnp.einsum("hwi,hwij->hwj", points - layout.places[rows], layout.turns[rows])
    across = local[..., :2] + local[..., 2:] * jnp.array([0.6, -0.8])
    texels = across * real.scale[rows][..., None] + real.origin[rows]
    u, v = jnp.moveaxis(jnp.floor(texels).astype(jnp.int32) % SIDE, -1, 0)
    colors = jnp.asarray(bank())[real.bitmaps[rows], v, u]
    return jnp.where(ids[..., None] >= 0, colors / 255.0, 1.0)


def sense(key: jax.Array, real: Real, image: jax.Array) -> jax.Array:
    """Turns light into bytes as this camera does: vignette, gains, shot noise, gamma.

    Args:
      key: of the noise.
      real: how the camera is.
      image: [H, W, 3] light, of which 1 is white.

    Returns:
      [H, W, 3] uint8.
    """
    height, width, _ = image.shape
    y = (jnp.arange(height) + 0.5) / height * 2 - 1
    x = (jnp.arange(width) + 0.5) / width * 2 - 1
    square = (y[:, None] ** 2 + x[None] ** 2) / 2  # 1 in the corners
    light = jnp.maximum(image * (1 - real.vignette * square)[..., None] * real.gains, 0.0)
    shot = jnp.sqrt(light / real.photons) * jax.random.normal(key, image.shape)
    bright = jnp.maximum(light + shot, 0.0) ** real.gamma
    return jnp.clip(bright * 255 + 0.5, 0, 255).astype(jnp.uint8)


@cache
def bank() -> np.ndarray:
    """Makes the bitmaps [BITMAPS, SIDE, SIDE, 3] uint8, always the same ones.

    Their noise has a spectrum of 1 / f^a, which is that of photographs for a near 1 (Field 1987),
    and three independent channels that are mixed at random.
    """
    rng = np.random.default_rng(1987)
    frequencies = np.fft.fftfreq(SIDE)
    f = np.maximum(np.hypot(frequencies[:, None], frequencies), 1 / SIDE)
    images = []
    for _ in range(BITMAPS):
        noise = np.fft.fft2(rng.normal(size=(3, SIDE, SIDE)))
        fields = np.fft.ifft2(noise / f ** rng.uniform(0.7, 1.6)).real
        fields = (fields - fields.mean((1, 2), keepdims=True)) / fields.std((1, 2), keepdims=True)
        mixing = np.eye(3) + rng.normal(size=(3, 3))
        colors = np.einsum("ij,jhw->hwi", mixing, fields) * rng.uniform(0.015, 0.05)
        hue = rng.uniform(-0.25, 0.25, 3)
        images.append(np.clip(rng.uniform(0.3, 0.75) + hue + colors, 0, 1))
    return (np.stack(images) * 255).round().astype(np.uint8)


def flatness(colors: np.ndarray) -> float:
    """Measures how far colors leave the line that fits them best.

    Args:
      colors: [N, 3] within [0, 1].

    Returns:
      Their root mean square distance from it; 0 for all that two colors can mix.
    """
    centered = colors - colors.mean(axis=0)
    values = np.linalg.svd(centered, compute_uv=False)
    return float(np.sqrt(np.sum(values[1:] ** 2) / len(colors)))
