"""Close pictures of objects on a table, simulated and real, with the object's kind as the class.

Simulated are plain colors of our own camera; "real" is the family that training never shows
(`jaxdl.sim2real.held_out`): bitmaps, soft shadows, and a sensor of its own. Nothing is read.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Images
from jaxdl.envs.mujoco import read_asset
from jaxdl.render import Ranges
from jaxdl.sim2real.reality import held_out
from jaxdl.sim2real.simulated import Randomization, simulated
from jaxdl.sim2real.tables import KINDS, Painter, Table, make_pictures, open_table

SIDE = 24  # pixels
FOVY = 10.0  # degrees: 15 cm across, where an object has 6
NEAR = 0.05  # share that is left of an object's distance from the middle of the table
TRAIN, TEST = 2_000, 500  # pictures of each domain
PLAIN = Ranges(
    checker=0.0, noise=0.0, light=0.0, brightness=0.0, camera_shift=0.02, camera_turn=0.01, fovy=1.0
)  # of any color, in one light


class Sizes(NamedTuple):
    """How many pictures are drawn.

    Attributes:
      train: to learn from.
      test: to be asked about.
    """

    train: int = TRAIN
    test: int = TEST


def draw_objects(sizes: Sizes = Sizes()) -> tuple[Images, Images]:  # noqa: B008
    """Draws both domains' pictures, simulated ones first; no layout is in both.

    Args:
      sizes: of each domain.
    """
    table = close_table()
    painters = {
        "simulated objects": simulated(table, Randomization(PLAIN)),
        "objects of the reality that is held out": held_out(table),
    }
    keys = jax.random.split(jax.random.key(0), len(painters))
    pairs = zip(keys, painters.items(), strict=True)
    source, target = (draw_domain(key, table, name, paint, sizes) for key, (name, paint) in pairs)
    return source, target


def draw_domain(key: jax.Array, table: Table, name: str, paint: Painter, sizes: Sizes) -> Images:
    """Draws the pictures of one domain."""
    count = sizes.train + sizes.test
    pictures = make_pictures(key, table, come_near(table, paint), count=count, distractors=0)
    labels = np.asarray(pictures.kinds, np.int32)
    train, test = slice(sizes.train), slice(sizes.train, None)
    images = pictures.images
    return Images(images[train], labels[train], images[test], labels[test], len(KINDS), name)


def close_table() -> Table:
    """Opens the table before a camera that sees its middle alone."""
    model = read_asset("table.xml")
    model.cam_fovy[:] = FOVY
    return open_table(KINDS, height=SIDE, width=SIDE, model=model)


def come_near(table: Table, paint: Painter) -> Painter:
    """Makes a painter before which objects lie near the middle of the table."""
    is_thing = jnp.isin(jnp.arange(len(table.scene.ids)), jnp.array(table.things))[:, None]
    along = jnp.array([1.0, 1.0, 0.0])  # and not in height

    def paint_near(key, layout):
        away = (1.0 - NEAR) * along * layout.position
        places = layout.places - away * is_thing
        return paint(key, layout._replace(places=places, position=layout.position - away))

    return paint_near
