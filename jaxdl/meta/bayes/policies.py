"""Rules for Bernoulli bandits with U[0, 1] priors. Each is a pure function of the belief.

A policy maps (counts [k, 2] int32 of wins and losses, t pulls so far, key) to an arm. Ties are
broken at random.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.meta.bayes.indices import gittins_table

Policy = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


def uniform(counts: jax.Array, t: jax.Array, key: jax.Array) -> jax.Array:
    """Pulls any arm, for an expected reward of n / 2."""
    return jax.random.randint(key, (), 0, counts.shape[0])


def greedy(counts: jax.Array, t: jax.Array, key: jax.Array) -> jax.Array:
    """Pulls the arm of the highest posterior mean."""
    return pick_greatest(_posterior_mean(counts), key)


def thompson(counts: jax.Array, t: jax.Array, key: jax.Array) -> jax.Array:
    """Pulls the best arm of one draw from the posterior, Beta(wins + 1, losses + 1)."""
    return jnp.argmax(jax.random.beta(key, counts[:, 0] + 1.0, counts[:, 1] + 1.0))


def ucb1_textbook(counts: jax.Array, t: jax.Array, key: jax.Array) -> jax.Array:
    """Pulls each arm once, then by mean + sqrt(2 ln t / its pulls) (Auer et al. 2002, fig. 1)."""
    pulls = jnp.sum(counts, axis=1)
    tried = jnp.maximum(pulls, 1)
    bound = counts[:, 0] / tried + jnp.sqrt(2 * jnp.log(jnp.maximum(t, 1)) / tried)
    return pick_greatest(jnp.where(pulls == 0, jnp.inf, bound), key)


def ucb1_tuned(c: float | jax.Array) -> Policy:
    """Makes UCB1 with a tuned bonus and statistics that begin at one win and one loss.

    It pulls the arm of the highest posterior mean + c sqrt(2 ln(t + 1) / (pulls of the arm + 2)).
    With a tuned c this, not the textbook's rule, gives the rows named UCB1 in the table of Duan et
    al. 2016.
    """

    def policy(counts, t, key):
        bonus = jnp.sqrt(2 * jnp.log1p(t) / (jnp.sum(counts, axis=1) + 2))
        return pick_greatest(_posterior_mean(counts) + c * bonus, key)

    return policy


def epsilon_greedy(epsilon: float | jax.Array) -> Policy:
    """Makes the rule that pulls any arm with probability epsilon, else the greedy one."""

    def policy(counts, t, key):
        explore_key, uniform_key, greedy_key = jax.random.split(key, 3)
        explore = jax.random.bernoulli(explore_key, epsilon)
        return jnp.where(explore, uniform(counts, t, uniform_key), greedy(counts, t, greedy_key))

    return policy


def gittins(*, pulls: int, grid: int = 128) -> Policy:
    """Makes the rule of the highest finite-horizon Gittins index for the pulls that are left.

    Args:
      pulls: n. The table of indices takes 2 n^3 bytes.
      grid: see `gittins_table`.
    """
    table = gittins_table(pulls=pulls, grid=grid)

    def policy(counts, t, key):
        tried = jnp.sum(counts, axis=1)
        return pick_greatest(table[pulls - 1 - t, tried * (tried + 1) // 2 + counts[:, 0]], key)

    return policy


def _posterior_mean(counts: jax.Array) -> jax.Array:
    return (counts[:, 0] + 1) / (counts[:, 0] + counts[:, 1] + 2)


def pick_greatest(values: jax.Array, key: jax.Array) -> jax.Array:
    """Returns the place of the greatest value, any of them where there are several."""
    lots = jax.random.uniform(key, values.shape)
    return jnp.argmax(jnp.where(values == jnp.max(values), lots, -1.0))
