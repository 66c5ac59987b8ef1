"""What Noisy Student's paper states, and how it is measured here."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict
from experiments.vision import _student
from experiments.vision._verdicts import make_verdict
from experiments.vision.noisy_student import ABOUT, PRESETS, Config, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

    from jaxdl.core import TrainState
    from jaxdl.vision.noisy_student import Lesson

# How each tier measures: seeds, each with its own labels, and settings. On MNIST where it is at
# hand, else on the digits.
SEEDS = {"smoke": 2, "cpu": 5, "gpu": 10}
DIGITS = {
    "smoke": {"steps": 4, "steps_per_call": 4, "teacher_steps": 4, "labeled_batch": 16},
    "cpu": {"labels": 50, "steps": 300, "teacher_steps": 300},
    "gpu": {"labels": 50, "steps": 2000, "teacher_steps": 1000},
}
MNIST = {
    "smoke": {"train_images": 400, "test_images": 100},
    "cpu": {"labels": 100, "unlabeled": 10_000, "per_class": 800, "test_images": 5_000},
    "gpu": {"labels": 100, "unlabeled": 50_000, "per_class": 4_000},
}
# The pool with other things in it: a third of it are digits, two thirds are Japanese letters.
OUTSIDE = {
    "smoke": {"unlabeled": 100, "outside": 100},
    "cpu": {"unlabeled": 5_000, "outside": 10_000, "per_class": 400},
    "gpu": {"unlabeled": 5_000, "outside": 10_000, "per_class": 400},
}
ARMS: dict[str, dict[str, Any]] = {  # a student's settings, beside those of the tier
    "student": {},
    "student2": {},
    "without noise": {"noise": "none"},
    "hard labels": {"pseudo": "hard"},
    "mixed, soft": {},
    "mixed, hard": {"pseudo": "hard"},
    "mixed, by threshold": {"threshold": 0.9},
}
NO_GAIN = 1.0  # points that a student without noise may gain and still count as no better


class Trained(NamedTuple):
    """A stage that was trained.

    Attributes:
      config: its settings.
      stage: its name.
      state: leaves [S, ...].
      lesson: what it has learned from.
      accuracy: [S] on test images, in percent.
    """

    config: Config
    stage: str
    state: "TrainState"
    lesson: "Lesson"
    accuracy: "np.ndarray"


def folder() -> Path | None:
    """Returns the folder of the real data, or None where there is none."""
    path = Path(os.environ.get("JAXDL_DATA", ""), "vision")
    return path if "JAXDL_DATA" in os.environ and (path / "mnist.npz").is_file() else None


def settings(tier: str, arm: str) -> Config:
    """Returns the settings of an arm."""
    changes = dict(DIGITS[tier]) | ARMS.get(arm, {}) | {"num_seeds": SEEDS[tier]}
    if data := folder():
        changes |= {"data": "mnist", "data_dir": str(data)} | MNIST[tier]
        if arm.startswith("mixed"):
            changes |= {"outside_file": str(data / "kmnist-test-imgs.npz")} | OUTSIDE[tier]
    preset = "smoke" if tier == "smoke" else "cpu"
    return configure("noisy_student", PRESETS, preset, changes)


@cache
def trained(tier: str, arm: str) -> Trained:
    """Trains "teacher" or "control" on the labels alone, or a student of its teacher."""
    from jaxdl.core import fit
    from jaxdl.vision import lessons

    config = settings(tier, arm)
    stage = arm if arm in ("teacher", "control") else "student"
    lesson = _student.first_lessons(config)
    if stage == "student":
        teacher = trained(tier, "student" if arm == "student2" else "teacher")
        lesson = lessons.next_lessons(
            lesson,
            _student.net(teacher.config, teacher.stage),
            teacher.state,
            _student.pool(config),
            kind=config.pseudo,
            per_class=config.per_class,
            threshold=config.threshold,
        )
    system = build(config, stage)
    state, result = fit(
        system.learner,
        system.data(),
        config.run,
        init=lessons.begin_with(system.learner, lesson, config.run),
        about=ABOUT._asdict(),
    )
    return Trained(config, stage, state, lesson, 100 * _student.accuracies(result))


def compare(tier: str, better: str, *others: str) -> Verdict:
    """Decides whether an arm's lead over each of the others, seed by seed, lies above 0."""
    arms = {name: trained(tier, name).accuracy for name in (better, *others)}
    gaps = {f"{better} over {name}": arms[better] - arms[name] for name in others}
    return make_verdict(gaps, arms, "points")


def compare_without_noise(tier: str) -> Verdict:
    """Decides whether noise adds something, and whether a student without it gains nothing."""
    names = ("student", "without noise", "teacher")
    arms = {name: trained(tier, name).accuracy for name in names}
    gain = arms["without noise"] - arms["teacher"]
    gaps = {
        "noise adds": arms["student"] - arms["without noise"],
        f"the gain without noise is below {NO_GAIN:g} by": NO_GAIN - gain,
    }
    return make_verdict(gaps, arms, "points")


def compare_mixed(tier: str, better: str, other: str) -> Verdict:
    """Compares two students of a pool with Japanese letters among the digits."""
    data = folder()
    if not data or not (data / "kmnist-test-imgs.npz").is_file():
        text = "no images of other things; set JAXDL_DATA to a folder with MNIST and KMNIST"
        return Verdict("undecided", text, {})
    return compare(tier, better, other)


CLAIMS = [
    Claim(
        "student_over_teacher",
        "A student with noise is better than its teacher, that was trained with noise too",
        "Xie et al. 2020, section 4.1, the ablation of noise",
        lambda tier: compare(tier, "student", "teacher"),
    ),
    Claim(
        "noise",
        "The gain needs noise: a student without it is no better than its teacher",
        "Xie et al. 2020, section 4.1, the ablation of noise",
        compare_without_noise,
    ),
    Claim(
        "control",
        "The unlabeled images are what helps: a student is better than a net of its size with the "
        "same noise that has the labels alone",
        "Xie et al. 2020, section 4.1, to which the control is added here",
        lambda tier: compare(tier, "student", "control"),
    ),
    Claim(
        "iterating",
        "A student of a student is better than its teacher (87.6 to 88.4 in three iterations)",
        "Xie et al. 2020, section 4.2, the study of iterative training",
        lambda tier: compare(tier, "student2", "student"),
    ),
    Claim(
        "soft_inside",
        "Soft pseudo-labels teach better than hard ones where the pool holds the classes alone",
        "Xie et al. 2020, section 4.3, among the further ablations",
        lambda tier: compare(tier, "student", "hard labels"),
    ),
    Claim(
        "soft_outside",
        "Soft pseudo-labels teach better than hard ones where other things are in the pool",
        "Xie et al. 2020, section 4.3, among the further ablations",
        lambda tier: compare_mixed(tier, "mixed, soft", "mixed, hard"),
    ),
    Claim(
        "rank_over_threshold",
        "Where other things are in the pool, ranks within a class choose better pseudo-labels "
        "than confidence above 0.9",
        "Xie et al. 2020, whose rule has both",
        lambda tier: compare_mixed(tier, "mixed, soft", "mixed, by threshold"),
    ),
]
