"""AlphaFold 1's parts: chains from torsions, the potential, descents, annealing and the net."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import alphafold1, proteins
from jaxdl.science.alphafold1 import backbone, distogram, potential
from jaxdl.science.alphafold1.descent import Descent
from jaxdl.science.alphafold1.examples import angle_bins, crop

N = 12
FLAT = jnp.zeros((1, 64))


def place(a, b, c, length, angle, torsion):
    """NeRF in NumPy (Parsons et al. 2005), by the normal of the plane and not by Gram-Schmidt."""
    bond = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, bond)
    normal /= np.linalg.norm(normal)
    turned = np.cos(torsion) * np.cross(normal, bond) + np.sin(torsion) * normal
    return c + length * (np.sin(angle) * turned - np.cos(angle) * bond)


def serial_chain(torsions):
    """N, CA, C and CB [N, 4, 3], one atom after the other."""
    b = backbone
    n = b.N_CA * np.array([math.cos(b.N_CA_C), math.sin(b.N_CA_C), 0])
    ca, c = np.zeros(3), np.array([b.CA_C, 0, 0])
    atoms = []
    for i, (phi, _) in enumerate(torsions):
        if i:
            n = place(n, ca, c, b.C_N, b.CA_C_N, torsions[i - 1, 1])
            ca = place(atoms[-1][1], atoms[-1][2], n, b.N_CA, b.C_N_CA, math.pi)
            c = place(atoms[-1][2], n, ca, b.CA_C, b.N_CA_C, phi)
        atoms.append((n, ca, c, place(c, n, ca, b.CA_CB, b.N_CA_CB, b.HANDEDNESS)))
    return np.array(atoms)


def random_torsions(seed=0, count=N):
    return np.random.default_rng(seed).uniform(-math.pi, math.pi, (count, 2))


def random_potential(seed=1):
    """A potential of rough splines, with glycines and two residues that are not there."""
    numbers = np.random.default_rng(seed)
    mask, glycine = np.ones(N), np.zeros(N)
    mask[-2:], glycine[[1, 5]] = 0, 1
    torsions = potential.VonMises(
        jnp.asarray(numbers.normal(size=(N, 2))), jnp.asarray(numbers.uniform(size=(N, 2)))
    )
    logits = jnp.asarray(numbers.normal(size=(N, N, 64)))
    reference = jnp.asarray(numbers.normal(size=(5, 64)))
    made = alphafold1.make_potential(
        logits, reference, torsions, jnp.asarray(mask), jnp.asarray(glycine)
    )
    return made, np.asarray(logits), np.asarray(reference)


def numpy_energy(torsions, made, logits, reference):
    """The potential by loops over pairs, with SciPy's splines."""
    spline = pytest.importorskip("scipy.interpolate").CubicSpline
    chain, knots, total = serial_chain(torsions), np.asarray(alphafold1.bin_centers()), 0.0
    for i in range(N - 2):
        mean, kappa = (np.asarray(x)[i] for x in made.torsions)
        total -= np.sum(kappa * np.cos(torsions[i] - mean))
        for j in set(range(N - 2)) - {i}:
            cb = [chain[k, 1 if made.glycine[k] else 3] for k in (i, j)]
            apart = np.linalg.norm(cb[0] - cb[1])
            ratio = (logits[i, j] + logits[j, i]) / 2 - reference[min(abs(i - j), 4)]
            total += spline(knots, -ratio, bc_type="clamped")(np.clip(apart, knots[0], knots[-1]))
            between_ca = np.linalg.norm(chain[i, 1] - chain[j, 1])
            for distance, least in ((between_ca, 3.8), (apart, 3.45)):
                if abs(i - j) >= 3 and distance < least:
                    total += (least**2 - distance**2) ** 2 / least**2
    return total


def test_a_chain_by_a_prefix_scan_is_the_chain_atom_by_atom():
    torsions = random_torsions(count=40)
    built = jax.jit(alphafold1.build_backbone)(np.float32(torsions))
    for found, expected in zip(built[:4], serial_chain(torsions).swapaxes(0, 1), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4)
    measured = alphafold1.backbone_torsions(*built[:3])
    np.testing.assert_allclose(np.cos(measured - torsions)[1:-1], 1, atol=1e-6)
    np.testing.assert_allclose(np.cos(measured - torsions)[0, 1], 1, atol=1e-6)
    bond = jnp.linalg.norm(built.o - built.c, axis=-1)
    np.testing.assert_allclose(bond, backbone.C_O, atol=1e-5)


