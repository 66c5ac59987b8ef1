"""Attention between residues that sees where they are, and does not care where the world is.

Algorithm 22 of Jumper et al. 2021, supplement. Its linear layers have biases here, as in the
published parameters; the supplement writes them without.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.geometry import Rigid

FAR = -1e9  # a logit of residues that are not there


class InvariantPointAttention(nn.Module):
    """Algorithm 22: attention over scalars, pairs, and points that each residue holds in its frame.

    The squared distance of points (line 7) is written as |x|^2 - 2 x.y + |y|^2, of which the first
    part is the same for all keys and drops out of the softmax. So scalars and points share one
    product of matrices, and no array has both a pair of residues and a point. The points are taken
    from the middle of the frames, without which float32 would lose the difference.

    Attributes:
      num_heads: of the attention, N_head.
      channels: c, scalars of a query, a key or a value.
      query_points: N_query_points of a head.
      value_points: N_point_values of a head.
    """

    num_heads: int = 12
    channels: int = 16
    query_points: int = 4
    value_points: int = 8

    @nn.compact
    def __call__(self, s: jax.Array, z: jax.Array, frames: Rigid, mask: jax.Array) -> jax.Array:
        """Attends.

        Args:
          s: [N, c_s] of residues.
          z: [N, N, c_z] of their pairs.
          frames: of residues [N], in nanometres (the unit of the weights of line 5).
          mask: [N], 0 for residues that are not there, which nobody looks at.

        Returns:
          [N, c_s], what is added to s.
        """
        heads, c, points = self.num_heads, self.channels, self.query_points
        frames = center_frames(frames, mask)

        q = self.split(nn.Dense(heads * c, name="query")(s))  # [N, H, c]  # 1
        k, v = jnp.split(self.split(nn.Dense(2 * heads * c, name="key_value")(s)), [c], -1)
        x = self.place(frames, nn.Dense(3 * heads * points, name="query_points")(s))  # 2
        both = 3 * heads * (points + self.value_points)
        y = self.place(frames, nn.Dense(both, name="key_value_points")(s))  # [N, H, 3, P]  # 2, 3
        y, v_points = y[..., :points], y[..., points:]
        b = nn.Dense(heads, name="pair_bias")(z)  # [N, N, H]  # 4

        w_c = jnp.sqrt(2 / (9 * points))  # 5
        w_l = jnp.sqrt(1 / 3)  # 6
        one = nn.initializers.constant(jnp.log(jnp.expm1(1.0)))  # whose softplus is 1
        gamma = nn.softplus(self.param("point_weights", one, (heads,)))
        weight = (w_l * w_c * gamma)[:, None].astype(s.dtype)  # [H, 1]

        queries = jnp.concatenate([w_l / jnp.sqrt(c) * q, weight * flat(x)], -1)  # [N, H, c + 3 P]
        keys = jnp.concatenate([k, flat(y)], -1)
        of_key = -weight[:, 0] / 2 * jnp.sum(y * y, (-1, -2))  # [N, H]
        of_key = jnp.where(mask[:, None] > 0, of_key, FAR)
        logits = jnp.einsum("ihd,jhd->hij", queries, keys, precision="highest")
        logits = logits + w_l * jnp.moveaxis(b, -1, 0) + of_key.T[:, None]
        a = jax.nn.softmax(logits)  # [H, N, N]  # 7

        pairs = jnp.einsum("hij,ijc->ihc", a, z)  # 8
        values = jnp.concatenate([v, flat(v_points)], -1)  # [N, H, c + 3 P]
        o = jnp.einsum("hij,jhd->ihd", a, values, precision="highest")  # 9
        o, o_points = o[..., :c], o[..., c:].reshape(*o.shape[:2], 3, self.value_points)
        o_points = unplace(frames, o_points)  # [N, 3, H, P]  # 10
        length = jnp.sqrt(jnp.sum(o_points**2, 1) + 1e-8)  # [N, H, P]
        found = [x.reshape(len(s), -1) for x in (o, o_points, length, pairs)]
        zeros = nn.initializers.zeros
        return nn.Dense(s.shape[-1], kernel_init=zeros, name="output")(jnp.concatenate(found, -1))

    def split(self, x: jax.Array) -> jax.Array:
        """Returns [N, H, D] of [N, H D]."""
        return x.reshape(len(x), self.num_heads, -1)

    def place(self, frames: Rigid, local: jax.Array) -> jax.Array:
        """Takes points [N, 3 H P] of the frames to the world, as [N, H, 3, P]."""
        local = local.reshape(len(local), 3, -1)
        world = jnp.einsum("nij,njp->nip", frames.rotation, local, precision="highest")
        world = world + frames.translation[:, :, None]
        return world.reshape(len(local), 3, self.num_heads, -1).swapaxes(1, 2)


def unplace(frames: Rigid, world: jax.Array) -> jax.Array:
    """Takes points [N, H, 3, P] of the world to the frames, as [N, 3, H, P]."""
    offset = world - frames.translation[:, None, :, None]
    return jnp.einsum("nji,nhjp->nihp", frames.rotation, offset, precision="highest")


def center_frames(frames: Rigid, mask: jax.Array) -> Rigid:
    """Moves frames [N] so that those that the mask [N] keeps lie around the origin."""
    share = mask / jnp.maximum(jnp.sum(mask), 1)
    center = jax.lax.stop_gradient(jnp.sum(share[:, None] * frames.translation, 0))
    return frames._replace(translation=frames.translation - center)


def flat(points: jax.Array) -> jax.Array:
    """Returns points [N, H, 3, P] as [N, H, 3 P]."""
    return points.reshape(*points.shape[:2], -1)
