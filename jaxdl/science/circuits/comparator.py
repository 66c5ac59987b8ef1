"""BagNet's net: of two designs it tells which is better, for each requirement."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp


class Comparator(nn.Module):
    """Compares two designs by features that one extractor finds of both (figure 3 of the paper).

    The answer for (b, a) is the opposite of that for (a, b): section IV-B.

    Attributes:
      requirements: S.
      extractor: widths of its layers.
      comparator: width of the layer that sees both designs' features.
      keep: share of the features that dropout leaves.
    """

    requirements: int
    extractor: Sequence[int] = (20, 20)
    comparator: int = 20
    keep: float = 0.8

    @nn.compact
    def __call__(
        self, one: jax.Array, other: jax.Array, *, deterministic: bool = True
    ) -> jax.Array:
        """Compares designs.

        Args:
          one: [..., D] within 0 and 1.
          other: [..., D].
          deterministic: no dropout; else there is a stream of keys named "dropout".

        Returns:
          [..., S], the logits of `one` being better.
        """
        layers = [nn.Dense(width) for width in self.extractor]
        dropout = nn.Dropout(1 - self.keep, deterministic=deterministic)

        def features(x):
            for layer in layers:
                x = dropout(nn.relu(layer(x)))
            return x  # [..., F]

        hidden, out = nn.Dense(self.comparator), nn.Dense(self.requirements, use_bias=False)
        judge = lambda x, y: out(nn.relu(hidden(jnp.concatenate([x, y], axis=-1))))  # noqa: E731
        x, y = features(2 * one - 1), features(2 * other - 1)
        return judge(x, y) - judge(y, x)
