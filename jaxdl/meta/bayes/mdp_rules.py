"""Rules for tabular decision processes. Each plans an episode from what is believed before it.

A rule maps (key, belief, prior, steps so far, H) to values [H, S, A]; the player takes the action
of the greatest one, any of them where there are several. The forms are those of TabulaRL (Osband),
with which Duan et al. 2016 compare, except where a docstring says otherwise.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.meta.bayes.planning import (
    Belief,
    Prior,
    draw_task,
    mean_task,
    plan,
    plan_optimistically,
)

CONFIDENCE = 0.05  # delta of UCRL2


class Moment(NamedTuple):
    """Says where a player stands before an episode.

    Attributes:
      belief: what it has seen.
      time: int32 scalar, steps so far.
      horizon: H, steps of an episode.
    """

    belief: Belief
    time: jax.Array
    horizon: int


MDPRule = Callable[[jax.Array, Moment], jax.Array]  # key, moment -> values [H, S, A]


def random_actions() -> MDPRule:
    """Makes the rule to which all actions are alike."""
    return lambda key, moment: jnp.zeros((moment.horizon, *moment.belief.visits.shape))


def greedy_plan(prior: Prior) -> MDPRule:
    """Makes the rule that plans in the posterior mean."""
    return lambda key, moment: plan(mean_task(moment.belief, prior), horizon=moment.horizon)


def epsilon_greedy_plan(prior: Prior, epsilon: float | jax.Array) -> MDPRule:
    """Makes the rule that takes any action with probability epsilon, else that of `greedy_plan`."""
    greedy = greedy_plan(prior)

    def rule(key, moment):
        greedy_key, explore_key = jax.random.split(key)
        values = greedy(greedy_key, moment)
        explores = jax.random.bernoulli(explore_key, epsilon, values.shape[:2])
        return jnp.where(explores[..., None], 0.0, values)

    return rule


class Bonus(NamedTuple):
    """Says what BEB adds to a mean reward, in the form of Kolter & Ng or in that of TabulaRL.

    With n the times that the action was taken in the state, m those where it was seen what
    followed, and w the prior's weight, it is reward / (offset + n) + move l / (1 + S w + m) where l
    steps are left. Kolter & Ng 2009, eq. 4, have (beta, 1, 0), TabulaRL (1, 1 + w, c).

    Attributes:
      reward: beta.
      offset: of n.
      move: c.
    """

    reward: jax.Array | float
    offset: jax.Array | float = 1.0
    move: jax.Array | float = 0.0


def bonus_plan(prior: Prior, bonus: Bonus) -> MDPRule:
    """Makes BEB, which plans in the posterior mean with a bonus for what is little known."""

    def rule(key, moment):
        belief = moment.belief
        task = mean_task(belief, prior)
        moves = jnp.sum(belief.moves + prior.weight, axis=-1)
        reward = task.reward + bonus.reward / (bonus.offset + belief.visits)
        per_step = bonus.move / (1 + moves)
        return plan(task._replace(reward=reward), horizon=moment.horizon, per_step=per_step)

    return rule


def sampled_plan(prior: Prior) -> MDPRule:
    """Makes PSRL, which plans in one draw from the posterior (Osband et al. 2013, algorithm 1)."""
    return lambda key, moment: plan(draw_task(key, moment.belief, prior), horizon=moment.horizon)


def optimistic_sampled_plan(prior: Prior, draws: int | jax.Array) -> MDPRule:
    """Makes OPSRL, which takes each value from the best of several draws from the posterior."""
    sampled = sampled_plan(prior)

    def rule(key, moment):
        def raise_values(i, values):
            return jnp.maximum(values, sampled(jax.random.fold_in(key, i), moment))

        lowest = jnp.full((moment.horizon, *moment.belief.visits.shape), -jnp.inf)
        return jax.lax.fori_loop(0, draws, raise_values, lowest)

    return rule


def confident_plan(prior: Prior, scale: float | jax.Array) -> MDPRule:
    """Makes UCRL2, which plans in the best task of a confidence set (Jaksch et al. 2010, fig. 1).

    The set's radii, sqrt(4 log(2 S A (t + 1) / delta) / n) for rewards and sqrt(S) as much for rows
    of transitions, are multiplied by `scale`, and its center is the posterior mean. Extended value
    iteration is the paper's: TabulaRL's keeps the optimism of one step for the next.
    """

    def rule(key, moment):
        belief = moment.belief
        states, actions = belief.visits.shape
        log = jnp.log(2 * states * actions * (moment.time + 1) / CONFIDENCE)
        reward_radius = scale * jnp.sqrt(4 * log / jnp.maximum(belief.visits, 1))
        moves = jnp.maximum(jnp.sum(belief.moves, axis=-1), 1)
        row_radius = scale * jnp.sqrt(4 * states * log / moves)
        task = mean_task(belief, prior)
        task = task._replace(reward=task.reward + reward_radius)
        return plan_optimistically(task, row_radius, horizon=moment.horizon)

    return rule
