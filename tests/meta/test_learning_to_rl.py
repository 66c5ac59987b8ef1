"""Tasks with a structure: exact values, players against NumPy, what nets are scored by."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.envs import make, vectorize
from jaxdl.envs.bandit import HAZARDS
from jaxdl.launch import Outcome
from jaxdl.meta import bayes, effects, find_family, learning_to_rl, stays_figure, trial
from jaxdl.meta.bayes import agents
from jaxdl.meta.stays import structured_exhibits
from jaxdl.meta.structured import Played, enter_agent, measure, play, rounds_of
from jaxdl.meta.structured_rules import player_names
from jaxdl.nn import actor_critic
from jaxdl.rl.experience import collect, start_actors

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)  # exact for polynomials of degree 31
PRIORS = {
    "uniform": ((NODES + 1) / 2, WEIGHTS / 2),
    "easy": (np.array([0.1, 0.9]), np.array([0.5, 0.5])),
    "medium": (np.array([0.25, 0.75]), np.array([0.5, 0.5])),
    "hard": (np.array([0.4, 0.6]), np.array([0.5, 0.5])),
}


def expectimax(difficulty, pulls):
    """The value of the tree of all arms and outcomes, with the belief over p on a grid, float64."""
    grid, prior = PRIORS[difficulty]

    def value(weights, left):
        if not left:
            return 0.0
        total = weights.sum()
        best = 0.0
        for chance in (grid, 1 - grid):
            won, lost = weights * chance, weights * (1 - chance)
            p = won.sum() / total
            best = max(best, p * (1 + value(won, left - 1)) + (1 - p) * value(lost, left - 1))
        return best

    return value(prior, pulls)


@pytest.mark.parametrize("difficulty", PRIORS)
def test_the_value_of_pairs_agrees_with_the_tree(difficulty):
    found = bayes.dependent_value(pulls=6, difficulty=difficulty)
    assert found == pytest.approx(expectimax(difficulty, 6), rel=1e-6)


def test_values_of_pairs_by_hand():
    assert bayes.dependent_value(pulls=1) == pytest.approx(1 / 2)
    assert bayes.dependent_value(pulls=2) == pytest.approx(1 / 2 + 2 / 3)
    # A win or a loss of medium arms leaves odds of 3 : 1, so 0.75^2 + 0.25^2.
    assert bayes.dependent_value(pulls=2, difficulty="medium") == pytest.approx(0.5 + 0.625)
    with pytest.raises(BadInput, match="pulls of at least 1, got 0"):
        bayes.dependent_value(pulls=0)


@pytest.mark.parametrize("pulls", [1, 2, 3])
def test_the_value_of_informative_arms_agrees_with_the_tree(pulls):
    @functools.cache
    def value(targets, left):  # of the targets that are still possible
        if not left:
            return 0.0
        best = np.mean([0.1 * (i + 1) + 5 * (left - 1) for i in targets])  # the hint, then it
        if len(targets) < 10:
            best = max(best, 1 + value(targets, left - 1))
        for i in targets:
            rest = targets - {i}
            found = 5 * left / len(targets)
            missed = len(rest) / len(targets) * (1 + value(rest, left - 1)) if rest else 0.0
            best = max(best, found + missed)
        return best

    found = bayes.informative_value(pulls=pulls)
    assert found == pytest.approx(value(frozenset(range(10)), pulls), rel=1e-6)


def test_five_informative_pulls_are_worth_the_hint_and_four_targets():
    assert bayes.informative_value(pulls=5) == pytest.approx(0.55 + 4 * 5)


def played(made, name, trials=8, episodes=1, seed=0):
    """What agents do in some trials: name -> NumPy arrays [T, B]."""
    family = find_family(name, make(name), episodes=episodes)
    entrants = {kind: enter_agent(agent, trials) for kind, agent in made.items()}
    run = jax.jit(lambda k: play(k, family.world, entrants, trials=trials, steps=family.steps))
    return jax.tree.map(np.asarray, run(jax.random.key(seed)))


def test_the_exact_player_of_pairs_heeds_both_arms():
    made = {"exact": agents.exact_pair("easy")}
    x = played(made, "bandit:kind=dependent,difficulty=easy", episodes=12)["exact"]
    first = np.where(x.action == 0, x.reward, 1 - x.reward)
    lead = np.cumsum(2 * first - 1, axis=0)[:-1]  # pulls for the first arm less those against it
    np.testing.assert_array_equal(x.action[1:][lead > 0], 0)
    np.testing.assert_array_equal(x.action[1:][lead < 0], 1)
    assert len(np.unique(x.action[0])) == 2  # ties are broken by lot


def test_the_exact_player_of_restless_arms_agrees_with_a_filter_in_numpy():
    """The joint belief over hazard and better arm, by products of full matrices, float64."""
    x = played({"exact": agents.exact_restless()}, "bandit:kind=restless,pulls=40")["exact"]
    swaps = [np.array([[1 - h, h], [h, 1 - h]]) for h in HAZARDS]
    moves = np.zeros((4, 4))
    moves[:2, :2], moves[2:, 2:] = swaps
    for b in range(8):
        belief = np.full(4, 0.25)
        for t in range(40):
            lead = belief[0::2].sum() - 0.5
            if abs(lead) > 1e-5:
                assert x.action[t, b] == (0 if lead > 0 else 1)
            pays = np.where(np.arange(4) % 2 == x.action[t, b], 0.8, 0.2)
            belief = moves.T @ (belief * np.where(x.reward[t, b], pays, 1 - pays))
            belief /= belief.sum()


def test_the_players_of_the_two_step_task_agree_with_numpy():
    """With softmax so sharp that the greater value decides."""
    name, sharp = "two_step:trials=20", 1e6
    made = {
        "free": agents.model_free(0.3, sharp),
        "based": agents.model_based(0.3, sharp),
        "exact": agents.exact_two_step(),
    }
    for kind, x in played(made, name).items():
        for b in range(8):
            values = np.full(2, 0.5) if kind == "exact" else np.zeros(2)
            for t in range(0, 40, 2):
                choice, place, paid = x.action[t, b], x.place[t, b] - 1, x.reward[t + 1, b]
                toward = 0.8 * values + 0.2 * values[::-1] if kind == "based" else values
                if abs(toward[0] - toward[1]) > 1e-4:
                    assert choice == np.argmax(toward), (kind, t)
                if kind == "free":
                    values[choice] += 0.3 * (paid - values[choice])
                elif kind == "based":
                    values[place] += 0.3 * (paid - values[place])
                else:
                    pays = np.where(np.arange(2) == place, 0.9, 0.1)
                    values = values * (pays if paid else 1 - pays)
                    values = 0.975 * values / values.sum() + 0.025 * values[::-1] / values.sum()


def test_rules_for_independent_arms_count_what_they_see():
    agent = agents.by_counts(bayes.greedy, arms=2, most=5.0)
    obs = jnp.array([0.0, 0.0, 1.0, 2.0, 1.0])  # the second arm has paid 2 of 5
    (counts, t), arm = agent.act(jax.random.key(0), agent.start(), obs)
    np.testing.assert_allclose(counts, [[0, 0], [0.4, 0.6]], rtol=1e-6)
    assert int(t) == 1 and int(arm) == 0
    begun = agent.act(jax.random.key(0), agent.start(), jnp.zeros(5))[0][0]
    np.testing.assert_array_equal(begun, 0)  # a trial begins without a loss


@pytest.fixture(scope="module")
def scores():
    """What some players of each family have come to, over 2,048 trials."""
    made = {
        "bandit:kind=dependent": (10, {"exact": agents.exact_pair("uniform")}),
        "bandit:kind=informative": (
            5,
            {"exact": agents.exact_informative(), "search": agents.search_informative()},
        ),
    }
    found = {}
    for name, (episodes, players) in made.items():
        family = find_family(name, make(name), episodes=episodes)
        players = players | {"random": agents.random_agent(family.world.action_space.n)}
        enter = lambda n, p=players: {k: enter_agent(a, n) for k, a in p.items()}  # noqa: E731
        run = functools.partial(measure, family=family, enter=enter, tasks=2048)
        found[name] = jax.jit(run)(jax.random.key(3))
    return found


def test_random_play_earns_half_and_the_exact_player_its_value(scores):
    found = scores["bandit:kind=dependent"]
    for name, expected in (("random", 5.0), ("exact", bayes.dependent_value(pulls=10))):
        score = found[name].score
        assert float(score.mean) == pytest.approx(expected, abs=4 * float(score.standard_error))
    # Regret is what is lost to the better arm, 3/4 of a reward a pull.
    regret = np.asarray(found["random"].score.regret)
    np.testing.assert_allclose(regret, np.arange(1, 11) / 4, rtol=0.06)


def test_the_hint_is_worth_its_price(scores):
    found = scores["bandit:kind=informative"]
    exact, search = (found[name].score for name in ("exact", "search"))
    assert float(exact.mean) == pytest.approx(20.55, abs=4 * float(exact.standard_error))
    assert found["exact"].traits == {"hint_first": 1.0, "hint_then_target": 1.0}
    # The i-th of five tries finds the target in one of ten trials: 5 for it and for all after it.
    by_hand = np.mean([i + 5 * (5 - i) if i < 5 else 5 for i in range(10)])
    assert float(search.mean) == pytest.approx(by_hand, abs=4 * float(search.standard_error))
    assert found["random"].traits["hint_first"] == pytest.approx(1 / 11, abs=0.03)


def test_stays_are_sorted_by_transition_and_reward():
    """Five rounds by hand: choice, place, reward."""
    rounds = [(0, 1, 1), (0, 2, 1), (1, 2, 0), (1, 1, 0), (0, 1, 1)]
    zero = np.zeros(1)
    steps = [((c, p, 0), (0, 0, r)) for c, p, r in rounds]
    action, place, reward = (
        jnp.array([[step[i]] for pair in steps for step in pair]) for i in range(3)
    )
    x = Played((), action, reward, zero, place)
    stays, common, paid = (np.asarray(part)[:, 0].tolist() for part in rounds_of(x))
    assert stays == [True, False, True, False]
    assert common == [True, False, True, False] and paid == [True, True, False, False]
    reward_effect, interaction = effects(jnp.array([[0.9, 0.3], [0.2, 0.8]]))
    assert float(reward_effect) == pytest.approx(0.0, abs=1e-6)
    assert float(interaction) == pytest.approx(0.6)


def test_the_memory_is_cleared_between_trials_and_never_within():
    world = trial(make("bandit:kind=dependent"), 3)
    net = actor_critic(world.obs_space, world.action_space, hidden=(4,), recurrent="lstm")
    params, worlds = net.init(jax.random.key(0)), vectorize(world, 2)

    @jax.jit
    def run(key):
        start = start_actors(key, worlds, net)
        moved = start._replace(carry=jax.tree.map(lambda x: x + 7.0, start.carry))
        both = (collect(key, a, worlds, net, params, lambda o: o, steps=7) for a in (start, moved))
        return [trajectory for _, trajectory, _ in both]

    one, other = run(jax.random.key(1))
    np.testing.assert_array_equal(one.first[:, 0], [t % 3 == 0 for t in range(7)])
    # Where a trial begins, what was remembered before it makes no difference ...
    np.testing.assert_array_equal(one.policy, other.policy)
    # ... and within one the memory goes on as it was left, over the ends of episodes.
    for t in range(6):
        for after, before in zip(one.carry, one.next_carry, strict=True):
            np.testing.assert_array_equal(after[t + 1], before[t])
    assert all(np.all(np.abs(part[2::3]).sum(-1) > 0) for part in one.carry)


def test_a_net_learns_to_heed_both_arms():
    env = make("bandit:kind=dependent,difficulty=easy")
    world = trial(env, 4)
    net = actor_critic(world.obs_space, world.action_space, hidden=(16,), recurrent="lstm")
    learner = learning_to_rl(
        env,
        net,
        optax.rmsprop(0.01, decay=0.99),
        num_envs=64,
        unroll=4,
        episodes=4,
        steps=100,
        entropy_coef=0.2,
        evaluate=lambda key, net, params: {},
    )

    @jax.jit
    def run(key):
        def step(state, i):
            state, metrics = learner.step(jax.random.fold_in(key, i), state, ())
            return state, (metrics["info/expected_reward"], metrics["entropy_coef"])

        return jax.lax.scan(step, learner.init(key), jnp.arange(100))[1]

    reward, weight = run(jax.random.key(0))
    # Play by chance earns 0.5 a pull; the exact player 0.5 at first and then 0.82 or more.
    assert float(reward[-10:].mean()) > 0.68
    np.testing.assert_allclose([weight[0], weight[50]], [0.2, 0.1], rtol=1e-5)


def test_the_report_shows_players_regret_and_stays():
    name = "two_step:trials=3"
    family = find_family(name, make(name), episodes=1)
    arrays = {"regret/meta-RL": np.ones((2, 3)), "stay/meta-RL": np.full((2, 2, 2), 0.5)}
    for i, player in enumerate(player_names(family)):
        arrays[f"score/{player}"] = np.full((2, 2), 2.0 - i / 8)
        arrays[f"regret/{player}"] = np.full((2, 3), i / 8)
        arrays[f"constant/{player}"] = np.full((2, 1), 0.3 if "tuned" in player else np.nan)
        arrays[f"stay/{player}"] = np.full((2, 2, 2), 0.5)
    metrics = {f"eval/{x}": interval([1.0, 1.2]) for x in ("reward", "reward_sampled")}
    metrics["eval/standard_error"] = interval([0.1, 0.1])
    shown = structured_exhibits(Outcome(metrics, arrays, [], 2))
    assert [exhibit.name for exhibit in shown] == ["players", "regret", "stays"]
    titles = [panel.get_title() for panel in stays_figure({"a": np.zeros((2, 2))}).axes]
    assert titles == ["a"]
    assert structured_exhibits(Outcome({}, {}, [], 1)) == []


def test_nets_of_a_family_have_its_players_beside_them():
    kinds = {
        "bandit:kind=dependent": (3, "Thompson sampling (pair)"),
        "bandit:kind=informative": (3, "search"),
        "bandit:kind=restless": (1, "fixed rate (tuned)"),
        "two_step": (1, "model-free (tuned)"),
    }
    for name, (episodes, player) in kinds.items():
        names = player_names(find_family(name, make(name), episodes=episodes))
        assert names[0] == "Bayes-optimal" and player in names


def test_trials_are_as_long_as_the_unroll():
    from experiments.meta.learning_to_rl import PRESETS
    from jaxdl.launch import configure

    settings = {"env": "two_step", "episodes": 1}
    with pytest.raises(BadInput, match="--unroll=100 should be a multiple of 200"):
        configure("learning_to_rl", PRESETS, "cpu", settings)
    with pytest.raises(BadInput, match="--episodes=100: an episode of two_step is a whole trial"):
        configure("learning_to_rl", PRESETS, "cpu", {"env": "two_step"})
