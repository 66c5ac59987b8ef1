"""Reward search: the inner learner, expressions and the outer loop, each against plain Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, Env, Step, make
from jaxdl.envs.needs import senses_of
from jaxdl.launch import Outcome
from jaxdl.meta import QLearning, expressions, fitness_reward, reward_exhibits, reward_search
from jaxdl.meta.expressions import OPERATIONS, cross, evaluate, language, mutate, select, write
from jaxdl.meta.q_life import choose, fitness_until, live, period_of
from jaxdl.meta.reward_search import Fame, choose_famous
from jaxdl.meta.reward_spaces import by_need, programs, tables

SENSES = senses_of("boxes")
WORDS = language(SENSES)
LEVELS = (-1.0, 0.0, 0.5)


def ring(states=7):
    """Goes around a ring, 0 to 2 places at a time and one more by chance; one place feeds."""

    def reset(key, task):
        place = jnp.int32(states * jax.random.uniform(key))
        return place, place

    def step(key, state, action, task):
        place = (state + action + (jax.random.uniform(key) < 0.3)) % states
        reward = (place == task).astype(jnp.float32)
        return place, Step(place, reward, jnp.bool_(False), jnp.bool_(False), {})

    return Env(lambda key: jnp.int32(4), reset, step, Discrete(states), Discrete(3))


def test_q_learning_against_a_loop_with_the_same_draws():
    env, learning = ring(), QLearning(0.3, 0.9, 0.2)
    reward = np.random.default_rng(0).uniform(-1, 1, 7).astype(np.float32)
    periods, length = 3, 60
    task = jnp.int32(4)
    sizes = {"periods": periods, "length": length}
    lived = jax.jit(
        lambda key: live(key, task, jnp.asarray(reward), env=env, learning=learning, **sizes)
    )(jax.random.key(7))

    birth_key, life_key = jax.random.split(jax.random.key(7))
    state, obs = env.reset(birth_key, task)
    lots_of = jax.jit(lambda key: jax.random.uniform(key, (5,)))
    step = jax.jit(env.step)
    values, fitness = np.zeros((7, 3), np.float32), []
    for keys in jax.random.split(life_key, (periods, length)):
        fitness.append(0.0)
        for key in keys:
            action_key, world_key = jax.random.split(key)
            lots = np.asarray(lots_of(action_key))
            ties = [a for a in range(3) if values[obs, a] == values[obs].max()]
            action = max(ties, key=lambda a: lots[a])
            if lots[4] < np.float32(0.2):
                action = int(np.float32(3) * lots[3])
            state, out = step(world_key, state, jnp.int32(action), task)
            target = reward[out.obs] + 0.9 * values[out.obs].max()
            values[obs, action] += 0.3 * (target - values[obs, action])
            obs = int(out.obs)
            fitness[-1] += float(out.reward)
    np.testing.assert_array_equal(lived, fitness)
    assert min(fitness) > 0 and len(set(fitness)) > 1


def test_ties_are_drawn_and_exploration_is_even():
    keys = jax.random.split(jax.random.key(0), 6000)
    many = jax.jit(jax.vmap(choose, (0, None, None)))
    counts = np.bincount(many(keys, jnp.array([1.0, 2.0, 2.0]), 0.0), minlength=3) / 6000
    np.testing.assert_allclose(counts, [0, 0.5, 0.5], atol=0.03)
    counts = np.bincount(many(keys, jnp.array([1.0, 3.0, 2.0]), 0.3), minlength=3) / 6000
    np.testing.assert_allclose(counts, [0.1, 0.8, 0.1], atol=0.03)


def test_a_short_life_is_the_beginning_of_a_long_one():
    assert period_of((1000, 4000, 8000)) == 500 and period_of((20, 50)) == 1
    added = jnp.array([2.0, 0.0, 6.0, 1.0, 1.0])
    np.testing.assert_allclose(fitness_until(added, (20, 50), 10), [2 / 20, 10 / 50])


def run_in_python(program, state):
    """Evaluates a program in one state, with Python's lists for stacks."""
    numbers, truths = [], []
    meaning = {
        "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
        "least": min, "greatest": max, "less": lambda a, b: a < b, "and": lambda p, q: p and q,
        "or": lambda p, q: p or q, "not": lambda p: not p, "if": lambda a, b, p: a if p else b,
    }  # fmt: skip
    for token in program:
        name = WORDS.names[token]
        if name in SENSES.measures:
            numbers.append(SENSES.values[state, SENSES.measures.index(name)])
        elif name in SENSES.flags:
            truths.append(bool(SENSES.is_so[state, SENSES.flags.index(name)]))
        elif name in OPERATIONS:
            takes = OPERATIONS[name][:2]
            if len(numbers) < takes[0] or len(truths) < takes[1]:
                continue
            taken = [numbers.pop() for _ in range(takes[0])][::-1]
            taken += [truths.pop() for _ in range(takes[1])][::-1]
            answer = meaning[name](*taken)
            (numbers if OPERATIONS[name][2] else truths).append(answer)
        elif name != "skip":
            numbers.append(np.float32(name))
    return float(np.clip(numbers[-1], -1, 1)) if numbers else 0.0


