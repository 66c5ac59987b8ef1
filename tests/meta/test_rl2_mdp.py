"""How nets that learn decision processes in their memory are scored, and beside whom."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import Learner, Run, TrainState, fit
from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, make
from jaxdl.launch import Outcome, configure
from jaxdl.meta import (
    INFORMED,
    bayes,
    compare_mdp_players,
    is_tabular,
    mdp_evaluation,
    mdp_exhibits,
    mdp_players_of,
    mdp_score,
    mdp_sizes,
    title_of,
    trial,
)
from jaxdl.meta.bayes.mdp_yardsticks import TRIED
from jaxdl.meta.exhibits import player_rows
from jaxdl.nn import actor_critic
from jaxdl.rl.rollout import likeliest_policy

NAME = "tabular_mdp:states=3,actions=2,horizon=4"
ENV = make(NAME)
SIZES = bayes.Sizes(3, 2, 4, 3)


def ruled(rule):
    """A net without parameters: rule(obs [E, 7]) -> logits [E, 2]."""
    any_net = actor_critic(Box((7,)), Discrete(2), hidden=(2,), recurrent="gru")

    def step(params, carry, obs, first):
        return carry, rule(obs), jnp.zeros(obs.shape[0])

    return any_net._replace(step=step, initial_carry=lambda n: jnp.zeros((n, 1)))


def always(action):
    return ruled(lambda obs: jnp.zeros((obs.shape[0], 2)).at[:, action].set(1.0))


def test_sizes_are_read_from_the_world_and_its_name():
    assert mdp_sizes(NAME, ENV, episodes=3) == SIZES
    plain = make("tabular_mdp")
    assert mdp_sizes("tabular_mdp", plain, episodes=25) == bayes.Sizes(10, 5, 10, 25)
    assert is_tabular(NAME) and is_tabular("tabular_mdp") and not is_tabular("tiny_bamdp")


def test_a_net_that_takes_one_action_is_scored_as_that_policy():
    """Its value of each task is known: on 8192 tasks in float64, and by fresh trials."""
    tasks = jax.vmap(ENV.sample_task)(jax.random.split(jax.random.key(3), 8192))
    reward, rows = (np.float64(x)[:, :, 1] for x in tasks)  # of action 1
    value, best = np.zeros((2, 8192, 3))
    for _ in range(4):
        value = reward + np.einsum("bst,bt->bs", rows, value)
        best = (np.float64(tasks.reward) + np.einsum("bsat,bt->bsa", tasks.transition, best)).max(2)
    lost = 3 * (best - value)[:, 0]
    net = always(1)
    policy = likeliest_policy(net, (), lambda obs: obs)
    score = mdp_score(jax.random.key(0), ENV, net, policy, sizes=SIZES, tasks=4096)
    error = np.hypot(lost.std() / 8192**0.5, float(score.standard_error))
    assert -float(score.mean) == pytest.approx(lost.mean(), abs=4 * error)
    np.testing.assert_allclose(score.regret, lost.mean() * np.arange(1, 4) / 3, rtol=0.1)


def test_a_net_that_guesses_earns_one_a_step():
    net = ruled(lambda obs: jnp.zeros((obs.shape[0], 2)))
    measure = mdp_evaluation(ENV, sizes=SIZES, tasks=4096)
    metrics = jax.jit(lambda key: measure(key, net, ()))(jax.random.key(0))
    informed = bayes.informed_value(sizes=SIZES, tasks=20_000, key=jax.random.key(1))
    reward = 3 * float(informed.mean) - float(metrics["lost_sampled"])
    assert reward == pytest.approx(12, abs=5 * float(metrics["standard_error"]))
    assert metrics["regret/RL²"].shape == (3,)


def test_the_trial_shows_where_the_player_is():
    world = trial(ENV, 3)
    assert world.obs_space == Box((3 + 2 + 2,))
    task = world.sample_task(jax.random.key(0))
    state, obs = world.reset(jax.random.key(1), task)
    np.testing.assert_array_equal(obs, [1, 0, 0, 0, 0, 0, 0])
    for i in range(4):
        state, out = world.step(jax.random.key(i), state, jnp.int32(1), task)
    np.testing.assert_array_equal(out.obs[:5], [1, 0, 0, 0, 1])  # the next episode begins
    assert float(out.obs[5]) == float(out.reward) and float(out.obs[6]) == 1


def test_titles_name_the_prior_where_it_is_wrong():
    assert title_of("psrl") == "PSRL" and title_of("psrl", 0.0) == "PSRL (prior mean 0)"
    assert title_of("beb", 0.0) == "BEB (tuned, prior mean 0)"
    assert title_of("epsilon_greedy") == "epsilon-greedy (tuned)"
    assert title_of("epsilon_greedy", 0.0) == "epsilon-greedy (prior mean 0)"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Of a run of two seeds that learns nothing and always takes action 0."""
    measure = mdp_evaluation(ENV, sizes=SIZES, tasks=512)

    def step(key, state, batch):
        return state, {"steps": jnp.float32(1)}

    def evaluate(key, state):
        return measure(key, always(0), ())

    learner = Learner(lambda key: TrainState(jnp.zeros(2), ()), step, evaluate)
    learner = compare_mdp_players(learner, sizes=SIZES, tasks=128)
    outcomes = []
    run = Run(steps=1, num_seeds=2, workdir=str(tmp_path_factory.mktemp("run")))
    fit(learner, (), run, figures=lambda outcome: outcomes.append(outcome) or ())
    return outcomes[0]


