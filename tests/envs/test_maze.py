"""Mazes: how they are dug, how far it is in them, what is seen in them, and what steps pay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, check, make, vectorize
from jaxdl.envs.maze.camera import TARGET, take_picture
from jaxdl.envs.maze.layout import Maze, openings
from jaxdl.envs.maze.paths import shortest_path
from jaxdl.envs.maze.world import FORWARD, LEFT, RIGHT, State, maze_observed
from jaxdl.render.mazes import maze_frame, split_ways
from tests.envs import maze_reference as reference

SIZES = (2, 3, 5, 9)


def blind(size, limit=250):
    """The world, in which nothing is observed."""
    return maze_observed(lambda state, task: jnp.zeros(1), Box((1,)), size=size, limit=limit)


def draw(size, count, seed=0):
    """Tasks as NumPy's arrays [count, ...]."""
    keys = jax.random.split(jax.random.key(seed), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(blind(size).sample_task))(keys))


def one(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


@pytest.fixture(scope="module", params=SIZES)
def tasks(request):
    return request.param, draw(request.param, 40)


def test_every_maze_is_a_spanning_tree(tasks):
    """All cells are joined by n^2 - 1 openings, so that one way leads from each to each."""
    size, drawn = tasks
    for i in range(40):
        cells, count = reference.reachable(one(drawn.maze, i))
        assert len(cells) == size**2 and count == size**2 - 1


def test_ways_are_as_short_as_breadth_first_search_finds_them(tasks):
    size, drawn = tasks
    found = jax.jit(jax.vmap(shortest_path))(drawn.maze, drawn.start, drawn.heading, drawn.target)
    for i in range(40):
        task = one(drawn, i)
        expected = reference.shortest(task.maze, task.start, task.heading, task.target)
        assert int(found[i]) == expected > 0


def test_openings_are_told_by_heading(tasks):
    size, drawn = tasks
    found = np.asarray(jax.vmap(openings)(drawn.maze))
    for heading, row, column in np.ndindex(4, size, size):
        expected = not reference.has_wall(one(drawn.maze, 7), row, column, heading)
        assert found[7, heading, row, column] == expected


def test_mazes_follow_the_law_of_depth_first_search():
    """Their dead ends, and how far it is, are those of the textbook's search on a stack."""
    count, size = 1000, 5
    drawn = draw(size, count, seed=1)
    ways = jax.jit(jax.vmap(openings))(drawn.maze).sum(axis=1)  # openings of each cell
    ends = np.asarray((ways == 1).sum(axis=(1, 2)))
    random = np.random.default_rng(0)
    expected = [reference.dead_ends(reference.dug(random, size), size) for _ in range(count)]
    error = np.hypot(ends.std(), np.std(expected)) / count**0.5
    assert ends.mean() == pytest.approx(np.mean(expected), abs=4 * error)
    # All four trees of 2 x 2 cells are as likely.
    small = draw(2, 4000, seed=2).maze
    trees = np.unique(np.concatenate([small.at_x, small.at_y], axis=1), axis=0, return_counts=True)
    np.testing.assert_allclose(trees[1], [1000] * 4, atol=120)


def test_starts_and_targets_are_any_two_cells():
    drawn = draw(3, 7200, seed=3)
    pairs = (3 * drawn.start[:, 0] + drawn.start[:, 1]) * 9
    pairs += 3 * drawn.target[:, 0] + drawn.target[:, 1]
    numbers, counts = np.unique(pairs, return_counts=True)
    assert len(numbers) == 72 and not any(number // 9 == number % 9 for number in numbers)
    np.testing.assert_allclose(counts, 100, atol=45)
    np.testing.assert_allclose(np.bincount(drawn.heading), 1800, rtol=0.1)


@pytest.mark.parametrize(("size", "height", "width"), [(5, 30, 40), (9, 15, 20), (3, 12, 16)])
def test_pictures_are_those_of_a_walk_along_each_ray(size, height, width):
    """All bytes are, but for the last bit, which float32 may round otherwise than float64."""
    drawn = draw(size, 8, seed=4)
    random = np.random.default_rng(0)
    # The first stand at the start, the others beside the target, where it is seen the most.
    places = np.where(np.arange(8)[:, None] < 4, drawn.start, drawn.target)
    headings = random.integers(4, size=8)
    shoot = jax.vmap(lambda *each: take_picture(*each, height=height, width=width))
    place = places[:, 0], places[:, 1], headings
    pictures = np.asarray(jax.jit(shoot)(drawn.maze, drawn.target, *place))
    for i in range(8):
        task = one(drawn, i)
        pose = *map(int, places[i]), int(headings[i])
        expected = reference.picture(task.maze, task.target, *pose, height, width)
        assert np.abs(pictures[i].astype(int) - expected).max() <= 1
        assert expected.std() > 0 or len(np.unique(expected)) == 3  # a wall before the eye


def test_nothing_is_seen_through_a_wall():
    """In a closed cell the target beside it leaves no trace; where the wall is gone it is red."""
    closed = jnp.full(4, 0b111, jnp.uint32)
    target = jnp.array([1, 2])
    for heading in range(4):
        seen = take_picture(Maze(closed, closed), target, 1, 1, heading, height=12, width=16)
        assert not is_red(seen).any()
    opened = closed.at[2].set(0b101)  # the line x = 2, in row 1
    shares = [
        is_red(
            take_picture(Maze(opened, closed), target, 1, 1, heading, height=12, width=16)
        ).mean()
        for heading in range(4)
    ]
    assert shares[0] > 0.3 and shares[1:] == [0, 0, 0]


def is_red(seen):
    """Pixels with the ratio of colors of the target's cell."""
    seen = np.asarray(seen, float)
    return seen[..., 0] > 0.8 * TARGET[0] / TARGET[1] * seen[..., 1]


def test_steps_lead_where_they_should_and_pay_what_they_should():
    env = blind(3)
    drawn = draw(3, 60, seed=5)
    random = np.random.default_rng(1)
    rows, columns = random.integers(3, size=(2, 60))
    headings, actions = random.integers(4, size=60), random.integers(3, size=60)
    states = State(*(jnp.int32(x) for x in (rows, columns, headings)), jnp.zeros(60, jnp.int32))
    keys = jax.random.split(jax.random.key(0), 60)
    after, out = jax.jit(jax.vmap(env.step))(keys, states, jnp.int32(actions), drawn)
    kinds = set()
    for i in range(60):
        row, column, heading, hit = rows[i], columns[i], headings[i], False
        if actions[i] == FORWARD:
            hit = reference.has_wall(one(drawn.maze, i), row, column, heading)
            row, column = np.array([row, column]) + (0 if hit else reference.WAYS[heading])
        heading = (heading + {FORWARD: 0, LEFT: 3, RIGHT: 1}[actions[i]]) % 4
        found = (row, column) == tuple(drawn.target[i])
        assert (after.row[i], after.column[i], after.heading[i]) == (row, column, heading)
        reward = -0.04 + found - 0.001 * hit
        np.testing.assert_allclose(out.reward[i], reward, atol=1e-6)
        assert bool(out.terminated[i]) == found and float(out.info["hit"][i]) == hit
        kinds.add((int(actions[i]), bool(found), bool(hit)))
    assert len(kinds) >= 5 and not np.asarray(out.truncated).any()


def test_an_episode_is_cut_at_its_limit_and_begins_where_the_task_says():
    env = blind(3, limit=4)
    task = env.sample_task(jax.random.key(0))
    state, _ = env.reset(jax.random.key(1), task)
    again, _ = env.reset(jax.random.key(2), task)
    assert jax.tree.map(int, state) == jax.tree.map(int, again)
    ends = []
    for i in range(4):
        state, out = env.step(jax.random.key(i), state, jnp.int32(RIGHT), task)
        ends.append((bool(out.terminated), bool(out.truncated)))
    assert ends == [(False, False)] * 3 + [(False, True)]


def test_ten_thousand_worlds_fit():
    """By shapes alone: the state with its spare starts, and what a step makes beside it."""
    env = make("maze")
    check(env)
    assert env.obs_space == Box((30, 40, 3), 0, 255, np.uint8) and env.action_space == Discrete(3)
    worlds = vectorize(env, 10_000)
    state = jax.eval_shape(worlds.reset, jax.random.key(0))
    action = jax.ShapeDtypeStruct((10_000,), jnp.int32)
    after, out = jax.eval_shape(worlds.step, jax.random.key(0), state, action)
    assert after.obs.shape == out.obs.shape == (10_000, 30, 40, 3)
    assert sum(x.size * x.dtype.itemsize for x in jax.tree.leaves((state, after, out))) < 250e6


@pytest.mark.slow
def test_ten_thousand_worlds_run():
    worlds = vectorize(make("maze"), 10_000)
    state = jax.jit(worlds.reset)(jax.random.key(0))
    action = jax.random.randint(jax.random.key(1), (10_000,), 0, 3)
    state, out = jax.jit(worlds.step)(jax.random.key(2), state, action)
    found = np.asarray(out.terminated)
    assert 0 < found.mean() < 0.1 and out.obs.shape == (10_000, 30, 40, 3)
    np.testing.assert_allclose(out.reward[found], 0.96, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("maze:size=1", "maze: size=1 should be 2 to 31 cells along a side"),
        ("maze:size=32", "size=32 should be 2 to 31"),
        ("maze:limit=0", "maze: limit=0 should be at least 1 step"),
        ("maze:width=15", "maze: width=15 should be even, so that no ray runs along a wall"),
        ("maze:height=4", "a picture of 40 x 4 pixels; should be 8 to 256 along each side"),
        ("maze:width=300", "a picture of 300 x 30 pixels; should be 8 to 256"),
        ("maze:sise=5", "maze has no setting 'sise'; .*did you mean 'size'"),
    ],
)
def test_bad_settings_are_told_in_a_line(name, text):
    with pytest.raises(BadInput, match=text) as told:
        make(name)
    assert "\n" not in str(told.value)


def test_ways_are_split_by_episodes():
    """The step that found the target has shown the next start: the target is added."""
    places = np.array([(0, 0), (0, 1), (0, 0), (1, 0), (0, 0)])
    numbers = np.array([0, 0, 1, 1, 2])
    rewards = np.array([-0.04, 0.96, -0.04, -0.04])
    ways = split_ways(places, numbers, rewards, np.array([1, 1]))
    expected = [[(0, 0), (0, 1), (1, 1)], [(0, 0), (1, 0)], [(0, 0)]]
    assert [list(map(tuple, way)) for way in ways] == expected


def test_the_map_shows_walls_target_and_way():
    task = one(draw(3, 1, seed=6), 0)
    seen = np.full((12, 16, 3), 77, np.uint8)
    ways = [np.array([(0, 0), (0, 1)])]
    for size in ({"height": 96, "width": 192}, {"height": 128, "width": 128}):
        frame = maze_frame(seen, tuple(task.maze), task.target, ways, 0, **size)
        assert frame.shape == (size["height"], size["width"], 3)
        colors = {tuple(color) for color in frame.reshape(-1, 3)[::1]}
        assert {(77, 77, 77), (230, 58, 23), (0, 114, 178), (58, 58, 58)} <= colors