@pytest.fixture(scope="module")
def evaluated():
    drawn = expressions.random_programs(jax.random.key(2), WORDS, 200, 14)
    rewards = jax.jit(jax.vmap(lambda program: evaluate(WORDS, program)))(drawn)
    return np.asarray(drawn), np.asarray(rewards)


def test_programs_against_python(evaluated):
    drawn, rewards = evaluated
    rng = np.random.default_rng(1)
    for program, reward in zip(drawn, rewards, strict=True):
        for state in rng.integers(0, 648, 12):
            assert reward[state] == pytest.approx(run_in_python(program, state), abs=1e-6)
    assert len(np.unique(rewards.round(4), axis=0)) > 40 and np.abs(rewards).max() <= 1
    used = {WORDS.names[token] for token in np.unique(drawn)}
    assert used == set(WORDS.names)


def test_expressions_are_written_as_they_are_computed():
    def token(name):
        return WORDS.names.index(name)

    words = ["add", "0.5", "x", "hungry", "not", "if", "-1", "multiply", "a box open"]
    program = np.array([token(word) for word in words])
    assert write(WORDS, program[:6]) == "if(0.5, x, not(hungry))"
    assert write(WORDS, program[:8]) == "multiply(if(0.5, x, not(hungry)), -1)"
    assert write(WORDS, program[[0, 3]]) == "0"


def test_tournaments_are_won_by_the_best_that_was_drawn():
    scores = jnp.array([3.0, 1.0, 2.0, 5.0, 0.0])
    key = jax.random.key(4)
    winners = select(key, scores, 50, 3)
    drawn = np.asarray(jax.random.randint(key, (50, 3), 0, 5))
    expected = [max(row, key=lambda i: float(scores[i])) for row in drawn]
    np.testing.assert_array_equal(winners, expected)
    assert len(set(expected)) > 2


def test_children_are_one_piece_of_the_other_in_the_one():
    one, other = jnp.zeros(10, jnp.int32), jnp.ones(10, jnp.int32)
    children = jax.vmap(lambda key: cross(key, one, other))(
        jax.random.split(jax.random.key(0), 300)
    )
    changes = np.abs(np.diff(np.asarray(children), axis=1)).sum(axis=1)
    assert changes.max() <= 2
    np.testing.assert_allclose(children.mean(), 0.3, atol=0.06)  # |U - V| of two cuts


def test_mutation_replaces_tokens_at_its_rate():
    program = jnp.full(20_000, 3)
    changed = np.mean(np.asarray(mutate(jax.random.key(0), program, WORDS, 0.2)) != 3)
    np.testing.assert_allclose(changed, 0.2 * (1 - 1 / len(WORDS.names)), atol=0.02)
    np.testing.assert_array_equal(mutate(jax.random.key(0), program, WORDS, 0.0), program)


