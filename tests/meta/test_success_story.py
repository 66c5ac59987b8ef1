"""The success story against plain Python: stacks bit for bit, lives, and searches."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.envs.dark_maze import HEADINGS
from jaxdl.meta import SelfRule, levin, levin_searching, self_modifying, success_story
from jaxdl.meta.levin import INSTRUCTIONS, JUMP, MOVES, Runs, adapt, all_programs, levin_search
from jaxdl.meta.self_modification import ARGUMENTS, CELLS, begin_life, live_step
from jaxdl.meta.success_stack import call_success_story, change_row, empty_stack

ROWS, VALUES = 4, 3


class Story:
    """The paper's algorithm with one list for a stack: ("tag", t, R) and ("copy", row, values)."""

    def __init__(self, policy):
        self.policy = np.array(policy, np.float32)
        self.stack = []

    def change(self, row, new):
        self.stack.append(("copy", row, self.policy[row].copy()))
        self.policy[row] = new

    def tags(self):
        return [entry for entry in self.stack if entry[0] == "tag"]

    def call(self, time, reward):
        while tags := self.tags():
            _, t1, r1 = tags[-1]
            _, t2, r2 = tags[-2] if len(tags) > 1 else ("tag", 0, np.float32(0))
            new = np.float32(reward - r1) / np.float32(time - t1)
            old = np.float32(reward - r2) / np.float32(time - t2)
            if new > old:
                break
            while (entry := self.stack.pop())[0] != "tag":
                self.policy[entry[1]] = entry[2]
        self.stack.append(("tag", time, np.float32(reward)))


