"""How the next token is chosen from its logits."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput


class Sampling(NamedTuple):
    """Which tokens may be drawn, and how evenly; each filter looks at what the earlier ones left.

    Attributes:
      temperature: divides the logits; 0 takes the most probable token.
      top_k: so many of the most probable tokens (Fan et al. 2018); 0 for all.
      top_p: the fewest most probable tokens whose probabilities sum to this (Holtzman et al. 2020);
        1 for all.
      min_p: tokens of at least this share of the highest probability (Nguyen et al. 2024); 0 for
        all.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0


def check_sampling(sampling: Sampling) -> None:
    """Checks the ranges of the settings.

    Raises:
      BadInput: one is out of its range.
    """
    problems = {
        "temperature": ("at least 0", sampling.temperature >= 0),
        "top_k": ("at least 0", sampling.top_k >= 0),
        "top_p": ("above 0 and at most 1", 0 < sampling.top_p <= 1),
        "min_p": ("within 0 to 1", 0 <= sampling.min_p <= 1),
    }
    for name, (words, is_fine) in problems.items():
        if not is_fine:
            raise BadInput(f"{name}={getattr(sampling, name):g} should be {words}")


def choose(key: jax.Array, logits: jax.Array, sampling: Sampling) -> jax.Array:
    """Draws a token for each row.

    Args:
      key: consumed; a temperature of 0 does not look at it.
      logits: [B, V].
      sampling: static.

    Returns:
      [B] int32.
    """
    if sampling.temperature == 0:
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    return jax.random.categorical(key, filtered(logits, sampling)).astype(jnp.int32)


def filtered(logits: jax.Array, sampling: Sampling) -> jax.Array:
    """Returns logits [B, V] of the distribution that is drawn from; -inf for what is ruled out.

    The most probable token always stays. A token as probable as the last one that a filter keeps is
    kept too.
    """
    logits = logits / sampling.temperature
    if 0 < sampling.top_k < logits.shape[-1]:
        least = jax.lax.top_k(logits, sampling.top_k)[0][..., -1:]
        logits = _keep(logits, logits >= least)
    if sampling.top_p < 1:
        probabilities = jax.nn.softmax(logits)
        falling = -jnp.sort(-probabilities, axis=-1)
        before = jnp.cumsum(falling, axis=-1) - falling  # the mass of what is more probable
        is_in = before < sampling.top_p
        least = jnp.min(jnp.where(is_in, falling, jnp.inf), axis=-1, keepdims=True)
        logits = _keep(logits, probabilities >= least)
    if sampling.min_p > 0:
        most = jnp.max(logits, axis=-1, keepdims=True)
        logits = _keep(logits, logits >= most + jnp.log(sampling.min_p))
    return logits


def _keep(logits: jax.Array, is_kept: jax.Array) -> jax.Array:
    return jnp.where(is_kept, logits, -jnp.inf)