def test_pieces_of_real_chains_are_rebuilt_from_their_torsions():
    """Bonds, angles and omega are ideal in ours and not in theirs, so that pieces are short."""

    @jax.jit
    @jax.vmap
    def miss(atoms):
        n, ca, c, cb = atoms.swapaxes(0, 1)
        built = alphafold1.build_backbone(alphafold1.backbone_torsions(n, ca, c))
        ours, theirs = (jnp.concatenate(x) for x in ((built[:4]), (n, ca, c, cb)))
        return proteins.rmsd(ours, theirs, jnp.ones(32))

    chains = proteins.open_chains().values()
    pieces = [
        x.positions[i : i + 8, :4]
        for x in chains
        for i in range(0, len(x.aatype) - 7, 8)
        if x.mask[i : i + 8, :4].all()
    ]
    missed = miss(np.stack(pieces))
    assert len(pieces) > 20
    assert np.median(missed) < 0.5
    assert max(missed) < 1.2


def test_splines_are_scipys_and_constant_beyond_their_ends():
    spline = pytest.importorskip("scipy.interpolate").CubicSpline
    values = np.random.default_rng(0).normal(size=64)
    knots = np.asarray(alphafold1.bin_centers())
    exact = spline(knots, values, bc_type="clamped")
    places = np.linspace(0.5, 24, 400)
    inside = np.clip(places, knots[0], knots[-1])
    with jax.enable_x64(True):
        coefficients = jnp.broadcast_to(potential.fit_spline(jnp.asarray(values)), (400, 66))
        evaluate = lambda x: potential.evaluate_spline(coefficients, x)  # noqa: E731
        found, slope = jax.jvp(evaluate, (jnp.asarray(places),), (jnp.ones(400),))
        np.testing.assert_allclose(found, exact(inside), atol=1e-5)
        expected = np.where(places == inside, exact(inside, 1), 0)
        np.testing.assert_allclose(slope, expected, atol=1e-4)


