"""What a whole prediction of AlphaFold costs beside DeepMind's net, and what a training step costs.

`fold_256` is the paper's net without templates, 48 blocks, random parameters, on 256 residues with
128 rows of an alignment and 128 further ones: two passes, that is one recycling. Both sides compute
in float32, 4 rows of attention at a time. DeepMind's net is given the features that ours has drawn.
"""

from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments._timing import Candidate, measure, scored_step
from experiments.science._deepmind import DeepMind, make_apply, open_deepmind, redraw
from jaxdl.science import alphafold, proteins

LENGTH, ROWS, RECYCLES = 256, 128, 1
CHUNK = 4
SCALE = 0.05  # of random parameters, with which 48 blocks stay finite
BATCH, CROP = 4, 64  # of the training step


def fold_256(peers: bool, peer_path: str = "") -> list[dict[str, Any]]:
    """Times a prediction of 256 residues; an item is a residue."""
    del peers
    net = alphafold.AlphaFold(chunk=CHUNK)
    sampling = alphafold.Sampling(crop=None, clusters=ROWS, extra=ROWS, delete_blocks=False)
    example, key = random_example(LENGTH, 2 * ROWS), jax.random.key(0)
    shapes = jax.eval_shape(partial(alphafold.init_params, net), key)
    params = jax.tree.map(jnp.asarray, redraw(shapes, scale=SCALE))
    fold = partial(alphafold.predict, net, sampling=sampling, recycles=RECYCLES)
    candidates = {"jaxdl": Candidate(fold, (params, key, example), LENGTH, "48 blocks, 2 passes")}
    peer = open_deepmind(peer_path)
    if isinstance(peer, str):
        print(f"fold_256: DeepMind's is not timed: {peer}")
    else:
        draw = partial(alphafold.make_features, example=example, sampling=sampling)
        features = jax.jit(jax.vmap(draw))(jax.random.split(key, RECYCLES + 1))
        candidates["DeepMind"] = theirs(peer, their_batch(features))
    return measure("fold_256", candidates, repeats=1)


def theirs(peer: DeepMind, batch: dict[str, np.ndarray]) -> Candidate:
    """Makes a candidate of DeepMind's whole net, by its configuration without templates."""
    peer.modules.jnp = with_old_names(jnp)
    config = peer.config.copy_and_resolve_references()
    config.embeddings_and_evoformer.template.enabled = False
    config.update(num_recycle=RECYCLES, resample_msa_in_recycling=True)
    config.global_config.deterministic = True

    def forward(batch):
        return peer.modules.AlphaFold(config)(batch, is_training=False, compute_loss=False)

    apply, shapes = make_apply(peer, forward, batch)
    params = jax.tree.map(jnp.asarray, redraw(shapes, scale=SCALE))
    return Candidate(apply, (params, batch), LENGTH, "as their model_3")


def with_old_names(module: ModuleType) -> ModuleType:
    """Returns jax.numpy with the names of `clip`'s arguments at the time of DeepMind's code."""
    old = ModuleType(module.__name__)
    old.__dict__.update(vars(module))
    old.clip = lambda x, *bounds, a_min=None, a_max=None: module.clip(
        x, *(bounds or (a_min, a_max))
    )
    return old


def their_batch(features: Any) -> dict[str, np.ndarray]:
    """Names features [passes, ...] as DeepMind's net does, and adds what it looks up of atoms."""
    aatype = np.asarray(features.aatype)
    tables = proteins.constants
    extra = np.asarray(features.extra_msa_feat)
    return {
        "aatype": aatype,
        "residue_index": np.asarray(features.residue_index),
        "seq_mask": np.asarray(features.mask),
        "seq_length": np.full(len(aatype), aatype.shape[1], np.int32),
        "target_feat": np.asarray(features.target_feat),
        "msa_feat": np.asarray(features.msa_feat),
        "msa_mask": np.asarray(features.msa_mask),
        "extra_msa": extra[..., :23].argmax(-1).astype(np.int32),
        "extra_has_deletion": extra[..., 23],
        "extra_deletion_value": extra[..., 24],
        "extra_msa_mask": np.asarray(features.extra_msa_mask),
        "residx_atom37_to_atom14": tables.ATOM14_OF_ATOM37[aatype],
        "residx_atom14_to_atom37": tables.ATOM37_OF_ATOM14[aatype],
        "atom14_atom_exists": tables.ATOM14_MASK[aatype].astype(np.float32),
        "atom37_atom_exists": tables.ATOM37_MASK[aatype].astype(np.float32),
    }


def alphafold_step(peers: bool, peer_path: str = "") -> list[dict[str, Any]]:
    """Times training steps of the launch file's tiny net, 4 crops of 64; an item is a chain."""
    del peers, peer_path
    from experiments.science._alphafold import Net, Seen, make_net, make_sampling

    examples = jax.tree.map(
        lambda x: np.broadcast_to(x, (BATCH, *x.shape)), random_example(CROP, 2, placed=True)
    )
    learner = alphafold.alphafold(
        make_net(Net("tiny")),
        optax.adam(1e-3),
        make_sampling(Seen(crop=CROP)),
        held_out=lambda: examples,
        recycles=1,
        max_norm=None,
    )
    key = jax.random.key(0)
    candidate = scored_step(learner, key, examples, items=BATCH, note="2 blocks, up to 2 passes")
    return measure("alphafold_step", {"jaxdl": candidate})


def random_example(length: int, rows: int, *, placed: bool = False) -> Any:
    """Makes an example of random letters, and on request of atoms along a random walk."""
    rng = np.random.default_rng(0)
    msa = rng.integers(0, 20, (rows, length)).astype(np.int8)
    mask = proteins.constants.ATOM37_MASK[msa[0]].astype(np.float32) * placed
    walk = 2.2 * rng.normal(size=(length, 1, 3)).cumsum(0)  # 3.8 Angstrom a residue
    positions = (walk + rng.normal(size=(length, 37, 3))).astype(np.float32) * mask[..., None]
    protein = proteins.Protein(
        aatype=msa[0].astype(np.int32),
        positions=positions,
        mask=mask,
        residue_index=np.arange(length, dtype=np.int32),
        chain_index=np.zeros(length, np.int32),
        b_factors=np.zeros((length, 37), np.float32),
    )
    return alphafold.alignment_example(protein, msa, np.zeros(msa.shape, np.int32))
