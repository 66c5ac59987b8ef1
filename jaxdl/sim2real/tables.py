"""A table with geometric objects, and labeled pictures of it (after Tobin et al. 2017).

What lies where is a `Layout`; how it looks, from where and through which camera is up to a
`Painter`, of which there is one for each family of pictures: `jaxdl.sim2real.simulated` to train
on, `jaxdl.sim2real.held_out` for a reality that training never shows. The two draw from different
keys, so that looks never change what is where.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.mujoco import read_asset
from jaxdl.render import Look, Poses, Scene, scene
from jaxdl.render.camera import poses_of, shaken
from jaxdl.render.look import FREE

KINDS = ("box", "cylinder", "sphere", "capsule", "ellipsoid")
HEIGHTS = (2, 1, 0, 0, 2)  # which of a kind's sizes is the height of its center, as it lies
AREA = 0.24  # m; positions are within -AREA .. AREA along x and y
CELL = 2 * AREA / 3  # of a grid of 3 x 3, of which the one that is looked for has the middle
JITTER = 0.011  # m by which the others are off the middle of their cells
SIZES = (0.8, 1.2)  # of an object, as factors on that of the model
AT_ONCE = 64  # pictures of a set that are drawn at a time
HIDDEN = -10.0  # m; below the floor, which no ray passes
AROUND = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)], np.float32)


class Table(NamedTuple):
    """A scene of G geoms, among which are N objects; hashable, to be closed over.

    Attributes:
      model: mujoco.MjModel, for those who draw it elsewhere.
      scene: what the camera draws.
      asked: kinds that are looked for, as numbers of `KINDS`.
      things: N rows of the objects among the geoms.
      kinds: N kinds of theirs.
      most: how many of them can lie beside the one that is looked for.
    """

    model: Any
    scene: Scene
    asked: tuple[int, ...]
    things: tuple[int, ...]
    kinds: tuple[int, ...]
    most: int


class Layout(NamedTuple):
    """What lies where.

    Attributes:
      places: [G, 3] m, of all geoms.
      turns: [G, 3, 3].
      sizes: [G, 3] m.
      position: [3] m, the center of the object that is looked for; x to the right, y away from the
        camera "front", z up from the table's top.
      kind: int32 scalar, its place among the kinds that are asked for.
    """

    places: jax.Array
    turns: jax.Array
    sizes: jax.Array
    position: jax.Array
    kind: jax.Array


class Eye(NamedTuple):
    """The camera that took a picture.

    Attributes:
      position: [3] m.
      matrix: [3, 3], columns right, up and back.
      fovy: degrees.
    """

    position: jax.Array
    matrix: jax.Array
    fovy: jax.Array


class Pictures(NamedTuple):
    """Labeled pictures.

    Attributes:
      images: [B, H, W, 3] uint8.
      positions: [B, 3] m, of the object that is looked for.
      kinds: [B] int32, its place among the kinds that are asked for.
      eyes: Eye of leaves [B, ...].
    """

    images: jax.Array
    positions: jax.Array
    kinds: jax.Array
    eyes: Eye


Painter = Callable[[jax.Array, Layout], tuple[jax.Array, Eye]]  # key, layout -> image [H, W, 3]


def open_table(
    objects: Sequence[str] = ("cylinder",),
    *,
    distractors: int = 0,
    height: int = 64,
    width: int = 64,
    camera: int | str = "front",
    model: Any = None,
) -> Table:
    """Reads a table from its MJCF.

    Args:
      objects: kinds that are looked for, of `KINDS`. One of them is on the table in each picture;
        with several, its kind is drawn.
      distractors: how many objects of other kinds are to lie beside it, at most.
      height: of the pictures, pixels.
      width: of the pictures, pixels.
      camera: of the model.
      model: another mujoco.MjModel than ours; its objects are the geoms `<kind>_<number>`.

    Raises:
      BadInput: a kind is unknown or not in the model, the model has too few geoms for the
        distractors, or it has no such camera.
    """
    model = _own_model() if model is None else model
    drawn = scene(model, height=height, width=width, camera=camera, shadows=True)
    if drawn.camera == FREE:
        raise BadInput(f"camera={camera!r}: should be one of the model's, which has a place")
    names = [model.geom(i).name.rpartition("_") for i in drawn.ids]
    things = [i for i, (kind, _, number) in enumerate(names) if kind in KINDS and number.isdigit()]
    kinds = [KINDS.index(names[i][0]) for i in things]
    known = sorted({KINDS[kind] for kind in kinds})
    if not objects or not set(objects) <= set(known):
        raise BadInput(f"objects={','.join(objects)}: should be some of {', '.join(known)}")
    asked = tuple(KINDS.index(name) for name in objects)
    most = min(sum(kind != one for kind in kinds) for one in asked)
    most = min(most, len(AROUND))
    if not 0 <= distractors <= most:
        raise BadInput(f"distractors={distractors}: should be 0 to {most}, the geoms of other "
                       f"kinds than {' or '.join(objects)}")  # fmt: skip
    return Table(model, drawn, asked, tuple(things), tuple(kinds), most)


def draw_pictures(keys: jax.Array, table: Table, paint: Painter, distractors: Any) -> Pictures:
    """Draws labeled pictures, each of a layout of its own.

    Args:
      keys: [B] of the pictures.
      table: what can lie there.
      paint: how it looks.
      distractors: at most so many objects beside the one that is looked for; a number or a scalar.
    """

    def draw(key):
        layout_key, look_key = jax.random.split(key)
        layout = draw_layout(layout_key, table, distractors)
        image, eye = paint(look_key, layout)
        return Pictures(image, layout.position, layout.kind, eye)

    return jax.vmap(draw)(keys)


def make_pictures(
    key: jax.Array, table: Table, paint: Painter, *, count: int, distractors: int
) -> Pictures:
    """Draws a set of labeled pictures at once, a few at a time, for data sets and evaluations.

    Args:
      key: of all of them; a longer set begins with the same ones.
      table: what can lie there.
      paint: how it looks.
      count: B.
      distractors: at most so many objects beside the one that is looked for.

    Returns:
      Pictures of NumPy arrays.
    """
    some = -(-count // AT_ONCE) * AT_ONCE
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(some))
    draw = jax.jit(lambda keys: draw_pictures(keys, table, paint, distractors))
    parts = [draw(keys[i : i + AT_ONCE]) for i in range(0, some, AT_ONCE)]
    return jax.tree.map(lambda *x: np.concatenate([np.asarray(y) for y in x])[:count], *parts)


def draw_layout(key: jax.Array, table: Table, distractors: Any) -> Layout:
    """Draws what lies where.

    The object that is looked for is anywhere within `AREA`. Those of other kinds lie around it in
    cells of a grid whose middle it has; what leaves the area at one side comes in at the other, so
    that none touch. How many there are is uniform from 0 to `distractors`.

    Args:
      key: of this layout alone.
      table: what can lie there.
      distractors: an integer scalar.
    """
    count_key, kind_key, place_key, order_key, cell_key, size_key, turn_key = jax.random.split(
        key, 7
    )
    things = len(table.things)
    most = jnp.minimum(jnp.asarray(distractors, jnp.int32), table.most)
    count = jax.random.randint(count_key, (), 0, most + 1)
    kind = jax.random.randint(kind_key, (), 0, len(table.asked))
    order = _order(order_key, table, jnp.array(table.asked)[kind])
    xy = _spread_out(place_key, cell_key, order)
    factors = jax.random.uniform(size_key, (things, 1), minval=SIZES[0], maxval=SIZES[1])
    rows = jnp.array(table.things)
    sizes = jnp.array(table.scene.look.size, jnp.float32)
    sizes = sizes.at[rows].multiply(factors)
    heights = sizes[rows, np.array(HEIGHTS)[list(table.kinds)]]
    z = jnp.where(order <= count, heights, HIDDEN)
    at = jnp.concatenate([xy, z[:, None]], axis=1)  # [N, 3]
    geoms = list(table.scene.ids)
    places = jnp.asarray(table.model.geom_pos[geoms], jnp.float32)
    turns = jnp.tile(jnp.eye(3), (len(geoms), 1, 1))
    own = _turns(jax.random.uniform(turn_key, (things,), maxval=2 * jnp.pi), np.array(table.kinds))
    return Layout(
        places=places.at[rows].set(at),
        turns=turns.at[rows].set(own),
        sizes=sizes,
        position=at[jnp.argmin(order)],
        kind=kind,
    )


def poses(table: Table, layout: Layout) -> Poses:
    """Returns the poses of a layout, as the camera takes them."""
    number = table.scene.camera
    position = table.model.cam_pos0[number]
    matrix = table.model.cam_mat0[number].reshape(3, 3)
    every = jnp.zeros((table.model.ngeom, 3))
    geoms = jnp.array(table.scene.ids)
    places = every.at[geoms].set(layout.places)
    turns = jnp.tile(jnp.eye(3), (table.model.ngeom, 1, 1)).at[geoms].set(layout.turns)
    return Poses(places, turns, jnp.asarray(position), jnp.asarray(matrix))


def eye_of(table: Table, look: Look, seen: Poses) -> Eye:
    """Returns the camera that sees these poses by this look."""
    position, matrix = shaken(look, poses_of(table.scene, seen))
    return Eye(position, matrix, look.fovy)


def project(points: jax.Array, eyes: Eye, height: int, width: int) -> jax.Array:
    """Projects points into pictures, to be drawn into them.

    Args:
      points: [B, 3] m.
      eyes: leaves [B, ...].
      height: of the pictures, pixels.
      width: of the pictures, pixels.

    Returns:
      [B, 2] column and row in pixels; the upper left pixel's center is (0, 0).
    """
    away = jnp.asarray(points) - eyes.position
    right, up, back = jnp.einsum("bij,bi->jb", eyes.matrix, away, precision="highest")
    focal = height / 2 / jnp.tan(jnp.deg2rad(eyes.fovy) / 2)  # pixels
    column = width / 2 - 0.5 - focal * right / back
    row = height / 2 - 0.5 + focal * up / back
    return jnp.stack([column, row], axis=1)


@cache
def _own_model() -> Any:
    """Reads our own table once, so that two that are opened alike are equal."""
    return read_asset("table.xml")


def _order(key: jax.Array, table: Table, asked: jax.Array) -> jax.Array:
    """Numbers the objects [N]: 0 is looked for, others follow by chance, its own kind is last."""
    kinds = jnp.array(table.kinds)
    alike = kinds == asked
    first = jnp.argmax(alike)  # of equal ones the first
    rank = jax.random.uniform(key, kinds.shape) + 2.0 * alike
    rank = rank.at[first].set(-1.0)
    return jnp.argsort(jnp.argsort(rank))


def _spread_out(place_key: jax.Array, cell_key: jax.Array, order: jax.Array) -> jax.Array:
    """Draws places [N, 2] m of objects by their numbers."""
    center = jax.random.uniform(place_key, (2,), minval=-AREA, maxval=AREA)
    shuffle_key, jitter_key = jax.random.split(cell_key)
    cells = jax.random.permutation(shuffle_key, jnp.array(AROUND))
    jitter = jax.random.uniform(jitter_key, cells.shape, minval=-JITTER, maxval=JITTER)
    offsets = jnp.concatenate([jnp.zeros((1, 2)), cells * CELL + jitter])
    xy = center + offsets[jnp.minimum(order, len(AROUND))]
    return jnp.mod(xy + AREA, 2 * AREA) - AREA


def _turns(yaw: jax.Array, kinds: np.ndarray) -> jax.Array:
    """Returns rotations [N, 3, 3] about z by angles [N]; capsules lie on their side."""
    sine, cosine, zero = jnp.sin(yaw), jnp.cos(yaw), jnp.zeros_like(yaw)
    one = jnp.ones_like(yaw)
    upright = jnp.stack(
        [
            jnp.stack([cosine, -sine, zero], -1),
            jnp.stack([sine, cosine, zero], -1),
            jnp.stack([zero, zero, one], -1),
        ],
        axis=1,
    )
    lying = jnp.stack([upright[:, :, 1], upright[:, :, 2], upright[:, :, 0]], axis=2)
    return jnp.where((kinds == KINDS.index("capsule"))[:, None, None], lying, upright)
