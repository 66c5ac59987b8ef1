"""The players made by hand of tasks with a structure (Wang et al. 2016), and what they earn."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Learner
from jaxdl.envs import make
from jaxdl.envs.bandit import TARGET_PAYS
from jaxdl.meta import bayes
from jaxdl.meta.bayes import agents
from jaxdl.meta.evaluation import EXACT
from jaxdl.meta.families import Family, find_family
from jaxdl.meta.players import Player, compare_with, shape_player
from jaxdl.meta.structured import Entrant, enter_agent, measure

OPTIMAL = "Bayes-optimal"
MODEL_FREE, MODEL_BASED = "model-free (tuned)", "model-based (tuned)"
FIXED_RATE = "fixed rate (tuned)"
RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9)
SHARPNESS = 5.0  # of the softmax of model-free and model-based players, as chosen by us
BONUSES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
EXACT_KINDS = ("dependent", "informative")  # whose Bayes-optimal value is known without play
CONSTANTS = {"UCB1 (tuned)": BONUSES}  # name -> values that are tried; of others, `RATES`


def compare_structured(learner: Learner, *, name: str, family: Family, tasks: int) -> Learner:
    """Compares with the Bayes-optimal player and the rules made by hand.

    Args:
      learner: its evaluation is that of `structured_evaluation`.
      name: of the world.
      family: of its tasks.
      tasks: how many the others are scored on.

    Returns:
      A learner whose evaluation has the metric `percent_of_optimal` too, and arrays as in
      `compare_with`; of the two-step task `stay/<player>` [2, 2].
    """
    shape = shape_player(family.parts)
    if family.kind == "two_step":
        shape |= {"stay": jax.ShapeDtypeStruct((2, 2), jnp.float32)}
    shapes = dict.fromkeys(player_names(family), shape)
    if family.kind in EXACT_KINDS:
        shapes = {EXACT: {"score": jax.ShapeDtypeStruct((2,), jnp.float32)}} | shapes
    yardstick = next(iter(shapes))

    def judge(metrics, players):
        best = players[yardstick]["score"][0]
        return metrics | {"percent_of_optimal": 100 * metrics["reward"] / best}

    episodes = 1 if family.kind in ("restless", "two_step") else family.parts
    players = lambda: structured_players(name=name, episodes=episodes, tasks=tasks)  # noqa: E731
    return compare_with(learner, players, shapes, judge)


def _exact_value(family: Family) -> float:
    """Returns the Bayes-optimal value of a kind of `EXACT_KINDS`."""
    if family.kind == "dependent":
        return bayes.dependent_value(pulls=family.parts, difficulty=family.difficulty)
    return bayes.informative_value(pulls=family.parts)


def player_names(family: Family) -> tuple[str, ...]:
    """Returns the names of the players of a family, the Bayes-optimal one first."""
    return (*_fixed(family), *_tuned(family))


@cache
def structured_players(*, name: str, episodes: int, tasks: int) -> tuple[Player, ...]:
    """Scores the players made by hand, the exact optimum first where it is known without play.

    Constants are tuned on other trials, a quarter as many for each value.

    Args:
      name: of the world.
      episodes: of a trial.
      tasks: how many fresh trials, always the same ones.
    """
    family = find_family(name, make(name), episodes=episodes)
    tuning_key, key = jax.random.split(jax.random.key(1))
    constants = _tune(tuning_key, family, tasks=max(tasks // 4, 2))
    made = _fixed(family)
    made |= {rule: make_agent(constants[rule]) for rule, make_agent in _tuned(family).items()}
    measured = jax.jit(
        lambda key: measure(key, family, lambda trials: _enter_all(made, trials), tasks=tasks)
    )(key)
    players = []
    for rule, found in jax.device_get(measured).items():
        score = found.score
        more = {"stay": np.asarray(found.traits["stay"])} if "stay" in found.traits else {}
        reward, error = float(score.mean), float(score.standard_error)
        players.append(Player(rule, constants.get(rule), reward, error, score.regret, more))
    if family.kind in EXACT_KINDS:
        players.insert(0, Player(EXACT, None, _exact_value(family), 0.0, None))
    return tuple(players)


def _enter_all(made: Mapping[str, agents.Agent], trials: int) -> dict[str, Entrant]:
    return {name: enter_agent(agent, trials) for name, agent in made.items()}


def _tune(key: jax.Array, family: Family, *, tasks: int) -> dict[str, float]:
    """Finds the constant of each tuned rule that earns most."""
    families = _tuned(family)
    values = {name: CONSTANTS.get(name, RATES) for name in families}
    if not families:
        return {}

    @jax.jit
    def rewards(key):
        def score(constants):
            made = {name: make(constants[name]) for name, make in families.items()}
            found = measure(key, family, lambda trials: _enter_all(made, trials), tasks=tasks)
            return {name: x.score.mean for name, x in found.items()}

        return jax.lax.map(score, {name: jnp.array(x) for name, x in values.items()})

    found = jax.device_get(rewards(key))
    return {name: values[name][int(np.argmax(found[name]))] for name in families}


def _fixed(family: Family) -> dict[str, agents.Agent]:
    """The players without a constant, the Bayes-optimal one first."""
    arms = family.world.action_space.n
    if family.kind == "two_step":
        return {OPTIMAL: agents.exact_two_step(), "random": agents.random_agent(arms)}
    most = TARGET_PAYS if family.kind == "informative" else 1.0
    alone: Sequence[tuple[str, bayes.Policy]] = (
        ("Thompson sampling", bayes.thompson),
        ("greedy", bayes.greedy),
        ("UCB1 (textbook)", bayes.ucb1_textbook),
        ("random", bayes.uniform),
    )
    rules = {name: agents.by_counts(policy, arms=arms, most=most) for name, policy in alone}
    if family.kind == "dependent":
        return {
            OPTIMAL: agents.exact_pair(family.difficulty),
            "Thompson sampling (pair)": agents.thompson_pair(),
        } | rules
    if family.kind == "informative":
        own = {OPTIMAL: agents.exact_informative(), "search": agents.search_informative()}
        return own | rules
    return {OPTIMAL: agents.exact_restless()} | rules


def _tuned(family: Family) -> dict[str, Callable[[Any], agents.Agent]]:
    """The players with a constant: name -> constant -> Agent."""
    arms = family.world.action_space.n
    if family.kind == "two_step":
        return {
            MODEL_BASED: lambda rate: agents.model_based(rate, SHARPNESS),
            MODEL_FREE: lambda rate: agents.model_free(rate, SHARPNESS),
        }
    most = TARGET_PAYS if family.kind == "informative" else 1.0
    found = {
        "UCB1 (tuned)": lambda bonus: agents.by_counts(
            bayes.ucb1_tuned(bonus), arms=arms, most=most
        )
    }
    return found | ({FIXED_RATE: agents.fixed_rate_pair} if family.kind == "restless" else {})
