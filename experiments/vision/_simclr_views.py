"""What SimCLR's paper states about views, and how it is measured: figure 5, tables 1 and 3.

On CIFAR-10 as far as it is at hand, since digits have no color.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict
from experiments.vision import _setup, simclr, supervised
from experiments.vision._contrastive import exact_net
from experiments.vision._pretexts import TIERS, cifar_folder, images_text, source_of_images
from experiments.vision._transformed import TRANSFORMATIONS
from experiments.vision._verdicts import Trained, make_verdict, train_on_seeds, train_runs

if TYPE_CHECKING:
    import numpy as np

COMMON = {
    "smoke": {"train_images": 500, "test_images": 500, "steps": 4},
    "cpu": {"train_images": 10_000, "test_images": 5_000, "steps": 200, "batch_size": 128},
    "gpu": {},
}
SHORTER = {"smoke": {}, "cpu": {"steps": 150}, "gpu": {}}  # for claims of many runs
NO_COLOR = Verdict(
    "undecided", "the digits have no color; set JAXDL_DATA to a folder with CIFAR-10", {}
)
STRENGTHS = {"smoke": (0.125, 1.0), "cpu": (0.125, 0.25, 0.5, 1.0), "gpu": (0.125, 0.25, 0.5, 1.0)}

# The pair of transformations that is claimed to be better than any alone, in either order; and the
# pairs whose cells are filled beside it: in the cpu tier none, in the gpu tier all 42.
BEST = (("crop", "color"), ("color", "crop"))
SINGLES = tuple((name,) for name in TRANSFORMATIONS)
PAIRS = tuple((a, b) for a in TRANSFORMATIONS for b in TRANSFORMATIONS if a != b)
CELLS = {"smoke": (("crop",), ("color",)) + BEST, "cpu": SINGLES + BEST, "gpu": SINGLES + PAIRS}

# What is told apart, and what was added to the views in training, so that g(h) should not know it;
# the width of features and projections, which is the same.
QUESTIONS = {"color": (), "rotation": ("rotation",), "noise": ("noise",), "sobel": ("sobel",)}
DECIDING = ("rotation", "noise")
FEATURES = {"smoke": 128, "cpu": 256, "gpu": 512}


def settings_of(tier: str) -> dict[str, Any]:
    """Returns what all runs of a tier have in common, on CIFAR-10 where it is at hand."""
    crops = {"crop_min": 0.08} if cifar_folder() else {}
    return COMMON[tier] | source_of_images() | crops


def settings_of_simclr(tier: str) -> dict[str, Any]:
    """Returns what all runs of SimCLR have in common, with appendix B.9's colors of CIFAR-10."""
    views = {"color": 0.5, "gray": 0.2, "temperature": 0.5}
    return settings_of(tier) | views | {"baselines": False, "few": 0}


def probe_simclr(tier: str, **changes: Any) -> "np.ndarray":
    """Trains SimCLR with these settings; returns the probe's accuracies [seeds] in percent."""
    return probe_once(tier, tuple((settings_of_simclr(tier) | changes).items()))


@cache
def probe_once(tier: str, settings: tuple[tuple[str, Any], ...]) -> "np.ndarray":
    """Trains SimCLR once with all of its settings: some claims have runs in common."""
    preset, seeds = TIERS[tier]
    found = train_on_seeds(simclr, preset, seeds, dict(settings))
    return 100 * found["eval/probe_accuracy"]


def score_supervised(tier: str, **changes: Any) -> "np.ndarray":
    """Trains by all labels with these settings; returns test accuracies [seeds] in percent."""
    preset, seeds = TIERS[tier]
    found = train_on_seeds(supervised, preset, seeds, settings_of(tier) | changes)
    return 100 * found["eval/accuracy"]


def compare_colors(tier: str) -> Verdict:
    """Compares crops with color distortion and crops alone on CIFAR-10, seed by seed."""
    if not cifar_folder():
        return NO_COLOR
    both = probe_simclr(tier)
    crop = probe_simclr(tier, color=0.0, gray=0.0)
    return make_verdict({"color adds": both - crop}, {"crop + color": both, "crop": crop}, "points")


def compare_strengths(tier: str) -> Verdict:
    """Measures each seed's slope over the logarithm of the strength of colors, by both learners."""
    import numpy as np

    if not cifar_folder():
        return NO_COLOR
    learners: dict[str, Callable[..., np.ndarray]] = {
        "SimCLR": probe_simclr,
        "supervised": score_supervised,
    }
    slopes, numbers = {}, {}
    for name, score in learners.items():
        scores = [score(tier, color=strength, gray=0.2) for strength in STRENGTHS[tier]]
        slopes[name] = np.polyfit(np.log2(STRENGTHS[tier]), np.stack(scores), 1)[0]
        titles = [f"{name} at {strength:g}" for strength in STRENGTHS[tier]]
        numbers |= dict(zip(titles, scores, strict=True))
    gaps = {"SimCLR rises by": slopes["SimCLR"], "supervised falls by": -slopes["supervised"]}
    return make_verdict(gaps, numbers, "points per doubling")


