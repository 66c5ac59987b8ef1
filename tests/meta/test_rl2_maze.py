"""RL² in mazes: what a trial shows, what it remembers, and how its episodes are scored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, make, vectorize
from jaxdl.envs.maze.world import FORWARD, RIGHT, maze_observed
from jaxdl.launch import Outcome, configure
from jaxdl.meta import also_in_larger, is_maze, maze_exhibits, trial
from jaxdl.meta.maze_evaluation import (
    CHANCE,
    RIGHT_HAND,
    SHORTEST,
    Walks,
    maze_sizes,
    rule_steps,
    score_walks,
    walk,
)
from jaxdl.nn import actor_critic
from jaxdl.rl.rollout import random_policy, record, start_rollout
from tests.envs import maze_reference as reference

NAME = "maze:size=2,width=8,height=8,limit=6"
SEEN = "uint8 [8, 8, 3] within [0, 255]"


def test_sizes_are_read_from_the_name():
    assert maze_sizes(NAME) == {"size": 2, "limit": 6}
    assert maze_sizes("maze") == {"size": 5, "limit": 250}
    assert is_maze(NAME) and is_maze("maze") and not is_maze("mazes") and not is_maze("bandit")


def test_a_trial_shows_pictures_as_they_are_and_the_last_step_beside():
    env = make(NAME)
    world = trial(env, 2)
    assert world.obs_space == {"seen": env.obs_space, "last": Box((3 + 2,))}
    task = world.sample_task(jax.random.key(0))
    # The start looks along an open way to the target.
    heading = next(h for h in range(4) if not reference.has_wall(task.maze, *task.start, h))
    target = task.start + np.array(reference.WAYS[heading])
    task = task._replace(heading=jnp.int32(heading), target=target)
    step, reset = jax.jit(world.step), jax.jit(world.reset)
    state, first = reset(jax.random.key(1), task)
    np.testing.assert_array_equal(first["last"], np.zeros(5))
    state, out = step(jax.random.key(2), state, jnp.int32(RIGHT), task)
    np.testing.assert_allclose(out.obs["last"], [0, 0, 1, -0.04, 0])
    assert not np.array_equal(out.obs["seen"], first["seen"])
    state, _ = reset(jax.random.key(1), task)
    state, out = step(jax.random.key(3), state, jnp.int32(FORWARD), task)
    # The target ends the episode, not the trial; the start is shown again, in the same maze.
    np.testing.assert_allclose(out.obs["last"], [1, 0, 0, 0.96, 1], atol=1e-6)
    np.testing.assert_array_equal(out.obs["seen"], first["seen"])
    assert not out.terminated and int(state.episodes) == 1
    state, out = step(jax.random.key(4), state, jnp.int32(FORWARD), task)
    assert bool(out.terminated) and not bool(out.truncated)


@pytest.mark.slow
def test_a_memory_lasts_through_a_trial_and_is_cleared_between_trials():
    """What PPO unrolls: the memory at the end is the one of the last trial's steps alone."""
    world = trial(make(NAME), 2)
    net = actor_critic(world.obs_space, world.action_space, hidden=(8,), recurrent="gru")
    worlds, steps = vectorize(world, 4), 30

    @jax.jit
    def play(key):
        def step(carry, key):
            state, first = carry
            act_key, key = jax.random.split(key)
            action = jax.random.randint(act_key, (4,), 0, 3)
            after, out = worlds.step(key, state, action)
            seen = state.obs, first, state.env.episodes, state.task.target
            return (after, out.terminated | out.truncated), seen

        start = worlds.reset(key), jnp.ones(4, bool)
        return jax.lax.scan(step, start, jax.random.split(key, steps))[1]

    obs, first, episodes, targets = play(jax.random.key(1))
    first, episodes, targets = np.asarray(first), np.asarray(episodes), np.asarray(targets)
    assert first[1:].any(axis=0).all() and (episodes == 1).any()
    # A trial begins where no episode of it has ended, and its target stays until then.
    assert (episodes[first] == 0).all() and ((np.diff(episodes, axis=0) < 0) <= first[1:]).all()
    same = np.all(targets[1:] == targets[:-1], axis=-1)
    assert same[~first[1:]].all() and not same.all()

    params = net.init(jax.random.key(0))
    unroll = jax.jit(lambda obs, first: net.unroll(params, net.initial_carry(4), obs, first)[0])
    carry = unroll(obs, jnp.asarray(first))
    begins = [int(np.flatnonzero(first[:, i])[-1]) for i in range(4)]
    # The same with other pictures before the last trials, and with no beginning but theirs.
    is_before = np.arange(steps)[:, None] < begins  # [T, E]
    other = {
        "seen": jnp.where(is_before[..., None, None, None], 255 - obs["seen"], obs["seen"]),
        "last": jnp.where(is_before[..., None], 7.0, obs["last"]),
    }
    last_alone = np.arange(steps)[:, None] == begins
    np.testing.assert_array_equal(unroll(other, jnp.asarray(last_alone)), carry)
    forgetful = unroll(obs, jnp.asarray(np.diff(episodes, axis=0, prepend=-1) != 0))
    assert not np.array_equal(forgetful, carry)


