"""What Duan et al. 2016 state in table 1, measured with intervals, beside the exact optimum."""

from collections.abc import Sequence
from functools import cache
from math import hypot

from experiments._claim import Claim, Verdict, decide
from experiments.meta._cells import Cell, Measured, measure_cell
from experiments.meta._long_trials import LONG_TRIALS


def _gpu_cell(arms: int, pulls: int) -> Cell:
    """Returns a cell with 256,000 steps an update, as in the paper."""
    settings = {"num_envs": 256_000 // pulls, "num_seeds": 3}
    return Cell(arms, pulls, "gpu", settings)


TIERS: dict[str, Sequence[Cell]] = {
    "smoke": [Cell(2, 10, "smoke", {"num_seeds": 2})],
    "cpu": [
        Cell(2, 10, "cpu", {"num_seeds": 5}),
        Cell(5, 10, "cpu", {"num_seeds": 3, "steps": 300, "entropy_coef": 0.01}),
    ],
    "gpu": [_gpu_cell(arms, pulls) for pulls in (10, 100) for arms in (5, 10, 50)],
}


@cache
def measured_cells(tier: str) -> dict[str, Measured]:
    """Trains every cell of a tier; returns the cell's title -> what was measured."""
    return {f"k={cell.arms}, n={cell.pulls}": measure_cell(cell) for cell in TIERS[tier]}


def near_optimal(tier: str, least: float = 97.0) -> Verdict:
    """Decides whether the interval over seeds lies above 97 % of the yardstick in every bandit."""
    numbers = {}
    gaps = []
    parts = []
    for title, cell in measured_cells(tier).items():
        exact = "eval/percent_of_optimal" in cell.metrics
        yardstick = "Bayes-optimal" if exact else "the best rule"
        percent = cell.metrics["eval/percent_of_" + ("optimal" if exact else "best_rule")]
        reward = cell.metrics["eval/reward"]
        gaps.append({"mean": percent["mean"] - least, "ci95": percent["ci95"]})
        numbers |= {f"{title}: percent": percent, f"{title}: reward": reward}
        parts.append(
            f"{title}: {percent['mean']:.2f} ± {percent['ci95']:.2f} % of {yardstick}, "
            f"reward {reward['mean']:.3f} ± {reward['ci95']:.3f}"
        )
    return Verdict(decide(*gaps), "; ".join(parts), numbers)


def passes_rules(
    tier: str, rules: Sequence[str] = ("Thompson sampling", "UCB1 (textbook)")
) -> Verdict:
    """Decides whether the interval over seeds lies above those of the rules in every bandit."""
    numbers = {}
    gaps = []
    parts = []
    for title, cell in measured_cells(tier).items():
        reward = cell.metrics["eval/reward"]
        numbers[f"{title}: RL²"] = reward
        parts.append(f"{title}: RL² {reward['mean']:.3f} ± {reward['ci95']:.3f}")
        for rule in rules:
            mean, error = cell.players[rule]
            half = 1.96 * error
            gaps.append({"mean": reward["mean"] - mean, "ci95": hypot(reward["ci95"], half)})
            numbers[f"{title}: {rule}"] = {"mean": mean, "ci95": half, "values": [mean]}
            parts.append(f"{rule} {mean:.3f} ± {half:.3f}")
    return Verdict(decide(*gaps), ", ".join(parts), numbers)


CLAIMS = [
    Claim(
        "near_optimal",
        "RL² comes within 3 % of the Bayes-optimal reward (the paper: as good as the best rules)",
        "Duan et al. 2016, table 1",
        near_optimal,
    ),
    Claim(
        "passes_rules",
        "RL² earns more than Thompson sampling and textbook UCB1",
        "Duan et al. 2016, table 1",
        passes_rules,
    ),
    *LONG_TRIALS,
]
