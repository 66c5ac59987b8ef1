"""What Haarnoja et al. 2018b state of SAC's temperature, measured on our worlds.

The best fixed temperature depends on the size of a task's rewards; one that adapts needs no tuning
for each task. The rewards of our tasks differ: up to 16 lost in a step of pendulum, at most 1
earned in one of the others.
"""

from functools import cache

from experiments._claim import Claim, Verdict, decide
from experiments.rl import _control_claims as shared
from experiments.rl import sac

ALPHAS = (0.01, 0.1, 1.0)  # fixed temperatures
# Four temperatures cost twice what two learners do: two tasks on CPUs.
CPU = shared.TIERS["cpu"]
TIERS = shared.TIERS | {"cpu": CPU._replace(tasks=CPU.tasks[:2])}
MARGIN = 0.05  # of score, by which the one that adapts may lie behind


@cache
def measured_scores(tier: str) -> dict:
    """Returns temperature -> scores [S]; None is the one that adapts."""
    size = TIERS[tier]
    runs = {alpha: shared.train_on_all(sac, size, alpha=alpha) for alpha in (None, *ALPHAS)}
    return shared.scores(runs)


def compare_with_fixed(tier: str) -> Verdict:
    """Decides whether the one that adapts is behind no fixed one by more than the margin."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    scores = measured_scores(tier)
    numbers = {
        "adaptive" if alpha is None else f"alpha {alpha:g}": interval(values)
        for alpha, values in scores.items()
    }
    gaps = [interval(scores[None] - scores[alpha] + MARGIN) for alpha in ALPHAS]
    parts = [f"{name} {show(number)}" for name, number in numbers.items()]
    summary = f"{', '.join(parts)}; margin {MARGIN}; {shared.size_text(TIERS[tier])}"
    return Verdict(decide(*gaps), summary, numbers)


def compare_with_untuned(tier: str) -> Verdict:
    """Decides whether the one that adapts leads the mean of the grid, a choice without tuning."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    scores = measured_scores(tier)
    untuned = np.mean([scores[alpha] for alpha in ALPHAS], axis=0)
    lead = interval(scores[None] - untuned)
    summary = f"adaptive less the mean of the grid: {show(lead)}; {shared.size_text(TIERS[tier])}"
    return Verdict(decide(lead), summary, {"untuned": interval(untuned), "difference": lead})


CLAIMS = [
    Claim(
        "adapts",
        "A temperature that adapts does as well as any fixed one, without tuning for each task",
        "Haarnoja et al. 2018b, section 5",
        compare_with_fixed,
    ),
    Claim(
        "beats_untuned",
        "SAC is sensitive to a fixed temperature, or to the scale of rewards",
        "Haarnoja et al. 2018, figure 3b",
        compare_with_untuned,
    ),
]
