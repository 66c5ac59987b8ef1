"""What DeepMind's net and ours are both given: parameters by name, and a batch of features."""

from zlib import crc32

import numpy as np

PASSES, LENGTH, SEQUENCES, EXTRA, TEMPLATES = 2, 9, 3, 4, 2
SEED = 22  # with which no recycled distance lies near the edge of a bin
SMALL = {
    "c_m": 16,
    "c_z": 12,
    "c_s": 20,
    "c_e": 8,
    "c_t": 8,
    "blocks": 2,
    "extra_blocks": 1,
    "template_blocks": 1,
    "msa_heads": 2,
    "pair_heads": 3,
    "template_heads": 4,
    "c_outer": 5,
    "c_triangle": 10,
    "structure_layers": 2,
    "ipa_heads": 3,
    "ipa_channels": 6,
    "query_points": 2,
    "value_points": 3,
    "c_torsion": 14,
    "c_plddt": 11,
}


def draw_parameters(shapes):
    """Draws parameters by name: scales about 1, the rest so that activations keep their size."""
    params = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(crc32(name.encode()))
        noise = rng.normal(size=shape)
        if name.endswith("//scale"):
            params[name] = np.float32(1 + 0.1 * noise)
        elif name.endswith(("weights", "_w")) and "point_weights" not in name:
            inputs = shape[-3] if name.endswith("_w") and len(shape) > 2 else shape[-2]
            params[name] = np.float32(0.5 * noise / np.sqrt(inputs))
        else:
            params[name] = np.float32(0.1 * noise)
    return params


def make_batch(length=LENGTH, seed=SEED):
    """Draws features [PASSES, ...] by DeepMind's names.

    The last residue is padding, but templates have it.
    """
    rng = np.random.default_rng(seed)
    kinds = np.concatenate([rng.integers(0, 20, length - 1), [7]]).astype(np.int32)
    seq_mask = np.float32(np.arange(length) < length - 1)
    template_mask = rng.random((TEMPLATES, length, 37)) < 0.9
    template_mask[:, :, :5] = True  # the backbone and C-beta
    template_mask[0, 2] = False
    positions = np.cumsum(rng.normal(size=(TEMPLATES, length, 1, 3)), 1) * 2
    positions = positions + rng.normal(size=(TEMPLATES, length, 37, 3))

    def row_mask(rows):
        mask = rng.random((PASSES, rows, length)) < 0.9
        mask[:, 0] = True
        return np.float32(mask) * seq_mask

    def same(x):
        return np.stack([x] * PASSES)

    extra = rng.integers(0, 22, (PASSES, EXTRA, length)).astype(np.int32)
    return {
        "aatype": same(kinds),
        "residue_index": same(np.arange(length, dtype=np.int32) + 3 * (np.arange(length) > 4)),
        "seq_mask": same(seq_mask),
        "target_feat": same(np.float32(np.eye(22)[kinds + 1])),
        "msa_feat": np.float32(rng.normal(size=(PASSES, SEQUENCES, length, 49))),
        "msa_mask": row_mask(SEQUENCES),
        "extra_msa": extra,
        "extra_has_deletion": np.float32(rng.random(extra.shape) < 0.3),
        "extra_deletion_value": np.float32(rng.random(extra.shape)),
        "extra_msa_mask": row_mask(EXTRA),
        "template_aatype": same(rng.integers(0, 20, (TEMPLATES, length)).astype(np.int32)),
        "template_all_atom_positions": same(np.float32(positions)),
        "template_all_atom_masks": same(np.float32(template_mask)),
        "template_mask": same(np.float32([1, 1])),
    }


STRUCTURE = {"layers": 3, "c_s": 12, "heads": 2, "channels": 3, "points": 2, "c_torsion": 8}


def draw_structure(length=7, c_z=6):
    """Draws s, z, aatype and mask for the structure module, and weights of what it says."""
    rng = np.random.default_rng(0)
    layers, c_s = STRUCTURE["layers"], STRUCTURE["c_s"]
    s, z = rng.normal(size=(length, c_s)), rng.normal(size=(length, length, c_z))
    mask = np.float32(np.arange(length) != 2)
    shapes = {
        "single": (length, c_s),
        "origins": (layers, length, 3),
        "raw_angles": (layers, length, 7, 2),
        "positions14": (length, 14, 3),
    }
    weights = {name: np.float32(rng.normal(size=shape)) for name, shape in shapes.items()}
    for name, weight in weights.items():
        weight[(slice(None), 2) if name in ("origins", "raw_angles") else 2] = 0
    aatype = np.int32([17, 13, 7, 1, 18, 14, 6])
    return (np.float32(s), np.float32(z), aatype, mask), weights
