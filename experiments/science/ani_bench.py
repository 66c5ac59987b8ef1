"""What energies and forces of ethanol cost, with TorchANI beside, and features over atoms."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure
from jaxdl.core.run import BadInput
from jaxdl.science import ani

MOLECULES, AT_ONCE, MEMBERS = 256, 32, 8
DENSE, LISTED = (50, 100, 200), (200, 400, 800, 1600)  # atoms
DENSITY = 0.1  # atoms/Angstrom^3, as in liquid water


def ani_ethanol(peers: bool | str) -> list[dict[str, Any]]:
    """Times energies and forces of 256 geometries by ANI-1x's features and nets; an item is one."""
    species, x = conformers()
    mask = jnp.ones(len(species))
    one = ani.init_networks(jax.random.key(0))
    eight = ani.init_networks(jax.random.key(0), members=MEMBERS)

    def candidate(judge: Callable, params: Any, note: str) -> Candidate:
        def run(params, x):
            at_once = AT_ONCE if jax.default_backend() == "cpu" else MOLECULES
            return jax.lax.map(lambda x: judge(params, species, x, mask), x, batch_size=at_once)

        return Candidate(run, (params, x), MOLECULES, note)

    candidates = {
        "jaxdl": candidate(ani.energy_and_forces, one, "one net an element, float32"),
        "jaxdl (8 nets)": candidate(
            ani.mean_energy_and_forces, eight, "the mean of 8 nets, by one gradient"
        ),
        "jaxdl (8 forces)": candidate(
            ani.committee_energy_and_forces, eight, "forces of each of 8 nets"
        ),
    }
    if peers == "torch":
        candidates |= torch_candidates(species, np.asarray(x))
    return measure("ani_ethanol", candidates)


def ani_atoms(peers: bool) -> list[dict[str, Any]]:
    """Times features and a gradient over atoms at one density; an item is an atom.

    The last row of all pairs, and of lists, tells the powers of the atoms by which CPU-seconds and
    memory grow, a line through the logarithms.
    """
    del peers
    candidates = {f"all pairs, {n} atoms": crowd(n, listed=False) for n in DENSE}
    candidates |= {f"lists, {n} atoms": crowd(n, listed=True) for n in LISTED}
    rows = measure("ani_atoms", candidates)
    for kind, counts in (("all pairs", DENSE), ("lists", LISTED)):
        mine = [row for row in rows if row["who"].startswith(kind)]
        powers = [power(counts, [row[name] for row in mine]) for name in
                  ("cpu_seconds", "temp_bytes")]  # fmt: skip
        mine[-1]["note"] += f"; atoms^{powers[0]:.2f} CPU-s, atoms^{powers[1]:.2f} bytes"
    return rows


def crowd(atoms: int, *, listed: bool) -> Candidate:
    """Makes a candidate of hydrogen and oxygen at random places of a cube."""
    random = np.random.default_rng(0)
    side = (atoms / DENSITY) ** (1 / 3)
    x = np.float32(random.uniform(0, side, (atoms, 3)))
    species = np.where(np.arange(atoms) % 3 == 2, 3, 0)
    cutoffs = ani.ANI1X.radial_cutoff, ani.ANI1X.angular_cutoff
    plan = ani.plan_cells(x, cutoffs) if listed else None

    def run(x):
        lists = ani.list_neighbors(x, cutoffs, plan) if plan else None
        return jax.grad(lambda x: jnp.sum(ani.aev(species, x, neighbors=lists) ** 2))(x)

    note = f"lists of {plan.radial} and {plan.angular}, made anew" if plan else ""
    return Candidate(run, (jnp.asarray(x),), atoms, note)


def power(counts: tuple[int, ...], costs: list[float]) -> float:
    """Returns the slope of costs over counts, both in logarithms."""
    return float(np.polyfit(np.log(counts), np.log(np.maximum(costs, 1e-9)), 1)[0])


def conformers() -> tuple[np.ndarray, jax.Array]:
    """Returns species [9] and geometries [256, 9, 3], Angstrom, of ethanol's shape."""
    order = np.argsort(["HCO".index(symbol) for symbol in ani.springs.SYMBOLS], kind="stable")
    species = np.array([0] * 6 + [1] * 2 + [3])
    first = ani.springs.first_geometry()[order]
    noise = np.random.default_rng(0).normal(scale=0.05, size=(MOLECULES, 9, 3))
    return species, jnp.asarray(first + noise, jnp.float32)


def torch_candidates(species: np.ndarray, x: np.ndarray) -> dict[str, Candidate]:
    """Makes candidates of TorchANI with as many nets of the same widths.

    Raises:
      BadInput: torch is not installed.
    """
    try:
        import torchani
    except ImportError as error:
        print(f"jaxdl: --peers=torch leaves out TorchANI: {error.name} is not installed")
        return {}
    if jax.default_backend() != "cpu":
        raise BadInput("--peers=torch is timed on CPUs alone")
    from experiments.science._torch_ani import evaluation
    from experiments.vision import _torch_peers

    note = f"TorchANI {torchani.__version__}, float32, random weights"
    return {
        name: _torch_peers.candidate(
            evaluation(species, x, members=members), items=MOLECULES, note=note
        )
        for name, members in (("torchani", 1), ("torchani (8 nets)", MEMBERS))
    }


CASES = {"ani_ethanol": ani_ethanol, "ani_atoms": ani_atoms}