@pytest.mark.slow
def test_walks_are_counted_as_a_loop_counts_them():
    limit, episodes, count = 9, 3, 16
    env = maze_observed(lambda state, task: jnp.zeros(1), Box((1,)), size=2, limit=limit)
    world = trial(env, episodes)
    policy = random_policy(world.action_space)
    begin = start_rollout(jax.random.key(0), world, (), episodes=count)
    counted = jax.jit(lambda r: walk(r, world, policy, episodes=episodes, limit=limit))(begin)
    keep = lambda m: (m.before.episodes, m.is_alive, m.step.reward)  # noqa: E731
    play = jax.jit(lambda r: record(r, world, policy, keep, steps=episodes * limit)[1])
    number, is_alive, reward = (np.asarray(x) for x in play(begin))
    steps, found = np.zeros((count, episodes)), np.zeros((count, episodes), bool)
    for t, i in zip(*np.nonzero(is_alive), strict=True):
        steps[i, number[t, i]] += 1
        found[i, number[t, i]] |= reward[t, i] > 0.5
    np.testing.assert_array_equal(counted.steps, steps)
    np.testing.assert_array_equal(counted.found, found)
    assert found.any() and not found.all() and steps.max() == limit


def test_players_without_memory_walk_as_they_do_by_hand():
    task_of = maze_observed(lambda s, t: jnp.zeros(1), Box((1,)), size=3).sample_task
    task = jax.jit(jax.vmap(task_of))(jax.random.split(jax.random.key(0), 64))
    score = jax.jit(lambda key: rule_steps(key, task, size=3, limit=30))
    steps = jax.tree.map(np.asarray, score(jax.random.key(1)))
    for i in range(64):
        maze, *rest = jax.tree.map(lambda x: np.asarray(x[i]), task)  # noqa: B023
        assert steps[SHORTEST][i] == reference.shortest(maze, *rest)
        assert steps[RIGHT_HAND][i] == reference.right_hand(maze, *rest, 30)
    assert (steps[SHORTEST] <= steps[RIGHT_HAND]).all()
    assert steps[RIGHT_HAND].mean() < steps[CHANCE].mean() <= 30


def test_metrics_by_hand():
    steps = np.array([[10.0, 4, 4], [8, 8, 4], [20, 12, 20]])
    found = np.array([[True, True, True], [True, True, True], [False, True, False]])
    others = {SHORTEST: np.array([4.0, 4, 8]), RIGHT_HAND: np.array([8.0, 8, 8]),
              CHANCE: np.array([20.0, 19, 18])}  # fmt: skip
    metrics = score_walks(Walks(jnp.array(steps), jnp.array(found)), others)
    expected = {
        "steps_first": 38 / 3, "steps_second": 8, "steps_last": 28 / 3, "shortest": 16 / 3,
        "found_first": 200 / 3, "found_second": 100, "found_last": 200 / 3, "improved": 200 / 3,
        "percent_of_shortest_first": 100 * 16 / 38, "percent_of_shortest_second": 100 * 16 / 24,
        "percent_of_shortest": 100 * 16 / 28, "right_hand": 8, "chance": 19,
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-6, err_msg=name)
    of_successes = metrics["steps_found_first"]
    assert float(of_successes.total / of_successes.count) == 9
    np.testing.assert_allclose(metrics["steps/RL²"], steps.mean(axis=0), rtol=1e-6)


