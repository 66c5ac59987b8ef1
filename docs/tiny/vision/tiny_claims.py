"""What LeCun et al. 1998 state about a linear classifier, and how it is measured here."""

from experiments._claim import Claim, Verdict, decide

TIERS = {"smoke": ("smoke", 2), "cpu": ("cpu", 5), "gpu": ("gpu", 5)}  # preset, seeds
STATED = 0.88  # accuracy on MNIST, section III.C


def reads_digits(tier: str) -> Verdict:
    """Measures whether the accuracy's interval over seeds lies above the paper's."""
    from jaxdl.core.logs import interval
    from jaxdl.launch import configure, train
    from jaxdl.pages import show

    from .tiny import ABOUT, PRESETS, build

    preset, seeds = TIERS[tier]
    result = train(build, configure("tiny", PRESETS, preset, {"num_seeds": seeds}), ABOUT)[1]
    accuracy = result["metrics"]["eval/accuracy"]
    gap = interval([value - STATED for value in accuracy["values"]])
    summary = f"accuracy {show(accuracy)} over {seeds} seeds, on scikit-learn's digits of 8 x 8"
    return Verdict(decide(gap), summary, {"accuracy": accuracy, "over the paper's": gap})


CLAIMS = [
    Claim(
        "reads_digits",
        "a linear classifier of the pixels reads at least 88 % of test digits (the paper's: MNIST)",
        "LeCun et al. 1998, section III.C",
        reads_digits,
    )
]
