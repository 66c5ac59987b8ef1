from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core import Learner, Run, TrainState, fit
from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step, make, vectorize
from jaxdl.launch import Outcome
from jaxdl.meta import (
    bandit_evaluation,
    bandit_score,
    bayes,
    compare_players,
    evaluation,
    rl2,
    trial,
    trial_evaluation,
)
from jaxdl.meta.bayes import beliefs
from jaxdl.meta.evaluation import Player, players_of
from jaxdl.meta.exhibits import exhibits, player_rows
from jaxdl.nn import actor_critic
from jaxdl.rl import ppo
from jaxdl.rl.rollout import likeliest_policy, record, start_rollout


def corridor(length=3, limit=5):
    """Steps right (1) or left (0) from 0 to the task's end, +length or -length; 1 is paid there.

    It is terminated at an end, the wrong one too, and truncated after `limit` steps.
    """

    def sample_task(key):
        return jnp.where(jax.random.bernoulli(key), length, -length)

    def reset(key, task):
        return (jnp.int32(0), jnp.int32(0)), jnp.int32(length)

    def step(key, state, action, task):
        place, time = state[0] + 2 * action - 1, state[1] + 1
        ended = jnp.abs(place) == length
        reward = (place == task).astype(jnp.float32)
        return (place, time), Step(place + length, reward, ended, (time == limit) & ~ended, {})

    return Env(sample_task, reset, step, Discrete(2 * length + 1), Discrete(2))


def walk(env, actions, task):
    """Every Step and state of one trial, played by hand."""
    state, obs = env.reset(jax.random.key(0), task)
    first, steps = obs, []
    for i, action in enumerate(actions):
        state, out = env.step(jax.random.key(i), state, jnp.int32(action), task)
        steps.append((state, out))
    return first, steps


def split(obs):
    """(place, last action, reward, done) of an observation of the corridor's trial."""
    obs = np.asarray(obs)
    assert obs.shape == (7 + 2 + 2,)
    action = int(obs[7:9].argmax()) if obs[7:9].any() else None
    return int(obs[:7].argmax()) - 3, action, float(obs[9]), float(obs[10])


def test_a_trial_shows_the_last_step_and_goes_on_over_episodes():
    env = trial(corridor(), 2)
    assert env.obs_space.shape == (11,) and env.action_space == Discrete(2)
    first, steps = walk(env, [1, 1, 1, 0, 0, 0], task=jnp.int32(3))
    assert split(first) == (0, None, 0.0, 0.0)
    seen = [split(out.obs) for _, out in steps]
    # The end of the first episode is paid and told, beside the first observation of the second.
    assert seen[:3] == [(1, 1, 0.0, 0.0), (2, 1, 0.0, 0.0), (0, 1, 1.0, 1.0)]
    assert seen[3:5] == [(-1, 0, 0.0, 0.0), (-2, 0, 0.0, 0.0)]
    assert [bool(out.terminated) for _, out in steps] == [False] * 5 + [True]
    assert [float(out.reward) for _, out in steps] == [0, 0, 1, 0, 0, 0]


def test_a_truncated_episode_is_one_of_the_trial_and_never_truncates_it():
    _, steps = walk(trial(corridor(), 2), [0, 1, 0, 1, 0, 1, 1, 1], task=jnp.int32(-3))
    done = [split(out.obs)[3] for _, out in steps]
    assert done == [0, 0, 0, 0, 1, 0, 0, 1]  # five steps without an end, then three to one
    assert [bool(out.terminated) for _, out in steps] == [False] * 7 + [True]
    assert not any(bool(out.truncated) for _, out in steps)


def test_a_trial_of_one_task_and_the_next_of_another():
    worlds = vectorize(trial(corridor(), 2), 64)
    state = worlds.reset(jax.random.key(0))

    def step(state, key):
        after, out = worlds.step(key, state, jnp.ones(64, jnp.int32))
        return after, (state.task, out.terminated)

    # Always right: every episode lasts 3 steps, every trial 6.
    _, (tasks, ended) = jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 12))
    np.testing.assert_array_equal(np.asarray(ended).any(axis=1), np.arange(1, 13) % 6 == 0)
    assert np.all(tasks[:6] == tasks[0]) and np.all(tasks[6:] == tasks[6])
    assert 10 < np.sum(np.asarray(tasks[0] == tasks[6])) < 54