def test_the_potential_and_its_gradient_are_numpys():
    torsions = random_torsions(3)
    with jax.enable_x64(True):
        made, *told = random_potential()
        plain = jax.tree.map(np.asarray, made)
        value_and_gradient = jax.jit(jax.value_and_grad(alphafold1.energy, 1))
        value, gradient = value_and_gradient(made, jnp.asarray(torsions))
    np.testing.assert_allclose(value, numpy_energy(torsions, plain, *told), rtol=1e-6)
    for residue, angle in ((0, 1), (4, 0), (7, 1), (9, 0)):
        step = np.zeros((N, 2))
        step[residue, angle] = 1e-5
        ends = [numpy_energy(torsions + sign * step, plain, *told) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(gradient[residue, angle], slope, rtol=1e-4, atol=1e-4)
    assert (gradient[-2:] == 0).all()


@pytest.mark.slow
def test_folding_finds_a_hairpin_of_helices_by_its_distances():
    """Weak torsions tell the right hand: distances of CB hardly differ in a mirror."""
    helix, turn = np.radians([-60, -45]), np.radians([[-90, 120], [60, 30], [-90, 0]])
    torsions = np.float32([*[helix] * 8, *turn, *[helix] * 8])
    size, mask = len(torsions), np.ones(len(torsions), np.float32)
    true = jax.jit(alphafold1.build_backbone)(torsions)
    told = alphafold1.noisy_distogram(
        jax.random.key(0), alphafold1.distances(true.cb), FLAT, noise=0.0, blur=2.0
    )
    weak = potential.VonMises(jnp.tile(jnp.float32(helix), (size, 1)), jnp.full((size, 2), 3.0))
    made = alphafold1.make_potential(told, FLAT, weak, mask, 0 * mask)

    @jax.jit
    def run(key):
        draw = lambda key, count: 3 * jax.random.normal(key, (count, size, 2))  # noqa: E731
        sizes = {"starts": 6, "rounds": 3, "evaluations": 100, "pool": 4}
        found = alphafold1.fold(key, made, draw, **sizes)
        own = alphafold1.build_backbone(found.torsions[0]).ca
        return found, proteins.rmsd(own, true.ca, mask)

    found, off = run(jax.random.key(1))
    assert (np.diff(found.energies) >= 0).all()
    np.testing.assert_allclose(found.energies[0], found.history.min(), rtol=1e-5)
    assert off < 0.5


@pytest.mark.parametrize("method", ["adam", "lbfgs", "annealing"])
def test_methods_ask_for_as_many_energies_as_they_say_and_return_the_lowest(method):
    seen = []

    def energy(x):
        value = jnp.sum((x - 1) ** 2 * jnp.array([1.0, 10.0])) + jnp.sum(jnp.sin(5 * x))
        jax.debug.callback(lambda v: seen.append(float(v)), value)
        return value

    start = jnp.array([[3.0, -2.0], [0.5, 4.0]])
    if method == "annealing":
        end = alphafold1.anneal(jax.random.key(0), energy, start, jnp.array([1.0, 0.0]), 23)
        assert (end.x[1] == start[1]).all()  # a residue that is not there does not turn
    else:
        end = getattr(alphafold1, method)()(energy, start, 23)
    jax.effects_barrier()
    assert isinstance(end, Descent)
    assert len(seen) == 23
    np.testing.assert_allclose(end.value, min(seen), rtol=1e-6)
    assert end.value < seen[0]


def test_lbfgs_ends_where_the_gradient_is_none():
    matrix = np.diag([1.0, 30.0, 200.0, 5.0]).astype(np.float32)
    energy = lambda x: jnp.vdot(x - 0.3, matrix @ (x - 0.3)) / 2  # noqa: E731
    end = jax.jit(lambda x: alphafold1.lbfgs()(energy, x, 60))(jnp.ones(4))
    np.testing.assert_allclose(end.x, 0.3, atol=1e-3)


def test_noisy_distograms_are_normal_about_what_is_told():
    distance = jnp.array([[0.0, 9.0], [9.0, 0.0]])
    make = jax.jit(alphafold1.noisy_distogram, static_argnames="floor")
    exact = np.exp(make(jax.random.key(0), distance, FLAT, noise=0.0, floor=0.0))
    np.testing.assert_allclose(exact.sum(-1), 1, rtol=1e-5)
    mean = exact[0, 1] @ np.asarray(alphafold1.bin_centers())
    np.testing.assert_allclose(mean, 9, atol=0.02)
    keys = jax.random.split(jax.random.key(1), 300)
    noisy = jax.vmap(lambda key: make(key, distance, FLAT, noise=2.0))(keys)
    told = np.exp(noisy) @ np.asarray(alphafold1.bin_centers())
    np.testing.assert_allclose(told[:, 0, 1], told[:, 1, 0], rtol=1e-5)
    np.testing.assert_allclose(told[:, 0, 1].std(), 2, rtol=0.15)
    slope = jnp.linspace(0.0, 9.0, 64)[None]
    found = make(keys[0], distance, slope, noise=2.0) - make(keys[0], distance, FLAT, noise=2.0)
    np.testing.assert_allclose(np.diff(found), 9 / 63, rtol=1e-2)


def test_the_reference_counts_distances_by_separation():
    points = np.float32(np.random.default_rng(0).normal(size=(2, 9, 3)) * 6)
    known = np.ones((2, 9), np.float32)
    known[1, 6:] = 0
    distance = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    pairs = known[:, :, None] * known[:, None]
    found = np.exp(alphafold1.reference_distogram(distance, pairs, largest=4, prior=0.0))
    counts = np.zeros((5, 64))
    for b, i, j in np.argwhere(pairs > 0):
        place = int(np.clip((distance[b, i, j] - 2) / (20 / 64), 0, 63))
        counts[min(abs(i - j), 4), place] += 1
    np.testing.assert_allclose(found, counts / counts.sum(1, keepdims=True), atol=1e-5)


def test_losses_and_contacts_are_numpys():
    numbers = np.random.default_rng(0)
    logits = np.float32(numbers.normal(size=(4, 5, 64)))
    distance = np.float32(numbers.uniform(1, 25, (4, 5)))
    mask = np.float32(numbers.uniform(size=(4, 5)) > 0.3)
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    place = np.clip((distance - 2) / (20 / 64), 0, 63).astype(int)
    expected = -np.take_along_axis(logp, place[..., None], -1)[..., 0]
    loss = alphafold1.distogram_loss(logits, distance, mask)
    np.testing.assert_allclose(loss, (expected * mask).sum() / mask.sum(), rtol=1e-5)
    contact = alphafold1.contact_probability(logits)  # 8 Angstrom are 19.2 bins
    p = np.exp(logp)
    np.testing.assert_allclose(contact, p[..., :19].sum(-1) + 0.2 * p[..., 19], rtol=1e-5)
    assert distogram.bin_edges()[0] == 2 + 20 / 64


def test_torsions_are_told_by_histograms():
    """Of a narrow one the mean is its place, and kappa is about one over the variance."""
    torsions = np.radians([[-63.0, -42.0], [175.0, -178.0]])
    numbers = np.random.default_rng(0)
    drawn = torsions + np.radians(20) * numbers.normal(size=(40_000, 2, 2))
    wrapped = np.float32((drawn + np.pi) % (2 * np.pi) - np.pi)
    bins = np.asarray(angle_bins(wrapped))
    counts = np.stack([np.bincount(column, minlength=1296) for column in bins.T])
    mean, kappa = alphafold1.marginals(jnp.log(counts + 1e-6))
    np.testing.assert_allclose(np.cos(mean - torsions), 1, atol=1e-3)
    np.testing.assert_allclose(kappa, 1 / np.radians(20) ** 2, rtol=0.15)


@pytest.fixture(scope="module")
def examples():
    chains = list(proteins.open_chains().values())[:2]
    atoms = ("N", "CA", "C", "CB", "O")
    return jax.jit(alphafold1.make_examples)(proteins.pad_chains(chains, length=40, atoms=atoms))


def test_crops_are_squares_of_the_chain(examples):
    example = jax.tree.map(lambda x: x[0], examples)
    part = jax.jit(crop, static_argnums=2)(example, jnp.array([-4, 20]), 16)
    cb = np.asarray(example.cb)
    assert part.masks[0].tolist() == [0] * 4 + [1] * 12
    assert part.masks[1].tolist() == [1] * 9 + [0] * 7  # the chain has 29 residues
    np.testing.assert_allclose(part.distance[6, 3], np.linalg.norm(cb[2] - cb[23]), rtol=1e-5)
    assert part.pair_mask[6, 3] == 1
    assert part.pair_mask[:4].sum() == part.pair_mask[:, 9:].sum() == 0
    assert (np.asarray(example.features[:29, :21]).sum(1) == 1).all()
    draw = jax.jit(jax.vmap(lambda key: alphafold1.random_crop(key, example, 16).places[:, 0]))
    drawn = draw(jax.random.split(jax.random.key(0), 500))
    assert drawn.min() == -8
    assert drawn.max() == 21


def test_a_profile_is_the_frequencies_of_an_alignment():
    from jaxdl.science.alphafold1.examples import residue_features

    msa = np.array([[0, 5, 7], [0, 6, 21], [3, 6, 21]])
    features = residue_features(msa[0], msa)
    np.testing.assert_allclose(features[0, np.array([21, 24])], [2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(features[2, np.array([28, 42])], [1 / 3, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(features[:, -1], np.log1p([3, 3, 1]), rtol=1e-6)


def test_the_net_sees_nothing_beyond_the_chain(examples):
    """With all parameters drawn at random, since the last layers of blocks are zero at first."""
    example = jax.tree.map(lambda x: x[0], examples)
    part = jax.jit(crop, static_argnums=2)(example, jnp.array([18, 20]), 12)  # of 29 residues
    net = alphafold1.DistanceNet(((1, 4),))
    shapes = jax.eval_shape(net.init, jax.random.key(0), part.rows, *part[1:4])
    leaves, tree = jax.tree.flatten(shapes)
    numbers = np.random.default_rng(1)
    params = tree.unflatten([numbers.normal(size=x.shape).astype(np.float32) / 2 for x in leaves])
    apply = jax.jit(lambda rows, columns: net.apply(params, rows, columns, part.places, part.masks))
    garbage = [x + 9 * (1 - m)[:, None] for x, m in zip(part[:2], part.masks, strict=True)]
    logits, torsions = apply(part.rows, part.columns)
    others, other_torsions = apply(*garbage)
    np.testing.assert_allclose(logits[:11, :9], others[:11, :9], atol=1e-4)
    np.testing.assert_allclose(torsions[0, :11], other_torsions[0, :11], atol=1e-4)
    assert np.abs(logits[0, 0] - logits[5, 5]).max() > 0.1
