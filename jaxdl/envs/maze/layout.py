"""Mazes of square cells, drawn by a random depth-first search: their walls are bits of words.

Cell (row, column) fills row <= y < row + 1, column <= x < column + 1. A wall stands on a line of
the grid and has no thickness. Every line has one word, so that a ray, a step and the search ask for
a wall by a shift alone.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

EAST, SOUTH, WEST, NORTH = range(4)  # headings; each is a turn to the right of the one before
STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # row and column of the next cell, by heading
SMALLEST, LARGEST = 2, 31  # cells along a side; a word has 32 bits


class Maze(NamedTuple):
    """Holds the walls of n x n cells.

    Attributes:
      at_x: [n + 1] uint32, of the lines x = 0 .. n: bit r is set where a wall stands in row r.
      at_y: [n + 1] uint32, of the lines y = 0 .. n: bit c is set where a wall stands in column c.
    """

    at_x: jax.Array
    at_y: jax.Array


class Search(NamedTuple):
    """The state of the depth-first search.

    Attributes:
      row: int32, where it stands.
      column: int32.
      new: [n] uint32; bit c of word r is set where a cell has not been visited.
      entered: [2, n] uint32; the two bits of the heading by which each cell was entered.
      maze: what has been opened so far.
    """

    row: jax.Array
    column: jax.Array
    new: jax.Array
    entered: jax.Array
    maze: Maze


def count_lots(size: int) -> int:
    """Returns how many random numbers a maze is made of: one of its root, two of every edge."""
    return 2 * size**2 - 1


def dig_maze(lots: jax.Array) -> Maze:
    """Makes a maze by a depth-first search that goes to a random new neighbor, else back.

    All cells are joined, and by one way only: the openings are a spanning tree.

    Args:
      lots: [`count_lots(n)`] float32 from U[0, 1).
    """
    size = int(((len(lots) + 1) // 2) ** 0.5)
    all_bits = jnp.full(size + 1, 2**size - 1, jnp.uint32)
    root = as_index(lots[0], size**2)
    row, column = root // size, root % size
    new = all_bits[:size] & ~_cell(size, row, column)
    start = Search(row, column, new, jnp.zeros((2, size), jnp.uint32), Maze(all_bits, all_bits))
    # Every edge of the tree is gone through twice, and then the search is back at its root.
    return jax.lax.scan(_search, start, lots[1:])[0].maze


def _search(search: Search, lot: jax.Array) -> tuple[Search, tuple[()]]:
    """Goes on to a new neighbor, or back by one cell."""
    row, column, new, entered, maze = search
    size = len(new)
    here = _pick(new, row)
    is_new = jnp.stack(
        [
            here >> (column + 1).astype(jnp.uint32),
            _pick(new, row + 1) >> column.astype(jnp.uint32),
            (here << 1) >> column.astype(jnp.uint32),
            _pick(new, row - 1) >> column.astype(jnp.uint32),
        ]
    ) & jnp.uint32(1)
    ways = jnp.sum(is_new, dtype=jnp.int32)
    goes_on = ways > 0
    order = jnp.cumsum(is_new.astype(jnp.int32))
    ahead = jnp.argmax(order > as_index(lot, ways)).astype(jnp.int32)
    low, high = ((_pick(word, row) >> column.astype(jnp.uint32)) & 1 for word in entered)
    came = (low + 2 * high).astype(jnp.int32)
    heading = jnp.where(goes_on, ahead, turned(came, 2))
    opened = open_wall(maze, row, column, heading)
    maze = jax.tree.map(lambda x, y: jnp.where(goes_on, x, y), opened, maze)
    row, column = neighbor(row, column, heading)
    cell = jnp.where(goes_on, _cell(size, row, column), jnp.uint32(0))
    bits = jnp.stack([heading & 1, heading >> 1]).astype(jnp.uint32)[:, None]
    return Search(row, column, new & ~cell, entered | cell * bits, maze), ()


def turned(heading: jax.Array, quarters: jax.Array | int) -> jax.Array:
    """Returns a heading after so many quarter turns to the right."""
    return (heading + quarters) % 4


def neighbor(row: jax.Array, column: jax.Array, heading: jax.Array):
    """Returns row and column of the cell ahead, whatever stands between."""
    down = (heading == SOUTH).astype(jnp.int32) - (heading == NORTH)
    right = (heading == EAST).astype(jnp.int32) - (heading == WEST)
    return row + down, column + right


def is_wall_ahead(maze: Maze, row: jax.Array, column: jax.Array, heading: jax.Array) -> jax.Array:
    """Tells whether a wall stands between a cell and the one ahead, a bool scalar."""
    line, bit, is_at_x = _edge(row, column, heading)
    word = jnp.where(is_at_x, _pick(maze.at_x, line), _pick(maze.at_y, line))
    return (word & bit) > 0


def open_wall(maze: Maze, row: jax.Array, column: jax.Array, heading: jax.Array) -> Maze:
    """Takes away the wall between a cell and the one ahead."""
    line, bit, is_at_x = _edge(row, column, heading)
    cut = jnp.where(jnp.arange(len(maze.at_x)) == line, bit, jnp.uint32(0))
    none = jnp.uint32(0)
    return Maze(
        maze.at_x & ~jnp.where(is_at_x, cut, none), maze.at_y & ~jnp.where(is_at_x, none, cut)
    )


def openings(maze: Maze) -> jax.Array:
    """Tells by heading, row and column whether the way ahead is open, [4, n, n] bool."""
    cells = jnp.arange(len(maze.at_x) - 1, dtype=jnp.uint32)
    open_x = (maze.at_x[None] >> cells[:, None]) & 1 == 0  # [row, line]
    open_y = (maze.at_y[:, None] >> cells[None]) & 1 == 0  # [line, column]
    return jnp.stack([open_x[:, 1:], open_y[1:], open_x[:, :-1], open_y[:-1]])


def as_index(lot: jax.Array, count: jax.Array | int) -> jax.Array:
    """Makes one of 0 .. count - 1, int32, of a number from U[0, 1)."""
    return (lot * count).astype(jnp.int32)


def _edge(row: jax.Array, column: jax.Array, heading: jax.Array):
    """Finds the wall ahead of a cell: number of the line, bit, and whether the line is one of x."""
    is_at_x = heading % 2 == 0
    line = jnp.where(is_at_x, column, row) + (heading <= SOUTH)
    bit = jnp.uint32(1) << jnp.where(is_at_x, row, column).astype(jnp.uint32)
    return line, bit, is_at_x


def _cell(size: int, row: jax.Array, column: jax.Array) -> jax.Array:
    """Returns words [n] of the rows in which the bit of one cell is set."""
    bit = jnp.uint32(1) << column.astype(jnp.uint32)
    return jnp.where(jnp.arange(size) == row, bit, jnp.uint32(0))


def _pick(words: jax.Array, i: jax.Array) -> jax.Array:
    """Returns words[i], or 0 where there is none; a sum, since XLA on CPUs gathers slowly."""
    mask = jnp.arange(len(words)) == i
    return jnp.sum(jnp.where(mask, words, jnp.uint32(0)), dtype=jnp.uint32)