def test_real_observations_and_actions_are_flattened():
    env = trial(make("pendulum"), 1)
    task = env.sample_task(jax.random.key(0))
    state, first = env.reset(jax.random.key(1), task)
    _, out = env.step(jax.random.key(2), state, jnp.array([0.7]), task)
    assert env.obs_space == Box((3 + 1 + 2,)) and first.shape == (6,)
    np.testing.assert_allclose(out.obs[3:5], [0.7, float(out.reward)], rtol=1e-6)


def test_a_trial_has_an_episode():
    with pytest.raises(BadInput, match="episodes=0"):
        trial(corridor(), 0)


def ruled(rule):
    """A net without parameters: rule(obs [E, D], carry [E, 2]) -> logits [E, 2], carry."""
    any_net = actor_critic(Box((6,)), Discrete(2), hidden=(2,), recurrent="gru")

    def step(params, carry, obs, first):
        logits, carry = rule(obs, jnp.where(first[:, None], 0.0, carry))
        return carry, logits, jnp.zeros(obs.shape[0])

    return any_net._replace(step=step, initial_carry=lambda n: jnp.zeros((n, 2)))


def likeliest(net):
    return likeliest_policy(net, (), lambda obs: obs)


def test_a_net_that_stays_where_it_won_is_scored_as_that_rule():
    def stay_or_switch(obs, carry):
        last, won = obs[:, 1:3], obs[:, 3:4]
        return 100 * (last * won + last[:, ::-1] * (1 - won)), carry

    def as_program():  # the same rule, written another way
        def one(key):
            means = jax.random.uniform(key, (2,))
            lots = jax.random.uniform(jax.random.fold_in(key, 1), (10,))

            def pull(arm, lot):
                return jnp.where(lot < means[arm], arm, 1 - arm), means[arm]

            return jnp.sum(jax.lax.scan(pull, 0, lots)[1])

        return jax.vmap(one)(jax.random.split(jax.random.key(5), 100_000))

    net, sizes = ruled(stay_or_switch), {"arms": 2, "pulls": 10, "tasks": 8192}
    score = bandit_score(jax.random.key(0), net, likeliest(net), **sizes)
    expected = as_program()
    error = float(jnp.std(expected)) / 100_000**0.5 + float(score.standard_error)
    assert float(score.mean) == pytest.approx(float(jnp.mean(expected)), abs=4 * error)


def test_a_net_that_guesses_earns_half():
    net = ruled(lambda obs, carry: (jnp.zeros((obs.shape[0], 2)), carry))
    measure = bandit_evaluation(arms=2, pulls=10, tasks=8192)
    metrics = jax.jit(lambda key: measure(key, net, ()))(jax.random.key(0))
    error = 4 * float(metrics["standard_error"])
    assert float(metrics["reward_sampled"]) == pytest.approx(5, abs=error)
    # It always pulls the first arm: E max - E mean = 2/3 - 1/2 are lost with every pull.
    lost = np.arange(1, 11) / 6
    np.testing.assert_allclose(metrics["regret/RL²"], lost, rtol=0.05)


