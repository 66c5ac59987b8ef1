"""What domain randomization states of finding objects, and how it is measured here.

Each rule was stated before anything was measured: the 95 % interval over seeds of a difference of
mean errors in cm, or of a slope of them, lies on the side that the claim says. Errors are those of
the last detector in pictures of realities that no training shows, the same ones for all arms: looks
that are held out, and MuJoCo's OpenGL where it is installed. All arms have the same net, steps and
beginnings. Only the abstract's 1.5 cm are the paper's own; its tables were not at hand.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.sim2real import tobin
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

PAPER = "Tobin et al. 2017"
ABLATIONS = f"{PAPER}, as an ablation; its own figures were not at hand"
HELD_OUT, OPENGL = "held out", "OpenGL"
REALITIES = {HELD_OUT: "held_out_error_cm", OPENGL: "opengl_error_cm"}
ACCURATE = 1.5  # cm, of the abstract
MARGIN = 0.5  # cm; by less than that nobody would pretrain


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      preset: whose options hold, but for the settings.
      seeds: of each arm.
      settings: of the launch file.
      textures: numbers of texturings.
      distractors: numbers of objects beside the one that is looked for.
      pretrain_steps: of the arm that is pretrained.
    """

    preset: str
    seeds: int
    settings: Mapping[str, Any]
    textures: Sequence[int]
    distractors: Sequence[int]
    pretrain_steps: int


TIERS = {
    "smoke": Tier("smoke", 2, {"steps": 10}, (1, 4), (0, 2), 10),
    "cpu": Tier("cpu", 5, {"steps": 400, "steps_per_call": 100}, (1, 4, 16, 64), (0, 1, 2), 200),
    "gpu": Tier("gpu", 5, {"steps": 6000}, (1, 4, 16, 64, 256, 1024), (0, 2, 4, 8), 2000),
}
NO_CAMERA = {"camera_shift": 0.0, "camera_turn": 0.0, "fovy": 0.0}
NO_NOISE = {"sensor_noise": 0.0, "blur": 0.0}
FIXED = {"randomize": False}


def errors(tier: str, **changes: Any) -> "dict[str, np.ndarray]":
    """Trains an arm; returns name of a reality, or "trivial" -> mean errors [seeds] in cm."""
    return _errors(tier, tuple(changes.items()))


@cache
def _errors(tier: str, changes: tuple[tuple[str, Any], ...]) -> "dict[str, np.ndarray]":
    import numpy as np

    size = TIERS[tier]
    settings = {**size.settings, "num_seeds": size.seeds, "eval_every": 0, "save_every": 0}
    config = configure("tobin", tobin.PRESETS, size.preset, settings | dict(changes))
    _, result = tobin.main(config)
    names = REALITIES | {"trivial": "trivial_error_cm"}
    found = {name: result["metrics"].get(f"eval/{metric}") for name, metric in names.items()}
    return {name: np.array(metric["values"]) for name, metric in found.items() if metric}


def verdict(gap: "np.ndarray", what: str, numbers: "dict[str, np.ndarray]") -> Verdict:
    """Decides by the interval of a gap [seeds], which should lie above 0."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    measured = {name: interval(values) for name, values in numbers.items()}
    decisive = interval(gap)
    listed = ", ".join(f"{name} {show(number)} cm" for name, number in measured.items())
    return Verdict(
        decide(decisive), f"{what} {show(decisive)}; {listed}", measured | {what: decisive}
    )


def compare(
    tier: str, name: str, other: str, changes: Mapping[str, Any], reality: str = HELD_OUT
) -> Verdict:
    """Measures by how many cm random looks are better than an arm with these changes."""
    arms = {name: errors(tier), other: errors(tier, **changes)}
    if reality not in arms[name]:
        return NOT_MEASURED
    numbers = {f"{arm}, {where}": x for arm, found in arms.items() for where, x in found.items()
               if where in (reality, HELD_OUT)}  # fmt: skip
    numbers["trivial"] = arms[name]["trivial"]
    gap = arms[other][reality] - arms[name][reality]
    return verdict(gap, f"better by, {reality}, cm:", numbers)


def slope(tier: str, option: str, reality: str = HELD_OUT) -> Verdict:
    """Measures by how much each seed's error falls over an option's values.

    For textures that is a doubling, for distractors one more of them.
    """
    import numpy as np

    values = getattr(TIERS[tier], option)
    arms = {value: errors(tier, **{option: value}) for value in values}
    x = np.log2(values) if option == "textures" else np.array(values)
    fall = -np.polyfit(x, np.stack([arms[value][reality] for value in values]), 1)[0]
    numbers = {f"{value} {option}": found[reality] for value, found in arms.items()}
    unit = "a doubling" if option == "textures" else "each"
    return verdict(fall, f"falls by, {reality}, cm {unit}:", numbers)


def measure_accuracy(tier: str) -> Verdict:
    """Measures by how many cm the error is below that of the abstract."""
    found = errors(tier)
    reality = OPENGL if OPENGL in found else HELD_OUT
    return verdict(ACCURATE - found[reality], f"below {ACCURATE} cm by, {reality}, cm:", found)


def compare_with_pretraining(tier: str) -> Verdict:
    """Measures by how much less than the margin pretraining helps."""
    plain, before = errors(tier), errors(tier, pretrain_steps=TIERS[tier].pretrain_steps)
    gain = plain[HELD_OUT] - before[HELD_OUT]
    numbers = {"from scratch": plain[HELD_OUT], "pretrained": before[HELD_OUT], "gain": gain}
    return verdict(MARGIN - gain, f"gains less than {MARGIN} cm by, cm:", numbers)


NOT_MEASURED = Verdict("undecided", "not measured: there is no OpenGL here", {})

CLAIMS = [
    Claim(
        "accuracy",
        "a detector that was trained by random looks of a simulation alone is accurate to 1.5 cm",
        f"{PAPER}, abstract",
        measure_accuracy,
    ),
    Claim(
        "held_out",
        "random looks find objects in looks that are held out better than fixed ones",
        ABLATIONS,
        partial(compare, name="random looks", other="fixed looks", changes=FIXED),
    ),
    Claim(
        "opengl",
        "random looks find objects in MuJoCo's OpenGL better than fixed ones",
        ABLATIONS,
        partial(compare, name="random looks", other="fixed looks", changes=FIXED, reality=OPENGL),
    ),
    Claim(
        "textures",
        "the error falls with the number of textures",
        ABLATIONS,
        partial(slope, option="textures"),
    ),
    Claim(
        "distractors",
        "the error among distractors falls with their number in training",
        ABLATIONS,
        partial(slope, option="distractors"),
    ),
    Claim(
        "camera",
        "a random camera makes for a smaller error where the real one is not quite in its place",
        ABLATIONS,
        partial(compare, name="random camera", other="fixed camera", changes=NO_CAMERA),
    ),
    Claim(
        "noise",
        "random noise and blur in training make for a smaller error",
        ABLATIONS,
        partial(compare, name="random noise", other="no noise", changes=NO_NOISE),
    ),
    Claim(
        "pretraining",
        "pretraining is not needed: convolutions that classified digits over photographs before, "
        "in the place of the paper's ImageNet, gain less than 0.5 cm",
        f"{PAPER}, abstract",
        compare_with_pretraining,
    ),
]
