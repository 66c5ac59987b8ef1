"""What a player of tabular decision processes believes, and plans with: Osband et al. 2013, sec. 4.

Mean rewards have the prior N(mean, 1 / weight) and rewards the noise N(0, 1). A row of transitions
has the prior Dirichlet(weight, ..., weight). Both posteriors are in closed form.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.tabular_mdp import Task


class Prior(NamedTuple):
    """Says what is believed before the first step.

    Attributes:
      mean: of every mean reward.
      weight: how many rewards the belief about a mean reward counts for, and how many transitions
        to every state that about a row of transitions.
    """

    mean: float
    weight: float


class Belief(NamedTuple):
    """Holds what a player has seen of a decision process in up to T steps.

    Attributes:
      rewards: [S, A] sum of those paid.
      visits: [S, A] how many these were.
      moves: [S, A, S] how often which state followed. What follows an episode's last step is not
        seen.
      seen: [T] int32, each of these moves as its number in the flattened [S, A, S]; S A S where
        there was none.
    """

    rewards: jax.Array
    visits: jax.Array
    moves: jax.Array
    seen: jax.Array


class Seen(NamedTuple):
    """Holds the H steps of an episode, as a player sees them, in leaves [H].

    Attributes:
      place: int32 state that was acted in.
      action: int32.
      reward: that was paid.
      after: int32 state that followed.
    """

    place: jax.Array
    action: jax.Array
    reward: jax.Array
    after: jax.Array


def first_belief(*, states: int, actions: int, steps: int) -> Belief:
    """Returns the belief of a player that has seen nothing, with room for so many steps."""
    pairs = jnp.zeros((states, actions))
    moves = jnp.zeros((states, actions, states))
    return Belief(pairs, pairs, moves, jnp.full(steps, moves.size, jnp.int32))


def learn(belief: Belief, episode: Seen, number: jax.Array) -> Belief:
    """Adds an episode to a belief.

    Args:
      belief: of the player before it.
      episode: what was seen.
      number: int32 scalar, how many episodes came before.
    """
    place, action, reward, after = episode
    states, actions, _ = belief.moves.shape
    horizon = place.shape[0]
    move = (place * actions + action) * states + after
    move = move.at[-1].set(belief.moves.size)
    moves = belief.moves.reshape(-1).at[move].add(1.0, mode="drop")
    return Belief(
        rewards=belief.rewards.at[place, action].add(reward),
        visits=belief.visits.at[place, action].add(1.0),
        moves=moves.reshape(belief.moves.shape),
        seen=jax.lax.dynamic_update_slice(belief.seen, move, (number * horizon,)),
    )


def mean_task(belief: Belief, prior: Prior) -> Task:
    """Returns the posterior mean of the tables."""
    reward = (belief.rewards + prior.weight * prior.mean) / (belief.visits + prior.weight)
    counts = belief.moves + prior.weight
    return Task(reward, counts / jnp.sum(counts, axis=-1, keepdims=True))


def draw_task(key: jax.Array, belief: Belief, prior: Prior) -> Task:
    """Draws tables from the posterior of a flat prior, which has a weight of 1.

    Gamma(1 + c) is the sum of 1 + c exponential variables. So a draw takes one for each of the
    tables' S A S numbers, and one for each move that was seen, which many devices make much faster
    than gamma variables.
    """
    pairs, moves = belief.visits.size, belief.moves.size
    lots = draw_lots(key, (pairs + moves + belief.seen.size,))
    noise = as_normal(lots[:pairs]).reshape(belief.visits.shape)
    reward = mean_task(belief, prior).reward + noise / jnp.sqrt(belief.visits + prior.weight)
    weights, more = jnp.split(-jnp.log(lots[pairs:]), [moves])  # exponential variables
    weights = weights.at[belief.seen].add(more, mode="drop")
    weights = weights.reshape(belief.moves.shape)
    # As products these sums take a quarter of the time on CPUs.
    sums = jnp.matmul(weights, jnp.ones(weights.shape[-1]), precision="highest")
    return Task(reward, weights / sums[..., None])


def draw_lots(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Draws from U(0, 1), without 0 itself.

    All of a step's chance is drawn at once and turned into what it is to be, since compiling a
    generator of random numbers takes half a second.
    """
    return jax.random.uniform(key, shape, minval=2.0**-24)


def as_normal(lots: jax.Array) -> jax.Array:
    """Turns lots [...] from U(0, 1) into normal variables."""
    return jax.scipy.special.ndtri(lots)


def plan(task: Task, *, horizon: int, per_step: jax.Array | float = 0.0) -> jax.Array:
    """Computes the values [H, S, A] of every action at each of H steps by value iteration.

    Args:
      task: the tables.
      horizon: H.
      per_step: [S, A] what an action pays more for each step that is left after it.
    """

    def back_up(value, left):
        following = jnp.matmul(task.transition, value, precision="highest")
        values = task.reward + left * per_step + following
        return jnp.max(values, axis=-1), values

    start = jnp.zeros(task.reward.shape[0])
    return jax.lax.scan(back_up, start, jnp.arange(horizon)[::-1], reverse=True)[1]


def plan_optimistically(task: Task, slack: jax.Array, *, horizon: int) -> jax.Array:
    """Computes values [H, S, A] by extended value iteration (Jaksch et al. 2010, fig. 2).

    Of all rows of transitions within an L1 distance of the given ones it takes the best: half the
    distance is added to the best state that may follow, and taken from the worst ones.

    Args:
      task: the tables, with rewards that are optimistic already.
      slack: [S, A] the distances.
      horizon: H.
    """

    def back_up(value, _):
        order = jnp.argsort(value)  # the worst state first
        row = task.transition[..., order]
        added = jnp.minimum(slack / 2, 1 - row[..., -1])
        others = row[..., :-1]
        before = jnp.cumsum(others, axis=-1) - others
        taken = jnp.clip(added[..., None] - before, 0, others)
        row = jnp.concatenate([others - taken, (row[..., -1] + added)[..., None]], axis=-1)
        values = task.reward + jnp.sum(row * value[order], axis=-1)
        return jnp.max(values, axis=-1), values

    start = jnp.zeros(task.reward.shape[0])
    return jax.lax.scan(back_up, start, length=horizon, reverse=True)[1]
