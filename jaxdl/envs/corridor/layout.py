"""Corridors of upright boxes with turns and furniture, drawn at random."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

CEILING = 2.4  # m
THICKNESS = 0.3  # of walls, m
BEHIND = 1.0  # m of corridor behind the entrance
BEYOND = 3.0  # m of corridor behind the exit
APART = 0.5  # m between a corner, or the entrance, and the furniture nearest to it


class Family(NamedTuple):
    """Describes which corridors there are, in m.

    Attributes:
      segments: S, straight parts, each at a right angle to the next.
      width: the least and the greatest.
      length: of a segment, the least and the greatest.
      furniture: pieces in a segment.
    """

    segments: int
    width: tuple[float, float]
    length: tuple[float, float]
    furniture: int


class Piece(NamedTuple):
    """Describes a kind of furniture by the least and the greatest of its measures.

    Attributes:
      share: of all furniture.
      reach: across the corridor, as a share of its width.
      depth: along it, m.
      bottom: m above the floor.
      top: likewise.
    """

    share: float
    reach: tuple[float, float]
    depth: tuple[float, float]
    bottom: tuple[float, float]
    top: tuple[float, float]


PIECES = (
    Piece(0.3, (0.14, 0.2), (0.25, 0.4), (0.0, 0.0), (CEILING, CEILING)),  # a pillar, anywhere
    Piece(0.3, (0.25, 0.42), (0.25, 0.6), (0.0, 0.0), (1.7, CEILING)),  # a cupboard at a wall
    Piece(0.25, (0.4, 1.0), (0.25, 0.6), (0.0, 0.0), (0.5, 1.0)),  # to be flown over
    Piece(0.15, (1.0, 1.0), (0.25, 0.6), (1.7, 2.0), (CEILING, CEILING)),  # a beam
)


DRAWS = 6  # uniform numbers of which a piece of furniture is made

# No corridor of the one can be one of the other: they differ in width, too.
SEEN = Family(3, (1.9, 2.3), (4.5, 7.0), 1)
UNSEEN = Family(4, (1.7, 1.85), (4.0, 6.0), 1)


class Layout(NamedTuple):
    """Holds a corridor of N boxes along S segments, in m. The floor is at 0.

    Attributes:
      low: [N, 3] least corners: 2 S side walls, the walls behind entrance and exit, furniture.
      high: [N, 3] greatest corners.
      route: [S + 1, 2] the middle line, from the entrance through the corners to the exit.
      width: scalar.
    """

    low: jax.Array
    high: jax.Array
    route: jax.Array
    width: jax.Array


class Segments(NamedTuple):
    """Holds S straight parts.

    Attributes:
      start: [S, 2] where they begin.
      ahead: [S, 2] unit vectors.
      left: [S, 2] unit vectors to their left.
      length: [S].
    """

    start: jax.Array
    ahead: jax.Array
    left: jax.Array
    length: jax.Array


def draw_layout(key: jax.Array, family: Family) -> Layout:
    """Draws a corridor: every second segment goes along x, those between up or down y.

    So it never meets itself. Furniture leaves a way on one side, above, or below.
    """
    count, pieces = family.segments, family.furniture
    sizes = (1, count, count, DRAWS * count * pieces)
    draws = jax.random.uniform(key, (sum(sizes),))  # one draw, which compiles faster than four
    of_width, of_length, of_turn, of_furniture = jnp.split(draws, np.cumsum(sizes)[:-1])
    (low, high), (shortest, longest) = family.width, family.length
    width = low + of_width[0] * (high - low)
    length = shortest + of_length * (longest - shortest)
    side = jnp.where(of_turn < 0.5, 1.0, -1.0)
    along_x = jnp.arange(count) % 2 == 0
    ahead = jnp.where(along_x[:, None], jnp.array([1.0, 0.0]), side[:, None] * jnp.array([0, 1.0]))
    steps = ahead * length[:, None]
    route = jnp.concatenate([jnp.zeros((1, 2)), jnp.cumsum(steps, axis=0)])
    segments = segments_of(route)
    walls = _walls(segments, width)
    furniture = _furniture(of_furniture.reshape(DRAWS, count, pieces), segments, width)
    low, high = (jnp.concatenate(ends) for ends in zip(walls, furniture, strict=True))
    return Layout(low, high, route, width)


def segments_of(route: jax.Array) -> Segments:
    """Splits a middle line [S + 1, 2] into its straight parts."""
    steps = route[1:] - route[:-1]
    length = jnp.sum(jnp.abs(steps), axis=1)  # each goes along an axis
    ahead = steps / length[:, None]
    left = jnp.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    return Segments(route[:-1], ahead, left, length)


def _walls(segments: Segments, width: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Makes the corners of all left walls, all right walls, and the walls at both ends."""
    ahead, length = segments.ahead, segments.length
    half = width / 2
    turn = ahead[:-1, 0] * ahead[1:, 1] - ahead[:-1, 1] * ahead[1:, 0]  # 1 left, -1 right
    turn_before = jnp.concatenate([jnp.zeros(1), turn])
    turn_after = jnp.concatenate([turn, jnp.zeros(1)])
    first = jnp.zeros_like(length).at[0].set(BEHIND)
    last = jnp.zeros_like(length).at[-1].set(BEYOND)
    boxes = []
    for side in (1.0, -1.0):
        # An inner wall is the shorter one, an outer one closes the corner.
        begin = side * turn_before * half - first - THICKNESS * (side * turn_before < 0)
        end = length - side * turn_after * half + last + THICKNESS * (side * turn_after < 0)
        across = jnp.sort(side * jnp.stack([half, half + THICKNESS]))
        boxes.append(_placed(segments, begin, end, across[0], across[1]))
    ends = jax.tree.map(lambda x: x[jnp.array([0, -1])], segments)
    begin = jnp.stack([-BEHIND - THICKNESS, length[-1] + BEYOND])
    boxes.append(_placed(ends, begin, begin + THICKNESS, -half, half))
    lows, highs = zip(*boxes, strict=True)
    low, high = jnp.concatenate(lows), jnp.concatenate(highs)
    return _upright(low, 0.0), _upright(high, CEILING)


