"""Makes structure.npz by DeepMind's structure module: what it says, and its gradient.

    PYTHONPATH=<google-deepmind/alphafold>:. python tests/science/alphafold/golden/make_structure.py

google-deepmind/alphafold at commit c77e5d2 (Apache-2.0) with dm-haiku 0.0.17 and JAX 0.11.2 on a
CPU, `deterministic`. Parameters are drawn by their names (`drawn.py`). The ideal residues are ours,
so that the atoms are those that our module builds.
"""

import json
from pathlib import Path

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from alphafold.common import residue_constants
from alphafold.model import config, folding

from jaxdl.science.proteins import constants, rigid_groups
from tests.science.alphafold.golden.drawn import STRUCTURE, draw_parameters, draw_structure

residue_constants.restype_atom14_to_rigid_group = rigid_groups.GROUP_OF_ATOM14
residue_constants.restype_atom14_rigid_group_positions = rigid_groups.ATOM14_IN_GROUP
residue_constants.restype_rigid_group_default_frame = rigid_groups.GROUP_FRAMES


def make_net(aatype, mask):
    """Makes DeepMind's structure module of small sizes, as a function of s and z."""
    chosen = config.model_config("model_1").model
    chosen.global_config.update(deterministic=True, zero_init=False)
    settings = chosen.heads.structure_module
    settings.update(
        num_layer=STRUCTURE["layers"],
        num_channel=STRUCTURE["c_s"],
        num_head=STRUCTURE["heads"],
        num_scalar_qk=STRUCTURE["channels"],
        num_scalar_v=STRUCTURE["channels"],
        num_point_qk=STRUCTURE["points"],
        num_point_v=STRUCTURE["points"],
    )
    settings.sidechain.num_channel = STRUCTURE["c_torsion"]

    def forward(s, z):
        batch = {
            "aatype": aatype,
            "seq_mask": mask,
            "atom14_atom_exists": constants.ATOM14_MASK[aatype],
            "atom37_atom_exists": constants.ATOM37_MASK[aatype],
            "residx_atom37_to_atom14": constants.ATOM14_OF_ATOM37[aatype],
        }
        module = folding.StructureModule(settings, chosen.global_config)
        found = module({"single": s, "pair": z}, batch, is_training=False)
        return {
            "single": found["representations"]["structure_module"],
            "origins": found["traj"][..., 4:],
            "raw_angles": found["sidechains"]["unnormalized_angles_sin_cos"],
            "positions14": found["final_atom14_positions"],
        }

    return hk.transform(forward)


def main():
    """Writes the file."""
    (s, z, aatype, mask), weights = draw_structure()
    net, key = make_net(aatype, mask), jax.random.key(0)
    shapes = {
        f"{scope}//{leaf}": list(x.shape)
        for scope, leaves in jax.eval_shape(net.init, key, s, z).items()
        for leaf, x in leaves.items()
    }
    params: dict = {}
    for name, leaf in draw_parameters(shapes).items():
        scope, leaf_name = name.split("//")
        params.setdefault(scope, {})[leaf_name] = leaf

    def score(params, s, z):
        found = net.apply(params, key, s, z)
        return sum(jnp.sum(weights[name] * x) for name, x in found.items()), found

    with jax.default_matmul_precision("highest"):
        run = jax.jit(jax.grad(score, argnums=(0, 1, 2), has_aux=True))
        (by_params, by_s, by_z), found = run(params, s, z)
    named = {
        f"by {scope}//{leaf}": x
        for scope, leaves in by_params.items()
        for leaf, x in leaves.items()
    }
    path = Path(__file__).parent / "structure.npz"
    np.savez_compressed(path, shapes=json.dumps(shapes), by_s=by_s, by_z=by_z, **named, **found)


if __name__ == "__main__":
    main()
