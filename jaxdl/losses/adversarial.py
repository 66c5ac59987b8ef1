"""Losses of two players, and what keeps a picture's content while its looks are changed."""

from typing import Literal

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput

# "logistic": Goodfellow et al. 2014; "least_squares": Mao et al. 2017
AdversarialForm = Literal["logistic", "least_squares"]


def discriminator_loss(
    of_real: jax.Array, of_fake: jax.Array, *, form: AdversarialForm = "logistic"
) -> jax.Array:
    """Computes how badly a discriminator tells real pictures from made ones.

    "logistic" is -mean log D(real) - mean log(1 - D(fake)) of D = sigmoid(logits): Goodfellow et
    al. 2014 (arXiv 1406.2661), eq. 1. "least_squares" is the half of mean (D(real) - 1)^2 +
    mean D(fake)^2 of D = logits: Mao et al. 2017 (arXiv 1611.04076), eq. 2 with a = 0 and b = 1.

    Args:
      of_real: [B, ...] logits of real pictures, or of their parts.
      of_fake: [B, ...] logits of made ones.
      form: which of the two.

    Returns:
      A float32 scalar.

    Raises:
      BadInput: a form of another name.
    """
    chex.assert_equal_shape([of_real, of_fake])
    real, fake = of_real.astype(jnp.float32), of_fake.astype(jnp.float32)
    if form == "logistic":
        return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
    if form == "least_squares":
        return 0.5 * (jnp.mean((real - 1.0) ** 2) + jnp.mean(fake**2))
    raise _unknown(form)


def generator_loss(of_fake: jax.Array, *, form: AdversarialForm = "logistic") -> jax.Array:
    """Computes how well made pictures are told from real ones, for the net that makes them.

    "logistic" is -mean log D(fake), which has a slope where the discriminator is sure, and
    mean log(1 - D(fake)) has none: Goodfellow et al. 2014, section 3. "least_squares" is the half
    of mean (D(fake) - 1)^2: Mao et al. 2017, eq. 2 with c = 1.

    Args:
      of_fake: [B, ...] logits of made pictures, or of their parts.
      form: that of the discriminator.

    Returns:
      A float32 scalar.

    Raises:
      BadInput: a form of another name.
    """
    fake = of_fake.astype(jnp.float32)
    if form == "logistic":
        return jnp.mean(jax.nn.softplus(-fake))
    if form == "least_squares":
        return 0.5 * jnp.mean((fake - 1.0) ** 2)
    raise _unknown(form)


def pairwise_squared_error(x: jax.Array, y: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes the mean over pictures of how differently two pictures vary within a mask.

    Bousmalis et al. 2016 (arXiv 1612.05424), eq. 5, with d = (x - y) m of k values: the mean of
    d^2 less the square of the mean of d. It is half of the mean squared difference of d over all
    pairs of values, so that a picture may become brighter as a whole for nothing.

    Args:
      x: [B, ..., C] of any floating dtype; the loss is computed in float32.
      y: [B, ..., C].
      mask: [B, ..., 1], 1 where the content is to be kept, else 0.

    Returns:
      A float32 scalar.
    """
    chex.assert_equal_shape([x, y])
    chex.assert_shape(mask, (*x.shape[:-1], 1))
    d = (x.astype(jnp.float32) - y.astype(jnp.float32)) * mask
    within = tuple(range(1, d.ndim))  # a picture
    mean_of_squares = jnp.mean(d**2, axis=within)
    square_of_mean = jnp.mean(d, axis=within) ** 2
    return jnp.mean(mean_of_squares - square_of_mean)


def _unknown(form: str) -> BadInput:
    return BadInput(f"form={form!r} should be one of logistic, least_squares")
