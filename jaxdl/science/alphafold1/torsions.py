"""Distributions of torsions: of what a net predicts, and of chains at large."""

import chex
import jax
import jax.numpy as jnp
import optax

from jaxdl.science.alphafold1.examples import ANGLE_BINS, Examples
from jaxdl.science.alphafold1.potential import VonMises


def torsion_loss(logits: jax.Array, bins: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes the mean cross entropy of true torsions, in nats.

    Args:
      logits: [..., 1296] of phi and psi together.
      bins: [...] int32.
      mask: [...].
    """
    chex.assert_equal_shape([bins, mask])
    missed = optax.softmax_cross_entropy_with_integer_labels(logits, bins)
    return jnp.sum(missed * mask) / jnp.maximum(jnp.sum(mask), 1)


def marginals(logits: jax.Array) -> VonMises:
    """Fits von Mises distributions to phi and to psi, each alone, of logits [..., 1296].

    The mean direction is that of the histogram, and so is the mean cosine of what deviates from it,
    which tells kappa (Banerjee et al. 2005, eq. 4.4, for circles).
    """
    joint = jax.nn.softmax(logits).reshape(*logits.shape[:-1], ANGLE_BINS, ANGLE_BINS)
    middle = -jnp.pi + 2 * jnp.pi * (jnp.arange(ANGLE_BINS) + 0.5) / ANGLE_BINS
    each = jnp.stack([joint.sum(-1), joint.sum(-2)], -2)  # [..., 2, 36]
    return von_mises(each @ jnp.cos(middle), each @ jnp.sin(middle))


def von_mises(cosine: jax.Array, sine: jax.Array) -> VonMises:
    """Returns the distribution of these mean cosines and sines, both [..., 2]."""
    squared = jnp.clip(cosine**2 + sine**2, 1e-8, 0.99)
    length = jnp.sqrt(squared)
    return VonMises(jnp.arctan2(sine, cosine), length * (2 - squared) / (1 - squared))


def draw_torsions(key: jax.Array, distribution: VonMises, count: int) -> jax.Array:
    """Draws torsions [count, ...] by the wrapped normal of the same width.

    A von Mises distribution of concentration kappa and a normal of variance 1 / kappa are alike
    where kappa is large; where it is small both are almost flat.
    """
    mean, concentration = distribution
    width = 1 / jnp.sqrt(jnp.maximum(concentration, 0.1))
    return mean + width * jax.random.normal(key, (count, *mean.shape))


def torsion_pool(examples: Examples) -> tuple[jax.Array, VonMises]:
    """Returns the torsions of chains: all that are known [T, 2], and their own distribution [2].

    It is not jitted: how many there are is not known before.
    """
    known = examples.torsions[examples.torsion_mask > 0]
    return known, von_mises(jnp.mean(jnp.cos(known), 0), jnp.mean(jnp.sin(known), 0))
