"""Pictures to train on: random looks by our own camera (Tobin et al. 2017)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.render import Look, Ranges, render, sample_look
from jaxdl.sim2real.tables import Painter, Table, eye_of, poses

TEXTURES = ("rgb", "rgb2", "frequency", "checker", "noise", "sky")  # what a texture consists of
BELOW_ONE = ("color", "checker", "brightness", "sky", "blur")  # shares and probabilities
FIXED = Ranges(*(0.0 for _ in Ranges._fields))  # no randomization at all


class Randomization(NamedTuple):
    """Says which looks are drawn. Its numbers may be traced, as part of a learner's state.

    Attributes:
      ranges: how far looks go from the model's own, numbers of `jaxdl.render.Ranges`.
      textures: int32, how many texturings of the whole scene there are; 0 for no end of them.
      pool: uint32, which ones.
    """

    ranges: Ranges
    textures: Any = 0
    pool: Any = 0


def check_ranges(ranges: Ranges) -> Ranges:
    """Returns ranges of numbers, none of which is inverted or leaves what it can be.

    Raises:
      BadInput: a range has its upper end below its lower one, or a share is above 1.
    """
    for name, value in ranges._asdict().items():
        if not value >= 0:
            raise BadInput(f"{name}={value}: the range of looks is inverted; should be 0 or more")
        if name in BELOW_ONE and value > 1:
            raise BadInput(f"{name}={value}: should be at most 1")
    return ranges


def simulated(table: Table, randomization: Randomization) -> Painter:
    """Makes the painter of the family that is trained on.

    Colors, checkers and smooth noise of all geoms together are a texturing. Each picture has one of
    `textures` texturings, and light, camera and sensor of its own.

    Args:
      table: what is drawn.
      randomization: how far looks differ.
    """

    def paint(key, layout):
        texture_key, look_key, sensor_key = jax.random.split(key, 3)
        look = draw_look(texture_key, look_key, table, randomization)
        look = look._replace(size=layout.sizes)
        seen = poses(table, layout)
        return render(table.scene, look, seen, sensor_key), eye_of(table, look, seen)

    return paint


def draw_look(
    texture_key: jax.Array, look_key: jax.Array, table: Table, randomization: Randomization
) -> Look:
    """Draws a texturing out of the pool, and all else anew.

    Args:
      texture_key: which texturing.
      look_key: of light, camera and sensor.
      table: what is drawn.
      randomization: how far looks differ.
    """
    textures = jnp.asarray(randomization.textures, jnp.uint32)
    number = jax.random.bits(texture_key)
    number = jnp.where(textures > 0, number % jnp.maximum(textures, 1), number)
    pool_key = jax.random.key(randomization.pool)
    # One program draws both, of which a part each is kept: to compile two takes twice as long.
    keys = jnp.stack([jax.random.fold_in(pool_key, number), look_key])
    both = jax.vmap(sample_look, (0, None, None))(keys, table.scene, randomization.ranges)
    chosen = {name: value[int(name not in TEXTURES)] for name, value in both._asdict().items()}
    return Look(**chosen)
