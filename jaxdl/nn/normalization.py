"""Batch normalization (Ioffe & Szegedy 2015, arXiv 1502.03167) by statistics of groups of a batch.

A row that is normalized by statistics of its batch carries a trace of the other rows. In MoCo that
is a leak: a query and its key share a batch and its statistics, the other keys come from earlier
batches, so the pair can be told by the trace alone and nothing is learned of the images (He et al.
2019, arXiv 1911.05722, sec. 3.3). The cure, their shuffling, is to take the statistics over groups
("ghost batches", Hoffer et al. 2017, arXiv 1705.08741) and to shuffle the keys' images, so that a
query and its key lie in groups of different images. Theirs are what lies on one GPU; here they are
parts of the global batch, so that a run is the same on any number of devices.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput


class BatchNorm(nn.Module):
    """Normalizes the channels of [B, ..., C] by the mean and variance of the batch, or of groups.

    With one group it is flax's, and its parameters and statistics have the same names and shapes.
    The running statistics follow the means over the groups.

    Attributes:
      use_running_average: normalize by the running statistics, and leave them as they are.
      groups: G, neighboring parts of B / G rows, each normalized by its own statistics.
      momentum: share of the running statistics that stays at a step.
      epsilon: added to the variance.
      dtype: of the result; statistics are float32.
      scale_init: of the scale.
    """

    use_running_average: bool
    groups: int = 1
    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = jnp.float32
    scale_init: Any = nn.initializers.ones

    @nn.compact
    def __call__(self, x):
        """Normalizes.

        Raises:
          BadInput: the groups do not divide the batch.
        """
        channels = x.shape[-1]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        running_var = self.variable("batch_stats", "var", jnp.ones, channels)
        scale = self.param("scale", self.scale_init, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        if self.use_running_average:
            return self._apply(x, running_mean.value, running_var.value, scale, bias)
        groups = 1 if self.is_initializing() else self.groups
        if x.shape[0] % groups:
            raise BadInput(f"{groups} groups of batch normalization do not divide {len(x)} images")
        grouped = x.reshape(groups, -1, *x.shape[1:])
        mean, var = _statistics(grouped)
        if not self.is_initializing():
            for running, new in ((running_mean, mean), (running_var, var)):
                new = jnp.mean(new.reshape(groups, channels), axis=0)
                running.value = self.momentum * running.value + (1 - self.momentum) * new
        return self._apply(grouped, mean, var, scale, bias).reshape(x.shape)

    def _apply(self, x, mean, var, scale, bias):
        y = (x - mean) * (jax.lax.rsqrt(var + self.epsilon) * scale) + bias
        return y.astype(self.dtype)


def _statistics(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns mean and variance of each group's channels, [G, B / G, ..., C] -> [G, 1, ..., C]."""
    x = x.astype(jnp.float32)
    axes = tuple(range(1, x.ndim - 1))
    mean = jnp.mean(x, axes, keepdims=True)
    square = jnp.mean(x * x, axes, keepdims=True)
    return mean, jnp.maximum(square - mean * mean, 0.0)
