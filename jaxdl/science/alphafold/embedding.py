"""From features to the first m and z, and what a pass before this one has said.

Algorithms 3, 4, 5 and 32 of Jumper et al. 2021, supplement. In algorithm 32 the published
parameters count distances into bins that begin at 3.25 Angstrom, where the supplement takes the
nearest of its bins; shorter distances are in no bin.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.features import Features
from jaxdl.science.alphafold.layers import flax_norm

FARTHEST = 32  # residues along the chain that are told apart (algorithm 4)
BINS = 15  # of recycled distances
BETA_FIRST, BETA_LAST = 3.25, 20.75  # lower edges of the first and the last, in Angstrom


class InputEmbedder(nn.Module):
    """Algorithm 3: InputEmbedder.

    Attributes:
      c_m: channels of the alignment.
      c_z: of pairs.
      dtype: of activations.
    """

    c_m: int = 256
    c_z: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Features) -> tuple[jax.Array, jax.Array]:
        """Returns m [S, N, c_m] and z [N, N, c_z]."""
        target = features.target_feat
        a = nn.Dense(self.c_z, dtype=self.dtype, name="left")(target)  # 1
        b = nn.Dense(self.c_z, dtype=self.dtype, name="right")(target)  # 1
        z = a[:, None] + b[None]  # 2
        relpos = RelPos(self.c_z, self.dtype, name="relpos")
        z = z + relpos(features.residue_index)  # 3
        rows = nn.Dense(self.c_m, dtype=self.dtype, name="msa")(features.msa_feat)
        m = rows + nn.Dense(self.c_m, dtype=self.dtype, name="target")(target)  # 4
        return m, z


class RelPos(nn.Module):
    """Algorithm 4: relpos, how far residues stand from each other along the chain.

    Attributes:
      c_z: channels of pairs.
      dtype: of activations.
    """

    c_z: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, residue_index: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of residue_index [N]."""
        d = residue_index[:, None] - residue_index[None]  # 1
        bins = jnp.arange(-FARTHEST, FARTHEST + 1)  # 2
        return nn.Dense(self.c_z, dtype=self.dtype, name="distance")(one_hot(d, bins))  # 3


def one_hot(x: jax.Array, bins: jax.Array) -> jax.Array:
    """Algorithm 5: one_hot. Returns [..., K], 1 at the nearest of the bins [K] to x [...]."""
    nearest = jnp.argmin(jnp.abs(x[..., None] - bins), axis=-1)  # 2
    return jax.nn.one_hot(nearest, len(bins))  # 1, 3


class RecyclingEmbedder(nn.Module):
    """Algorithm 32: RecyclingEmbedder.

    Attributes:
      dtype: of activations.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, first_row: jax.Array, pair: jax.Array, beta: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Embeds what the pass before this one has said; zeros in the first pass.

        Args:
          first_row: [N, c_m], m_1.
          pair: [N, N, c_z].
          beta: [N, 3], C-beta (C-alpha of glycine), in Angstrom.

        Returns:
          What is added to the first row of m [N, c_m], and to z [N, N, c_z].
        """
        c_z = pair.shape[-1]
        d = distance_bins(beta, BETA_FIRST, BETA_LAST, BINS)  # 1
        d = nn.Dense(c_z, dtype=self.dtype, name="distance")(d)  # 2
        z = d + flax_norm("pair_norm", self.dtype)(pair)  # 3
        m = flax_norm("first_row_norm", self.dtype)(first_row)  # 4
        return m, z


def distance_bins(x: jax.Array, first: float, last: float, count: int) -> jax.Array:
    """Returns [N, N, count], 1 where the distance of two of x [N, 3] falls into a bin.

    Args:
      x: positions, in Angstrom.
      first: lower edge of the first bin.
      last: lower edge of the last one, which has no end.
      count: of bins, of equal width but the last.
    """
    lower = jnp.linspace(first, last, count) ** 2
    upper = jnp.append(lower[1:], jnp.inf)
    squared = jnp.sum((x[:, None] - x[None]) ** 2, axis=-1)[..., None]
    return jnp.float32((squared > lower) & (squared < upper))