@pytest.mark.parametrize("by_hunger", [False, True])
def test_few_tables_come_once_each_before_any_comes_again(by_hunger):
    space = tables(senses_of("hungry_thirsty"), LEVELS, number=9, by_hunger=by_hunger)
    size = 3 ** (2 if by_hunger else 4)
    key = jax.random.key(0)
    rows = [space.first(key)]
    for generation in range(1, 2 * size // 9):
        rows.append(space.follow(key, jnp.int32(generation), rows[-1], jnp.zeros(9)))
    rows = np.concatenate(rows)
    for half in (rows[:size], rows[size:]):
        assert len(np.unique(half, axis=0)) == size
    reward = np.asarray(space.decode(jnp.asarray(rows[5])))
    senses = senses_of("hungry_thirsty")
    need = senses.is_hungry.astype(int) if by_hunger else senses.need
    np.testing.assert_allclose(reward, np.float32(LEVELS)[rows[5]][need])


def test_many_tables_are_drawn_evenly():
    space = tables(SENSES, LEVELS, number=500)
    first = np.asarray(space.first(jax.random.key(0)))
    assert first.shape == (500, 12) and len(np.unique(first, axis=0)) == 500
    counts = [np.mean(first == level) for level in range(3)]
    np.testing.assert_allclose(counts, 1 / 3, atol=0.03)
    np.testing.assert_allclose(
        by_need(SENSES, space.decode(first[0])), np.float32(LEVELS)[first[0]]
    )


@pytest.mark.slow
def test_a_generation_keeps_its_best_program_in_front():
    space = programs(SENSES, number=6, length=5)
    before = space.first(jax.random.key(0))
    scores = jnp.array([0.0, 1, 9, 2, 3, 4])
    after = space.follow(jax.random.key(1), jnp.int32(1), before, scores)
    np.testing.assert_array_equal(after[0], before[2])
    assert after.shape == (6, 5) and (np.asarray(after) != np.asarray(before)).any()


def test_the_famous_are_ranked_by_all_of_their_lives():
    """By hand: means of all lives less their standard errors, and nobody twice."""
    old = [[0.5, 0.7], [0.1, 0.1]]
    fame = Fame(
        codes=jnp.array([[1], [2], [0]]),
        lives=jnp.array([2, 2, 0]),
        mean=jnp.array([0.6, 0.1, 0.0]),
        spread=jnp.array([0.02, 0.0, 0.0]),
    )
    again = jnp.array([[0.2, 0.4], [0.1, 0.1], [9.0, 9.0]])
    fresh = jnp.array([[0.3, 0.3], [0.0, 1.0], [0.2, 0.2], [0.9, 0.9]])
    after = choose_famous(jnp.array([[7], [8], [2], [1]]), fame, fresh, again)
    # 1 has lived 0.5, 0.7, 0.2, 0.4 and is not famous twice; 8's mean of 0.5 has an error of 0.5.
    first = np.array([*old[0], 0.2, 0.4])
    bound = first.mean() - first.std(ddof=1) / 2
    assert bound > 0.3
    np.testing.assert_array_equal(after.codes[:, 0], [1, 7, 2])
    np.testing.assert_array_equal(after.lives, [4, 2, 4])
    np.testing.assert_allclose(after.mean, [first.mean(), 0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(after.spread, [3 * first.var(ddof=1), 0, 0], atol=1e-7)


@pytest.fixture(scope="module")
def searched():
    """A search among the tables of two levels that see hunger alone: of four, one is best."""
    env, senses = make("boxes:slip=0"), SENSES
    space = tables(senses, (0.0, 1.0), number=8, by_hunger=True)
    learner = reward_search(
        env, space, own=fitness_reward(senses), learning=QLearning(0.3, 0.9, 0.1),
        lifetimes=(500, 1000), lives=8, eval_lives=16,
    )  # fmt: skip
    state = jax.jit(learner.init)(jax.random.key(0))
    step = jax.jit(learner.step)
    for generation in range(3):
        state, metrics = step(jax.random.key(generation), state, ())
    return state, metrics, jax.jit(learner.evaluate)(jax.random.key(9), state)


@pytest.mark.slow
def test_a_search_finds_the_best_of_few_rewards(searched):
    state, metrics, scores = searched
    np.testing.assert_allclose(state.params["reward"], np.stack([fitness_reward(SENSES)] * 2))
    assert metrics["best/1000"] == state.extra.fame.mean[1, 0] > 0
    assert int(state.extra.generation) == 3
    # It is the task's own reward, so that both score the same in the same lives.
    for name in ("fitness", "fitness/500", "fitness/1000"):
        assert scores[name] == scores[f"own_{name}"] > 0
    assert scores["fitness"] == scores["fitness/1000"]
    np.testing.assert_allclose(scores["sated"].mean(axis=1), scores["fitness"], rtol=1e-5)


def test_exhibits_show_rewards_and_lives():
    sated = np.linspace(0, 0.5, 3 * 16).reshape(3, 16)
    arrays = {"reward": np.zeros((2, 648)), "code": np.zeros((2, 12), int), "sated": sated}
    one = Outcome({}, arrays, (), 1)
    two = Outcome({}, {k: np.stack([v, v]) for k, v in arrays.items()}, (), 2)
    options = {"senses": SENSES, "lifetimes": (500, 1000)}
    for outcome in (one, two):
        shown = reward_exhibits(outcome, **options, evolved=False)
        assert [exhibit.name for exhibit in shown] == ["rewards", "lives"]
    programs = one._replace(arrays=arrays | {"code": np.full((2, 4), 1)})
    *_, table = reward_exhibits(programs, **options, evolved=True)
    assert table.content.rows == [(500, "-1"), (1000, "-1")]


def test_bad_input_is_one_line():
    options = {"own": fitness_reward(SENSES), "learning": QLearning(), "lives": 2}
    space = tables(SENSES, LEVELS, number=8)
    with pytest.raises(BadInput, match="rising order"):
        reward_search(make("boxes"), space, lifetimes=(20, 10), **options)
    with pytest.raises(BadInput, match="numbered states"):
        reward_search(make("cartpole"), space, lifetimes=(10,), **options)
    with pytest.raises(BadInput, match="at least 2 levels"):
        tables(SENSES, (1.0,), number=8)
