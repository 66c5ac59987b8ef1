"""Exact solvers against positions that were worked by hand, and against brute force."""

import itertools

import numpy as np
import pytest

from jaxdl.rl.solvers import (
    LINES,
    Solver,
    reachable_tic_tac_toe,
    solve_connect_four,
    solve_tic_tac_toe,
)


def squares(text):
    """A board out of rows such as "xo. .x. ...": x is to move."""
    return tuple({"x": 1, "o": -1, ".": 0}[one] for one in text.replace(" ", ""))


@pytest.mark.parametrize(
    ("text", "value", "best"),
    [
        ("... ... ...", 0, tuple(range(9))),  # every first move draws
        ("xx. oo. ...", 1, (2,)),  # a win in one
        ("x.. oo. ..x", 0, (5,)),  # the loss in one has to be blocked
        ("o.. .x. ..o", 0, (1, 3, 5, 7)),  # opposite corners: a corner would lose
        ("o.. ... ...", 0, (4,)),  # the only answer to a corner is the middle
        ("oo. .o. x.x", 1, (7,)),
        ("o.o .x. o.x", -1, (1, 3)),  # two threats; both moves lose
    ],
)
def test_tic_tac_toe_by_hand(text, value, best):
    solved = solve_tic_tac_toe(squares(text))
    assert solved.value == value
    assert set(solved.best) == set(best) or value == -1


def test_all_reachable_positions_of_tic_tac_toe():
    """5478 positions are known to be reachable, of which 958 are ends."""
    reached = reachable_tic_tac_toe()
    assert len(reached) == 5478 - 958
    for moves, board in reached[::97]:
        played = [0] * 9
        for number, move in enumerate(moves):
            played[move] = 1 if (len(moves) - number) % 2 == 0 else -1
        assert tuple(played) == board


def endgame(*columns):
    """Columns from the left, bottom first, on a board whose others are full and hold no line."""
    board = np.zeros((6, 7), int)
    pattern = np.array([1, 1, -1, -1, 1, 1])
    for column in range(7):
        board[:, column] = pattern if column % 2 else -pattern
    for column, text in enumerate(columns):
        stones = [{"x": 1, "o": -1}[one] for one in text]
        board[:, column] = [0] * (6 - len(stones)) + stones[::-1]
    return board


def test_connect_four_by_hand():
    win = endgame("xxx", "oo", "o")  # four upright
    solved = solve_connect_four(win)
    assert solved.value == 1 and 0 in solved.best
    mirrored = solve_connect_four(win[:, ::-1])
    assert mirrored.value == 1 and {6 - move for move in solved.best} == set(mirrored.best)
    block = endgame("ooo", "xoxo", "xoxox")  # all but a stone on the other's three loses at once
    for column in (1, 2):
        after = block.copy()
        after[np.flatnonzero(after[:, column] == 0)[-1], column] = 1
        assert solve_connect_four(-after).value == 1
    solved = solve_connect_four(block)
    assert solved.value == brute_force(block.copy(), 1)
    assert solved.best == ((0,) if solved.value >= 0 else (0, 1, 2))


def brute_force(board, player):
    """The value by looking at everything, with rules in the plainest form."""
    moves = [c for c in range(7) if board[0, c] == 0]
    if has_four(board, -player):
        return -1
    if not moves:
        return 0
    values = []
    for column in moves:
        row = np.flatnonzero(board[:, column] == 0)[-1]
        board[row, column] = player
        values.append(-brute_force(board, -player))
        board[row, column] = 0
    return max(values)


def has_four(board, player):
    own = board == player
    for row, column in itertools.product(range(6), range(7)):
        for down, right in ((1, 0), (0, 1), (1, 1), (1, -1)):
            cells = [(row + i * down, column + i * right) for i in range(4)]
            if all(0 <= r < 6 and 0 <= c < 7 and own[r, c] for r, c in cells):
                return True
    return False


def random_endgame(rng, stones):
    """A position after so many random moves in which nobody has won, seen by who is to move."""
    while True:
        board = np.zeros((6, 7), int)
        player = 1
        for _ in range(stones):
            column = rng.choice([c for c in range(7) if board[0, c] == 0])
            board[np.flatnonzero(board[:, column] == 0)[-1], column] = player
            if has_four(board, player):
                break
            player = -player
        else:
            return board * player


def test_connect_four_against_brute_force():
    rng = np.random.default_rng(0)
    solver = Solver({})
    values = []
    for _ in range(16):
        board = random_endgame(rng, 36)
        solved = solve_connect_four(board, solver)
        values.append(solved.value)
        assert solved.value == brute_force(board, 1)
        for column in (c for c in range(7) if board[0, c] == 0):
            after = board.copy()
            after[np.flatnonzero(after[:, column] == 0)[-1], column] = 1
            assert (-brute_force(-after, 1) == solved.value) == (column in solved.best)
    assert {-1, 0, 1} == set(values)


def test_every_line_of_tic_tac_toe_is_there_once():
    grid = np.arange(9).reshape(3, 3)
    lines = [*grid, *grid.T, grid.diagonal(), grid[:, ::-1].diagonal()]
    assert {tuple(sorted(line)) for line in lines} == set(LINES) and len(LINES) == 8
