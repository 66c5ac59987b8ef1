"""Algorithms 20 to 29 beside DeepMind's own modules: value and gradient, everything drawn anew."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import alphafold
from jaxdl.science.geometry import Rigid
from jaxdl.science.proteins import atom37_from_atom14, constants
from tests.science.alphafold.published import (
    AATYPE,
    C_S,
    C_Z,
    HEADS,
    MASK,
    N,
    assert_same_module,
    draw,
    draw_frames,
    flat12,
    open_peer,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def peer(monkeypatch):
    return open_peer(monkeypatch)


def test_invariant_point_attention(peer):
    net = alphafold.InvariantPointAttention()
    seen = MASK[:, None]

    def theirs(inputs, masks):
        s, z, turns, origins = inputs
        module = peer.folding.InvariantPointAttention(peer.heads.structure_module, peer.config)
        affine = peer.quat_affine.QuatAffine(None, origins, turns, unstack_inputs=True)
        return seen * module(s, z, seen, affine)

    def apply(params, s, z, turns, origins):
        return seen * net.apply(params, s, z, Rigid(turns, origins), MASK)

    def init(key, s, z, turns, origins):
        return net.init(key, s, z, Rigid(turns, origins), MASK)

    rng = np.random.default_rng(0)
    turns, origins = draw_frames(rng, N)
    inputs = draw(rng, N, C_S), draw(rng, N, N, C_Z), turns, origins / 10
    ours = SimpleNamespace(init=init, apply=apply)
    assert_same_module(peer, "invariant_point_attention", theirs, ours, inputs)


def test_structure_module(peer):
    net = alphafold.StructureModule()

    def keep(tree):
        def hide(x):  # residues stand along the first axis, or the second one after the layers
            shape = [1] * x.ndim
            shape[x.shape.index(N)] = N
            return x * MASK.reshape(shape)

        return jax.tree.map(hide, tree)

    def theirs(inputs, masks):
        batch = {
            "seq_mask": MASK,
            "aatype": AATYPE,
            "atom14_atom_exists": constants.ATOM14_MASK[AATYPE],
            "atom37_atom_exists": constants.ATOM37_MASK[AATYPE],
            "residx_atom37_to_atom14": constants.ATOM14_OF_ATOM37[AATYPE],
        }
        module = peer.folding.StructureModule(peer.heads.structure_module, peer.config)
        out = module({"single": inputs[0], "pair": inputs[1]}, batch, is_training=False)
        turns = peer.quat_affine.QuatAffine.from_tensor(out["traj"]).rotation
        side = out["sidechains"]
        return keep((
            out["representations"]["structure_module"],
            jnp.stack([jnp.stack(row, -1) for row in turns], -2),
            out["traj"][..., 4:],
            side["angles_sin_cos"],
            side["unnormalized_angles_sin_cos"],
            peer.r3.rigids_to_tensor_flat12(side["frames"])[-1],
            out["final_atom14_positions"],
            out["final_atom_positions"],
        ))  # fmt: skip

    def apply(params, s, z):
        found = net.apply(params, s, z, AATYPE, MASK)
        positions37 = atom37_from_atom14(found.positions14, AATYPE)
        frames = found.frames.rotation, found.frames.translation
        angles = found.angles, found.raw_angles
        places = flat12(found.groups), found.positions14, positions37
        return keep((found.single, *frames, *angles, *places))

    def init(key, s, z):
        return net.init(key, s, z, AATYPE, MASK)

    rng = np.random.default_rng(1)
    inputs = draw(rng, N, C_S), draw(rng, N, N, C_Z)
    ours = SimpleNamespace(init=init, apply=apply)
    assert_same_module(peer, "structure_module", theirs, ours, inputs)


@pytest.mark.parametrize("name", HEADS)
def test_heads(peer, name):
    config, of, shape, ours = HEADS[name]

    def theirs(inputs, masks):
        module = getattr(peer.modules, name)(peer.heads[config], peer.config)
        return module({of: inputs[0]}, {}, False)["logits"]

    inputs = (draw(np.random.default_rng(2), *shape, C_S),)
    assert_same_module(peer, f"{config}_head", theirs, getattr(alphafold, ours)(), inputs)
