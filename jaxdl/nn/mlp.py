"""The multi-layer perceptron."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp


class MLP(nn.Module):
    """Dense layers, each followed by the activation: [..., D] -> [..., hidden[-1]].

    Attributes:
      hidden: the layers' widths; with none it is the identity.
      activation: applied after each.
    """

    hidden: Sequence[int]
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh

    @nn.compact
    def __call__(self, x):
        for width in self.hidden:
            x = self.activation(nn.Dense(width, kernel_init=orthogonal(2**0.5))(x))
        return x


def orthogonal(scale: float) -> nn.initializers.Initializer:
    """Orthogonal rows or columns times a scale: Saxe et al. 2014."""
    return nn.initializers.orthogonal(scale)
