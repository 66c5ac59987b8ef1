"""Scores of nets that learn in their memory: by trials of any world, and exactly on bandits."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Mean, Metrics
from jaxdl.envs import Env
from jaxdl.envs.bandit import bandit
from jaxdl.envs.names import parse_name
from jaxdl.meta import bayes
from jaxdl.meta.players import Player, compare_with, shape_player
from jaxdl.meta.trial import trial
from jaxdl.nn import ActorCritic
from jaxdl.rl.rollout import (
    Policy,
    fold,
    likeliest_policy,
    record,
    sampled_policy,
    start_rollout,
)

Evaluation = Callable[[jax.Array, ActorCritic, Any], Metrics]  # key, net, params -> metrics


class TrialReturns(NamedTuple):
    """What B trials of n episodes have come to.

    Attributes:
      by_episode: [B, n] return of each episode.
      ended: [B] int32 how many episodes have ended.
    """

    by_episode: jax.Array
    ended: jax.Array


def trial_evaluation(
    env: Env, *, episodes: int, trials: int = 256, episode_steps: int = 1000
) -> Evaluation:
    """Makes the evaluation by fresh trials, always with the most likely action.

    Args:
      env: the family of tasks.
      episodes: n, in a trial.
      trials: B, how many.
      episode_steps: the longest episode. A trial is cut after n times as many steps; of an episode
        that has not ended by then nothing is reported.

    Returns:
      key, net, params -> metrics `trial_return` (the rewards of all episodes of the trials that
      ended) with its `standard_error`, and the returns of the `first_episode` and the
      `last_episode`, each a mean over those that ended.
    """
    world = trial(env, episodes)

    def update(returns, moment):
        episode = jax.nn.one_hot(moment.before.episodes, episodes)  # [B, n]
        by_episode = returns.by_episode + moment.step.reward[:, None] * episode
        return TrialReturns(
            by_episode, jnp.where(moment.is_alive, moment.after.episodes, returns.ended)
        )

    def evaluate(key, net, params):
        rollout = start_rollout(key, world, net.initial_carry(trials), episodes=trials)
        nothing = TrialReturns(jnp.zeros((trials, episodes)), jnp.zeros(trials, jnp.int32))
        policy = likeliest_policy(net, params, lambda obs: obs)
        _, returns = fold(
            rollout, world, policy, update, nothing, max_steps=episodes * episode_steps
        )
        is_whole = returns.ended == episodes
        total = jnp.sum(returns.by_episode, axis=1)
        return {
            "trial_return": _mean_where(is_whole, total),
            "standard_error": _standard_error(is_whole, total),
            "first_episode": _mean_where(returns.ended >= 1, returns.by_episode[:, 0]),
            "last_episode": _mean_where(is_whole, returns.by_episode[:, -1]),
        }

    return evaluate


def _mean_where(mask: jax.Array, values: jax.Array) -> Mean:
    """The mean of the values [B] that count."""
    return Mean(jnp.sum(jnp.where(mask, values, 0.0)), jnp.sum(mask))


def _standard_error(mask: jax.Array, values: jax.Array) -> Mean:
    """The standard error of the mean of the values that count; not defined for fewer than two."""
    count = jnp.sum(mask)
    mean = jnp.sum(jnp.where(mask, values, 0.0)) / jnp.maximum(count, 1)
    squares = jnp.sum(jnp.where(mask, (values - mean) ** 2, 0.0))
    error = jnp.sqrt(squares / jnp.maximum(count - 1, 1) / jnp.maximum(count, 1))
    is_defined = count > 1
    return Mean(jnp.where(is_defined, error, 0.0), is_defined.astype(jnp.int32))


def is_bandit(name: str) -> bool:
    """Says whether the world of that name, settings and all, is a bandit of independent arms."""
    world, settings = parse_name(name)
    return world == "bandit" and settings.get("kind", "independent") == "independent"


def bandit_evaluation(
    *, arms: int, pulls: int, tasks: int = 100_000, player: str = "RL²"
) -> Evaluation:
    """Makes the evaluation by fresh bandits, with the little noise of `bayes.score`.

    Args:
      arms: k.
      pulls: n.
      tasks: how many bandits.
      player: what the net is called in arrays and figures.

    Returns:
      key, net, params -> metrics `reward` (of the player that pulls the most likely arm), its
      `standard_error`, and `reward_sampled`, of the player that draws the arm from its policy as in
      training. And the array `regret/<player>` [n], the expected regret of the first 1 .. n pulls.
    """

    def evaluate(key, net, params):
        score = partial(bandit_score, key, net, arms=arms, pulls=pulls, tasks=tasks)
        one, other = (score(policy) for policy in two_policies(net, params))  # on the same bandits
        return {
            "reward": one.mean,
            "standard_error": one.standard_error,
            "reward_sampled": other.mean,
            f"regret/{player}": one.regret,
        }

    return evaluate


def also_on_other_arms(
    evaluation: Evaluation, others: ActorCritic, *, arms: int, pulls: int, tasks: int
) -> Evaluation:
    """Adds the score on bandits of another number of arms than the net was trained with.

    Args:
      evaluation: that is added to.
      others: the net for so many arms, with the same parameters.
      arms: k.
      pulls: n.
      tasks: how many fresh bandits, the same for the net and for the index policy.

    Returns:
      key, net, params -> the metrics, and `other_arms/reward`, its `other_arms/standard_error` and
      `other_arms/percent_of_index`, the share of what the finite-horizon index policy earns.
    """
    sizes = {"arms": arms, "pulls": pulls, "tasks": tasks}

    def evaluate(key, net, params):
        metrics = evaluation(key, net, params)
        policy = likeliest_policy(others, params, lambda obs: obs)
        score = bandit_score(key, others, policy, **sizes)
        index = bayes.index_policy_value(key=key, **sizes)
        return metrics | {
            "other_arms/reward": score.mean,
            "other_arms/standard_error": score.standard_error,
            "other_arms/percent_of_index": 100 * score.mean / index.mean,
        }

    return evaluate


def two_policies(net: ActorCritic, params: Any) -> tuple[Policy, Policy]:
    """Returns the policy of the most likely action, and that of sampled ones, as in training."""
    as_it_is = lambda obs: obs  # noqa: E731
    return likeliest_policy(net, params, as_it_is), sampled_policy(net, params, as_it_is)


def compare_players(learner: Learner, *, arms: int, pulls: int, tasks: int = 100_000) -> Learner:
    """Compares with the Bayes-optimal player and the rules made by hand.

    These are scored once in a process, when an evaluation is first computed: many arms and pulls
    take minutes.

    Args:
      learner: its evaluation is that of `bandit_evaluation`.
      arms: k.
      pulls: n.
      tasks: how many bandits the others are scored on.

    Returns:
      A learner whose evaluation has the metric `percent_of_optimal`, or `percent_of_best_rule`
      where the optimum is out of reach. And arrays: for each player `score/<player>` [2], reward
      and standard error, and for the rules `regret/<player>` [n] and `constant/<player>` [1], NaN
      for a rule without one.
    """
    sizes = {"arms": arms, "pulls": pulls}
    shapes = dict.fromkeys(bayes.rules_of(**sizes), shape_player(pulls))
    if bayes.has_optimum(**sizes):
        shapes = {EXACT: {"score": jax.ShapeDtypeStruct((2,), jnp.float32)}} | shapes

    def judge(metrics, players):
        best = jnp.max(jnp.stack([arrays["score"][0] for arrays in players.values()]))
        yardstick = players[EXACT]["score"][0] if EXACT in players else best
        name = "percent_of_optimal" if EXACT in players else "percent_of_best_rule"
        return metrics | {name: 100 * metrics["reward"] / yardstick}

    return compare_with(learner, lambda: players_of(**sizes, tasks=tasks), shapes, judge)


EXACT = "Bayes-optimal, exact"


@cache
def players_of(*, arms: int, pulls: int, tasks: int) -> tuple[Player, ...]:
    """Scores the Bayes-optimal player and the rules made by hand, the exact optimum first.

    Args:
      arms: k.
      pulls: n.
      tasks: how many fresh bandits, always the same ones.
    """
    sizes = {"arms": arms, "pulls": pulls}
    rules = bayes.yardsticks(**sizes, tasks=tasks, key=jax.random.key(1))
    players = [
        Player(name, rule.constant, float(score.mean), float(score.standard_error), score.regret)
        for name, rule in rules.items()
        for score in [jax.device_get(rule.score)]
    ]
    if bayes.has_optimum(**sizes):
        players.insert(0, Player(EXACT, None, bayes.optimal_value(**sizes), 0.0, None))
    return tuple(players)


def bandit_score(
    key: jax.Array,
    net: ActorCritic,
    policy: Policy,
    *,
    arms: int,
    pulls: int,
    tasks: int,
) -> bayes.Score:
    """Scores a net in `trial(bandit(arms=k), n)`.

    Args:
      key: of all chance; the bandits are the same for every policy.
      net: whose memory the policy uses.
      policy: how it acts.
      arms: k.
      pulls: n.
      tasks: how many fresh bandits.
    """
    world = trial(bandit(arms=arms), pulls)
    tasks_at_once = min(tasks, 4096)

    def keep_regret(moment):
        best = jnp.max(moment.task, axis=1)
        return best - moment.step.info["expected_reward"]

    def regrets(key):
        carry = net.initial_carry(tasks_at_once)
        rollout = start_rollout(key, world, carry, episodes=tasks_at_once)
        return record(rollout, world, policy, keep_regret, steps=pulls)[1].T

    return bayes.score(
        regrets, arms=arms, pulls=pulls, tasks=tasks, key=key, tasks_at_once=tasks_at_once
    )
