"""ANI: features and nets against TorchANI and by hand, forces, dynamics, committees."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import ani
from jaxdl.science.ani.aev import cutoff_weight

GOLDEN = Path(__file__).with_name("golden") / "ani.npz"
ETHANOL = "CH3CH2OH"
NAMES = ("CH4", "H2O", "NH3", ETHANOL, "C6H6", "CH3CONH2")
KEY = jax.random.key(0)
SMALL = dict.fromkeys("HCNO", (6, 5))


def weights(array):
    return np.cos(np.arange(array.size)).reshape(array.shape)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def padded(golden):
    """All six molecules in float64, in 12 places: value and gradient of one program."""

    def weighed(x, species, mask, weight):
        features = ani.aev(species, x, mask=mask)
        return jnp.sum(features * weight), features

    found = {}
    with jax.enable_x64(True):
        program = jax.jit(jax.grad(weighed, has_aux=True))
        for name in NAMES:
            species = golden[f"{name}/species"]
            more = 12 - len(species)
            weight = np.pad(weights(golden[f"{name}/aev"]), ((0, more), (0, 0)))
            mask = np.arange(12) < len(species)
            x = np.pad(golden[f"{name}/coordinates"], ((0, more), (0, 0)))
            inputs = np.pad(species, (0, more)), mask, weight
            found[name] = jax.tree.map(np.asarray, program(x, *inputs))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_features_and_gradients_are_torchanis(golden, padded, name):
    """Padding beside, whose gradients are 0 and not NaN though its atoms coincide."""
    gradient, features = padded[name]
    atoms = len(golden[f"{name}/species"])
    np.testing.assert_allclose(features[:atoms], golden[f"{name}/aev"], atol=1e-12)
    np.testing.assert_allclose(gradient[:atoms], golden[f"{name}/gradient"], atol=1e-12)
    assert not features[atoms:].any() and not gradient[atoms:].any()


def test_species_that_are_known_beforehand_change_nothing(golden):
    species, x = golden[f"{ETHANOL}/species"], golden[f"{ETHANOL}/coordinates"]
    told = jax.jit(lambda x: ani.aev(species, x))(np.float32(x))
    np.testing.assert_allclose(told, golden[f"{ETHANOL}/aev"], atol=1e-5)


def test_the_size_is_that_of_ani_1x():
    assert ani.ANI1X.size == 384
    assert ani.ANI1X._replace(elements=("H", "C", "O")).size == 3 * 16 + 6 * 32


def test_cutoff_is_half_a_cosine():
    expected = [1, np.cos(np.pi / 5.2) / 2 + 0.5, 0.5, 0, 0]
    distances = jnp.array([0, 1, 2.6, 5.2, 7])
    np.testing.assert_allclose(cutoff_weight(distances, 5.2), expected, atol=1e-6)


@pytest.fixture(scope="module")
def water():
    """Energy, forces and features of three atoms by a committee: one compiled program."""
    params = ani.init_networks(KEY, widths=SMALL, members=2)
    species = np.array([0, 0, 3])

    def judge(x):
        whole = ani.committee_energy_and_forces(params, species, x, jnp.ones(3))
        return *whole, ani.aev(species, x)

    return jax.jit(judge)


X = np.float32([[0.96, 0, 0], [-0.24, 0.93, 0], [0, 0, 0]])


def test_energy_is_invariant_and_forces_turn_along(water):
    random = np.random.default_rng(0)
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))  # a reflection perhaps: allowed, too
    energy, forces, _ = water(X)
    moved = water(np.float32(X @ turn + [3, -2, 1]))
    np.testing.assert_allclose(moved[0], energy, atol=1e-5)
    np.testing.assert_allclose(moved[1], forces @ turn, atol=1e-4)
    swapped = water(X[[1, 0, 2]])
    np.testing.assert_allclose(swapped[0], energy, atol=1e-5)
    np.testing.assert_allclose(swapped[1], forces[:, [1, 0, 2]], atol=1e-4)
    assert np.ptp(energy) > 1e-3  # the members differ


def test_forces_are_minus_the_slope_and_push_nothing_as_a_whole(water):
    _, forces, _ = water(X)
    np.testing.assert_allclose(forces.sum(1), 0, atol=1e-5)
    for atom, axis in ((0, 0), (1, 1), (2, 1)):
        step = np.zeros_like(X)
        step[atom, axis] = 1e-2
        slope = (water(X + step)[0] - water(X - step)[0]) / 2e-2
        np.testing.assert_allclose(forces[:, atom, axis], -slope, atol=5e-3, rtol=2e-2)


def test_nothing_jumps_where_an_atom_leaves(water):
    """What the oxygen at rest sees of it is 0 at the cutoff, and forces are continuous."""
    for cutoff, features in ((3.5, slice(64, 384)), (5.2, slice(0, 384))):
        before, after = (X.copy() for _ in range(2))
        before[0, 0], after[0, 0] = cutoff - 1e-3, cutoff + 1e-3
        first, last = water(before), water(after)
        np.testing.assert_allclose(first[2][2, features], last[2][2, features], atol=1e-6)
        np.testing.assert_allclose(first[1], last[1], atol=1e-2)


def test_atoms_that_coincide_have_finite_forces(water):
    x = X.copy()
    x[1] = x[0]
    assert all(np.isfinite(y).all() for y in water(x))


def test_lists_of_neighbors_change_nothing():
    random = np.random.default_rng(0)
    x, species = np.float32(random.uniform(0, 11, (48, 3))), random.integers(0, 2, 48)
    cutoffs = ani.ANI1X.radial_cutoff, ani.ANI1X.angular_cutoff
    seen = ani.ANI1X._replace(elements=("H", "C"))
    plan = ani.plan_cells(x, cutoffs)
    lists = jax.jit(ani.list_neighbors, static_argnums=(1, 2))(x, cutoffs, plan)
    assert not lists.is_full and plan.grid == (3, 3, 3), plan
    off = np.linalg.norm(x[:, None] - x, axis=-1)
    near = (off < 5.2).sum(1) - 1
    np.testing.assert_array_equal((np.asarray(lists.radial) < 48).sum(1), near)
    see = jax.jit(lambda x, lists: ani.aev(species, x, seen, neighbors=lists))
    np.testing.assert_allclose(see(x, None), see(x, lists), atol=2e-5)
    short = plan._replace(radial=int(near.max()) - 1)
    assert jax.jit(ani.list_neighbors, static_argnums=(1, 2))(x, cutoffs, short).is_full


def test_nets_of_elements_are_plain_ones_in_any_order():
    """By hand in NumPy: CELU of 0.1, and the atom's own net."""
    params = ani.init_networks(KEY, widths=SMALL)
    species = np.array([3, 0, 1, 0])
    features = np.random.default_rng(0).normal(size=(4, 384)).astype(np.float32)
    told = jax.jit(lambda x: ani.network.atomic_energies(params, x, species, "HCNO"))(features)
    for atom, kind in enumerate(species):
        x = features[atom]
        for number, (kernel, bias) in enumerate(params["HCNO"[kind]]):
            x = x @ kernel + bias
            x = x if number == 2 else np.where(x > 0, x, 0.1 * np.expm1(np.minimum(x, 0) / 0.1))
        np.testing.assert_allclose(told[atom], x[0], rtol=1e-4, atol=1e-5)


