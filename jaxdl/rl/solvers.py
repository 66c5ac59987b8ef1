"""Exact solutions of small games, on the host, as yardsticks for players that have learned them.

Tic-tac-toe is solved whole. Of connect four, which has 4.5e12 positions, endgames are: with some 16
empty squares a position takes a fraction of a second.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Board = tuple[int, ...]  # squares row by row: 1 who is to move, -1 the other, 0 nobody
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
ROWS, COLUMNS = 6, 7
TALL = ROWS + 1  # bits of a column; the highest one stays empty, so that no line wraps around
CENTER_FIRST = sorted(range(COLUMNS), key=lambda column: abs(column - COLUMNS // 2))


class Solved(NamedTuple):
    """What perfect play makes of a position.

    Attributes:
      value: for who is to move: 1 a win, 0 a draw, -1 a loss.
      best: the moves that keep it.
    """

    value: int
    best: tuple[int, ...]


class Reached(NamedTuple):
    """A position of tic-tac-toe in which a move is to be made.

    Attributes:
      moves: one way there from the empty board.
      board: as who is to move sees it.
    """

    moves: tuple[int, ...]
    board: Board


@cache
def solve_tic_tac_toe(board: Board) -> Solved:
    """Solves a position of tic-tac-toe by looking at all that can follow.

    Args:
      board: nine squares, as who is to move sees them. The game may be over.
    """
    if any(all(board[i] == -1 for i in line) for line in LINES):
        return Solved(-1, ())  # the last move, which was the other's, has won
    empty = [square for square in range(9) if board[square] == 0]
    if not empty:
        return Solved(0, ())
    values = {square: -solve_tic_tac_toe(_after(board, square)).value for square in empty}
    value = max(values.values())
    return Solved(value, tuple(square for square in empty if values[square] == value))


def reachable_tic_tac_toe() -> list[Reached]:
    """Lists every position of tic-tac-toe that play can reach and in which it goes on: 4520."""
    found: dict[Board, Reached] = {}
    front = [Reached((), (0,) * 9)]
    while front:
        here = front.pop()
        if here.board in found or not solve_tic_tac_toe(here.board).best:
            continue
        found[here.board] = here
        front += [
            Reached((*here.moves, square), _after(here.board, square))
            for square in range(9)
            if here.board[square] == 0
        ]
    return list(found.values())


def _after(board: Board, square: int) -> Board:
    """The board after a move, as the other sees it."""
    return tuple(-(1 if i == square else x) for i, x in enumerate(board))


class Solver(NamedTuple):
    """A search of connect four that remembers what it has solved.

    Attributes:
      known: stones of who is to move and of the other, as bits -> value.
    """

    known: dict[tuple[int, int], int]


def solve_connect_four(board: Any, solver: Solver | None = None) -> Solved:
    """Solves an endgame of connect four in which nobody has four in a row yet.

    Args:
      board: [6, 7], the top row first, 1 for stones of who is to move and -1 for the other's.
      solver: what earlier calls have learned; handed in again, it saves time.
    """
    board = np.asarray(board)
    solver = solver or Solver({})
    own, other = (_bits(board == player) for player in (1, -1))
    values = {move: _value_of(own, other, move, solver) for move in _legal(own | other)}
    if not values:
        return Solved(0, ())
    value = max(values.values())
    return Solved(value, tuple(sorted(move for move in values if values[move] == value)))


def _value_of(own: int, other: int, column: int, solver: Solver) -> int:
    stone = _drop(own | other, column)
    if _has_four(own | stone):
        return 1
    return -_solve(other, own | stone, solver)


def _solve(own: int, other: int, solver: Solver) -> int:
    """The value for the owner of the first stones; wins and forced replies are seen at once."""
    if (own, other) in solver.known:
        return solver.known[own, other]
    stones = [_drop(own | other, column) for column in _legal(own | other)]
    value = -1 if stones else 0
    if any(_has_four(own | stone) for stone in stones):
        value = 1
    else:
        threats = [stone for stone in stones if _has_four(other | stone)]
        for stone in threats or stones:
            if len(threats) > 1 or value == 1:
                break
            value = max(value, -_solve(other, own | stone, solver))
    solver.known[own, other] = value
    return value


def _bits(stones: np.ndarray) -> int:
    """Squares [6, 7] as an integer: bit 7 * column + height."""
    rows, columns = np.nonzero(stones)
    return sum(1 << int(TALL * c + ROWS - 1 - r) for r, c in zip(rows, columns, strict=True))


def _legal(filled: int) -> Iterator[int]:
    """Columns that are not full, the middle ones first."""
    return (c for c in CENTER_FIRST if not filled >> (TALL * c + ROWS - 1) & 1)


def _drop(filled: int, column: int) -> int:
    """The bit of the lowest empty square of a column."""
    bottom = 1 << (TALL * column)
    return (filled + bottom) & ~filled & (bottom * ((1 << TALL) - 1))


def _has_four(stones: int) -> bool:
    """Whether four stones stand in a line: upright, level, or along a diagonal."""
    for step in (1, TALL, TALL - 1, TALL + 1):
        pairs = stones & (stones >> step)
        if pairs & (pairs >> (2 * step)):
            return True
    return False
