"""What Frans et al. 2018 state of MLSH, measured on moving bandits with two marks.

The rules were stated before anything was measured. New tasks are learned with as many steps by all:
a fresh master over the trained sub-policies, a plain policy from scratch, and one that was trained
on all tasks by as many steps as MLSH. Returns are those of episodes with sampled actions during
this learning, their mean over its course and after the last update; leads are paired by seed. The
plain policies' learning rate in new tasks, `new_rate`, has not been tuned yet.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict, decide
from experiments.meta.mlsh import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

FRANS = "Frans et al. 2018, arXiv 1710.09767"
PLAIN = {"method": "plain", "baselines": False}
USEFUL = 80.0  # percent of the shortest path, by the best sub-policy alone, at least
USELESS = 50.0  # by the others, at most

# How each tier measures: preset, seeds, settings.
TIERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "smoke": ("smoke", 2, {}),
    "cpu": ("cpu", 5, {}),
    "gpu": ("cpu", 10, {"num_tasks": 64, "new_tasks": 256}),
}


def settings_of(tier: str, changes: dict[str, Any]) -> Any:
    """Returns the Config of a tier with some changes."""
    preset, seeds, settings = TIERS[tier]
    base = {"num_seeds": seeds, "baselines": True}
    return configure("mlsh", PRESETS, preset, base | settings | changes)


@cache
def train(tier: str, name: str) -> "dict[str, np.ndarray]":
    """Trains "mlsh", "plain" or "cold", masters without a warm-up; returns metric -> [seeds]."""
    import numpy as np

    from jaxdl.launch import train as train_system

    changes: dict[str, Any] = {"mlsh": {}, "plain": PLAIN}.get(name, {"baselines": False})
    if name == "cold":  # masters last as long as with a warm-up
        usual = settings_of(tier, {})
        cycle = usual.warmup_updates + usual.joint_updates
        changes = changes | {"warmup_updates": 0, "joint_updates": cycle}
    _, result = train_system(build, settings_of(tier, changes), about=ABOUT)
    prefix = "eval/"
    return {
        metric.removeprefix(prefix): np.array(values["values"])
        for metric, values in result["metrics"].items()
        if metric.startswith(prefix)
    }


def beats(tier: str, title: str, of: str, prefix: str = "") -> Verdict:
    """Decides whether masters of new tasks earn more, over the course of learning and at its end.

    Args:
      tier: how to measure.
      title: of the other.
      of: the run that its returns are taken from.
      prefix: of their names.
    """
    ours, other = train(tier, "mlsh"), train(tier, of)
    titles = {"mean_return": "mean while learning", "episode_return": "after the last update"}
    numbers: dict[str, Any] = {}
    leads, parts = [], []
    for metric, when in titles.items():
        lead, told = compare(ours[metric], other[prefix + metric], title)
        leads.append(lead["difference"])
        numbers |= {f"{when}: {name}": x for name, x in lead.items()}
        parts.append(f"{when}: {told}")
    return Verdict(decide(*leads), f"{'; '.join(parts)}; {details(tier)}", numbers)


def compare(ours: "np.ndarray", other: "np.ndarray", title: str) -> tuple[dict[str, Any], str]:
    """Returns intervals of both and of their difference, and a text of them."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    found = {"MLSH": interval(ours), title: interval(other), "difference": interval(ours - other)}
    return found, ", ".join(f"{name} {show(x)}" for name, x in found.items())


def differ_and_serve(tier: str) -> Verdict:
    """Decides whether in each task one sub-policy alone goes almost straight, and others do not."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    run = train(tier, "mlsh")
    best, others = run["best_choice_path"], run["other_choices_path"]
    numbers = {"best sub-policy": interval(best), "the others": interval(others)}
    numbers["tasks whose best is another"] = interval(run["choices_differ"])
    told = ", ".join(f"{name} {show(x)} %" for name, x in numbers.items())
    gaps: Sequence[dict[str, Any]] = (interval(best - USEFUL), interval(USELESS - others))
    return Verdict(decide(*gaps), f"{told}; {details(tier)}", numbers)


def details(tier: str) -> str:
    """Says how much was trained and scored."""
    config = settings_of(tier, {})
    steps = config.num_envs * config.update.unroll
    trained = config.run.steps * config.num_tasks * steps
    return (
        f"{config.run.num_seeds} seeds, {trained:,} env steps of training, "
        f"{config.new_updates * steps:,} in each of {config.new_tasks} new tasks of {config.env}"
    )


CLAIMS = [
    Claim(
        "beats_scratch",
        "a fresh master over trained sub-policies learns a new task sooner than a plain policy "
        "from scratch",
        f"{FRANS}, moving bandits",
        lambda tier: beats(tier, "plain policy from scratch", "mlsh", "scratch_"),
    ),
    Claim(
        "beats_fine_tuning",
        "so it does against a plain policy that was trained on all tasks and is fine-tuned",
        f"{FRANS}, the comparison with a single shared policy",
        lambda tier: beats(tier, "plain policy, fine-tuned", "plain"),
    ),
    Claim(
        "sub_policies_serve",
        f"one sub-policy alone reaches the paying mark on {USEFUL:.0f} % of the shortest path or "
        f"better, and which one depends on the task: the others are below {USELESS:.0f} %",
        f"{FRANS}, moving bandits: sub-policies that go to one mark each",
        differ_and_serve,
    ),
    Claim(
        "warm_up_matters",
        "without a warm-up of the masters the sub-policies serve new tasks less",
        f"{FRANS}, the comparison without a warm-up",
        lambda tier: beats(tier, "MLSH without a warm-up", "cold"),
    ),
]