def random_events(seed, number=120):
    """Changes of rows, time that passes, rewards, and calls, in random order."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(2, number, p=[0.6, 0.4])
    rows = rng.integers(0, ROWS, number)
    new = rng.dirichlet(np.ones(VALUES), number).astype(np.float32)
    passed = rng.integers(1, 9, number)
    luck = np.cumsum(rng.normal(0, 0.05, number)) + 0.3  # rewards come faster and slower
    earned = rng.binomial(passed, np.clip(luck, 0, 1)).astype(np.float32)
    return kind, rows, new, passed, earned


@pytest.fixture(scope="module")
def told():
    """The JAX version of the same events, with the state after each."""

    def play(events):
        def step(carry, event):
            stack, policy, time, reward = carry
            kind, row, new, passed, earned = event
            time, reward = time + passed, reward + earned
            stack, policy, _ = change_row(stack, policy, row, new, kind == 0)
            stack, policy = call_success_story(stack, policy, time, reward, kind == 1)
            return (stack, policy, time, reward), (stack, policy, time, reward)

        stack = empty_stack(VALUES, tags=64, copies=128)
        begun = (stack, jnp.full((ROWS, VALUES), 1 / 3), jnp.int32(0), jnp.float32(0))
        return jax.lax.scan(step, begun, events)[1]

    every = [random_events(seed) for seed in range(6)]
    stacked = [jnp.stack(parts) for parts in zip(*every, strict=True)]
    return every, jax.device_get(jax.jit(jax.vmap(play))(stacked))


def test_stack_and_policy_are_the_papers_bit_for_bit(told):
    every, (stacks, policies, times, rewards) = told
    undone = 0
    for life, (kinds, rows, new, _, _) in enumerate(every):
        story = Story(np.full((ROWS, VALUES), 1 / 3))
        for i, kind in enumerate(kinds):
            height = len(story.tags())
            if kind == 0:
                story.change(rows[i], new[i])
            else:
                story.call(times[life, i], rewards[life, i])
                undone += len(story.tags()) <= height
            stack = jax.tree.map(lambda x, life=life, i=i: x[life, i], stacks)
            np.testing.assert_array_equal(policies[life, i], story.policy)
            tags, copies = story.tags(), [e for e in story.stack if e[0] == "copy"]
            assert (stack.tags, stack.copies, stack.overflows) == (len(tags), len(copies), 0)
            below = [
                sum(e[0] == "copy" for e in story.stack[:place])
                for place, entry in enumerate(story.stack)
                if entry[0] == "tag"
            ]
            np.testing.assert_array_equal(stack.time[: len(tags)], [t for _, t, _ in tags])
            np.testing.assert_array_equal(stack.reward[: len(tags)], [r for _, _, r in tags])
            np.testing.assert_array_equal(stack.below[: len(tags)], below)
            np.testing.assert_array_equal(stack.row[: len(copies)], [r for _, r, _ in copies])
            if copies:
                np.testing.assert_array_equal(
                    stack.copy[: len(copies)], np.stack([values for _, _, values in copies])
                )
    assert 20 < undone < sum((kinds == 1).sum() for kinds, *_ in every)


def test_after_each_call_reward_comes_faster_since_every_later_checkpoint(told):
    every, (stacks, _, times, rewards) = told
    heights = []
    for life, (kinds, *_) in enumerate(every):
        for i in np.flatnonzero(kinds == 1):
            count = stacks.tags[life, i] - 1  # the last tag is of now
            heights.append(count)
            since = [
                (0, 0.0),
                *zip(stacks.time[life, i, :count], stacks.reward[life, i, :count], strict=True),
            ]
            rates = [(rewards[life, i] - r) / (times[life, i] - t) for t, r in since]
            assert all(np.diff(rates) > 0)
    assert max(heights) >= 4


def test_what_has_no_room_is_counted_and_not_done():
    stack, policy = empty_stack(2, tags=2, copies=1), jnp.full((1, 2), 0.5)
    for i, new in enumerate(([0.2, 0.8], [0.1, 0.9])):
        stack, policy, does = change_row(stack, policy, jnp.int32(0), jnp.array(new), True)
        assert bool(does) == (i == 0)
    np.testing.assert_allclose(policy, [[0.2, 0.8]])
    for time, reward in ((10, 0.0), (20, 1.0), (30, 5.0)):
        stack, policy = call_success_story(
            stack, policy, jnp.int32(time), jnp.float32(reward), jnp.bool_(True)
        )
    assert (int(stack.tags), int(stack.copies), int(stack.overflows)) == (2, 1, 2)


def blocked(free, place, heading):
    row, column = np.add(place, HEADINGS[heading % 4])
    return not (0 <= row < len(free) and 0 <= column < len(free) and free[row, column])


def test_a_life_of_self_modification_against_plain_python():
    """With the same draws: the same instructions, policies, checkpoints and rewards."""
    rule = SelfRule(rate=0.25, least=0.02, rewards=1, patience=60)
    maze = make("dark_maze", size=3, longest=2).sample_task(jax.random.key(3))
    steps = 1500
    keys = jax.random.split(jax.random.key(4), steps)

    def step(life, key):
        after = live_step(key, life, rule)
        return after, (after._replace(maze=()), jax.random.uniform(key, (3,)))

    newborn = begin_life(maze, tags=32, copies=256)
    _, (lives, lots) = jax.device_get(jax.jit(lambda: jax.lax.scan(step, newborn, keys))())

    free, goal = np.asarray(maze.free), tuple(map(int, maze.goal))
    story = Story(np.full((CELLS, CELLS), 1 / CELLS))
    place, heading, pointer, time, reward = (0, 0), int(maze.heading), 0, 0, 0
    changes, wanted, asked, undone = 0, 0, 0, 0
    for i in range(steps):
        cells = [(pointer + k) % CELLS for k in range(3)]
        ends = [np.cumsum(story.policy[c])[:-1] for c in cells]
        op, cell, number = (int(np.sum(lots[i, k] >= ends[k])) for k in range(3))
        is_blocked = blocked(free, place, heading)
        pointer = (pointer + 1 + ARGUMENTS[op]) % CELLS
        pointer = {3: cell if is_blocked else pointer, 4: 0}.get(op, pointer)
        if op == 0 and not is_blocked:
            place = tuple(map(int, np.add(place, HEADINGS[heading])))
        heading = (heading + {1: 3, 2: 1}.get(op, 0)) % 4
        time += 1 + ARGUMENTS[op]
        is_there = place == goal
        if is_there:
            place, heading, reward = (0, 0), int(maze.heading), reward + 1
        waits = wanted > 0
        if op in (5, 6) and not waits:
            row, one = story.policy[cell], np.arange(CELLS) == number
            less = 0.75 * row[number]
            new = 0.75 * row + 0.25 * one
            if op == 6:
                new = np.where(one, less, row * (1 - less) / (1 - row[number]))
            if (new >= 0.02).all():
                story.change(cell, new)
                changes += 1
        if op == 7 and changes and not waits:
            wanted, asked = 1, time
        elif waits:
            wanted -= is_there
            if wanted == 0 or time - asked >= 60:
                height = len(story.tags())
                story.call(time, reward)
                undone += len(story.tags()) <= height
                changes = wanted = 0
        now = jax.tree.map(lambda x, i=i: x[i], lives)
        assert (tuple(now.walker.place), now.walker.heading) == (place, heading)
        assert (now.pointer, now.time, now.reward) == (pointer, time, reward)
        assert (now.changes, now.wanted, now.stack.tags) == (changes, wanted, len(story.tags()))
        np.testing.assert_allclose(now.policy, story.policy, atol=1e-6)
        story.policy = now.policy.copy()  # rounding does not add up
    assert undone > 3 and len(story.tags()) >= 1 and reward >= 2


def run_in_python(code, addresses, length, maze, longest):
    free, goal = np.asarray(maze.free), tuple(map(int, maze.goal))
    place, heading, pointer = (0, 0), int(maze.heading), 0
    for step in range(longest):
        if pointer >= length:
            return step, False
        if code[pointer] == JUMP:
            pointer = addresses[pointer]
            continue
        side, until, turn = MOVES[code[pointer]]
        if not blocked(free, place, heading):
            place = tuple(map(int, np.add(place, HEADINGS[heading])))
        if blocked(free, place, heading + (0, 3, 1)[side]) == until:
            heading = (heading + {-1: 0, 1: 3, 2: 1}[turn]) % 4
            pointer += 1
        if place == goal:
            return step + 1, True
    return longest, False


@pytest.fixture(scope="module")
def programs():
    return all_programs(3)


@pytest.fixture(scope="module")
def ran(programs):
    env = make("dark_maze", size=7)
    mazes = jax.vmap(env.sample_task)(jax.random.split(jax.random.key(0), 3))
    run = jax.jit(jax.vmap(partial(levin.run_programs, programs, longest=60)))
    return mazes, jax.device_get(run(mazes))


def test_programs_run_as_in_plain_python(programs, ran):
    mazes, runs = ran
    for i in range(3):
        maze = jax.tree.map(lambda x, i=i: x[i], mazes)
        for q in range(0, len(programs.length), 7):
            steps, solves = run_in_python(
                programs.code[q], programs.address[q], programs.length[q], maze, 60
            )
            assert (runs.steps[i, q], runs.solves[i, q]) == (steps, solves)
    assert 0 < runs.solves.sum() < runs.solves.size / 10


def test_all_programs_are_there_and_their_probabilities_sum_to_one(programs):
    # 9 instructions each, of which the third may jump to two addresses.
    assert len(programs.length) == 9 + 9 * 9 + 9 * 9 * 10
    rows = {
        (*c.tolist(), *a.tolist(), int(n))
        for c, a, n in zip(programs.code, programs.address, programs.length, strict=True)
    }
    assert len(rows) == len(programs.length)
    policy = np.random.default_rng(0).dirichlet(np.ones(INSTRUCTIONS), 3)
    probability = levin.probabilities(programs, jnp.asarray(policy, jnp.float32))
    np.testing.assert_allclose(probability.sum(), 1, rtol=1e-5)
    q = 500
    by_hand = np.prod([policy[i, programs.code[q, i]] for i in range(programs.length[q])]) / 3
    ways = 2 if programs.code[q, 2] == JUMP and programs.length[q] == 3 else 1
    np.testing.assert_allclose(probability[q], by_hand / ways, rtol=1e-5)


def search_in_python(probability, steps, solves):
    """Levin search as it is told: phases of doubled limits, programs one after the other."""
    total, limit = 0, 1.0
    while limit < 2.0**26:
        for q, p in enumerate(probability):
            budget = int(np.floor(np.float32(p) * np.float32(limit)))
            total += min(steps[q], budget)
            if solves[q] and steps[q] <= budget:
                return q, total
        limit *= 2
    return None, total


@pytest.mark.parametrize("seed", range(5))
def test_levin_search_takes_the_steps_of_the_search_itself(seed):
    """Its order is that of Kt = -log D(q) + log t(q), up to the factor 2 between phases."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.full(30, 0.5)).astype(np.float32)
    steps, solves = rng.integers(1, 40, 30), rng.random(30) < 0.2
    found = levin_search(jnp.asarray(probability), Runs(jnp.asarray(steps), jnp.asarray(solves)))
    program, total = search_in_python(probability, steps, solves)
    assert bool(found.is_found) == (program is not None) == solves.any()
    if program is not None:
        assert (int(found.program), float(found.steps)) == (program, total)
        cost = steps / probability
        assert cost[program] <= 2 * cost[solves].min()