def test_players_stand_beside_the_net(outcome):
    players = {player.name: player for player in mdp_players_of(sizes=SIZES, tasks=128)}
    assert len(players) == 1 + 7 + 6 and players[INFORMED].regret is None
    metrics = {name.removeprefix("eval/"): x["values"] for name, x in outcome.metrics.items()}
    fair = [players[title_of(name)].reward for name in bayes.MDP_RULES]
    informed = players[INFORMED].reward
    reward = np.array(metrics["reward"])
    np.testing.assert_allclose(metrics["percent_of_informed"], 100 * reward / informed, rtol=1e-5)
    between = 100 * (reward - max(fair)) / (informed - max(fair))
    np.testing.assert_allclose(metrics["percent_between"], between, rtol=1e-3)
    assert not any(name.startswith("lost") for name in metrics)
    for player in players.values():
        assert player.reward < informed + 4 * player.standard_error or player.name == INFORMED
        known = player.constant is not None
        assert known == ("tuned" in player.name or player.name.startswith("epsilon"))
    assert players[title_of("beb")].constant in TRIED["beb"]


def test_the_report_shows_the_players_and_their_episodes(outcome):
    players, episodes = mdp_exhibits(outcome)
    assert (players.name, episodes.name) == ("players", "episodes")
    rows = player_rows(outcome, choice="action", yardstick=INFORMED)
    assert [row["player"] for row in rows[:3]] == [
        *("RL² (likeliest action)", "RL² (sampled action)"),
        INFORMED,
    ]
    assert rows[2]["percent"] == pytest.approx(100) and {row["of"] for row in rows} == {INFORMED}
    earned = [row["reward"] for row in rows[2:]]
    assert earned == sorted(earned, reverse=True)
    panel = episodes.content.axes[0]
    labels = [line.get_label() for line in panel.get_lines()]
    assert labels[0] == "RL²" and INFORMED in labels and not any("prior" in x for x in labels)
    # A net that learns nothing earns the same in every episode.
    line = panel.get_lines()[0].get_ydata()
    np.testing.assert_allclose(line, line.mean(), rtol=0.2)


def test_a_world_without_yardsticks_has_no_exhibits():
    assert mdp_exhibits(Outcome({"eval/trial_return": interval([1.0])}, {}, [], 1)) == []


def test_a_trial_longer_than_the_unroll_is_refused():
    from experiments.meta.rl2_mdp import PRESETS

    with pytest.raises(BadInput, match="--unroll=100 should be a multiple of 250, the steps of 25"):
        configure("rl2_mdp", PRESETS, "cpu", {"episodes": 25})
    assert configure("rl2_mdp", PRESETS, "cpu", {"episodes": 25, "unroll": 250}).episodes == 25