def test_other_players_are_scored_when_an_evaluation_is_computed_and_once(tmp_path):
    net = ruled(lambda obs, carry: (jnp.zeros((obs.shape[0], 2)), carry))
    sizes = {"arms": 2, "pulls": 3, "tasks": 4096}
    measure = bandit_evaluation(**sizes)
    players_of.cache_clear()
    misses = []

    def step(key, state, batch):
        return state, {"steps": jnp.float32(1)}

    def evaluate(key, state):
        misses.append(players_of.cache_info().misses)  # while it is traced
        return measure(key, net, ())

    learner = Learner(lambda key: TrainState(jnp.zeros(2), ()), step, evaluate)
    learner = compare_players(learner, **sizes)
    outcomes = []
    run = Run(steps=2, eval_every=1, steps_per_call=1, num_seeds=2, workdir=str(tmp_path / "run"))
    fit(learner, (), run, figures=lambda outcome: outcomes.append(outcome) or ())
    assert misses[0] == 0 and players_of.cache_info().misses == 1
    (outcome,) = outcomes
    best = bayes.optimal_value(arms=2, pulls=3)
    metrics = {name: np.array(x["values"]) for name, x in outcome.metrics.items()}
    np.testing.assert_allclose(
        metrics["eval/percent_of_optimal"], 100 * metrics["eval/reward"] / best, rtol=1e-6
    )
    names = [name for name in outcome.arrays if name.startswith("score/")]
    assert outcome.arrays["score/Bayes-optimal, exact"].shape == (2, 2) and len(names) == 9
    for name in names:  # nobody earns more than the optimum
        assert outcome.arrays[name][0, 0] <= best + 4 * outcome.arrays[name][0, 1]
    rows = player_rows(outcome)
    assert [row["player"] for row in rows[:2]] == ["RL² (likeliest arm)", "RL² (sampled arm)"]
    assert [row["player"] for row in rows if row["player"].startswith("UCB1 (tuned, 0.")]
    earned = [row["percent"] for row in rows[2:]]
    assert earned == sorted(earned, reverse=True) and len(rows) == 11
    assert {row["of"] for row in rows} == {"Bayes-optimal"}
    assert [exhibit.name for exhibit in exhibits(outcome)] == ["players", "regret"]


def test_where_the_optimum_is_out_of_reach_the_best_rule_is_the_yardstick(monkeypatch):
    monkeypatch.setattr(beliefs, "_memory", lambda: 1)
    names = bayes.rules_of(arms=2, pulls=3)
    players = [
        Player(name, None, i / 4, 0.1, np.zeros(3, np.float32)) for i, name in enumerate(names)
    ]
    monkeypatch.setattr(evaluation, "players_of", lambda **sizes: players)
    learner = Learner(lambda key: (), lambda *_: (), lambda key, state: {"reward": jnp.float32(1)})
    fold = compare_players(learner, arms=2, pulls=3).evaluate
    (batch,) = fold.batches()
    shapes = jax.tree.map(lambda x: (x.shape, x.dtype), batch)
    assert shapes == jax.tree.map(lambda x: (x.shape, x.dtype), fold.batch_shape())
    result = fold.result(fold.update(fold.init(jax.random.key(0), ()), (), batch))
    assert float(result["percent_of_best_rule"]) == pytest.approx(100 / 1.5)
    assert len(names) == 7 and "percent_of_optimal" not in result


def test_a_world_without_yardsticks_has_no_exhibits():
    assert exhibits(Outcome({"eval/trial_return": interval([1.0])}, {}, [], 1)) == []


def test_the_carry_lasts_over_the_episodes_of_a_trial():
    def count(obs, carry):  # remembers how many steps it has seen, and goes left after 4
        carry = carry + 1.0
        return jnp.where(carry > 4, jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])), carry

    net = ruled(count)
    world = trial(corridor(), 2)
    start = start_rollout(jax.random.key(0), world, net.initial_carry(4), episodes=4)
    _, episode = record(start, world, likeliest(net), lambda m: m.before.episodes, steps=9)
    # Right x 3 ends episode 0; then right, left, left ..: -3 is reached at step 3 + 1 + 4 = 8.
    np.testing.assert_array_equal(episode[:, 0], [0, 0, 0, 1, 1, 1, 1, 1, 2])


