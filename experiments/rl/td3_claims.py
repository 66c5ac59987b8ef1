"""What Fujimoto et al. 2018 state of TD3 and DDPG, measured on our worlds.

DDPG here is TD3 without its three changes, in all else the same: the "Our DDPG" of table 1. Values
are compared after training. Before it they are near zero, too high where rewards are costs.
"""

from functools import cache, partial

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.rl import _control_claims as shared
from experiments.rl import ddpg, td3

SETTINGS = {
    "eval_values": 32,  # worlds in which values are compared with returns
    "last_scale": 0.6,  # noise from 0.1 on, by world: some swing up early
}


@cache
def measured(tier: str) -> dict[str, dict[str, shared.Metrics]]:
    """Returns learner -> task -> metrics [S]."""
    size = shared.TIERS[tier]
    return {
        "TD3": shared.train_on_all(td3, size, critics=2, **SETTINGS),
        "DDPG": shared.train_on_all(ddpg, size, critics=1, **SETTINGS),
    }


def compare_scores(tier: str) -> Verdict:
    """Decides whether the interval of TD3's lead lies above 0."""
    scores = shared.scores(measured(tier))
    return decide_lead(scores, "TD3", "DDPG", shared.size_text(shared.TIERS[tier]))


def relative_errors(learner: str, tier: str) -> dict:
    """Returns task -> value errors [S], as shares of the size of what was measured."""
    import numpy as np

    tasks = measured(tier)[learner]
    return {
        env: metrics["value_error"] / np.abs(metrics["value_measured"]).mean()
        for env, metrics in tasks.items()
    }


def compare_errors(tier: str, *, less: bool) -> Verdict:
    """Decides whether DDPG's values are too high, or how much more so than TD3's.

    The interval, over seeds, of the error's mean over tasks must lie above 0.

    Args:
      tier: of the runs.
      less: TD3's error is subtracted.
    """
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    errors = {name: relative_errors(name, tier) for name in ("DDPG", "TD3")}
    means = {name: np.mean(list(error.values()), axis=0) for name, error in errors.items()}
    gap = interval(means["DDPG"] - means["TD3"] if less else means["DDPG"])
    parts = [
        f"{name} {env} {show(interval(error))}"
        for name, tasks in errors.items()
        for env, error in tasks.items()
    ]
    what = "DDPG's less TD3's" if less else "DDPG's"
    summary = (
        f"estimate less measured return, as a share of it, {what}: {show(gap)}; {', '.join(parts)}"
    )
    numbers = {f"{name} error": interval(mean) for name, mean in means.items()}
    return Verdict(decide(gap), summary, numbers | {"gap": gap})


CLAIMS = [
    Claim(
        "beats_ddpg",
        "TD3 earns more than DDPG with the same settings (9637 against 8577 on HalfCheetah)",
        "Fujimoto et al. 2018, table 1",
        compare_scores,
    ),
    Claim(
        "ddpg_overestimates",
        "DDPG's values exceed the discounted returns of its policy",
        "Fujimoto et al. 2018, figure 1",
        partial(compare_errors, less=False),
    ),
    Claim(
        "overestimates_less",
        "Clipped double Q-learning over-estimates less than DDPG does",
        "Fujimoto et al. 2018, figure 1",
        partial(compare_errors, less=True),
    ),
]
