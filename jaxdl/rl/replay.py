"""Replay: rings of what happened in E worlds, and transitions drawn from them.

A ring's leaves are [E, N, ...]: each world has N places of its own, so that the ring is split over
devices like the worlds, and every world gives its share of a batch. All worlds write to the same
place at the same time.

Observations are stored once, in their own dtype. The one that follows a step is that of the next
place, and a stack of frames is put together from the places before, as `Frames` says. Only the last
observation of an episode is not there: after a termination nothing is asked of it, and a step that
was truncated is not learned from, while the steps before it bootstrap from the observation that it
was taken in.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.rl.frames import Frames, as_frames, join_frames

PRIORITY_FLOOR = 1e-6  # Schaul et al. 2016, section 3.3: epsilon, so that nothing is never drawn


class Steps(NamedTuple):
    """What happened in one step of E worlds; every leaf is [E, ...], in a ring [E, N, ...].

    Attributes:
      obs: what was acted upon, a single frame.
      action: as the learner wants it back.
      reward: float32.
      discount: float32, the world's own factor on the learner's discount; 0 at a termination.
      done: bool; the episode ended with this step.
      truncated: bool; it was cut.
    """

    obs: Any
    action: Any
    reward: jax.Array
    discount: jax.Array
    done: jax.Array
    truncated: jax.Array


class Ring(NamedTuple):
    """The last N steps of each of E worlds.

    Attributes:
      steps: Steps, leaves [E, N, ...].
      priority: [E, N] float32, the weights that steps are drawn by; () where all are alike.
      top: float32 scalar, the largest weight so far, which new steps get.
      position: int32 scalar, the place of the next step.
      size: int32 scalar, how many places are filled.
    """

    steps: Steps
    priority: jax.Array | tuple[()]
    top: jax.Array
    position: jax.Array
    size: jax.Array


class Places(NamedTuple):
    """Where B steps stand in a ring that is read as R rows of worlds, b from each; leaves [R, b].

    Attributes:
      world: int32, which of the row's worlds.
      column: int32, the place.
    """

    world: jax.Array
    column: jax.Array


class Transitions(NamedTuple):
    """What is learned from; every leaf is [B, ...].

    Attributes:
      obs: what was acted upon, frames stacked.
      action: as it was stored.
      reward: float32, the discounted sum of up to n rewards.
      discount: float32, on the value of `next_obs`; 0 after a termination.
      next_obs: what stood n steps later, or where the episode was cut before.
      weight: float32 on the loss: 0 for what has no target, else the importance weight.
    """

    obs: Any
    action: Any
    reward: jax.Array
    discount: jax.Array
    next_obs: Any
    weight: jax.Array


def make_ring(steps: Steps, places: int, *, prioritized: bool = False) -> Ring:
    """Makes an empty ring.

    Args:
      steps: arrays or their shapes [E, ...], of one step.
      places: N, for each world.
      prioritized: steps are drawn by weights.
    """
    empty = jax.tree.map(lambda x: jnp.zeros((x.shape[0], places, *x.shape[1:]), x.dtype), steps)
    priority = jnp.zeros((steps.reward.shape[0], places)) if prioritized else ()
    return Ring(empty, priority, jnp.float32(1.0), jnp.int32(0), jnp.int32(0))


def add(ring: Ring, steps: Steps) -> Ring:
    """Writes one step of every world over the oldest one, in place where the ring is given away.

    Args:
      ring: of E worlds.
      steps: leaves [E, ...].
    """
    places = ring.steps.reward.shape[1]

    def write(rows, row):
        return jax.lax.dynamic_update_slice_in_dim(rows, row[:, None], ring.position, axis=1)

    priority = ring.priority
    if not isinstance(priority, tuple):
        priority = write(priority, jnp.broadcast_to(ring.top, priority.shape[:1]))
    return ring._replace(
        steps=jax.tree.map(write, ring.steps, steps),
        priority=priority,
        position=(ring.position + 1) % places,
        size=jnp.minimum(ring.size + 1, places),
    )


def check_sizes(num_envs: int, capacity: int, batch_size: int, n_step: int, stack: int) -> int:
    """Returns N, the places of each world, if a ring of this capacity can be drawn from.

    Raises:
      BadInput: the worlds do not divide the capacity, or neither divides the other of worlds and
        batch; the capacity is below the batch or holds no whole transition.
    """
    if capacity < batch_size:
        raise BadInput(f"capacity={capacity} is below batch_size={batch_size}")
    if capacity % num_envs:
        raise BadInput(f"capacity={capacity} is not a multiple of num_envs={num_envs}")
    if batch_size % num_envs and num_envs % batch_size:
        raise BadInput(
            f"batch_size={batch_size} and num_envs={num_envs}: one should divide the other, so "
            "that all worlds have the same share of a batch"
        )
    places = capacity // num_envs
    if places < n_step + stack:
        raise BadInput(
            f"capacity={capacity} gives each of {num_envs} worlds {places} places; transitions of "
            f"{n_step} steps from {stack} frames need {n_step + stack}"
        )
    return places


def sample(
    key: jax.Array,
    ring: Ring,
    batch_size: int,
    *,
    n_step: int = 1,
    discount: float = 0.99,
    stack: int | Frames = 1,
    importance: float | jax.Array = 0.0,
) -> tuple[Transitions, Places]:
    """Draws transitions, from each world the same number.

    Args:
      key: of the draw.
      ring: holds at least n_step + stack steps.
      batch_size: B, a multiple of E, or E a multiple of it.
      n_step: n, at most so many rewards are summed.
      discount: gamma.
      stack: K, frames in an observation, those before the episode's start zeros; or Frames.
      importance: beta of Schaul et al. 2016, section 3.4, for a prioritized ring.

    Returns:
      Transitions, and their Places for `set_priority`.
    """
    frames = as_frames(stack)
    stack = frames.stack
    rows = min(batch_size, ring.steps.reward.shape[0])
    choice_key, place_key = jax.random.split(key)
    worlds = ring.steps.reward.shape[0] // rows
    world = jnp.zeros((rows, batch_size // rows), jnp.int32)
    if worlds > 1:  # a draw of nothing but zeros would cost as much as that of the places
        world = jax.random.randint(choice_key, world.shape, 0, worlds)
    if isinstance(ring.priority, tuple):
        column = _draw_evenly(place_key, ring, world.shape, n_step, stack)
        weight = jnp.ones(world.shape)
    else:
        column, weight = _draw_by_priority(place_key, ring, world, n_step, stack, importance)
    places = Places(world, column)
    return read(ring, places, n_step, discount, frames, weight), places


def set_priority(ring: Ring, places: Places, td_error: jax.Array, *, exponent: float = 0.6) -> Ring:
    """Gives steps the weight |error|^alpha: Schaul et al. 2016, eq. 1, proportional variant.

    Args:
      ring: prioritized.
      places: of B steps.
      td_error: [B].
      exponent: alpha; with 0 all weigh alike.
    """
    rows = places.column.shape[0]
    weight = (jnp.abs(td_error) + PRIORITY_FLOOR) ** exponent
    by_row = ring.priority.reshape(rows, -1, ring.priority.shape[1])
    after = jax.vmap(lambda row, world, column, x: row.at[world, column].set(x))(
        by_row, places.world, places.column, weight.reshape(places.column.shape)
    )
    top = jnp.maximum(ring.top, jnp.max(weight))
    return ring._replace(priority=after.reshape(ring.priority.shape), top=top)


def read(
    ring: Ring, places: Places, n_step: int, discount: float, frames: Frames, weight: jax.Array
) -> Transitions:
    """Puts transitions together from where they begin.

    Args:
      ring: that holds them whole, with the frames before and the steps after.
      places: of B steps.
      n_step: n.
      discount: gamma.
      frames: K, and what stands before an episode's start.
      weight: [R, b] importance weights.
    """
    length = ring.steps.reward.shape[1]

    def take(leaf, offset):
        """Reads [R, b, ...] at places shifted by an offset, a number or [R, b]."""
        by_row = leaf.reshape(places.column.shape[0], -1, *leaf.shape[1:])
        column = (places.column + offset) % length
        return jax.vmap(lambda row, world, column: row[world, column])(by_row, places.world, column)

    def observe(offset):
        """Stacks the frames up to a place, without those of the episode before."""
        seen = [jax.tree.map(lambda x: take(x, offset), ring.steps.obs)]
        same_episode = jnp.ones(places.column.shape, bool)
        for back in range(1, frames.stack):
            same_episode &= ~take(ring.steps.done, offset - back)
            frame = jax.tree.map(lambda x, back=back: take(x, offset - back), ring.steps.obs)
            first = seen[-1] if frames.before == "copies" else jax.tree.map(jnp.zeros_like, frame)
            seen.append(jax.tree.map(partial(_pick, same_episode), frame, first))
        return join_frames(seen[::-1])

    total = jnp.zeros(places.column.shape)
    factor = jnp.ones(places.column.shape)
    used = jnp.zeros(places.column.shape, jnp.int32)
    is_going = jnp.ones(places.column.shape, bool)
    for k in range(n_step):
        is_going &= ~take(ring.steps.truncated, k)
        total += jnp.where(is_going, factor * take(ring.steps.reward, k), 0.0)
        factor *= jnp.where(is_going, discount * take(ring.steps.discount, k), 1.0)
        used += is_going
        is_going &= ~take(ring.steps.done, k)
    transitions = Transitions(
        obs=observe(0),
        action=jax.tree.map(lambda x: take(x, 0), ring.steps.action),
        reward=total,
        discount=factor,
        next_obs=observe(used),
        weight=jnp.where(used > 0, weight, 0.0),
    )
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), transitions)


def _pick(keep: jax.Array, x: jax.Array, other: jax.Array) -> jax.Array:
    return jnp.where(keep.reshape(keep.shape + (1,) * (x.ndim - keep.ndim)), x, other)


def _num_starts(ring: Ring, n_step: int, stack: int) -> jax.Array:
    """How many of the ring's steps have the frames before and the steps after in the ring."""
    return ring.size - n_step - (stack - 1)


