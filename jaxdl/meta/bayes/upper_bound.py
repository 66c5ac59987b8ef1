"""An upper bound on the Bayes-optimal reward of Bernoulli bandits with U[0, 1] priors.

It stands where the exact optimum is out of reach. The player may pull one arm at each step. The
relaxation of Whittle 1988 lets it pull as many as it likes, at a price for each step's pulls, and
pays the price back once. Whatever the prices are, no player of the bandit earns more than the best
relaxed one, whose arms have nothing to do with each other: one arm's dynamic program is enough. The
prices are fitted so that the bound is low. Where arms are few, to know them beforehand bounds the
reward more closely, by n k / (k + 1).
"""

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.run import BadInput

KNOTS = 64  # prices are fitted at so many steps and lie on lines between them
ROUNDS = 150
LEARNING_RATE = 0.02


def upper_bound(*, arms: int, pulls: int, rounds: int = ROUNDS) -> float:
    """Computes a number that no player's expected reward of n pulls exceeds.

    Args:
      arms: k, with U[0, 1] priors.
      pulls: n. Memory grows by 4 n^3 bytes.
      rounds: of fitting the prices.

    Raises:
      BadInput: arms or pulls is not positive.
    """
    if arms < 1 or pulls < 1:
        raise BadInput(f"a bandit needs arms and pulls of at least 1, got {arms} and {pulls}")
    relaxed = float(jax.jit(lambda: _fit_prices(arms, pulls, rounds))())
    return min(relaxed, pulls * arms / (arms + 1))


def relaxed_value(prices: jax.Array, *, arms: int) -> jax.Array:
    """Computes the value of the relaxed problem, the sum of the prices and k times an arm's value.

    Args:
      prices: [n] at least 0, of a pull at each step.
      arms: k.
    """
    pulls = prices.shape[0]
    tried, wins = jnp.arange(pulls)[:, None], jnp.arange(pulls)[None]
    mean = (wins + 1) / (tried + 2)  # [n, n]; beliefs with wins > tried are never reached

    @jax.checkpoint
    def back_up(value, price):
        pull = mean - price + mean * value[1:, 1:] + (1 - mean) * value[1:, :-1]
        rest = value[:-1, :-1]
        return jnp.pad(jnp.maximum(pull, rest), ((0, 1), (0, 1))), None

    start = jnp.zeros((pulls + 1, pulls + 1))
    value, _ = jax.lax.scan(back_up, start, prices, reverse=True)
    return jnp.sum(prices) + arms * value[0, 0]


def _fit_prices(arms: int, pulls: int, rounds: int) -> jax.Array:
    """Returns the lowest value that was met on the way down."""
    knots = min(pulls, KNOTS)
    places = jnp.linspace(0, pulls - 1, knots)

    def bound(heights):
        prices = jnp.interp(jnp.arange(pulls), places, heights)
        return relaxed_value(jnp.maximum(prices, 0.0), arms=arms)

    tx = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, rounds))
    heights = jnp.full(knots, arms / (arms + 1))

    def descend(state, _):
        heights, opt_state = state
        value, gradient = jax.value_and_grad(bound)(heights)
        updates, opt_state = tx.update(gradient, opt_state)
        return (optax.apply_updates(heights, updates), opt_state), value

    _, values = jax.lax.scan(descend, (heights, tx.init(heights)), length=rounds)
    return jnp.min(values)
