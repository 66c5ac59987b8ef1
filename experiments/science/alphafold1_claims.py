"""Whether gradient descent on a smooth potential folds chains, given their distances.

Rules, stated before anything was measured. Twenty chains of Docking Benchmark 5 of 40 to 72
residues are folded, all that have whole backbones but those on which settings were chosen. Of each,
the distances between CB atoms are told with independent normal errors, and how large these are; of
its torsions nothing but what other chains have. A chain counts by the TM-score of its fold of the
lowest energy, whose truth is not looked at; intervals are over chains. Methods have equally many
energies: a value with its gradient counts as three. Annealing was tried with six schedules on the
chains that settings were chosen on, and has the best one.
"""

from functools import cache, partial
from typing import TYPE_CHECKING

from experiments._claim import Claim, Verdict, decide
from experiments.science._folding import Cost, fold_all, has_chains, open_problem

if TYPE_CHECKING:
    import numpy as np

NOISES = (1.0, 2.0, 4.0)  # Angstrom
USUAL = 1.0
FOLDED = 0.7  # the TM-score that counts as right in the paper
SAME_FOLD = 0.5  # Zhang & Skolnick 2004
COSTS = {
    "smoke": Cost(2, 2, 20, 1),
    "cpu": Cost(8, 4, 300, 1),
    "gpu": Cost(32, 10, 600, 8),
}
CHAINS = {"smoke": 2, "cpu": 20, "gpu": 20}
STARTS = {"smoke": (1, 2, 4), "cpu": (1, 2, 4, 8, 16), "gpu": (1, 2, 4, 8, 16, 32)}
LOSS = 0.05  # TM-score that fewer starts may cost
SENIOR = "Senior et al. 2020, Nature 577, 706-710"
MISSING = Verdict("undecided", "not measured: JAXDL_DATA has no science/bm5_unbound_chains.npz", {})
TITLES = {"lbfgs": "L-BFGS", "adam": "Adam", "annealing": "annealing"}


@cache
def scores(tier: str, method: str, noise: float) -> "np.ndarray":
    """Returns the TM-scores of all chains [C] at the lowest energy."""
    return fold_all(open_problem(CHAINS[tier]), noise, method, COSTS[tier])[1][:, 0]


def folds_from_distances(tier: str, noise: float, least: float) -> Verdict:
    """Decides whether chains are folded, by their TM-scores' distance to what counts as that."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if not has_chains():
        return MISSING
    found = scores(tier, "lbfgs", noise)
    numbers = {"TM-score": interval(found), "gap": interval(found - least)}
    summary = (
        f"TM-score {show(numbers['TM-score'])} of {len(found)} chains, at least {least:g} for "
        f"{(found >= least).sum()} of them"
    )
    return Verdict(decide(numbers["gap"]), summary, numbers)


def compare_methods(tier: str, better: str, other: str, noises: tuple[float, ...]) -> Verdict:
    """Decides which method folds better with equally many energies, at every noise."""
    from jaxdl.core.logs import interval

    if not has_chains():
        return MISSING
    numbers, gaps, texts = {}, [], []
    for noise in noises:
        both = {method: scores(tier, method, noise) for method in (better, other)}
        lead = interval(both[better] - both[other])
        gaps.append(lead)
        numbers |= {f"{TITLES[m]} at {noise:g} A": interval(x) for m, x in both.items()}
        numbers[f"difference at {noise:g} A"] = lead
        texts.append(
            f"{noise:g} A: {both[better].mean():.2f} and {both[other].mean():.2f}, difference "
            f"{lead['mean']:.2f} +- {lead['ci95']:.2f}"
        )
    summary = f"TM-score of {TITLES[better]} and of {TITLES[other]} at noise {'; '.join(texts)}"
    return Verdict(decide(*gaps), summary, numbers)


def few_starts_are_enough(tier: str) -> Verdict:
    """Decides whether a quarter of the starts folds as well as all, but for a TM-score of 0.05.

    One round of descents without restarts, of which the first k are k starts.
    """
    import numpy as np

    from jaxdl.core.logs import interval

    if not has_chains():
        return MISSING
    counts, cost = STARTS[tier], COSTS[tier]
    one_round = Cost(counts[-1], 1, cost.rounds * cost.evaluations, 1)
    energies, ends = fold_all(open_problem(CHAINS[tier]), USUAL, "lbfgs", one_round)
    rows = np.arange(len(ends))
    found = {count: ends[rows, energies[:, :count].argmin(1)] for count in counts}
    numbers = {f"TM-score of {count} starts": interval(x) for count, x in found.items()}
    gap = interval(found[counts[-1] // 4] - found[counts[-1]] + LOSS)
    texts = ", ".join(f"{count}: {x.mean():.2f}" for count, x in found.items())
    folded = [count for count, x in found.items() if x.mean() >= FOLDED]
    reached = f"{folded[0]} reach {FOLDED:g}" if folded else f"none reaches {FOLDED:g}"
    summary = (
        f"TM-score by starts {texts}; {reached}; right ones among all: {(ends > FOLDED).mean():.0%}"
    )
    return Verdict(decide(gap), summary, numbers | {"gap": gap})


CLAIMS = [
    Claim(
        "folds",
        f"Descent of the potential folds chains whose distances are known to {USUAL:g} Angstrom: "
        f"TM-score above {FOLDED:g}",
        SENIOR,
        partial(folds_from_distances, noise=USUAL, least=FOLDED),
    ),
    Claim(
        "folds_by_rough_distances",
        "Where distances are known to 4 Angstrom, chains still have the right fold: TM-score above "
        f"{SAME_FOLD:g}",
        SENIOR,
        partial(folds_from_distances, noise=4.0, least=SAME_FOLD),
    ),
    Claim(
        "descent_over_annealing",
        "Gradient descent folds better than simulated annealing with equally many energies, "
        "whatever the noise of the distances",
        SENIOR,
        partial(compare_methods, better="lbfgs", other="annealing", noises=NOISES),
    ),
    Claim(
        "lbfgs_over_adam",
        "L-BFGS, the paper's choice, folds better than Adam with equally many gradients",
        SENIOR,
        partial(compare_methods, better="lbfgs", other="adam", noises=(USUAL,)),
    ),
    Claim(
        "starts",
        f"A quarter of the starts is enough: 4 lose less than {LOSS:g} of the TM-score of 16",
        SENIOR + " (the paper makes 5,000 with restarts)",
        few_starts_are_enough,
    ),
]