def test_loss_by_hand():
    """Two members, one molecule of two atoms and one of one."""
    mask = jnp.array([[1.0, 1.0], [1.0, 0.0]])
    batch = ani.Molecules(jnp.zeros((2, 2, 3)), mask, jnp.array([1.0, 2.0]), jnp.zeros((2, 2, 3)))
    energies = jnp.array([[2.0, 0.0], [2.0, 4.0]])
    forces = jnp.zeros((2, 2, 2, 3)).at[0, 0, 1, 2].set(6.0).at[1, 0, 1].set(9.0)  # the last: none
    loss_of = jax.jit(lambda *x: ani.ani_loss(*x, energy_weight=2.0, force_weight=0.5))
    loss, errors = loss_of(energies, forces, batch)
    energy, force = (1 / 2 + 1 / 2 + 0 + 4) / 4, 36 / 18
    np.testing.assert_allclose(loss, 2 * energy + 0.5 * force, rtol=1e-6)
    np.testing.assert_allclose(errors["energy_mae"], ani.KCAL_PER_MOL * 1.0, rtol=1e-6)
    np.testing.assert_allclose(errors["force_mae"], ani.KCAL_PER_MOL * 6 / 18, rtol=1e-6)


def test_self_energies_are_found_where_they_can_be():
    counts = np.array([[4, 1], [6, 2], [2, 0]])
    found = ani.fit_self_energies(counts, counts @ [-13.5, -1029.0])
    np.testing.assert_allclose(found, [-13.5, -1029.0])