def _furniture(
    draws: jax.Array, segments: Segments, width: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Makes pillars, cupboards, low furniture and beams of draws [DRAWS, S, pieces]."""
    pieces = draws.shape[2]
    below = np.cumsum([piece.share for piece in PIECES])[:-1]
    kind = jnp.sum(draws[5][..., None] >= below, axis=-1)

    def draw(i, name):
        low, high = jnp.moveaxis(_table(name)[kind], -1, 0)
        return low + draws[i] * (high - low)

    reach = width * draw(0, "reach")
    depth = draw(1, "depth")
    is_at_wall = jnp.arange(len(PIECES)) > 0
    side = jnp.where(is_at_wall[kind], jnp.sign(draws[2] - 0.5), 2 * draws[2] - 1)
    place = side * (width - reach) / 2
    slot = (segments.length[:, None] - width - 2 * APART) / pieces
    middle = width / 2 + APART + slot * (jnp.arange(pieces) + 0.35 + 0.3 * draws[3])
    each = jax.tree.map(lambda x: jnp.repeat(x, pieces, axis=0), segments)
    along = [x.reshape(-1) for x in (middle - depth / 2, middle + depth / 2)]
    across = [x.reshape(-1) for x in (place - reach / 2, place + reach / 2)]
    low, high = _placed(each, *along, *across)
    bottom, top = (draw(4, name).reshape(-1) for name in ("bottom", "top"))
    return _upright(low, bottom), _upright(high, top)


def _table(name: str) -> jax.Array:
    """Returns one measure [4, 2] of the kinds of furniture."""
    return jnp.array([getattr(piece, name) for piece in PIECES])


def _placed(segments, begin, end, right, left) -> tuple[jax.Array, jax.Array]:
    """Returns the corners [N, 2] of what goes from begin to end, from the right to the left."""

    def point(along, across):
        along, across = (jnp.broadcast_to(x, segments.length.shape) for x in (along, across))
        return segments.start + along[:, None] * segments.ahead + across[:, None] * segments.left

    one, other = point(begin, right), point(end, left)
    return jnp.minimum(one, other), jnp.maximum(one, other)


def _upright(corners: jax.Array, height: jax.Array | float) -> jax.Array:
    """Adds heights to corners [N, 2]."""
    heights = jnp.broadcast_to(height, len(corners))
    return jnp.concatenate([corners, heights[:, None]], axis=1)
