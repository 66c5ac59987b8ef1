"""Random looks, over which visual domain randomization is a distribution."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.render.camera import rotation
from jaxdl.render.look import Look
from jaxdl.render.scene import Scene, default_look


class Ranges(NamedTuple):
    """Holds how far `sample_look` goes from the MJCF's own looks, where 0 is not at all.

    They are numbers or arrays, so that a curriculum may widen them within a program.

    Attributes:
      size: r; a geom's sizes are multiplied by one factor from U[1 - r, 1 + r].
      color: 0 .. 1; how far colors of geoms are mixed with uniformly random ones.
      checker: probability that a geom is checkered with its second color, itself mixed as above.
      noise: a geom's noise is raised by U[0, r].
      frequency: cells per meter of geoms whose texture is random: from r / 3 to 3 r, log-uniform.
      light: rad by which directions of light are turned, at most.
      brightness: r; each kind of light is multiplied by a factor from U[1 - r, 1 + r].
      sky: 0 .. 1; how far the sky's colors are mixed with random ones.
      camera_shift: m, at most, along each axis.
      camera_turn: rad, at most, about each axis.
      fovy: degrees, at most, up or down.
      sensor_noise: from U[0, r] is added.
      blur: from U[0, r] is added.
    """

    size: Any = 0.0
    color: Any = 1.0
    checker: Any = 0.3
    noise: Any = 0.5
    frequency: Any = 5.0
    light: Any = 0.7
    brightness: Any = 0.4
    sky: Any = 1.0
    camera_shift: Any = 0.05
    camera_turn: Any = 0.03
    fovy: Any = 3.0
    sensor_noise: Any = 0.03
    blur: Any = 0.5


def sample_look(key: jax.Array, scene: Scene, ranges: Ranges) -> Look:
    """Draws a look about the MJCF's own (Tobin et al. 2017).

    Args:
      key: of this look alone.
      scene: whose looks are varied.
      ranges: how far.
    """
    look = default_look(scene)
    keys = iter(jax.random.split(key, 16))
    geoms = len(look.frequency)

    def uniform(shape=(), low=-1.0, high=1.0):
        return jax.random.uniform(next(keys), shape, minval=low, maxval=high)

    def mixed(color, share):
        return color + share * (uniform(color.shape, 0.0) - color)

    checkered = uniform((geoms,), 0.0) < ranges.checker
    noise = ranges.noise * uniform((geoms,), 0.0)
    frequency = ranges.frequency * 3 ** uniform((geoms,))
    plain = look.checker + look.noise == 0  # keeps its cells if it has a texture already
    brightness = 1 + ranges.brightness * uniform((4,))
    return Look(
        size=look.size * (1 + ranges.size * uniform((geoms, 1))),
        rgb=mixed(look.rgb, ranges.color),
        rgb2=mixed(look.rgb2, jnp.maximum(ranges.color, plain[:, None] * checkered[:, None])),
        frequency=jnp.where(plain, frequency, look.frequency),
        checker=jnp.where(checkered, 1.0, look.checker),
        noise=look.noise + noise,
        light=_turned(look.light, ranges.light * uniform(look.light.shape) / 3**0.5),
        diffuse=look.diffuse * brightness[0],
        specular=look.specular * brightness[1],
        ambient=look.ambient * brightness[2],
        headlight=look.headlight * brightness[3],
        sky=mixed(look.sky, ranges.sky),
        camera_shift=look.camera_shift + ranges.camera_shift * uniform((3,)),
        camera_turn=look.camera_turn + ranges.camera_turn * uniform((3,)),
        fovy=look.fovy + ranges.fovy * uniform(),
        sensor_noise=look.sensor_noise + ranges.sensor_noise * uniform((), 0.0),
        blur=jnp.clip(look.blur + ranges.blur * uniform((), 0.0), 0.0, 1.0),
    )


def _turned(directions: jax.Array, turns: jax.Array) -> jax.Array:
    return jnp.einsum("lij,lj->li", rotation(turns), directions, precision="highest")
