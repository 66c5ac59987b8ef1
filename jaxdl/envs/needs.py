"""Animals with needs in a small house: boxes and hungry-thirsty (Singh, Lewis & Barto 2009).

Where Do Rewards Come From?, and Singh, Lewis, Barto & Sorg 2010. An animal's fitness is the number
of steps that it is not hungry; that is the reward of these worlds. Where food is, is the task. The
house has 6 x 6 cells in four rooms; where its doors are and that a tenth of the moves go astray are
said to be as there, in copies of these worlds by others.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.names import parse_name
from jaxdl.envs.spaces import Discrete

SIDE = 6
CELLS = SIDE * SIDE
MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])  # rows and columns: up, right, down, left
CORNERS = np.array([0, SIDE - 1, CELLS - SIDE, CELLS - 1], np.int32)
OPEN_ROWS = (0, 4)  # of the wall between the left rooms and the right ones
OPEN_COLUMNS = (5,)  # of the wall between the upper rooms and the lower ones
THIRST = 0.1  # chance of becoming thirsty in a step
CLOSING = 0.1  # chance that an open box closes in a step; said to be so
CLOSED, HALF_OPEN, OPEN = range(3)


class Senses(NamedTuple):
    """What an animal perceives in each of its S states, for rewards that are functions of it.

    Attributes:
      flags: names of the truths.
      is_so: [S, B] bool, the truths.
      measures: names of the numbers.
      values: [S, F] float32, the numbers.
      needs: names of K combinations of needs, the states of the world but for the place.
      need: [S] int32, the combination of each state.
      is_hungry: [S] bool.
    """

    flags: tuple[str, ...]
    is_so: np.ndarray
    measures: tuple[str, ...]
    values: np.ndarray
    needs: tuple[str, ...]
    need: np.ndarray
    is_hungry: np.ndarray


class Corners(NamedTuple):
    """The task: two different corners of the house.

    Attributes:
      first: int32 cell, of the food or of the first box.
      second: int32 cell, of the water or of the second box.
    """

    first: jax.Array
    second: jax.Array


class Thirst(NamedTuple):
    """The state of hungry-thirsty.

    Attributes:
      place: int32 cell.
      hungry: bool.
      thirsty: bool.
      time: int32 steps since birth.
    """

    place: jax.Array
    hungry: jax.Array
    thirsty: jax.Array
    time: jax.Array


class Boxes(NamedTuple):
    """The state of boxes.

    Attributes:
      place: int32 cell.
      lids: [2] int32, CLOSED, HALF_OPEN or OPEN.
      hungry: bool.
      time: int32 steps since birth.
    """

    place: jax.Array
    lids: jax.Array
    hungry: jax.Array
    time: jax.Array


def hungry_thirsty(*, lifetime: int = 10_000, slip: float = 0.1) -> Env:
    """Lives where there is food in one corner and water in another; eating needs no thirst.

    Actions are four moves, to eat and to drink. In a step the animal is hungry unless it eats,
    which it can where the food is while it is not thirsty. It becomes thirsty with a chance of 0.1
    in each step, until it drinks. The observation is the state's number (144), the reward is 1
    where the animal is not hungry, and a life terminates after its steps.

    Args:
      lifetime: steps of a life.
      slip: chance that a move goes in a random direction.

    Raises:
      BadInput: a lifetime of less than 1, or a slip that is no chance.
    """
    _check("hungry_thirsty", lifetime, slip)

    def reset(key, task):
        place = jnp.int32(CELLS * jax.random.uniform(key))
        state = Thirst(place, jnp.bool_(True), jnp.bool_(True), jnp.int32(0))
        return state, thirst_number(state)

    def step(key, state, action, task):
        lots = jax.random.uniform(key, (3,))
        drinks = (action == 5) & (state.place == task.second)
        eats = (action == 4) & (state.place == task.first) & ~state.thirsty
        after = Thirst(
            place=move(state.place, action, lots[:2], slip),
            hungry=~eats,
            thirsty=~drinks & (state.thirsty | (lots[2] < THIRST)),
            time=state.time + 1,
        )
        return after, _answer(thirst_number(after), after, lifetime)

    return Env(sample_corners, reset, step, Discrete(4 * CELLS), Discrete(6))


def boxes(*, lifetime: int = 10_000, slip: float = 0.1) -> Env:
    """Lives off the food in two boxes, in two corners; a box that was opened has it for one step.

    Actions are four moves, to open the box of this corner and to eat. A closed box that is opened
    is half open for one step, in which there is food to eat, and open and empty then; an open box
    closes with a chance of 0.1 in each step. In a step the animal is hungry unless it eats. The
    observation is the state's number (648), the reward is 1 where the animal is not hungry, and a
    life terminates after its steps.

    Args:
      lifetime: steps of a life.
      slip: chance that a move goes in a random direction.

    Raises:
      BadInput: a lifetime of less than 1, or a slip that is no chance.
    """
    _check("boxes", lifetime, slip)

    def reset(key, task):
        place = jnp.int32(CELLS * jax.random.uniform(key))
        lids = jnp.full(2, CLOSED, jnp.int32)
        state = Boxes(place, lids, jnp.bool_(True), jnp.int32(0))
        return state, boxes_number(state)

    def step(key, state, action, task):
        lots = jax.random.uniform(key, (4,))
        is_here = state.place == jnp.stack([task.first, task.second])  # [2]
        eats = (action == 5) & jnp.any(is_here & (state.lids == HALF_OPEN))
        closes = (state.lids == OPEN) & (lots[2:] < CLOSING)
        lids = jnp.where(state.lids == HALF_OPEN, OPEN, jnp.where(closes, CLOSED, state.lids))
        opens = (action == 4) & is_here & (state.lids == CLOSED)
        after = Boxes(
            place=move(state.place, action, lots[:2], slip),
            lids=jnp.where(opens, HALF_OPEN, lids),
            hungry=~eats,
            time=state.time + 1,
        )
        return after, _answer(boxes_number(after), after, lifetime)

    return Env(sample_corners, reset, step, Discrete(18 * CELLS), Discrete(6))


def senses_of(name: str) -> Senses:
    """Returns what the animal perceives in the world of that name, settings and all.

    Raises:
      BadInput: the world is neither boxes nor hungry_thirsty.
    """
    world = parse_name(name).world
    makers = {"boxes": _boxes_senses, "hungry_thirsty": _thirst_senses}
    if world not in makers:
        raise BadInput(f"{world} is no world of needs; there are {', '.join(makers)}")
    return makers[world]()


def sample_corners(key: jax.Array) -> Corners:
    """Draws the task: two different corners, all pairs equally likely."""
    first, apart = jnp.int32(jax.random.uniform(key, (2,)) * jnp.array([4, 3]))
    corners = jnp.asarray(CORNERS)
    return Corners(corners[first], corners[(first + 1 + apart) % 4])


def move(place: jax.Array, action: jax.Array, lots: jax.Array, slip: float) -> jax.Array:
    """Returns the cell that a move leads to; the same for actions that are none.

    Args:
      place: int32 scalar, the cell that is left.
      action: int32 scalar; 0 to 3 are moves.
      lots: [2] from U[0, 1): whether the move goes astray, and where to.
      slip: chance that it does.
    """
    astray = jnp.int32(4 * lots[1])
    direction = jnp.where(lots[0] < slip, astray, action)
    return jnp.where(action < 4, jnp.asarray(NEIGHBORS)[place, direction % 4], place)


def thirst_number(state: Thirst) -> jax.Array:
    """Returns the number of a state of hungry-thirsty, int32."""
    return 4 * state.place + 2 * state.hungry + state.thirsty


def boxes_number(state: Boxes) -> jax.Array:
    """Returns the number of a state of boxes, int32."""
    return 18 * state.place + 6 * state.lids[0] + 2 * state.lids[1] + state.hungry


def is_wall(cell: int, direction: int) -> bool:
    """Says whether a wall, of a room or of the house, stops that move."""
    row, column = divmod(cell, SIDE)
    to_row, to_column = np.add((row, column), MOVES[direction])
    if not (0 <= to_row < SIDE and 0 <= to_column < SIDE):
        return True
    half = SIDE // 2
    crosses_columns = (column < half) != (to_column < half) and row not in OPEN_ROWS
    crosses_rows = (row < half) != (to_row < half) and column not in OPEN_COLUMNS
    return bool(crosses_columns or crosses_rows)


def _neighbors() -> np.ndarray:
    """Returns the cells [36, 4] that the moves of each cell lead to."""
    steps = MOVES[:, 0] * SIDE + MOVES[:, 1]
    rows = [[c if is_wall(c, d) else c + steps[d] for d in range(4)] for c in range(CELLS)]
    return np.array(rows, np.int32)


NEIGHBORS = _neighbors()


def _answer(number: jax.Array, after: Thirst | Boxes, lifetime: int) -> Step:
    reward = 1.0 - after.hungry.astype(jnp.float32)
    return Step(number, reward, after.time >= lifetime, jnp.bool_(False), {})


def _thirst_senses() -> Senses:
    number = np.arange(4 * CELLS)
    need = number % 4
    names = ("sated", "sated, thirsty", "hungry", "hungry, thirsty")
    flags = {"hungry": need >= 2, "thirsty": need % 2 == 1}
    return _make_senses(number // 4, flags, names, need)


def _boxes_senses() -> Senses:
    number = np.arange(18 * CELLS)
    hungry, lids = number % 2, np.stack([number // 6 % 3, number // 2 % 3], 1)
    low, high = lids.min(1), lids.max(1)  # which of the boxes is which makes no difference
    pairs = [(a, b) for a in range(3) for b in range(a, 3)]
    pair = np.array([pairs.index(both) for both in zip(low, high, strict=True)])
    lid = ("closed", "half open", "open")
    names = tuple(f"{h}, {lid[a]}, {lid[b]}" for h in ("sated", "hungry") for a, b in pairs)
    flags = {"hungry": hungry == 1}
    for state, title in ((HALF_OPEN, "half open"), (OPEN, "open")):
        flags |= {f"a box {title}": high == state if state == OPEN else (lids == state).any(1)}
        flags |= {f"both boxes {title}": low == state if state == OPEN else (lids == state).all(1)}
    return _make_senses(number // 18, flags, names, len(pairs) * hungry + pair)


def _make_senses(place, flags, names, need) -> Senses:
    """Returns the senses of states at these places, with numbers from -1 to 1 for the place."""
    across, down = place % SIDE, place // SIDE
    values = 2 * np.stack([across, down], 1) / (SIDE - 1) - 1
    return Senses(
        flags=tuple(flags),
        is_so=np.stack(list(flags.values()), 1),
        measures=("x", "y"),
        values=values.astype(np.float32),
        needs=names,
        need=need.astype(np.int32),
        is_hungry=flags["hungry"],
    )


def _check(world: str, lifetime: int, slip: float) -> None:
    if lifetime < 1:
        raise BadInput(f"{world} needs a lifetime of at least 1, got lifetime={lifetime}")
    if not 0 <= slip <= 1:
        raise BadInput(f"{world} needs a slip between 0 and 1, got slip={slip:g}")
