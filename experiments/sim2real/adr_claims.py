"""What is stated of automatic domain randomization, measured on a pole's swing-up.

The rules were stated before anything was measured. Policies of one seed are trained by the same
number of steps, and differ in the limits of their bounds; the slope of the return over the entropy
that was reached, or the difference of two returns, has a 95 % interval over seeds above 0. Returns
are those of the last policy in fresh episodes of physics with one parameter outside of the
hand-set ranges, with its likeliest actions.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.sim2real import dynamics
from experiments.sim2real._physics import BEYOND, SWINGUP
from experiments.sim2real.adr import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

OPENAI = "OpenAI et al. 2019, arXiv 1910.07113"
BY_HAND = 2.0  # the hand-set ranges reach from 1 / 2 to 2
WIDTHS = (1.1, 1.4, BY_HAND)  # limits of the bounds are 1 / width and width
FREE = "limits beyond"  # bounds that may reach all physics that are tested

# How each tier measures: preset, seeds, settings.
TIERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "smoke": (
        "smoke",
        2,
        {"env": "swingup:impact=true", "steps": 2, "action_repeat": 8, "eval_steps": 125},
    ),
    "cpu": ("cpu", 5, {}),
    "gpu": ("gpu", 10, {"recurrent": "no"}),
}


@cache
def train_within(tier: str, limits: tuple[str, ...]) -> "dict[str, np.ndarray]":
    """Trains with these limits; returns "return" and "entropy" of the last policies, [seeds]."""
    import numpy as np

    from jaxdl.launch import train

    preset, seeds, settings = TIERS[tier]
    values = settings | {"num_seeds": seeds, "limits": limits}
    _, result = train(build, configure("adr", PRESETS, preset, values), about=ABOUT)
    names = {"return": "eval/outside_return", "entropy": "bounds_entropy"}
    return {name: np.array(result["metrics"][metric]["values"]) for name, metric in names.items()}


@cache
def train_by_hand(tier: str) -> "np.ndarray":
    """Trains the same policy in the hand-set ranges; returns its returns, [seeds]."""
    import numpy as np

    from jaxdl.launch import train

    preset, seeds, settings = TIERS[tier]
    values = settings | {"num_seeds": seeds, "arms": ("randomized",)}
    values.pop("recurrent", None)
    config = configure("dynamics", dynamics.PRESETS, preset, values)
    _, result = train(dynamics.build, config, about=dynamics.ABOUT)
    return np.array(result["metrics"]["eval/outside_return"]["values"])


def limits_of(width: float) -> tuple[str, ...]:
    """Returns limits from 1 / width to width, of each parameter."""
    names = [text.partition("=")[0] for text in SWINGUP]
    return tuple(f"{name}={1 / width:.4g}:{width:g}" for name in names)


def measure_slope(tier: str) -> Verdict:
    """Measures how much return in held-out physics a nat of entropy brings, in each seed."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    runs = {width: train_within(tier, limits_of(width)) for width in WIDTHS}
    entropies = np.stack([run["entropy"] for run in runs.values()])  # [widths, seeds]
    returns = np.stack([run["return"] for run in runs.values()])
    slope = interval(slopes(entropies, returns))
    numbers: dict[str, Any] = {"return per nat of entropy": slope}
    for width, run in runs.items():
        numbers |= {f"limits {width:g}, {name}": interval(x) for name, x in run.items()}
    told = "; ".join(
        f"limits {width:g}: entropy {show(numbers[f'limits {width:g}, entropy'])}, return "
        f"{show(numbers[f'limits {width:g}, return'])}"
        for width in WIDTHS
    )
    return Verdict(decide(slope), f"{show(slope)} per nat; {told}; {details(tier)}", numbers)


def slopes(x: "np.ndarray", y: "np.ndarray") -> "np.ndarray":
    """Fits a line by least squares to each column of [points, seeds]; returns its slope."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return (x * y).sum(axis=0) / (x**2).sum(axis=0)


def compare_with_hand(tier: str) -> Verdict:
    """Compares free bounds with the hand-set ranges of `dynamics`, which they may outgrow."""
    return _compare(tier, FREE, BEYOND)


def compare_within_hand(tier: str) -> Verdict:
    """Compares bounds that stay within the hand-set ranges with these ranges from the start."""
    return _compare(tier, "within the same limits", limits_of(BY_HAND))


def _compare(tier: str, name: str, limits: tuple[str, ...]) -> Verdict:
    from jaxdl.core.logs import interval

    run = train_within(tier, limits)
    found = {f"ADR, {name}": run["return"], "set by hand": train_by_hand(tier)}
    verdict = decide_lead(found, f"ADR, {name}", "set by hand", details(tier))
    return verdict._replace(numbers=verdict.numbers | {"entropy": interval(run["entropy"])})


def details(tier: str) -> str:
    """Says how much was trained and scored."""
    preset, seeds, settings = TIERS[tier]
    config = configure("adr", PRESETS, preset, settings)
    actions = config.run.steps * config.worlds.num_envs * config.update.unroll
    return f"{seeds} seeds, {actions:,} actions in {config.worlds.env} each"


CLAIMS = [
    Claim(
        "transfer_grows_with_entropy",
        "the return in held-out physics grows with the entropy of what was trained on",
        f"{OPENAI}, the comparison of policies by their ADR entropy",
        measure_slope,
    ),
    Claim(
        "beats_hand_set",
        "ADR earns more in held-out physics than ranges that were set by hand, which it may "
        "outgrow, by as many steps",
        f"{OPENAI}, the comparison with manual domain randomization",
        compare_with_hand,
    ),
    Claim(
        "beats_hand_set_within",
        "so it does where its bounds must stay within these ranges, by its curriculum alone",
        f"{OPENAI}, ADR as a curriculum against fixed ranges",
        compare_within_hand,
    ),
]