@pytest.fixture(scope="module")
def of_a_net_that_turns():
    """The evaluation of a net that always turns, and so finds nothing."""
    world = trial(make(NAME), 2)
    net = actor_critic(world.obs_space, world.action_space, hidden=(2,), recurrent="gru")

    def step(params, carry, obs, first):
        logits = jnp.zeros((len(first), 3)).at[:, RIGHT].set(1.0)
        return carry, logits, jnp.zeros(len(first))

    net = net._replace(step=step, initial_carry=lambda n: jnp.zeros((n, 1)))
    sizes = {"episodes": 2, "trials": 32}
    other = "maze:size=3,width=8,height=8,limit=5"
    nothing = lambda key, net, params: {"kept": key}  # noqa: E731
    evaluate = also_in_larger(nothing, NAME, other, **sizes)
    metrics = jax.jit(lambda key: evaluate(key, net, ()))(jax.random.key(0))
    assert "kept" in metrics
    return {
        k.removeprefix("larger/"): jax.tree.map(np.asarray, x)
        for k, x in metrics.items()
        if k.startswith("larger/")
    }


def test_a_net_that_turns_finds_nothing(of_a_net_that_turns):
    metrics = of_a_net_that_turns
    assert metrics["steps_first"] == metrics["steps_last"] == 5
    assert metrics["found_last"] == metrics["improved"] == metrics["steps_found_first"].count == 0
    share = 100 * metrics["shortest"] / 5
    np.testing.assert_allclose(metrics["percent_of_shortest"], share, rtol=1e-5)


def test_the_report_shows_steps_by_episode(of_a_net_that_turns):
    metrics = of_a_net_that_turns | {f"larger/{k}": x for k, x in of_a_net_that_turns.items()}
    scalars = {k: x for k, x in metrics.items() if np.ndim(x) == 0}
    arrays = {k: np.stack([x, x]) for k, x in metrics.items() if k.endswith("RL²")}
    outcome = Outcome({f"eval/{k}": interval([x, x]) for k, x in scalars.items()}, arrays, [], 2)
    figure, table, larger, _ = maze_exhibits(outcome)
    assert (figure.name, table.name, larger.name) == ("steps", "steps_table", "larger_steps")
    labels = [line.get_label() for line in figure.content.axes[0].get_lines()]
    assert labels[0] == "RL²" and {*labels[1:]} == {SHORTEST, RIGHT_HAND, CHANCE}
    rows = {row[0]: row for row in table.content.rows}
    assert rows["RL², episode 2"][1:3] == ("5.0", "0.0") and rows[SHORTEST][-1] == "100.0"
    none = Outcome({"eval/trial_return": interval([1.0])}, {}, [], 1)
    assert maze_exhibits(none) == []


@pytest.mark.parametrize(
    ("larger", "text"),
    [
        ("bandit", f"--larger=bandit should be a maze, as {NAME}"),
        ("maze:size=3", r"shows uint8 \[30, 40, 3\] .* but the net reads uint8 \[8, 8, 3\]"),
        ("maze:size=40", "maze: size=40 should be 2 to 31"),
    ],
)
def test_other_mazes_that_do_not_fit_are_told_in_a_line(larger, text):
    from experiments.meta.rl2_maze import PRESETS, build

    config = configure("rl2_maze", PRESETS, "smoke", {"larger": larger})
    with pytest.raises(BadInput, match=text) as told:
        build(config)
    assert "\n" not in str(told.value)
