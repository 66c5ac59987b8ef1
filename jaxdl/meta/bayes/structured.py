"""Bayes-optimal values of bandits whose arms have a structure, exactly (Wang et al. 2016).

Of dependent arms, which pay with p and 1 - p, a win of one tells as much as a loss of the other. So
the belief is two counts: t pulls, and s of them that speak for the first arm, its wins and the
other's losses. Whichever arm is pulled, s grows with the probability E[p | s, t].
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.bandit import BETTER, HINT, OTHERS_PAY, TARGET_PAYS, Difficulty


def pair_mean(
    successes: jax.Array, pulls: jax.Array, difficulty: Difficulty = "uniform"
) -> jax.Array:
    """Returns E[p] [...], the posterior mean of what the first of two dependent arms pays.

    Args:
      successes: [...] pulls that speak for the first arm: its wins and the other's losses.
      pulls: [...] in all.
      difficulty: of the arms. Of "uniform" ones the posterior is Beta(s + 1, t - s + 1), of others
        there are two hypotheses.
    """
    if difficulty == "uniform":
        return (successes + 1) / (pulls + 2)
    better = BETTER[difficulty]
    # Each pull that speaks for an arm multiplies its odds of being the better one by this.
    odds = jnp.log(better) - jnp.log1p(-better)
    is_first = jax.nn.sigmoid(odds * (2 * successes - pulls))
    return better * is_first + (1 - better) * (1 - is_first)


def dependent_value(*, pulls: int, difficulty: Difficulty = "uniform") -> float:
    """Computes the Bayes-optimal expected reward of n pulls of two dependent arms.

    Args:
      pulls: n.
      difficulty: of the arms.

    Raises:
      BadInput: no pull.
    """
    _check_pulls(pulls)

    def sweep(values, t):
        """From the values [n + 1] by s after t + 1 pulls to those after t."""
        mean = pair_mean(jnp.arange(pulls + 1), t, difficulty)
        more = jnp.concatenate([values[1:], values[-1:]])  # one more that speaks for the first
        first = mean * (1 + more) + (1 - mean) * values
        second = (1 - mean) * (1 + values) + mean * more
        return jnp.maximum(first, second), None

    @jax.jit
    def compute():
        return jax.lax.scan(sweep, jnp.zeros(pulls + 1), jnp.arange(pulls)[::-1])[0][0]

    return float(compute())


def informative_value(*, pulls: int) -> float:
    """Computes the Bayes-optimal reward of n pulls of the eleven informative arms.

    The hint tells the target, so it is asked at most once, and then the target is pulled. Before
    that, m targets may have been tried in vain; they are best those of the lowest numbers, since
    the hint pays more for those that are left. With two pulls or more the hint comes first:
    0.55 + 5 (n - 1).

    Args:
      pulls: n.

    Raises:
      BadInput: no pull.
    """
    _check_pulls(pulls)
    tried = jnp.arange(10)
    chance = 1 / (10 - tried)  # that one more try finds the target
    hint = HINT * (tried + 11) / 2  # its mean over the numbers m + 1 .. 10

    def sweep(values, left):
        """From the values [10] by m with one pull less to those with so many left."""
        ask = hint + TARGET_PAYS * (left - 1)
        failed = jnp.concatenate([values[1:], values[-1:]])  # after 10 there is none
        attempt = chance * TARGET_PAYS * left + (1 - chance) * (OTHERS_PAY + failed)
        return jnp.maximum(ask, attempt), None

    @jax.jit
    def compute():
        return jax.lax.scan(sweep, jnp.zeros(10), jnp.arange(pulls) + 1)[0][0]

    return float(compute())


def dependent_best(difficulty: Difficulty) -> float:
    """Returns the expected reward of a pull of the better one of two dependent arms.

    Args:
      difficulty: of the arms. Of "uniform" ones it is E[max(p, 1 - p)] = 3/4.
    """
    return 0.75 if difficulty == "uniform" else float(np.float32(BETTER[difficulty]))


def _check_pulls(pulls: int) -> None:
    if pulls < 1:
        raise BadInput(f"a bandit needs pulls of at least 1, got {pulls}")
