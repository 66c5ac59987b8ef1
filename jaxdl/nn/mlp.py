"""The multi-layer perceptron."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp


def orthogonal(scale: float) -> nn.initializers.Initializer:
    """Orthogonal rows or columns, times a scale: Saxe et al. 2014."""
    return nn.initializers.orthogonal(scale)


class Dense(nn.Module):
    """An affine map [..., D] -> [..., width], whose gradient is fast for unrolls [T, E, D] on CPUs.

    Attributes:
      width: of the output.
      scale: of the orthogonal initial kernel.
    """

    width: int
    scale: float = 2**0.5

    @nn.compact
    def __call__(self, x):  # noqa: D102
        kernel = self.param("kernel", orthogonal(self.scale), (x.shape[-1], self.width))
        bias = self.param("bias", nn.initializers.zeros, (self.width,))
        return (_product(x, kernel) if x.ndim == 3 else x @ kernel) + bias


class MLP(nn.Module):
    """Dense layers, each followed by the activation: [..., D] -> [..., hidden[-1]].

    Attributes:
      hidden: the layers' widths; with none it is the identity.
      activation: applied after each.
    """

    hidden: Sequence[int]
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh

    @nn.compact
    def __call__(self, x):  # noqa: D102
        for width in self.hidden:
            x = self.activation(Dense(width)(x))
        return x


@jax.custom_vjp
def _product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [T, E, D] @ kernel [D, H]; it has no forward-mode derivative."""
    return x @ kernel


def _forward(x, kernel):
    return x @ kernel, (x, kernel)


def _backward(saved, dy):
    def at_once(x, dy):
        return jnp.einsum("tei,teo->io", x, dy)

    def by_time(x, dy):  # XLA's CPU backend is twice as slow where the sum is long
        return jnp.sum(jnp.einsum("tei,teo->tio", x, dy), axis=0)

    x, kernel = saved
    return dy @ kernel.T, jax.lax.platform_dependent(x, dy, cpu=by_time, default=at_once)


_product.defvjp(_forward, _backward)