def _draw_evenly(
    key: jax.Array, ring: Ring, shape: tuple[int, int], n_step: int, stack: int
) -> jax.Array:
    length = ring.steps.reward.shape[1]
    age = jax.random.randint(key, shape, 0, _num_starts(ring, n_step, stack))
    return (ring.position - ring.size + stack - 1 + age) % length


def _draw_by_priority(
    key: jax.Array,
    ring: Ring,
    world: jax.Array,
    n_step: int,
    stack: int,
    importance: float | jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Draws columns [R, b] by weight and returns them with importance weights [R, b]."""
    rows, draws = world.shape
    length = ring.priority.shape[1]
    num_starts = _num_starts(ring, n_step, stack)
    first = (ring.position - ring.size + stack - 1) % length

    def mass_at(column, weight):
        """Zeroes the weights of steps that are not whole."""
        age = jnp.where(column < first, column + length, column) - first
        return jnp.where((age < num_starts) & (column < length), weight, 0.0)

    weights = ring.priority
    if rows < weights.shape[0]:  # then a row gives a single draw, and has one world to draw from
        by_row = weights.reshape(rows, -1, length)
        weights = jax.vmap(lambda row, world: row[world[0]])(by_row, world)
    # One draw from each of b equal parts of the mass (Schaul et al. 2016, section 3.3).
    part = (jnp.arange(draws) + jax.random.uniform(key, (rows, draws))) / draws
    drawn = jax.vmap(lambda weights, part: _draw_from_mass(weights, mass_at, part))(weights, part)
    probability = drawn.mass / drawn.total[:, None]
    # Rounded sums can lead to a step of no mass, about once in 1e7 draws: it is not learned from.
    weight = jnp.where(drawn.mass > 0, (num_starts * probability) ** -importance, 0.0)  # sec. 3.4
    return drawn.index, weight / jnp.max(weight)


class Drawn(NamedTuple):
    """Steps of one world, drawn by their mass.

    Attributes:
      index: [b] int32.
      mass: [b] theirs.
      total: scalar, of all steps.
    """

    index: jax.Array
    mass: jax.Array
    total: jax.Array


def _draw_from_mass(
    weights: jax.Array, mass_at: Callable[[jax.Array, jax.Array], jax.Array], part: jax.Array
) -> Drawn:
    """Finds in which of N steps parts of their mass lie, by blocks and then within one block.

    So all weights are read once, and cumulated only in the blocks that are drawn from.

    Args:
      weights: [N].
      mass_at: indices, weights there -> masses.
      part: [b] within [0, 1), of the whole mass.
    """
    length = weights.shape[0]
    size = max(int(length**0.5), 1)
    mass = mass_at(jnp.arange(length), weights)
    sums = jnp.sum(jnp.pad(mass, (0, -length % size)).reshape(-1, size), axis=1)
    total = jnp.sum(sums)
    block, level = _find_level(sums, part * total)
    inside = block[:, None] * size + jnp.arange(size)  # [b, size]
    mass = mass_at(inside, weights[inside])
    place, _ = jax.vmap(_find_level)(mass, level)
    take = jax.vmap(lambda row, place: row[place])
    return Drawn(take(inside, place), take(mass, place), total)


def _find_level(mass: jax.Array, level: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Finds the indices where cumulated masses [M] exceed levels [...], and what is above them."""
    cumulated = jnp.cumsum(mass)
    below_end = jnp.minimum(level, jnp.nextafter(cumulated[-1], 0.0))
    index = jnp.searchsorted(cumulated, below_end, side="right")
    index = jnp.minimum(index, mass.shape[0] - 1)
    return index, below_end - (cumulated[index] - mass[index])
