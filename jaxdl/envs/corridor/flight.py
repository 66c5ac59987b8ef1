"""How a drone flies, what it hits, and how far it can see, by geometry alone."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.corridor.layout import CEILING, Layout, segments_of

SECONDS = 0.3  # of a step
SPEED = 1.0  # m/s
RADIUS = 0.18  # of the drone, a ball, m
TURN = 0.35  # the heading turns by this share of the angle to where it flies
PROBES = (1 / 3, 2 / 3, 1.0)  # parts of a step after which it is asked whether something was hit
FAR = 1e6  # m
TRIES = 8  # places, of which the first free one is taken
ASKEW = 0.7  # rad, at most, off the way ahead


class State(NamedTuple):
    """Holds where the drone is.

    Attributes:
      position: [3] m.
      heading: of the camera, rad counterclockwise from x.
      progress: m along the middle of the corridor, the farthest so far.
      time: int32 steps since the episode began.
    """

    position: jax.Array
    heading: jax.Array
    progress: jax.Array
    time: jax.Array


def flight_direction(heading: jax.Array, place: jax.Array) -> jax.Array:
    """Returns the unit vector [..., 3] from the camera through places [..., 2] of its picture.

    Args:
      heading: scalar, rad.
      place: to the right and up, -1 .. 1 at the edges: 45 degrees off the optical axis.
    """
    right, up = place[..., 0], place[..., 1]
    cos, sin = jnp.cos(heading), jnp.sin(heading)
    way = jnp.stack([cos + right * sin, sin - right * cos, up], axis=-1)
    return way * jax.lax.rsqrt(1 + right**2 + up**2)[..., None]


def move(state: State, place: jax.Array, layout: Layout) -> tuple[State, jax.Array]:
    """Flies for one step through a place of the picture, and turns towards it.

    Args:
      state: before.
      place: [2] to the right and up, as for `flight_direction`.
      layout: the corridor.

    Returns:
      The state, and whether the drone has hit something on the way. Every 10 cm are probed, so that
      a ball may cut a corner by 7 mm unnoticed.
    """
    step = SPEED * SECONDS * flight_direction(state.heading, place)
    probes = state.position + jnp.array(PROBES)[:, None] * step
    hit = jnp.any(clearance(layout, probes) <= RADIUS)
    position = probes[-1]
    heading = state.heading - TURN * jnp.arctan(place[0])
    progress = jnp.maximum(state.progress, progress_of(layout, position))
    return State(position, heading, progress, state.time + 1), hit


def clearance(layout: Layout, points: jax.Array) -> jax.Array:
    """Measures how far points [..., 3] are from the nearest surface [...], 0 within a box."""
    point = points[..., None, :]
    outside = jnp.maximum(jnp.maximum(layout.low - point, point - layout.high), 0.0)
    nearest = jnp.min(jnp.sum(outside**2, axis=-1), axis=-1)  # of the boxes, squared
    height = jnp.minimum(points[..., 2], CEILING - points[..., 2])
    return jnp.maximum(jnp.minimum(jnp.sqrt(nearest), height), 0.0)


def free_distance(
    layout: Layout, position: jax.Array, directions: jax.Array, radius: float = 0.0
) -> jax.Array:
    """Measures how far a cube can fly before it meets something.

    Args:
      layout: the corridor.
      position: [3] of its middle.
      directions: [B, 3] of unit length.
      radius: half of its sides, m; 0 for a ray.

    Returns:
      [B] m.
    """
    way = jnp.where(jnp.abs(directions) < 1e-6, 1e-6, directions)[:, None]  # [B, 1, 3]
    one = (layout.low - radius - position) / way
    other = (layout.high + radius - position) / way
    enters = jnp.max(jnp.minimum(one, other), axis=-1)
    leaves = jnp.min(jnp.maximum(one, other), axis=-1)
    meets = (enters < leaves) & (leaves > 0)
    nearest = jnp.min(jnp.where(meets, jnp.maximum(enters, 0.0), FAR), axis=-1)
    up = way[:, 0, 2]
    height = jnp.where(up > 0, CEILING - radius - position[2], radius - position[2]) / up
    return jnp.minimum(nearest, jnp.maximum(height, 0.0))


def progress_of(layout: Layout, position: jax.Array) -> jax.Array:
    """Measures m along the middle line to its point nearest to a position [3]."""
    segments = segments_of(layout.route)
    from_start = position[:2] - segments.start
    along = jnp.clip(jnp.sum(from_start * segments.ahead, axis=1), 0.0, segments.length)
    away = jnp.sum((from_start - along[:, None] * segments.ahead) ** 2, axis=1)
    begun = jnp.cumsum(segments.length) - segments.length
    return (begun + along)[jnp.argmin(away)]


def total_length(layout: Layout) -> jax.Array:
    """Returns m from the entrance to the exit."""
    return jnp.sum(segments_of(layout.route).length)


def start_at_entrance(key: jax.Array, layout: Layout) -> State:
    """Begins in the middle of the entrance, a little off and askew."""
    return _entrance(jax.random.uniform(key, (3,), minval=-1.0))


def _entrance(draws: jax.Array) -> State:
    """Begins at the entrance, by three draws within -1 and 1."""
    aside, askew, up = draws
    position = jnp.stack([0.0, 0.2 * aside, 1.25 + 0.25 * up])
    return State(position, 0.2 * askew, jnp.float32(0.0), jnp.int32(0))


def start_anywhere(key: jax.Array, layout: Layout) -> State:
    """Begins at a random place that is free, else at the entrance."""
    segments = segments_of(layout.route)
    draws = jax.random.uniform(key, (4, TRIES + 1))
    along, aside, askew, up = draws[:, :TRIES]
    gone = along * (total_length(layout) - 1.0)
    begun = jnp.cumsum(segments.length) - segments.length
    part = jnp.sum(gone[:, None] >= begun[None, 1:], axis=1)  # [TRIES] which segment
    ahead = segments.ahead[part]
    across = (aside - 0.5) * (layout.width - 2 * RADIUS)
    place = segments.start[part] + (gone - begun[part])[:, None] * ahead
    place = place + across[:, None] * segments.left[part]
    height = 0.5 + up * (CEILING - 1.0)
    position = jnp.concatenate([place, height[:, None]], axis=1)
    heading = jnp.arctan2(ahead[:, 1], ahead[:, 0]) + ASKEW * (2 * askew - 1)
    is_free = clearance(layout, position) > RADIUS
    first = jnp.argmax(is_free)
    found = State(position[first], heading[first], gone[first], jnp.int32(0))
    entrance = _entrance(2 * draws[:3, TRIES] - 1)
    return jax.tree.map(lambda x, y: jnp.where(is_free[first], x, y), found, entrance)
