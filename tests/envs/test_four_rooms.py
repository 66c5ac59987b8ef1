"""Four rooms: walls, doorways, shortest paths by brute force, episodes."""

from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, check, make
from jaxdl.envs.four_rooms import (
    CELLS,
    LAYOUT,
    State,
    fewest_steps,
    mean_best_return,
    neighbors,
    shortest_paths,
)

ENV = make("four_rooms")
KEY = jax.random.key(0)
DOORS = {(3, 6), (6, 2), (7, 9), (10, 6)}
AWAY = ((-1, 0), (1, 0), (0, -1), (0, 1))


def search(start, closed=()):
    """Cell -> moves from the start, by breadth-first search over the letters of the plan."""
    moves = {start: 0}
    queue = deque(moves)
    while queue:
        row, column = queue.popleft()
        for down, right in AWAY:
            end = row + down, column + right
            if LAYOUT[end[0]][end[1]] == "." and end not in moves and end not in closed:
                moves[end] = moves[row, column] + 1
                queue.append(end)
    return moves


def test_shortest_paths_are_those_of_a_search():
    cells = list(map(tuple, CELLS.tolist()))
    assert len(cells) == 104
    for number, start in enumerate(cells):
        moves = search(start)
        assert [moves[cell] for cell in cells] == shortest_paths()[number].tolist()


def test_four_doorways_part_four_rooms():
    rooms = []
    for cell in map(tuple, CELLS.tolist()):
        if cell not in DOORS and not any(cell in room for room in rooms):
            rooms.append(set(search(cell, closed=DOORS)))
    assert sorted(map(len, rooms)) == [20, 25, 25, 30]
    for door in DOORS:  # each joins two rooms
        beside = {(door[0] + down, door[1] + right) for down, right in AWAY}
        assert sum(bool(beside & room) for room in rooms) == 2


def test_every_move_of_every_cell_is_that_of_the_plan():
    states = State(jnp.repeat(jnp.arange(104), 4), jnp.zeros(416, jnp.int32))
    actions = jnp.tile(jnp.arange(4), 104)
    keys = jax.random.split(KEY, 416)
    after, out = jax.vmap(ENV.step, (0, 0, 0, None))(keys, states, actions, jnp.int32(57))
    ends = []
    for row, column in CELLS.tolist():
        for down, right in AWAY:
            is_wall = LAYOUT[row + down][column + right] == "#"
            ends.append((row, column) if is_wall else (row + down, column + right))
    np.testing.assert_array_equal(CELLS[after.cell], ends)
    np.testing.assert_array_equal(out.obs, after.cell)
    np.testing.assert_array_equal(out.reward, after.cell == 57)
    np.testing.assert_array_equal(out.terminated, after.cell == 57)
    assert not out.truncated.any() and (after.time == 1).all()


def test_starts_are_all_cells_but_the_goal():
    reset = jax.vmap(ENV.reset, (0, None))
    states, obs = reset(jax.random.split(KEY, 4000), jnp.int32(57))
    counts = np.bincount(states.cell, minlength=104)
    assert counts[57] == 0 and (np.delete(counts, 57) > 10).all()
    np.testing.assert_array_equal(obs, states.cell)
    goals = jax.vmap(ENV.sample_task)(jax.random.split(KEY, 4000))
    assert (np.bincount(goals, minlength=104) > 10).all()


def test_a_slip_goes_in_each_other_direction_alike():
    env = make("four_rooms:slip=0.3")
    middle = int(np.flatnonzero((CELLS == (3, 3)).all(1))[0])
    state = State(jnp.int32(middle), jnp.int32(0))
    step = jax.vmap(env.step, (0, None, None, None))
    after, _ = step(jax.random.split(KEY, 8000), state, jnp.int32(2), jnp.int32(0))
    shares = [np.mean(after.cell == end) for end in neighbors()[middle]]
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.7, 0.1], atol=0.02)


def test_the_horizon_cuts_but_not_the_arrival():
    env = make("four_rooms:horizon=1")
    check(env)
    assert (env.obs_space, env.action_space) == (Discrete(104), Discrete(4))
    for goal, ends in ((1, (True, False)), (50, (False, True))):
        _, out = env.step(KEY, State(jnp.int32(0), jnp.int32(0)), jnp.int32(3), jnp.int32(goal))
        assert (bool(out.terminated), bool(out.truncated)) == ends
    far = State(jnp.int32(103), jnp.int32(0))
    assert fewest_steps(far, jnp.int32(1)) == search((1, 2))[11, 11]
    assert mean_best_return() == 1
    beside = sum(len([1 for n in search(cell).values() if n == 1]) for cell in map(tuple, CELLS))
    assert mean_best_return(horizon=1) == pytest.approx(beside / (104 * 103))


@pytest.mark.parametrize(
    ("settings", "text"),
    [("slip=1.5", "slip within 0 and 1, got slip=1.5"), ("horizon=0", "horizon of at least 1")],
)
def test_bad_settings_are_told(settings, text):
    with pytest.raises(BadInput, match=f"four_rooms needs {text}"):
        make(f"four_rooms:{settings}")
