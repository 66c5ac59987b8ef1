"""Scores of players of tabular decision processes on fresh tasks, with little noise."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.tabular_mdp import Task, follow, sample_tables
from jaxdl.meta.bayes.mdp_rules import MDPRule, Moment
from jaxdl.meta.bayes.planning import Seen, as_normal, draw_lots, first_belief, learn, plan
from jaxdl.meta.bayes.scores import Score, score_regrets

TASKS_AT_ONCE = 512


class Sizes(NamedTuple):
    """Says how large the decision processes are, and how long they are played.

    Attributes:
      states: S.
      actions: A.
      horizon: H, steps of an episode.
      episodes: n.
    """

    states: int = 10
    actions: int = 5
    horizon: int = 10
    episodes: int = 10


class Chance(NamedTuple):
    """Holds all chance of an episode that is not a rule's own, in leaves [H, ...].

    Attributes:
      reward: [H] what is added to the mean rewards.
      place: [H] lots that decide which state follows.
      tie: [H, A] lots that decide which of equal actions is taken.
    """

    reward: jax.Array
    place: jax.Array
    tie: jax.Array


class Informed(NamedTuple):
    """Holds what a player earns who knows the task.

    Attributes:
      mean: V*, the expected reward of an episode, over tasks.
      standard_error: of `mean`.
    """

    mean: jax.Array
    standard_error: jax.Array


def informed_value(*, sizes: Sizes, tasks: int, key: jax.Array) -> Informed:
    """Estimates the mean over tasks of V*, the value of the best policy of a known task.

    Args:
      sizes: of the tasks.
      tasks: how many; rounded up to whole batches of 512.
      key: of the tasks.
    """

    def values(key):
        keys = jax.random.split(key, TASKS_AT_ONCE)
        return jax.vmap(lambda key: best_return(_sample(key, sizes), horizon=sizes.horizon))(keys)

    found = jax.lax.map(values, jax.random.split(key, -(-tasks // TASKS_AT_ONCE))).reshape(-1)
    return Informed(jnp.mean(found), jnp.std(found, ddof=1) / jnp.sqrt(found.size))


def best_return(task: Task, *, horizon: int) -> jax.Array:
    """Computes V* of the first state, a scalar."""
    return jnp.max(plan(task, horizon=horizon)[0, 0])


def play(
    rules: Sequence[MDPRule], task: Task, chance: Chance, key: jax.Array, *, sizes: Sizes
) -> jax.Array:
    """Plays n episodes of a task by R rules, each by itself.

    Args:
      rules: each plans an episode.
      task: the tables.
      chance: leaves [n, H, ...], the same for all rules.
      key: of the rules' own chance.
      sizes: of the task.

    Returns:
      [R, n] the sum of the expected rewards of each episode.
    """
    horizon = sizes.horizon
    steps = sizes.episodes * horizon
    belief = first_belief(states=sizes.states, actions=sizes.actions, steps=steps)
    beliefs = jax.tree.map(lambda x: jnp.stack([x] * len(rules)), belief)

    def play_episode(beliefs, moment):
        number, keys, chance = moment
        moments = [
            Moment(jax.tree.map(lambda x: x[i], beliefs), number * horizon, horizon)  # noqa: B023
            for i in range(len(rules))
        ]
        values = jnp.stack(
            [rule(key, at) for rule, key, at in zip(rules, keys, moments, strict=True)]
        )  # [R, H, S, A]
        seen, expected = jax.vmap(lambda values: act_out(values, task, chance))(values)
        after = jax.vmap(lambda belief, seen: learn(belief, seen, number))(beliefs, seen)
        return after, jnp.sum(expected, axis=1)

    numbers = jnp.arange(sizes.episodes)
    keys = jax.random.split(key, (sizes.episodes, len(rules)))
    return jax.lax.scan(play_episode, beliefs, (numbers, keys, chance))[1].T


def act_out(values: jax.Array, task: Task, chance: Chance) -> tuple[Seen, jax.Array]:
    """Plays an episode by the action of the greatest value at each step.

    Args:
      values: [H, S, A]; of equal ones the lots decide.
      task: the tables.
      chance: leaves [H, ...].

    Returns:
      What is seen, and the expected rewards [H].
    """

    def act(place, moment):
        values, chance = moment  # [S, A], and this step's
        best = values[place] == jnp.max(values[place])
        action = jnp.argmax(jnp.where(best, chance.tie, -1.0))
        expected = task.reward[place, action]
        after = follow(task, place, action, chance.place)
        return after, (Seen(place, action, expected + chance.reward, after), expected)

    return jax.lax.scan(act, jnp.int32(0), (values, chance))[1]


def score_rules(
    rules: Mapping[str, MDPRule], *, sizes: Sizes, tasks: int, informed: Informed, key: jax.Array
) -> dict[str, Score]:
    """Scores rules side by side, on the same fresh tasks with the same lots.

    Args:
      rules: name -> rule.
      sizes: of the tasks.
      tasks: how many.
      informed: V* of such tasks; n V* of each is the control variate.
      key: of the tasks and of all chance in them.
    """
    tasks_at_once = min(tasks, TASKS_AT_ONCE)

    def play_one(key):
        task_key, chance_key, rules_key = jax.random.split(key, 3)
        task = _sample(task_key, sizes)
        chance = _draw_chance(chance_key, sizes)
        best = best_return(task, horizon=sizes.horizon)
        returns = play([*rules.values()], task, chance, rules_key, sizes=sizes)
        return dict(zip(rules, best - returns, strict=True))

    return score_regrets(
        lambda key: jax.vmap(play_one)(jax.random.split(key, tasks_at_once)),
        best=sizes.episodes * informed.mean,
        best_error=sizes.episodes * informed.standard_error,
        tasks=tasks,
        key=key,
        tasks_at_once=tasks_at_once,
    )


def _sample(key: jax.Array, sizes: Sizes) -> Task:
    return sample_tables(key, states=sizes.states, actions=sizes.actions)


def _draw_chance(key: jax.Array, sizes: Sizes) -> Chance:
    """Draws the chance of n episodes, leaves [n, H, ...]."""
    lots = draw_lots(key, (sizes.episodes, sizes.horizon, 2 + sizes.actions))
    return Chance(reward=as_normal(lots[..., 0]), place=lots[..., 1], tie=lots[..., 2:])
