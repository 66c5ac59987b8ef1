"""Yardsticks of decision processes: each against a plain NumPy program, and golden values."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.envs.tabular_mdp import sample_tables
from jaxdl.meta import bayes, trial
from jaxdl.meta.bayes import mdp_rules, mdp_scores, planning
from jaxdl.meta.bayes.mdp_rules import Bonus, Moment
from jaxdl.meta.bayes.mdp_scores import Sizes
from jaxdl.meta.bayes.planning import Prior, Seen

SIZES = Sizes(states=4, actions=3, horizon=5, episodes=6)
FAIR = Prior(1.0, 1.0)
LIGHT = Prior(0.0, 1e-4)


@pytest.fixture(scope="module")
def task():
    return sample_tables(jax.random.key(3), states=4, actions=3)


def values_of(reward, rows, horizon, left_bonus=0.0):
    """Value iteration in float64, a loop for each step; rows(value) -> transitions [S, A, S]."""
    value, values = np.zeros(len(reward)), []
    for left in range(horizon):
        table = reward + left * left_bonus + (rows(value) * value).sum(-1)
        value = table.max(1)
        values.append(table)
    return np.array(values[::-1])


def test_plans_are_those_of_a_loop(task):
    reward, rows = np.float64(task.reward), np.float64(task.transition)
    expected = values_of(reward, lambda value: rows, 5)
    np.testing.assert_allclose(planning.plan(task, horizon=5), expected, rtol=1e-5)
    bonus = np.linspace(0, 1, 12).reshape(4, 3)
    expected = values_of(reward, lambda value: rows, 5, bonus)
    found = planning.plan(task, horizon=5, per_step=jnp.asarray(bonus))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert float(mdp_scores.best_return(task, horizon=1)) == pytest.approx(reward[0].max())


@pytest.mark.parametrize("width", [0.0, 0.3, 1.1, 5.0])
def test_optimistic_rows_are_those_of_a_linear_program(task, width):
    """The best row within an L1 distance, by a solver that knows nothing of sorting."""
    slack = np.linspace(0, width, 12).reshape(4, 3)

    def best_row(row, value, distance):
        # Variables: the row, and a bound on each |difference|.
        eye = np.eye(4)
        differences = np.block([[eye, -eye], [-eye, -eye]])
        in_ball = np.concatenate([np.zeros(4), np.ones(4)])[None]
        upper = np.concatenate([row, -row, [distance]])
        found = scipy.optimize.linprog(
            np.concatenate([-value, np.zeros(4)]),
            A_ub=np.concatenate([differences, in_ball]),
            b_ub=upper,
            A_eq=np.concatenate([np.ones(4), np.zeros(4)])[None],
            b_eq=[1.0],
        )
        return found.x[:4]

    def rows(value):
        table = np.float64(task.transition)
        table /= table.sum(-1, keepdims=True)
        return np.array(
            [[best_row(table[s, a], value, slack[s, a]) for a in range(3)] for s in range(4)]
        )

    expected = values_of(np.float64(task.reward), rows, 4)
    found = planning.plan_optimistically(task, jnp.asarray(slack), horizon=4)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_a_belief_counts_what_was_seen_and_not_what_follows_an_episode():
    belief = planning.first_belief(states=2, actions=2, steps=6)
    np.testing.assert_array_equal(belief.seen, 8)  # nothing
    place, action = jnp.array([0, 1, 1]), jnp.array([1, 0, 0])
    episode = Seen(place, action, jnp.array([2.0, 3.0, -1.0]), jnp.array([1, 1, 0]))
    belief = planning.learn(belief, episode, jnp.int32(1))
    np.testing.assert_array_equal(belief.rewards, [[0, 2], [2, 0]])
    np.testing.assert_array_equal(belief.visits, [[0, 1], [2, 0]])
    assert belief.moves[0, 1, 1] == 1 and belief.moves[1, 0, 1] == 1 and belief.moves.sum() == 2
    np.testing.assert_array_equal(belief.seen, [8, 8, 8, 3, 5, 8])
    mean = planning.mean_task(belief, FAIR)
    np.testing.assert_allclose(mean.reward, [[1, 3 / 2], [1, 1]])
    np.testing.assert_allclose(mean.transition[0], [[1 / 2, 1 / 2], [1 / 3, 2 / 3]])


def test_draws_have_the_moments_of_the_posterior():
    """Normal(m, 1 / (1 + n)), and Dirichlet rows: mean a / A, variance a (A - a) / A^2 (A + 1)."""
    belief = planning.first_belief(states=3, actions=2, steps=9)
    for number in range(3):
        place, action = jnp.array([0, 1, 2]), jnp.array([1, 0, 0])
        episode = Seen(place, action, jnp.full(3, 4.0), jnp.array([1, 2, 0]))
        belief = planning.learn(belief, episode, jnp.int32(number))
    keys = jax.random.split(jax.random.key(0), 40_000)
    draws = jax.jit(jax.vmap(lambda key: planning.draw_task(key, belief, FAIR)))(keys)
    np.testing.assert_allclose(draws.reward.mean(0)[0], [1, 13 / 4], atol=0.02)
    np.testing.assert_allclose(draws.reward.std(0)[0], [1, 1 / 2], atol=0.02)
    alpha = np.asarray(belief.moves) + 1
    total = alpha.sum(-1, keepdims=True)
    np.testing.assert_allclose(draws.transition.mean(0), alpha / total, atol=5e-3)
    variance = alpha * (total - alpha) / total**2 / (total + 1)
    np.testing.assert_allclose(draws.transition.var(0), variance, atol=2e-3)
    assert abs(np.corrcoef(draws.reward[:, 0, 0], draws.transition[:, 0, 0, 0])[0, 1]) < 0.02


def numpy_player(kind, task, chance, prior, constant=0.0):
    """Plays by one of the rules without chance of their own, with dictionaries in float64."""
    reward, rows = np.float64(task.reward), np.float64(task.transition)
    states, actions = reward.shape
    paid = {(s, a): [] for s in range(states) for a in range(actions)}
    followed = {pair: [] for pair in paid}
    returns = []
    for episode in range(chance.reward.shape[0]):
        pairs = [[(s, a) for a in range(actions)] for s in range(states)]
        weight, time = prior.weight, episode * chance.reward.shape[1]
        count = np.array([[len(paid[p]) for p in row] for row in pairs])
        sums = np.array([[sum(paid[p]) for p in row] for row in pairs])
        moves = np.array(
            [[np.bincount(followed[p], minlength=states) for p in row] for row in pairs]
        )
        mean = (sums + weight * prior.mean) / (count + weight)
        table = (moves + weight) / (moves + weight).sum(-1, keepdims=True)
        seen, left_bonus, radius = moves.sum(-1), 0.0, None
        if kind == "beb":
            mean = mean + constant / (1 + count)
        elif kind == "tabularl":
            mean = mean + 1 / (1 + weight + count)
            left_bonus = constant / (1 + states * weight + seen)
        elif kind == "ucrl2":
            log = 4 * np.log(2 * states * actions * (time + 1) / 0.05)
            mean = mean + constant * np.sqrt(log / np.maximum(count, 1))
            radius = constant * np.sqrt(states * log / np.maximum(seen, 1))

        def optimistic(value, table=table, radius=radius):
            if radius is None:
                return table
            best = table.copy()
            order = np.argsort(value)
            for s, a in np.ndindex(states, actions):
                best[s, a, order[-1]] = min(1.0, best[s, a, order[-1]] + radius[s, a] / 2)
                for worst in order:
                    excess = best[s, a].sum() - 1
                    best[s, a, worst] -= min(best[s, a, worst], max(excess, 0))
            return best

        values = values_of(mean, optimistic, chance.reward.shape[1], left_bonus)
        place, total = 0, 0.0
        for step in range(chance.reward.shape[1]):
            row = np.float32(values[step, place])
            ties = np.where(row >= row.max() - 1e-5, chance.tie[episode, step], -1)
            action = int(np.argmax(ties))
            total += reward[place, action]
            ends = np.cumsum(rows[place, action])
            after = int(np.searchsorted(ends, chance.place[episode, step], side="right"))
            paid[place, action].append(reward[place, action] + chance.reward[episode, step])
            if step + 1 < chance.reward.shape[1]:
                followed[place, action].append(after)
            place = after
        returns.append(total)
    return returns


RULES = {
    "greedy": (mdp_rules.greedy_plan(FAIR), FAIR, 0.0),
    "greedy, light": (mdp_rules.greedy_plan(LIGHT), LIGHT, 0.0),
    "beb": (mdp_rules.bonus_plan(FAIR, Bonus(1.5)), FAIR, 1.5),
    "tabularl": (mdp_rules.bonus_plan(FAIR, Bonus(1.0, 2.0, 3.0)), FAIR, 3.0),
    "ucrl2": (mdp_rules.confident_plan(FAIR, 0.2), FAIR, 0.2),
}


@pytest.fixture(scope="module")
def played():
    """Twenty tasks of each rule, and the chance in them."""

    def play(key):
        task_key, chance_key, play_key = jax.random.split(key, 3)
        task = sample_tables(task_key, states=4, actions=3)
        chance = mdp_scores._draw_chance(chance_key, SIZES)
        rules = [rule for rule, _, _ in RULES.values()]
        return task, chance, mdp_scores.play(rules, task, chance, play_key, sizes=SIZES)

    out = jax.jit(jax.vmap(play))(jax.random.split(jax.random.key(7), 20))
    return jax.tree.map(np.asarray, out)


@pytest.mark.parametrize("name", RULES)
def test_players_do_what_a_plain_program_does(played, name):
    tasks, chances, returns = played
    _, prior, constant = RULES[name]
    which = [*RULES].index(name)
    for i in range(20):
        task, chance = jax.tree.map(lambda x, i=i: x[i], (tasks, chances))
        expected = numpy_player(name.partition(",")[0], task, chance, prior, constant)
        np.testing.assert_allclose(returns[i, which], expected, rtol=1e-4, atol=1e-4)


def test_epsilon_greedy_is_greedy_at_0_and_random_at_1():
    """The rules share their lots: with epsilon 0 the actions are greedy's, with 1 the random's."""
    rules = [
        mdp_rules.greedy_plan(FAIR),
        mdp_rules.epsilon_greedy_plan(FAIR, 0.0),
        mdp_rules.random_actions(),
        mdp_rules.epsilon_greedy_plan(FAIR, 1.0),
        mdp_rules.epsilon_greedy_plan(FAIR, 0.3),
        mdp_rules.optimistic_sampled_plan(FAIR, 1),
        mdp_rules.optimistic_sampled_plan(FAIR, 4),
    ]
    moment = Moment(planning.first_belief(states=4, actions=3, steps=30), jnp.int32(0), 5)
    keys = jax.random.split(jax.random.key(0), 400)
    plans = jax.jit(lambda keys: [jax.vmap(lambda k, r=r: r(k, moment))(keys) for r in rules])
    greedy, none, anything, always, some, one, four = map(np.asarray, plans(keys))
    np.testing.assert_array_equal(greedy, none)
    np.testing.assert_array_equal(anything, always)
    explored = np.all(some == 0, axis=-1)
    assert explored.mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(some[~explored], greedy[~explored])
    # The best of four draws of N(1, 1), plus 1, at the last step.
    assert one[:, -1].mean() == pytest.approx(1, abs=0.05)
    assert four[:, -1].mean() == pytest.approx(1 + 1.0294, abs=0.05)


def test_random_play_earns_the_value_of_the_random_policy(task):
    """Per task by its own evaluation; over tasks 1 a step, the mean of all rewards."""
    reward, rows = np.float64(task.reward), np.float64(task.transition)
    value = np.zeros(4)
    for _ in range(5):
        value = (reward + rows @ value).mean(1)

    def play(key):
        chance_key, play_key = jax.random.split(key)
        chance = mdp_scores._draw_chance(chance_key, SIZES)
        return mdp_scores.play([mdp_rules.random_actions()], task, chance, play_key, sizes=SIZES)

    returns = np.asarray(jax.jit(jax.vmap(play))(jax.random.split(jax.random.key(0), 2000)))
    error = returns.std() / np.sqrt(returns.size)
    assert returns.mean() == pytest.approx(value[0], abs=4 * error)


@pytest.fixture(scope="module")
def wrong():
    """The paper's rules that hold no constant, with the paper's prior, in 10 episodes."""
    return bayes.mdp_baselines(
        episodes=10,
        tasks=1024,
        key=jax.random.key(4),
        prior_mean=0.0,
        names=("psrl", "greedy", "random"),
    )


@pytest.mark.parametrize(
    ("name", "value", "error"), [("psrl", 138.0, 0.4), ("random", 99.3, 0.4), ("random", 100, 0)]
)
def test_rules_earn_what_they_are_known_to(wrong, name, value, error):
    """Measured with other programs; random play earns 100 in the mean over all tasks."""
    score = wrong[name].score
    assert float(score.mean) == pytest.approx(
        value, abs=4 * np.hypot(float(score.standard_error), error)
    )
    assert wrong[name].constant is None and score.regret.shape == (10,)


def test_greedy_with_a_light_prior_earns_what_the_paper_says(wrong):
    score = wrong["greedy"].score
    paper_error = 18 / 1000**0.5  # of 1,000 instances
    assert float(score.mean) == pytest.approx(
        134.8, abs=3 * np.hypot(float(score.standard_error), paper_error)
    )


@pytest.mark.slow
def test_rules_with_constants_are_tuned_and_earn_more_with_the_true_prior():
    small = {"states": 3, "actions": 2, "horizon": 4, "episodes": 3, "tasks": 512}
    rules = bayes.mdp_baselines(key=jax.random.key(0), **small)
    assert tuple(rules) == bayes.MDP_RULES
    constants = {name: rule.constant for name, rule in rules.items() if rule.constant is not None}
    assert constants.keys() == {"opsrl", "ucrl2", "beb", "epsilon_greedy"}
    score = {name: float(rule.score.mean) for name, rule in rules.items()}
    error = {name: float(rule.score.standard_error) for name, rule in rules.items()}
    assert score["random"] == pytest.approx(12, abs=4 * error["random"])
    for name in ("ucrl2", "beb", "greedy", "epsilon_greedy", "psrl", "opsrl"):
        assert score[name] > score["random"] + error[name]
    key = jax.random.key(0)
    wrong = bayes.mdp_baselines(key=key, prior_mean=0.0, **small)
    assert wrong["epsilon_greedy"].constant == 0.1
    assert float(wrong["greedy"].score.mean) < score["greedy"]
    again = bayes.mdp_baselines(key=key, names=("random",), **small)
    assert float(again["random"].score.mean) == pytest.approx(score["random"])


def test_what_is_not_known_is_refused():
    with pytest.raises(BadInput, match="unknown rule 'ucb'; there are psrl, opsrl"):
        bayes.mdp_baselines(episodes=2, tasks=16, key=jax.random.key(0), names=("ucb",))
    with pytest.raises(BadInput, match="episodes=0"):
        bayes.mdp_baselines(episodes=0, tasks=16, key=jax.random.key(0))


def test_no_key_is_used_twice():
    """By JAX's own check, which walks a program's equations; it does not see through vmap."""
    rules = [rule for rule, _, _ in RULES.values()]
    rules += [mdp_rules.epsilon_greedy_plan(FAIR, 0.1), mdp_rules.sampled_plan(FAIR)]
    rules += [mdp_rules.optimistic_sampled_plan(FAIR, 3), mdp_rules.random_actions()]

    def play(key):
        task_key, chance_key, rules_key = jax.random.split(key, 3)
        task = sample_tables(task_key, states=4, actions=3)
        chance = mdp_scores._draw_chance(chance_key, SIZES)
        return mdp_scores.play(rules, task, chance, rules_key, sizes=SIZES)

    def act(key, env):
        task_key, reset_key, step_key = jax.random.split(key, 3)
        task = env.sample_task(task_key)
        state, _ = env.reset(reset_key, task)
        return env.step(step_key, state, jnp.int32(1), task)

    def twice(key):
        return jax.random.uniform(key) + jax.random.normal(key)

    with jax.debug_key_reuse(True):
        jax.jit(play)(jax.random.key(0))
        for name in ("tabular_mdp", "tiny_bamdp"):
            jax.jit(partial(act, env=trial(make(name), 2)))(jax.random.key(0))
        with pytest.raises(jax.errors.KeyReuseError):
            jax.jit(twice)(jax.random.key(0))


def enumerate_bamdp(episodes, horizon):
    """The Bayes-optimal value of two states and actions, by recursion over what was seen."""
    steps = episodes * horizon

    @functools.cache
    def value(time, place, counts):
        if time == steps:
            return 0.0
        best = 0.0
        for action in (0, 1):
            pair = 2 * place + action
            won, lost, ones, zeros = counts[pair]
            mean, to_one = (won + 1) / (won + lost + 2), (ones + 1) / (ones + zeros + 2)
            total = mean
            for reward, p in ((1, mean), (0, 1 - mean)):
                for state, q in ((1, to_one), (0, 1 - to_one)):
                    new = list(counts[pair])
                    new[1 - reward] += 1
                    is_last = (time + 1) % horizon == 0
                    if not is_last:
                        new[3 - state] += 1
                    after = (*counts[:pair], tuple(new), *counts[pair + 1 :])
                    total += p * q * value(time + 1, 0 if is_last else state, after)
            best = max(best, total)
        return best

    return value(0, 0, ((0, 0, 0, 0),) * 4)


def test_the_tiny_process_has_its_golden_value():
    assert bayes.tiny_bamdp_value(episodes=1, horizon=4) == pytest.approx(2.193866, abs=1e-6)
    # One step: 1/2. Two episodes of one step are two pulls of a bandit with two arms.
    assert bayes.tiny_bamdp_value(episodes=1, horizon=1) == pytest.approx(0.5)
    assert bayes.tiny_bamdp_value(episodes=2, horizon=1) == pytest.approx(0.5 + 7 / 12, abs=1e-6)


@pytest.mark.parametrize(("episodes", "horizon"), [(1, 3), (2, 2), (5, 1), (1, 5), (2, 3)])
def test_the_tiny_process_agrees_with_the_recursion(episodes, horizon):
    assert bayes.tiny_bamdp_value(episodes=episodes, horizon=horizon) == pytest.approx(
        enumerate_bamdp(episodes, horizon), abs=2e-6
    )


def test_a_bandit_is_a_process_of_one_step_episodes():
    assert bayes.tiny_bamdp_value(episodes=8, horizon=1) == pytest.approx(
        bayes.optimal_value(arms=2, pulls=8), abs=2e-6
    )


def test_a_tiny_process_that_is_too_long_is_refused():
    for sizes in ({"episodes": 4, "horizon": 4}, {"episodes": 0, "horizon": 4}):
        with pytest.raises(BadInput, match="1 to 12 steps in all"):
            bayes.tiny_bamdp_value(**sizes)