def compare_compositions(tier: str) -> Verdict:
    """Compares crop with color, the mean of both orders, with single transformations by seed."""
    if not cifar_folder():
        return NO_COLOR
    cells = {names: probe_simclr(tier, **SHORTER[tier], one_branch=names) for names in CELLS[tier]}
    print_grid(cells)
    best = sum(cells[names] for names in BEST) / len(BEST)
    gaps = {f"over {cell[0]} alone": best - x for cell, x in cells.items() if len(cell) == 1}
    verdict = make_verdict(gaps, {"crop and color": best}, "points")
    others = make_verdict({}, {", then ".join(cell): x for cell, x in cells.items()}, "").numbers
    return verdict._replace(numbers=verdict.numbers | others)


def print_grid(cells: "dict[tuple[str, ...], np.ndarray]") -> None:
    """Prints figure 5: single transformations on the diagonal, the first of two in a line's head.

    Args:
      cells: one or two names -> accuracies [seeds] in percent; others are left empty.
    """
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    print(
        f"one branch transformed, by the line's and then the column's; accuracy in %, "
        f"{images_text()}:"
    )
    print(" ".join(f"{name:>12}" for name in ("", *TRANSFORMATIONS)))
    for first in TRANSFORMATIONS:
        line = [cells.get((first,) if first == then else (first, then)) for then in TRANSFORMATIONS]
        texts = ["-" if x is None else show(interval(x)) for x in line]
        print(" ".join(f"{text:>12}" for text in (first, *texts)))


def compare_telling(tier: str) -> Verdict:
    """Compares what h and g(h) tell of the transformation that was applied, seed by seed."""
    asked = QUESTIONS if cifar_folder() else DECIDING
    gaps, numbers = {}, {}
    for question in asked:
        h, z = tell_transformations(tier, question)
        numbers |= {f"{question} by h": h, f"{question} by g(h)": z}
        if question in DECIDING:
            gaps[f"{question} by h over g(h)"] = h - z
    verdict = make_verdict(gaps, numbers, "points")
    return verdict._replace(summary=f"{verdict.summary}, {images_text()}")


def tell_transformations(tier: str, question: str) -> "tuple[np.ndarray, np.ndarray]":
    """Trains SimCLR, and asks a question; returns the accuracies [seeds] by h and g(h) in percent.

    Features and projections are equally wide.
    """
    import numpy as np

    preset, seeds = TIERS[tier]
    width = FEATURES[tier] if cifar_folder() or tier == "smoke" else FEATURES["cpu"]
    sizes = {"features": width, "hidden": width, "added": QUESTIONS[question]}
    settings = settings_of_simclr(tier) | SHORTER[tier] | sizes
    runs = train_runs(simclr, preset, seeds, settings)
    answers = [ask(run, question) for run in runs]
    return tuple(100 * np.concatenate(half) for half in zip(*answers, strict=True))


def ask(run: Trained, question: str) -> "tuple[np.ndarray, np.ndarray]":
    """Returns how often h and g(h) of a run's nets tell a transformation, [seeds] each."""
    import jax
    import numpy as np

    from jaxdl.vision import transformation_probe as probe
    from jaxdl.vision.contrastive import encoder, projector

    contrast = run.config.contrast
    source = _setup.open_images(contrast.pretext.images, contrast.pretext.probe)
    net = exact_net(contrast, source)
    data = source.probe()
    fitted = len(data.train_labels)
    halves = data.read(range(fitted)), data.read(range(fitted, fitted + len(data.test_labels)))

    @partial(jax.jit, static_argnums=0)
    def answer(read, keys, states, *halves):
        def answer_one(row):
            key, state = row
            asked = probe.QUESTIONS[question]
            return probe.transformation_accuracy(key, read(net, state), asked, *halves)

        return jax.lax.map(answer_one, (keys, states))

    first, several = run.config.run.first_seed, run.config.run.num_seeds
    states = run.state._replace(opt_state=())
    states = states if several > 1 else jax.tree.map(lambda x: x[None], states)
    keys = jax.vmap(jax.random.key)(np.arange(first, first + several))
    return tuple(np.asarray(answer(read, keys, states, *halves)) for read in (encoder, projector))


CLAIMS = [
    Claim(
        "color",
        "crops with color distortion beat crops alone",
        "Chen et al. 2020, figure 5",
        compare_colors,
    ),
    Claim(
        "color_strength",
        "stronger color distortion, 1/8 to 1, is better for SimCLR and worse for supervised "
        "learning with the same colors: over the logarithm of the strength one slope is above 0, "
        "the other below",
        "Chen et al. 2020, table 1",
        compare_strengths,
    ),
    Claim(
        "composition",
        "with one branch transformed, no single transformation suffices: crop with color, the mean "
        "of both orders, is better than each of seven transformations alone",
        "Chen et al. 2020, section 3.1 and figure 5",
        compare_compositions,
    ),
    Claim(
        "transformations",
        "how an image was turned and whether noise was added, as to the views in training, is read "
        "better from h than from g(h), by a linear probe",
        "Chen et al. 2020, section 4.2 and table 3, which has an MLP for a probe",
        compare_telling,
    ),
]
