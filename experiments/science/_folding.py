"""Chains that are folded from noisy distances, for the claims of AlphaFold 1."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

SHORTEST, LONGEST = 40, 72  # residues of the chains that are folded
REFERENCE = 73, 128  # residues of those that distances and torsions are counted of
# Steps, rates and schedules were chosen on these chains, which are left out therefore.
CHOSEN_ON = (
    "1AY7_r_u_A",
    "1FCC_l_u_B",
    "1R0R_l_u_B",
    "1SYX_l_u_B",
    "2ABZ_l_u_B",
    "2X9A_l_u_B",
)
GRADIENT = 3  # energies that one with its gradient counts as


class Problem(NamedTuple):
    """Chains to be folded, and what is known of chains at large.

    Attributes:
      examples: `Examples` [B, N, ...].
      reference: [S, 64] log probabilities of distances by separation.
      pool: [T, 2] torsions from which starts are drawn.
      torsions: their own von Mises distribution, leaves [2].
    """

    examples: Any
    reference: Any
    pool: Any
    torsions: Any


class Cost(NamedTuple):
    """What folding a chain costs; the same number of energies for all methods.

    Attributes:
      starts: of descents side by side.
      rounds: of restarts.
      evaluations: of a descent, each a value with its gradient.
      walks: of annealing side by side, which share the energies.
    """

    starts: int
    rounds: int
    evaluations: int
    walks: int

    @property
    def energies(self) -> int:
        """Of one walk."""
        return GRADIENT * self.starts * self.rounds * self.evaluations // self.walks


def has_chains() -> bool:
    """Tells whether JAXDL_DATA has the chains."""
    from jaxdl.science.proteins import has_bm5

    return has_bm5()


@cache
def open_problem(chains: int) -> Problem:
    """Reads the shortest chains of Docking Benchmark 5 whose backbones are whole."""
    from experiments.science._chains import ATOMS
    from jaxdl.science import alphafold1, proteins

    whole = {
        name: chain
        for name, chain in proteins.open_chains("bm5", max_length=REFERENCE[1]).items()
        if chain.mask[:, :3].all() and name not in CHOSEN_ON
    }

    def examples(low, high, count=None):
        found = [p for p in whole.values() if low <= len(p.aatype) <= high][:count]
        return alphafold1.make_examples(proteins.pad_chains(found, length=high, atoms=ATOMS))

    others = examples(*REFERENCE)
    reference = alphafold1.count_reference(others)
    pool, torsions = alphafold1.torsion_pool(others)
    return Problem(examples(SHORTEST, LONGEST, chains), reference, pool, torsions)


def fold_all(
    problem: Problem, noise: float, method: str, cost: Cost
) -> "tuple[np.ndarray, np.ndarray]":
    """Folds every chain from its distances with an error of that many Angstrom.

    Args:
      problem: B chains.
      noise: standard deviation.
      method: "lbfgs", "adam" or "annealing".
      cost: of each chain.

    Returns:
      Energies and TM-scores [B, S]: of the lowest energy alone (S = 1) where there are several
      rounds, of every descent where there is one.
    """
    import jax
    import numpy as np

    energies, scores = _program(method, cost)(jax.random.key(0), problem, noise)
    return np.asarray(energies), np.asarray(scores)


@cache
def _program(method: str, cost: Cost) -> Callable:
    """Makes the program of a method, for all noises."""
    import jax

    from jaxdl.science import alphafold1
    from jaxdl.science.proteins import tm_score

    descents = {"lbfgs": alphafold1.lbfgs(), "adam": alphafold1.adam(0.1)}

    def fold(key, potential, draw):
        if method == "annealing":
            energies = {"starts": cost.walks, "evaluations": cost.energies}
            return alphafold1.fold_by_annealing(key, potential, draw, **energies)
        sizes = {"starts": cost.starts, "rounds": cost.rounds, "evaluations": cost.evaluations}
        return alphafold1.fold(key, potential, draw, descend=descents[method], **sizes)

    def fold_one(key, example, problem, noise):
        noise_key, fold_key = jax.random.split(key)
        potential = noisy_potential(noise_key, example, problem, noise)
        found = fold(fold_key, potential, starts_of(problem, len(example.mask)))
        if cost.rounds > 1:  # one fold alone, of the lowest energy
            energies, torsions = found.energies[:1], found.torsions[:1]
        else:
            energies, torsions = found.history[0], found.ends[0]
        traces = jax.vmap(lambda x: alphafold1.build_backbone(x).ca)(torsions)
        score = lambda ca: tm_score(ca, example.ca, example.known)  # noqa: E731
        return energies, jax.lax.map(score, traces)

    def run(key, problem, noise):
        keys = jax.random.split(key, len(problem.examples.mask))
        chains = (keys, problem.examples)
        return jax.lax.map(lambda now: fold_one(*now, problem, noise), chains)

    return jax.jit(run)


def noisy_potential(key: Any, example: Any, problem: Problem, noise: Any) -> Any:
    """Makes the potential of a chain's noisy distances; of its torsions nothing own is known."""
    import jax
    import jax.numpy as jnp

    from jaxdl.science import alphafold1

    size, reference = len(example.mask), problem.reference
    distance = alphafold1.distances(example.cb)
    told = alphafold1.noisy_distogram(key, distance, reference, noise=noise)
    known = example.known[:, None] * example.known
    told = jnp.where(known[..., None] > 0, told, alphafold1.by_separation(reference, size))
    torsions = jax.tree.map(lambda x: jnp.broadcast_to(x, (size, 2)), problem.torsions)
    return alphafold1.make_potential(told, reference, torsions, example.mask, example.glycine)


def starts_of(problem: Problem, size: int) -> Callable:
    """Returns what draws starts: for each residue the torsions of one of another chain."""
    import jax

    def draw(key, count):
        return problem.pool[jax.random.randint(key, (count, size), 0, len(problem.pool))]

    return draw
