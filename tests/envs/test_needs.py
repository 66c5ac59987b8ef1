"""Boxes, hungry-thirsty and the dark maze: each step against plain Python with the same chance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, check, make
from jaxdl.envs.dark_maze import HEADINGS, Maze
from jaxdl.envs.needs import CLOSED, CORNERS, HALF_OPEN, NEIGHBORS, OPEN, senses_of

# The house as a drawing: # for walls between the cells, which stand at even rows and columns.
HOUSE = """
. . . . . .
     #
. . .#. . .
     #
. . .#. . .
##########
. . .#. . .
     #
. . . . . .
     #
. . .#. . .
""".strip("\n").split("\n")


def at(row, column):
    return HOUSE[row][column] if column < len(HOUSE[row]) else " "


def expected_neighbor(cell, direction):
    row, column = divmod(cell, 6)
    down, right = [(-1, 0), (0, 1), (1, 0), (0, -1)][direction]
    if not (0 <= row + down < 6 and 0 <= column + right < 6):
        return cell
    if at(2 * row + down, 2 * column + right) == "#":
        return cell
    return 6 * (row + down) + column + right


def test_the_house_is_as_drawn_and_all_of_it_can_be_reached():
    drawn = [[expected_neighbor(cell, d) for d in range(4)] for cell in range(36)]
    np.testing.assert_array_equal(NEIGHBORS, drawn)
    reached = {0}
    for _ in range(36):
        reached |= {int(to) for cell in reached for to in NEIGHBORS[cell]}
    assert reached == set(range(36))


def moved(place, action, lots, slip):
    if action >= 4:
        return place
    direction = int(np.float32(4) * lots[1]) if lots[0] < np.float32(slip) else action
    return expected_neighbor(place, direction)


def step_thirst(state, action, lots, task, slip):
    """(place, hungry, thirsty) after a step, by the rules in words."""
    place, _, thirsty = state
    ate = action == 4 and place == task[0] and not thirsty
    drank = action == 5 and place == task[1]
    parched = not drank and (thirsty or lots[2] < np.float32(0.1))
    return moved(place, action, lots, slip), not ate, parched


def step_boxes(state, action, lots, task, slip):
    """(place, lids, hungry) after a step, by the rules in words."""
    place, lids, _ = state
    ate, after = False, []
    for box, lid in enumerate(lids):
        here = place == task[box]
        if lid == HALF_OPEN:
            ate |= here and action == 5
            after.append(OPEN)
        elif lid == OPEN:
            after.append(CLOSED if lots[2 + box] < np.float32(0.1) else OPEN)
        else:
            after.append(HALF_OPEN if here and action == 4 else CLOSED)
    return moved(place, action, lots, slip), tuple(after), not ate


@pytest.fixture(scope="module", params=["hungry_thirsty", "boxes"])
def played(request):
    """4,000 steps by chance, in a world whose animal is drawn to its corners now and then."""
    name, steps = request.param, 4000
    env = make(name, slip=0.2)

    def play(key):
        task_key, birth_key, key = jax.random.split(key, 3)
        task = env.sample_task(task_key)
        state, obs = env.reset(birth_key, task)

        def step(state, key):
            key, action_key, place_key = jax.random.split(key, 3)
            lots = jax.random.uniform(place_key, (2,))
            corner = jnp.where(lots[1] < 0.5, task.first, task.second)
            state = state._replace(place=jnp.where(lots[0] < 0.4, corner, state.place))
            action = jax.random.randint(action_key, (), 0, 6)
            after, out = env.step(key, state, action, task)
            drawn = jax.random.uniform(key, (3 if name == "hungry_thirsty" else 4,))
            return after, (state, action, drawn, after, out)

        return task, jax.lax.scan(step, state, jax.random.split(key, steps))[1]

    return name, *jax.device_get(jax.jit(play)(jax.random.key(3)))


def test_every_step_is_as_the_rules_in_words_say(played):
    name, task, (before, actions, lots, after, out) = played
    rule = step_thirst if name == "hungry_thirsty" else step_boxes
    corners = (int(task.first), int(task.second))
    eaten = 0
    for i, action in enumerate(actions):
        own = [before.place[i], *(x[i] for x in before[1:-1])]
        found = [after.place[i], *(x[i] for x in after[1:-1])]
        state = [tuple(map(int, x)) if np.ndim(x) else x.item() for x in own]
        expected = rule(state, int(action), lots[i], corners, 0.2)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        eaten += out.reward[i]
        assert out.reward[i] == (not after.hungry[i])
    assert eaten > 10  # the rules were put to the test


def test_numbers_tell_states_apart_and_senses_read_them(played):
    name, _, (_, _, _, after, out) = played
    senses = senses_of(name)
    assert len({int(n) for n in out.obs}) == len({tuple(map(str, row)) for row in _rows(after)})
    np.testing.assert_array_equal(senses.is_hungry[out.obs], after.hungry)
    flags = dict(zip(senses.flags, senses.is_so[out.obs].T, strict=True))
    np.testing.assert_allclose(senses.values[out.obs, 0], after.place % 6 / 2.5 - 1, atol=1e-6)
    if name == "hungry_thirsty":
        np.testing.assert_array_equal(flags["thirsty"], after.thirsty)
    else:
        np.testing.assert_array_equal(flags["a box open"], (after.lids == OPEN).any(1))
        np.testing.assert_array_equal(flags["both boxes open"], (after.lids == OPEN).all(1))
        np.testing.assert_array_equal(flags["a box half open"], (after.lids == HALF_OPEN).any(1))
    names = [senses.needs[k] for k in senses.need[out.obs]]
    assert all(
        n.startswith("hungry" if h else "sated") for n, h in zip(names, after.hungry, strict=True)
    )
    assert len(senses.needs) == senses.need.max() + 1 == len(set(senses.need))


def _rows(state):
    return zip(*(np.asarray(x) for x in state[:-1]), strict=True)


def test_tasks_are_pairs_of_corners():
    tasks = jax.vmap(make("boxes").sample_task)(jax.random.split(jax.random.key(0), 600))
    pairs, counts = np.unique(np.stack(tasks), axis=1, return_counts=True)
    assert pairs.shape == (2, 12) and set(pairs.ravel()) == set(CORNERS)
    assert (pairs[0] != pairs[1]).all() and counts.min() > 20


@pytest.mark.parametrize("name", ["hungry_thirsty:lifetime=3", "boxes:lifetime=3", "dark_maze"])
def test_the_contract_is_kept(name):
    check(make(name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boxes:lifetime=0", "boxes needs a lifetime of at least 1, got lifetime=0"),
        ("hungry_thirsty:slip=1.5", "hungry_thirsty needs a slip between 0 and 1, got slip=1.5"),
        ("dark_maze:size=2", "dark_maze needs size of at least 3, got size=2"),
        ("dark_maze:longest=1", "dark_maze needs longest of at least 2"),
    ],
)
def test_bad_settings_are_one_line(name, text):
    with pytest.raises(BadInput, match=text):
        make(name)


def test_senses_are_those_of_worlds_of_needs():
    with pytest.raises(BadInput, match="cartpole is no world of needs; there are boxes, hungry"):
        senses_of("cartpole:seed=1")


@pytest.fixture(scope="module")
def mazes():
    env = make("dark_maze", size=9, longest=4)
    tasks = jax.jit(jax.vmap(env.sample_task))(jax.random.split(jax.random.key(1), 64))
    return env, jax.device_get(tasks)


def test_corridors_lead_from_the_corner_to_a_border_without_branches(mazes):
    _, tasks = mazes
    for free, goal, heading in zip(tasks.free, tasks.goal, tasks.heading, strict=True):
        cells = {tuple(map(int, cell)) for cell in np.argwhere(free)}
        ends = [
            cell
            for cell in cells
            if sum(tuple(np.add(cell, step)) in cells for step in HEADINGS.tolist()) == 1
        ]
        assert sorted(ends) == [(0, 0), tuple(goal)]
        assert tuple(HEADINGS[heading]) in cells  # its first step is free
        assert goal.max() >= 9 - 4
    assert 10 < np.sum(tasks.heading == 1) < 54


def test_a_walk_feels_its_walls_and_ends_at_the_goal(mazes):
    env, tasks = mazes
    task = jax.tree.map(lambda x: jnp.asarray(x[0]), tasks)
    free, key = np.asarray(task.free), jax.random.key(0)
    step = jax.jit(env.step)
    (row, column), heading = (0, 0), int(task.heading)
    state, obs = env.reset(key, task)
    rng = np.random.default_rng(0)

    def blocked(turn):
        down, right = HEADINGS[(heading + turn) % 4]
        r, c = row + down, column + right
        return not (0 <= r < 9 and 0 <= c < 9 and free[r, c])

    for _ in range(400):
        assert int(obs) == 4 * blocked(0) + 2 * blocked(3) + blocked(1)
        action = int(rng.choice(3, p=[0.6, 0.2, 0.2]))
        if action == 0 and not blocked(0):
            row, column = np.add((row, column), HEADINGS[heading])
        heading = (heading + (0, 3, 1)[action]) % 4
        state, out = step(key, state, jnp.int32(action), task)
        obs = out.obs
        np.testing.assert_array_equal(state.place, (row, column))
        is_there = (row, column) == tuple(map(int, task.goal))
        assert bool(out.terminated) == is_there == bool(out.reward)
        if is_there:
            break
    assert is_there


def test_a_lost_walker_is_cut(mazes):
    env = make("dark_maze:limit=2")
    assert env.obs_space == Discrete(8) and env.action_space == Discrete(3)
    task = env.sample_task(jax.random.key(0))
    assert isinstance(task, Maze)
    state, _ = env.reset(jax.random.key(0), task)
    ends = []
    for _ in range(2):
        state, out = env.step(jax.random.key(0), state, jnp.int32(1), task)
        ends.append((bool(out.terminated), bool(out.truncated)))
    assert ends == [(False, False), (False, True)]
