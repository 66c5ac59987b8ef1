"""What the paper of jigsaw puzzles states, and how it is measured here."""

from experiments._claim import Claim, Verdict
from experiments.vision._pretexts import cifar_folder, images_text, train_seeds
from experiments.vision._verdicts import make_verdict

# What keeps shortcuts away, and what is left of it without: tiles that touch, share their
# brightness, and keep their colors. Their size stays, so that the net sees as much of the image.
GUARDED = {"gap": None}
UNGUARDED = {"gap": 0, "normalize": False, "drop": 0.0, "jitter": 0}
CIFAR_TILE = 14
DIGITS_TILE = 3


def compare_guards(tier: str) -> Verdict:
    """Compares puzzles with and without shortcuts: how many are solved, and what that teaches."""
    size = {"tile": CIFAR_TILE if cifar_folder() else DIGITS_TILE}
    with_guards = train_seeds("jigsaw", tier, tuple((GUARDED | size).items()))
    without = train_seeds("jigsaw", tier, tuple((UNGUARDED | size).items()))
    solved = [100 * each["accuracy"] for each in (with_guards, without)]
    probed = [100 * each["eval/probe_accuracy"] for each in (with_guards, without)]
    gaps = {
        "shortcuts solve more puzzles by": solved[1] - solved[0],
        "and cost features": probed[0] - probed[1],
    }
    numbers = {
        "solved with guards": solved[0],
        "solved without": solved[1],
        "probe with guards": probed[0],
        "probe without": probed[1],
    }
    verdict = make_verdict(gaps, numbers, "points")
    return verdict._replace(summary=f"{verdict.summary}; {images_text()}")


CLAIMS = [
    Claim(
        "shortcuts",
        "without gaps, normalization of each tile and loss of color, more puzzles are solved and "
        "the features are worse",
        "Noroozi & Favaro 2016, the ablation of what prevents shortcuts",
        compare_guards,
    ),
]