def test_molecules_of_two_sizes_share_places():
    methane = ani.Frame(tuple("CHHHH"), np.arange(15.0).reshape(5, 3), -9.0, np.ones((5, 3)), {})
    water = ani.Frame(tuple("HOH"), np.arange(9.0).reshape(3, 3), -5.0, np.ones((3, 3)), {})
    made = ani.make_set([methane, water], {}, {"H": 4, "C": 1, "O": 1}, isolated={"H": -1.0})
    np.testing.assert_array_equal(made.species, [0, 0, 0, 0, 1, 2])
    np.testing.assert_array_equal(made.pool.mask, [[1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 1]])
    np.testing.assert_array_equal(made.pool.coordinates[1, [0, 1, 5], 0], [0, 6, 3])
    np.testing.assert_allclose(made.pool.energy, [-5, -3])
    with pytest.raises(ani.molecules.BadInput, match="there is room for"):
        ani.make_set([methane, water], {}, {"H": 3, "C": 1, "O": 1})


def test_verlet_conserves_energy_to_second_order():
    """Two atoms on a spring: half the step, a quarter of the ripple; and no drift."""
    masses = jnp.array([1.0, 16.0])

    def field(x):
        energy = lambda x: 15.0 * (jnp.linalg.norm(x[0] - x[1]) - 1) ** 2  # noqa: E731
        return energy(x), -jax.grad(energy)(x)

    x = jnp.array([[0.0, 0, 0], [1.1, 0, 0]])
    v = ani.thermal_velocities(KEY, masses, 300.0)
    np.testing.assert_allclose(masses @ v, 0, atol=1e-6)

    def ripple(step, every):
        path = ani.velocity_verlet(field, x, v, masses, step=step, moments=100, every=every)
        return jnp.std(path.total) / jnp.mean(path.total), ani.energy_drift(path)

    (coarse, drift), (fine, _) = jax.jit(lambda: (ripple(0.5, 4), ripple(0.25, 8)))()
    assert coarse < 0.02 and abs(drift) < 1e-2
    np.testing.assert_allclose(coarse / fine, 4, rtol=0.25)


def test_springs_have_a_minimum_that_looks_like_ethanol():
    x = np.asarray(ani.springs.first_geometry(), np.float32)
    slope = jax.grad(ani.spring_energy)
    descend = lambda x: jax.lax.fori_loop(0, 3000, lambda _, x: x - 5e-3 * slope(x), x)  # noqa: E731
    x, left = jax.jit(lambda x: (x := descend(x), slope(x)))(x)
    assert np.abs(left).max() < 0.05
    lengths = [np.linalg.norm(x[a] - x[b]) for a, b in ((0, 1), (1, 2), (0, 3), (2, 8))]
    np.testing.assert_allclose(lengths, [1.53, 1.43, 1.09, 0.96], atol=0.06)


