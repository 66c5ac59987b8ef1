"""Attention of residues that sees how far they are from each other, and nothing else of space."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.geometry import Rigid

FAR = -1e9  # a logit of residues that are not there


class DistanceAttention(nn.Module):
    """Stands in for algorithm 22 where invariant points are left out.

    Of line 7 it keeps scalars, pairs and, in place of squared distances of learned points, those of
    the frames' origins. Of what is found (lines 8 to 11) it keeps scalars and pairs, so that it can
    tell how far to go by distances alone, not where.

    Attributes:
      num_heads: of the attention.
      channels: c, scalars of a query, a key or a value.
    """

    num_heads: int = 12
    channels: int = 16

    @nn.compact
    def __call__(self, s: jax.Array, z: jax.Array, frames: Rigid, mask: jax.Array) -> jax.Array:
        """Attends.

        Args:
          s: [N, c_s] of residues.
          z: [N, N, c_z] of their pairs.
          frames: of residues [N], in nanometres.
          mask: [N], 0 for residues that are not there, which nobody looks at.

        Returns:
          [N, c_s], what is added to s.
        """
        shape = (self.num_heads, self.channels)
        q = nn.DenseGeneral(shape, name="query")(s)  # [N, H, c]  # 1
        k = nn.DenseGeneral(shape, name="key")(s)
        v = nn.DenseGeneral(shape, name="value")(s)
        b = nn.Dense(self.num_heads, name="pair_bias")(z)  # [N, N, H]  # 4
        one = nn.initializers.constant(jnp.log(jnp.expm1(1.0)))  # whose softplus is 1
        gamma = nn.softplus(self.param("distance_weights", one, (self.num_heads,)))
        origins = frames.translation
        squared = jnp.sum((origins[:, None] - origins[None]) ** 2, -1)  # [N, N]

        logits = jnp.einsum("ihc,jhc->ijh", q, k) / jnp.sqrt(self.channels) + b
        logits = (logits - gamma / 9 * squared[..., None]) / jnp.sqrt(3)  # w_c^2 / 2 of line 5
        a = jax.nn.softmax(jnp.where(mask[:, None] > 0, logits, FAR), axis=1)  # [N, N, H]  # 7
        pairs = jnp.einsum("ijh,ijc->ihc", a, z)  # 8
        values = jnp.einsum("ijh,jhc->ihc", a, v)  # 9
        found = [x.reshape(len(s), -1) for x in (values, pairs)]
        zero = nn.initializers.zeros
        return nn.Dense(s.shape[-1], kernel_init=zero, name="output")(jnp.concatenate(found, -1))
