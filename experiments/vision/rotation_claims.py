"""Which pretext teaches what: four tasks under one probe, at equal steps and at equal FLOPs."""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict
from experiments.vision._pretexts import TIERS, images_text, settings_of, train_seeds
from experiments.vision._verdicts import make_verdict
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

    from jaxdl.launch import System

# The tasks in the order that is claimed, each with the views of its own paper. All see equally many
# images a step; what a task makes of one (2 views, 4 rotations, tiles, a decoder) is in its FLOPs.
TASKS: dict[str, dict[str, Any]] = {
    "simclr": {"crop_min": 0.08, "temperature": 0.5},
    "rotation": {"crop_min": 0.6},
    "jigsaw": {},
    "context_encoder": {"crop_min": 0.6},
}
TITLES = {
    "simclr": "contrastive",
    "rotation": "rotation",
    "jigsaw": "jigsaw",
    "context_encoder": "missing patch",
}
# Two tables of four tasks take four times as long as other comparisons of a tier.
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {},
    "cpu": {"train_images": 10_000, "steps": 250},
    "gpu": {},
}
MARGIN = 2.0  # points of accuracy within which two tasks count as equally good


class Row(NamedTuple):
    """What one task has reached.

    Attributes:
      steps: of training.
      flops: of a step, by XLA's account.
      all_labels: test accuracies of the probe [seeds] in percent.
      few_labels: with 10 labels a class.
    """

    steps: int
    flops: float
    all_labels: "np.ndarray"
    few_labels: "np.ndarray"


def build_task(name: str, tier: str, **changes: Any) -> "System":
    """Builds a task's system with the settings of a tier."""
    from experiments._systems import systems

    module = systems()[name].module
    settings = settings_of(tier, TASKS[name] | SIZES[tier] | changes)
    return module.build(configure(name, module.PRESETS, TIERS[tier][0], settings))


@cache
def count_flops(name: str, tier: str) -> float:
    """Returns the FLOPs of one training step by XLA's account."""
    import jax

    system = build_task(name, tier)
    data: Any = system.data()
    images = jax.ShapeDtypeStruct((data.batch_size, *data.arrays.shape[1:]), data.arrays.dtype)
    key = jax.random.key(0)
    state = jax.eval_shape(system.learner.init, key)
    program = jax.jit(system.learner.step).lower(key, state, images).compile()
    return program.cost_analysis()["flops"]


@cache
def probe_untrained(name: str, tier: str, seeds: int, baselines: bool) -> "dict[str, np.ndarray]":
    """Probes nets that have learned nothing; returns metric -> percent [seeds]."""
    import jax
    import numpy as np

    from jaxdl.core import over_seeds

    learner: Any = over_seeds(build_task(name, tier, baselines=baselines).learner, seeds)
    key = jax.random.key(0)
    state = jax.jit(learner.init)(key)
    evaluate = learner.evaluate
    probed = jax.jit(evaluate.init)(key, state)
    update = jax.jit(evaluate.update)
    for batch in evaluate.batches():
        probed = update(probed, state, batch)
    result = jax.jit(evaluate.result)(probed)
    return {k: 100 * np.asarray(v) for k, v in result.items() if "_accuracy" in k}