def test_a_committee_chooses_what_it_disagrees_about():
    scores = np.array([0.1, 0.9, 0.3, 0.9, 0.5])
    chosen = ani.choose_rows("committee", scores, np.array([3]), 2, seed=(0,))
    np.testing.assert_array_equal(chosen, [1, 4])
    first, again = (
        ani.choose_rows("random", scores, np.array([3]), 2, seed=(7, 1)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert 3 not in first and len(set(first)) == 2


def test_disagreement_is_the_deviation_over_the_root_of_atoms(water):
    params = ani.init_networks(KEY, widths=SMALL, members=2)
    batch = ani.Molecules(X[None], np.ones((1, 3)), np.zeros(1), np.zeros((1, 3, 3)))
    judge = jax.jit(lambda batch: ani.disagreement(params, np.array([0, 0, 3]), batch, ani.ANI1X))
    told = judge(batch)
    expected = np.std(water(X)[0], ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(told[0], expected, rtol=1e-4)


def test_label_factor_by_hand():
    """Half the labels reach the other's error; and where it is never reached, that is told."""
    other = np.array([[[10, 8.0], [20, 4.0], [40, 2.0]]])
    better = np.array([[[10, 4.0], [20, 2.0], [40, 1.0]]])
    factor, reached = ani.label_factor({"a": better, "b": other}, "a", "b")
    np.testing.assert_allclose(factor, [2.0])
    assert reached.all()
    factor, reached = ani.label_factor({"a": other, "b": better}, "a", "b")
    np.testing.assert_allclose(factor, [0.5])
    assert not reached.any()


def test_velocities_have_their_temperature():
    """Half a kT for each of 3 A - 3 directions."""
    masses = jnp.array([1.0, 12.0, 16.0])
    v = ani.thermal_velocities(KEY, masses, 300.0, (4000,))
    kinetic = jax.vmap(lambda v: ani.dynamics.kinetic_energy(v, masses))(v)
    np.testing.assert_allclose(kinetic.mean() / (6 / 2 * 8.617333e-5 * 300), 1, atol=0.03)


@pytest.mark.skipif("JAXDL_DATA" not in os.environ, reason="needs JAXDL_DATA")
@pytest.mark.parametrize("name", ["ethanol_methanol", "acac", "3bpa"])
def test_files_become_sets_of_molecules(name):
    made = ani.open_set(name)
    atoms = made.pool.mask.sum(1)
    assert atoms.max() == len(made.species) == sum(ani.places_of(name).values())
    assert (atoms.min() < atoms.max()) == (name == "ethanol_methanol")
    assert abs(made.pool.energy.mean()) < 0.01  # eV, after what fits best is taken off
    assert len(made.pool.energy) in (1300, 500, 400) and made.held_out
    alone = ani.open_set(name, isolated=True)
    per_atom = alone.pool.energy / atoms
    assert -7 < per_atom.min() and per_atom.max() < -3  # atoms are bound by a few eV each


def test_folder_of_the_data_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    with pytest.raises(ani.molecules.BadInput, match="JAXDL_DATA"):
        ani.open_set("ethanol")


def test_bonds_are_found_by_radii_and_the_camera_sees_the_broad_side():
    from jaxdl.science.ani.film import bonds_of, upright

    x = ani.springs.first_geometry()
    bonds = {tuple(pair) for pair in bonds_of(x, ani.springs.SYMBOLS)}
    assert bonds == {tuple(sorted(pair)) for pair in ani.springs.BONDS}
    path = upright(np.stack([x, x + 1]))
    spread = path[0].std(0)
    assert spread[0] > spread[1] > spread[2]
    off = np.linalg.norm(path[0, 0] - path[0, 2]) - np.linalg.norm(x[0] - x[2])
    np.testing.assert_allclose(off, 0, atol=1e-9)