def test_nothing_is_found_where_nothing_solves():
    runs = Runs(jnp.array([3, 5]), jnp.array([False, False]))
    found = levin_search(jnp.array([0.5, 0.5]), runs)
    assert not found.is_found and found.steps == search_in_python([0.5] * 2, [3, 5], [0, 0])[1]


def test_what_was_found_becomes_more_probable():
    np.testing.assert_allclose(adapt(jnp.array([0.2, 0.3, 0.5]), 1, 0.1), [0.18, 0.37, 0.45])
    np.testing.assert_allclose(adapt(jnp.array([0.2, 0.3, 0.5]), 1, 0.0), [0.2, 0.3, 0.5])


@pytest.mark.slow
def test_searches_adapt_and_find_sooner():
    env = make("dark_maze", size=7)
    way = partial(levin_searching, env, program_length=3, longest=60, eval_mazes=2)
    rates = {}
    for rate in (0.0, 0.2):
        learner = success_story(way(rate=rate), lives=2)
        state, step = jax.jit(learner.init)(jax.random.key(0)), jax.jit(learner.step)
        for i in range(6):
            state, metrics = step(jax.random.key(i), state, ())
        rates[rate] = float(metrics["reward_rate"])
        assert state.actors.reward.tolist() == [6, 6]
    assert rates[0.2] > 1.5 * rates[0.0]
    scores = jax.jit(learner.evaluate)(jax.random.key(1), state)
    assert scores["reward_rate"] > 1.5 * scores["newborn_rate"]
    path, free = np.asarray(scores["path"]), np.asarray(scores["free"])
    assert free[0][tuple(path[0].T)].all()


