"""Trials of a hundred pulls and more: what a memory can hold, and what rewards teach it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from experiments._claim import Claim, Verdict, decide
from experiments.meta._cells import Cell, Measured, measure_cell
from jaxdl.pages import show

TAUGHT = {
    "truncate": True, "arms_alike": True, "test_arms": 50, "hidden": (32,), "unroll": 50,
    "num_envs": 128, "epochs": 1, "minibatches": 4, "teacher": "index",
}  # fmt: skip
REWARDED = TAUGHT | {"teacher": "reward", "num_envs": 256, "epochs": 4, "entropy_coef": 0.01}
# So many more worlds and a wider net where a GPU keeps them busy.
WIDE = {"hidden": (64,), "num_envs": 2_048, "num_seeds": 3}
LONG = WIDE | {"unroll": 100, "num_envs": 1_024}


TEACHING: dict[str, Sequence[Cell]] = {
    "smoke": [
        Cell(2, 10, "smoke", TAUGHT | {"unroll": 5, "test_arms": 3, "hidden": (8,), "num_seeds": 2})
    ],
    "cpu": [Cell(5, 100, "cpu", TAUGHT | {"steps": 250, "eval_tasks": 16_384})],
    "gpu": [
        Cell(5, 100, "gpu", TAUGHT | WIDE | {"steps": 500}),
        Cell(50, 100, "gpu", TAUGHT | WIDE | {"steps": 500}),
        Cell(50, 500, "gpu", TAUGHT | LONG | {"steps": 500, "eval_tasks": 16_384}),
    ],
}
REWARDING: dict[str, Sequence[Cell]] = {
    "smoke": [
        Cell(
            2, 10, "smoke", REWARDED | {"unroll": 5, "test_arms": 3, "hidden": (8,), "num_seeds": 2}
        )
    ],
    "cpu": [Cell(5, 100, "cpu", REWARDED | {"steps": 300, "eval_tasks": 16_384})],
    "gpu": [
        Cell(5, 100, "gpu", REWARDED | WIDE | {"steps": 1_500}),
        Cell(50, 100, "gpu", REWARDED | WIDE | {"steps": 1_500}),
        Cell(50, 500, "gpu", REWARDED | LONG | {"steps": 1_500, "eval_tasks": 16_384}),
    ],
}


@cache
def measured_trials(tier: str, *, is_taught: bool) -> dict[str, Measured]:
    """Trains every cell of a tier; returns the cell's title -> what was measured."""
    cells = (TEACHING if is_taught else REWARDING)[tier]
    return {f"k={cell.arms}, n={cell.pulls}": measure_cell(cell) for cell in cells}


def comes_within(
    tier: str,
    *,
    is_taught: bool,
    least: float,
    percent: Callable[[Measured], tuple[Mapping[str, Any], str]],
) -> Verdict:
    """Decides whether the interval over seeds lies above a share of a yardstick, in every cell."""
    numbers: dict[str, Any] = {}
    gaps, parts = [], []
    for title, cell in measured_trials(tier, is_taught=is_taught).items():
        share, yardstick = percent(cell)
        gaps.append({"mean": share["mean"] - least, "ci95": share["ci95"]})
        numbers |= {f"{title}: percent": share, f"{title}: reward": cell.metrics["eval/reward"]}
        reward = show(cell.metrics["eval/reward"])
        parts.append(f"{title}: {show(share)} % of {yardstick}; reward {reward}")
    return Verdict(decide(*gaps), "; ".join(parts), numbers)


def of_best(cell: Measured) -> tuple[Mapping[str, Any], str]:
    """The share of what the exact optimum earns, of the best rule where that is out of reach."""
    if "eval/percent_of_optimal" in cell.metrics:
        return cell.metrics["eval/percent_of_optimal"], "Bayes-optimal"
    name, (reward, error) = max(cell.players.items(), key=lambda player: player[1][0])
    yardstick = f"{name} ({reward:.2f} ± {1.96 * error:.2f})"
    return cell.metrics["eval/percent_of_best_rule"], yardstick


def of_index_elsewhere(cell: Measured) -> tuple[Mapping[str, Any], str]:
    """The share of what the index policy earns, with another number of arms."""
    reward = show(cell.metrics["eval/other_arms/reward"])
    yardstick = f"the index policy with other arms ({reward} there)"
    return cell.metrics["eval/other_arms/percent_of_index"], yardstick


LONG_TRIALS = [
    Claim(
        "memory_suffices",
        "Taught by the finite-horizon index policy, a net loses at most 1 % of the best reward",
        "Duan et al. 2016, table 1: n of 100 and 500, where RL² falls behind with 50 arms",
        lambda tier: comes_within(tier, is_taught=True, least=99.0, percent=of_best),
    ),
    Claim(
        "arms_generalize",
        "The same net earns 97 % of the index policy's reward with ten times as many arms",
        "Duan et al. 2016, table 1, with a net for any number of arms",
        lambda tier: comes_within(tier, is_taught=True, least=97.0, percent=of_index_elsewhere),
    ),
    Claim(
        "long_trials",
        "RL² by rewards, with truncated gradients, comes within 3 % of the best reward",
        "Duan et al. 2016, table 1: 78.7 for k = 5, n = 100, 438.9 for k = 50, n = 500",
        lambda tier: comes_within(tier, is_taught=False, least=97.0, percent=of_best),
    ),
]
