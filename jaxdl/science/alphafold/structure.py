"""The structure module: residues move from the origin to where they belong.

Algorithms 20 and 23 of Jumper et al. 2021, supplement; the losses of algorithm 20 are in `fape`.
Inside the module lengths are in nanometres, as the published parameters expect; what it returns is
in Angstrom.
"""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.atoms import compute_all_atom_coordinates
from jaxdl.science.alphafold.ipa import InvariantPointAttention
from jaxdl.science.alphafold.layers import flax_norm
from jaxdl.science.geometry import Rigid, identity_rigid, normalize, update_by_quaternion

NANOMETRE = 10.0  # Angstrom
ZEROS = nn.initializers.zeros
HE = nn.initializers.he_normal()  # of layers before a relu, supplement 1.11.4


class Structure(NamedTuple):
    """What the structure module tells of a chain of N residues.

    Attributes:
      single: [N, c_s], s after the last layer, from which the confidence is told.
      frames: of the backbone, [L, N] of Angstrom, after each of L layers.
      angles: [L, N, 7, 2], sine and cosine of omega, phi, psi and chi1 to chi4.
      raw_angles: [L, N, 7, 2], before they were scaled to unit length.
      groups: frames of the rigid groups, [N, 8], after the last layer.
      positions14: [N, 14, 3] of atoms, after the last layer, 0 where a residue has fewer.
    """

    single: jax.Array
    frames: Rigid
    angles: jax.Array
    raw_angles: jax.Array
    groups: Rigid
    positions14: jax.Array


class StructureModule(nn.Module):
    """Algorithm 20: frames of residues and torsions, refined by layers that share their weights.

    Attributes:
      num_layers: N_layer.
      channels: c of the net that tells the torsions.
      dropout: of lines 7 and 9.
      attention: makes the module of line 6.
    """

    num_layers: int = 8
    channels: int = 128
    dropout: float = 0.1
    attention: Callable[..., nn.Module] = InvariantPointAttention

    @nn.compact
    def __call__(
        self,
        s: jax.Array,
        z: jax.Array,
        aatype: jax.Array,
        mask: jax.Array,
        deterministic: bool = True,
    ) -> Structure:
        """Folds.

        Args:
          s: [N, c_s] of residues.
          z: [N, N, c_z] of their pairs.
          aatype: [N] int32, kinds of residues in AlphaFold's order.
          mask: [N], 0 for residues that are not there.
          deterministic: without dropout, which takes the rng "dropout".
        """
        full = jnp.promote_types(s.dtype, jnp.float32)
        s_initial = flax_norm("single_norm")(s.astype(full))  # 1
        z = flax_norm("pair_norm")(z.astype(full))  # 2
        s = nn.Dense(s.shape[-1], name="single")(s_initial)  # 3
        frames = identity_rigid(mask.shape, full)  # 4
        layers = nn.scan(  # 5
            StructureLayer,
            variable_broadcast="params",
            split_rngs={"params": False, "dropout": True},
            in_axes=nn.broadcast,
            length=self.num_layers,
        )(self.channels, self.dropout, self.attention, deterministic, name="layer")
        (s, _), (frames, angles, raw) = layers((s, frames), s_initial, z, mask)
        frames = frames._replace(translation=NANOMETRE * frames.translation)
        last = jax.tree.map(lambda x: x[-1], frames)
        groups, positions = compute_all_atom_coordinates(last, angles[-1], aatype)  # 24
        return Structure(s, frames, angles, raw, groups, positions)


class StructureLayer(nn.Module):
    """Algorithm 20, lines 6 to 20: one of the layers. Its attributes are the structure module's."""

    channels: int
    dropout: float
    attention: Callable[..., nn.Module]
    deterministic: bool

    @nn.compact
    def __call__(self, carry, s_initial, z, mask):
        """Refines s [N, c_s] and frames [N], which come and go as a pair."""
        s, frames = carry
        dropout = nn.Dropout(self.dropout, deterministic=self.deterministic)
        s = s + self.attention(name="attention")(s, z, frames, mask)  # 6
        s = flax_norm("attention_norm")(dropout(s))  # 7
        s = s + transition(s)  # 8
        s = flax_norm("transition_norm")(dropout(s))  # 9
        frames = BackboneUpdate(name="backbone_update")(s, frames)  # 10
        raw = Torsions(self.channels, name="torsions")(s, s_initial)  # 11-14
        angles = normalize(raw, tiny=1e-12)  # 15
        kept = frames._replace(rotation=jax.lax.stop_gradient(frames.rotation))  # 20
        return (s, kept), (frames, angles, raw)


class BackboneUpdate(nn.Module):
    """Algorithm 23: each residue says how its frame moves."""

    @nn.compact
    def __call__(self, s: jax.Array, frames: Rigid) -> Rigid:
        """Moves frames [N] by what s [N, c_s] says; their unit stays."""
        update = nn.Dense(6, kernel_init=ZEROS, name="update")(s)  # 1
        return update_by_quaternion(frames, update[..., :3], update[..., 3:])  # 2, 3


class Torsions(nn.Module):
    """Algorithm 20, lines 11 to 14: a residual net from s to seven points of the plane.

    The relu of line 11 is the published code's; the supplement has none there.
    """

    channels: int

    @nn.compact
    def __call__(self, s: jax.Array, s_initial: jax.Array) -> jax.Array:
        """Returns raw sines and cosines [N, 7, 2] of s and the first s, both [N, c_s]."""
        c = self.channels
        a = nn.Dense(c, name="single")(nn.relu(s))
        a = a + nn.Dense(c, name="initial")(nn.relu(s_initial))  # 11
        for block in "ab":  # 12, 13
            hidden = nn.Dense(c, kernel_init=HE, name=f"{block}_hidden")(nn.relu(a))
            a = a + nn.Dense(c, kernel_init=ZEROS, name=f"{block}_out")(nn.relu(hidden))
        return nn.Dense(14, name="angles")(nn.relu(a)).reshape(len(s), 7, 2)  # 14


def transition(s: jax.Array) -> jax.Array:
    """Returns what three layers add to s [N, c_s] (algorithm 20, line 8)."""
    c_s = s.shape[-1]
    s = nn.relu(nn.Dense(c_s, kernel_init=HE, name="transition_1")(s))
    s = nn.relu(nn.Dense(c_s, kernel_init=HE, name="transition_2")(s))
    return nn.Dense(c_s, kernel_init=ZEROS, name="transition_3")(s)