@pytest.mark.slow
def test_a_policy_that_may_not_change_does_not():
    way = self_modifying(
        make("dark_maze", size=3), SelfRule(modifies=False), steps=50, eval_steps=10
    )
    learner = success_story(way, lives=1)
    state = learner.init(jax.random.key(0))
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    np.testing.assert_array_equal(after.params["policy"], state.params["policy"])
    assert metrics["tags"] == 0 and after.actors.time[0] >= 50
    with pytest.raises(BadInput, match="at least 1 life, got lives=0"):
        success_story(way, lives=0)


def test_exhibits_show_the_story_and_a_way_to_the_goal():
    from jaxdl.launch import Outcome
    from jaxdl.meta import success_exhibits
    from jaxdl.meta.success_exhibits import goal_of, maze_figure

    free = np.array([[1, 1, 1], [0, 0, 1], [0, 0, 1]], bool)
    assert goal_of(free) == (2, 2)
    path = np.array([(0, 1), (0, 2), (1, 2), (0, 0), (0, 1)])  # after (1, 2) comes the goal
    (panel,) = maze_figure(free, path).axes
    drawn = np.array(panel.lines[0].get_xydata())[:, ::-1]
    np.testing.assert_array_equal(drawn, [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2)])
    rows = [{"step": i, "reward_rate": 0.1 * i, "tags": i} for i in range(4)]
    metrics = {"eval/newborn_rate": {"mean": 0.1}}
    for seeds, cells in ((1, (8, 8)), (2, (3, 9))):
        arrays = {"free": free, "path": path, "policy": np.full(cells, 0.1)}
        arrays = {name: np.stack([x] * 2) for name, x in arrays.items()}  # of two lives
        if seeds > 1:
            arrays = {name: np.stack([x] * seeds) for name, x in arrays.items()}
        shown = success_exhibits(Outcome(metrics, arrays, rows, seeds))
        assert [exhibit.name for exhibit in shown] == ["story", "policy", "maze"]