@cache
def measure_table(tier: str, equal: str) -> dict[str, Row]:
    """Trains all tasks with equal "steps", or with equal "FLOPs": those of SimCLR's steps."""
    budget = build_steps(tier)
    rows = {}
    for name, changes in TASKS.items():
        flops = count_flops(name, tier)
        factor = count_flops("simclr", tier) / flops if equal == "FLOPs" else 1.0
        steps = max(round(budget * factor), 1)
        settings = changes | SIZES[tier]
        settings |= {"steps": steps, "steps_per_call": max(min(25, steps // 2), 1)}
        found = train_seeds(name, tier, tuple(settings.items()))
        accuracies = (100 * found[f"eval/probe_accuracy{suffix}"] for suffix in ("", "_few"))
        rows[name] = Row(steps, flops, *accuracies)
    print_table(rows, tier, equal)
    return rows


def build_steps(tier: str) -> int:
    """Returns how many steps SimCLR takes in a tier."""
    from experiments.vision.simclr import PRESETS

    preset = TIERS[tier][0]
    return settings_of(tier, SIZES[tier]).get("steps", PRESETS[preset].run.steps)


def print_table(rows: dict[str, Row], tier: str, equal: str) -> None:
    """Prints one line a task, with what its untrained net and the pixels reach."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    pixels = probe_untrained("simclr", tier, 1, baselines=True)
    print(f"equal {equal}, {images_text()}; accuracy in % with all and with 10 labels a class:")
    print(f"  raw pixels  {pixels['raw_pixel_accuracy'][0]:.1f}", end="")
    print(f"  {pixels['raw_pixel_accuracy_few'][0]:.1f}")
    for name, row in rows.items():
        untrained = probe_untrained(name, tier, TIERS[tier][1], baselines=False)
        texts = [show(interval(x)) for x in (row.all_labels, row.few_labels)]
        others = [show(interval(x)) for x in untrained.values()]
        cost = f"{row.steps} steps of {row.flops / 1e9:.2f} GFLOP"
        print(f"  {TITLES[name]}: {', '.join(texts)}; untrained {', '.join(others)}; {cost}")


def rank(tier: str, equal: str) -> Verdict:
    """Decides by the gaps between neighbors in the order, seed by seed.

    Jigsaw and missing patch count as equal where their difference is within the margin.
    """
    rows = measure_table(tier, equal)
    scores = {name: row.all_labels for name, row in rows.items()}
    difference = scores["jigsaw"] - scores["context_encoder"]
    gaps = {
        "contrastive over rotation": scores["simclr"] - scores["rotation"],
        "rotation over jigsaw": scores["rotation"] - scores["jigsaw"],
        "rotation over missing patch": scores["rotation"] - scores["context_encoder"],
        f"{MARGIN:g} less jigsaw over patch": MARGIN - difference,
        f"{MARGIN:g} less patch over jigsaw": MARGIN + difference,
    }
    numbers = {TITLES[name]: values for name, values in scores.items()}
    verdict = make_verdict(gaps, numbers, "points")
    costs = ", ".join(f"{TITLES[name]} {row.steps} steps" for name, row in rows.items())
    return verdict._replace(summary=f"{verdict.summary}; {costs}, {images_text()}")


def compare_with_baselines(tier: str) -> Verdict:
    """Compares each task with its own untrained net and with pixels, at equal steps."""
    pixels = probe_untrained("simclr", tier, 1, baselines=True)["raw_pixel_accuracy"][0]
    gaps = {}
    numbers = {}
    for name, row in measure_table(tier, "steps").items():
        untrained = probe_untrained(name, tier, TIERS[tier][1], baselines=False)["probe_accuracy"]
        gaps[f"{TITLES[name]} over random features"] = row.all_labels - untrained
        gaps[f"{TITLES[name]} over raw pixels"] = row.all_labels - pixels
        numbers |= {TITLES[name]: row.all_labels, f"{TITLES[name]}, untrained": untrained}
    verdict = make_verdict(gaps, numbers, "points")
    summary = f"{verdict.summary}; raw pixels {pixels:.1f} %, {images_text()}"
    return verdict._replace(summary=summary)


ORDER = "contrastive learning > rotation > jigsaw ~ missing patch under one linear probe"
SOURCE = (
    "Gidaris et al. 2018, and Chen et al. 2020, table 6; jigsaw and missing patch within "
    f"{MARGIN:g} points count as equal"
)
CLAIMS = [
    Claim("ranking_steps", f"{ORDER}, at equal steps", SOURCE, lambda tier: rank(tier, "steps")),
    Claim("ranking_flops", f"{ORDER}, at equal FLOPs", SOURCE, lambda tier: rank(tier, "FLOPs")),
    Claim(
        "baselines",
        "each pretext's features beat random features and raw pixels under a linear probe",
        "Gidaris et al. 2018, with linear classifiers on ImageNet",
        compare_with_baselines,
    ),
]