def test_returns_are_reported_by_episode():
    right = ruled(lambda obs, carry: (jnp.array([[0.0, 1.0]]).repeat(len(obs), 0), carry))
    measure = trial_evaluation(corridor(), episodes=3, trials=512, episode_steps=10)
    metrics = {name: mean(x) for name, x in measure(jax.random.key(0), right, ()).items()}
    # Half of the tasks pay 1 in each of the three episodes, and nothing after the trial.
    assert metrics["trial_return"] == pytest.approx(1.5, abs=0.3)
    assert metrics["first_episode"] == pytest.approx(metrics["trial_return"] / 3)
    assert metrics["last_episode"] == pytest.approx(metrics["trial_return"] / 3)
    assert metrics["standard_error"] == pytest.approx(1.5 / 512**0.5, rel=0.02)


def test_trials_are_evaluated_to_their_end_and_episodes_not_played_are_left_out():
    """Eight episodes of 200 steps take 1600 steps, more than the longest single episode."""
    net = ruled(lambda obs, carry: (jnp.zeros((obs.shape[0], 2)), carry))
    right = net._replace(distribution=net.distribution._replace(to_env=lambda a: jnp.zeros((4, 1))))
    sizes = {"episodes": 8, "trials": 4}
    whole = trial_evaluation(make("pendulum"), episode_steps=200, **sizes)
    metrics = jax.jit(lambda key: whole(key, right, ()))(jax.random.key(0))
    assert metrics["last_episode"].count == 4 and mean(metrics["last_episode"]) < -100
    cut = trial_evaluation(make("pendulum"), episode_steps=50, **sizes)
    metrics = jax.jit(lambda key: cut(key, right, ()))(jax.random.key(0))
    assert metrics["first_episode"].count == 4  # two of eight were played to their end
    for name in ("last_episode", "trial_return", "standard_error"):
        assert metrics[name].count == 0 and metrics[name].total == 0


def mean(metric):
    return float(metric.total / metric.count)


def train(learner, steps):
    def run(key):
        def step(state, i):
            return learner.step(jax.random.fold_in(key, i), state, ())

        state, _ = jax.lax.scan(step, learner.init(key), jnp.arange(steps))
        return learner.evaluate(jax.random.fold_in(key, steps), state)

    return jax.jit(run)(jax.random.key(0))


def test_learns_to_explore_a_corridor_once():
    env, tx = corridor(length=2, limit=4), optax.adam(5e-3)
    world = trial(env, 3)
    net = actor_critic(world.obs_space, world.action_space, hidden=(16,), recurrent="gru")
    sizes = {"num_envs": 128, "unroll": 12, "minibatches": 2, "epochs": 2}
    learner = rl2(
        env,
        net,
        partial(ppo, net=net, tx=tx, gae_lambda=0.9, **sizes),
        episodes=3,
        evaluate=trial_evaluation(env, episodes=3, trials=256, episode_steps=4),
    )
    metrics = train(learner, 60)
    # The first episode can be won in half of the tasks; those after it in all.
    assert mean(metrics["last_episode"]) > 0.9
    assert mean(metrics["first_episode"]) < 0.65


def test_learns_bandits_better_than_thompson_sampling():
    env, pulls = make("bandit", arms=2), 5
    world = trial(env, pulls)
    net = actor_critic(world.obs_space, world.action_space, hidden=(16,), recurrent="gru")
    best = bayes.optimal_value(arms=2, pulls=pulls)
    evaluation = bandit_evaluation(arms=2, pulls=pulls, tasks=8192)
    sizes = {"num_envs": 256, "unroll": pulls, "minibatches": 4, "epochs": 4}
    slow = partial(ppo, net=net, tx=optax.adam(5e-3), gae_lambda=0.9, **sizes)
    learner = rl2(env, net, slow, episodes=pulls, evaluate=evaluation)
    metrics = train(learner, 40)
    thompson = bayes.evaluate(
        bayes.thompson, arms=2, pulls=pulls, tasks=8192, key=jax.random.key(1)
    )
    assert float(metrics["reward"]) > float(thompson.mean) + 4 * float(thompson.standard_error)
    assert float(metrics["reward"]) <= best + 4 * float(metrics["standard_error"])
