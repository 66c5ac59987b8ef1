"""What Finn et al. 2017 state in section 5.3, on fresh tasks, beside fair starting points."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.meta.maml_rl import ABOUT, PRESETS, Config, build
from jaxdl.launch import configure
from jaxdl.pages import show

if TYPE_CHECKING:
    import numpy as np

MAML, FIRST, PRETRAINED, RANDOM = "MAML", "first-order MAML", "pretrained", "random"
# The steps that are taken from a starting point that knows nothing of them are as long as suits it
# best, by the mean over all seeds and tasks that it is scored on.
RATES = (0.1, 0.2, 0.5, 1.0)


class Cell(NamedTuple):
    """A family of tasks.

    Attributes:
      preset: that is trained.
      settings: changes to it.
    """

    preset: str
    settings: Mapping[str, Any]


class Course(NamedTuple):
    """What a starting point earns before and after each inner step.

    Attributes:
      rate: of the steps.
      returns: [S, K + 1] over seeds and steps.
    """

    rate: float
    returns: "np.ndarray"


MANY = {"eval_tasks": 100, "num_seeds": 5}
GPU = {"eval_tasks": 80, "num_seeds": 3, "eval_every": 0}  # side by side; no score on the way
TIERS: dict[str, Sequence[Cell]] = {
    "smoke": [Cell("smoke", {"num_seeds": 2})],
    "cpu": [Cell("cpu", MANY | {"steps": 25})],
    "gpu": [
        Cell("gpu", GPU),
        Cell("gpu", GPU | {"env": "mjx/cheetah:task=direction"}),
        Cell("paper", MANY | {"eval_every": 0}),
    ],
}


@cache
def measured_cells(tier: str) -> dict[str, dict[str, Course]]:
    """Trains every family of a tier; returns its name -> starting point -> its course."""
    courses = {}
    for cell in TIERS[tier]:
        config = configure("maml_rl", PRESETS, cell.preset, cell.settings)
        courses[config.env] = measure_cell(config)
    return courses


def measure_cell(config: Config) -> dict[str, Course]:
    """Trains with derivatives of second and first order and without an inner step; scores all.

    All starting points adapt to the same fresh tasks.
    """
    from jaxdl.core.learner import first_state
    from jaxdl.launch import train

    score = make_score(config)

    def trained(**changes):
        return train(build, replace(config, **changes), about=ABOUT)[0]

    def best(state):
        courses = [Course(rate, score(rate, state)) for rate in RATES]
        return max(courses, key=lambda course: course.returns[:, 1].mean())

    own = {MAML: trained(), FIRST: trained(order=1)}
    others = {
        PRETRAINED: trained(inner_steps=0),
        RANDOM: first_state(build(config).learner, config.run),
    }
    rate = config.inner_lr
    courses = {name: Course(rate, score(rate, state)) for name, state in own.items()}
    return courses | {name: best(state) for name, state in others.items()}


def make_score(config: Config) -> Callable[[float, Any], "np.ndarray"]:
    """Makes rate, state -> returns [S, K + 1] of all seeds before and after K inner steps."""
    import jax
    import numpy as np

    from jaxdl.core.learner import with_seeds

    @jax.jit
    def evaluate(rate, state):
        learner = build(replace(config, inner_lr=rate)).learner
        return with_seeds(learner, config.run).evaluate(jax.random.key(1), state)

    def score(rate, state):
        metrics = jax.device_get(evaluate(rate, state))
        steps = range(config.eval_updates + 1)
        return np.stack([np.atleast_1d(metrics[f"return_after_{i}"]) for i in steps], axis=1)

    return score


def leads(tier: str, pairs: Sequence[tuple[tuple[str, int], tuple[str, int]]]) -> Verdict:
    """Decides whether some starting points lead others, each after so many steps, in all families.

    Args:
      tier: that is measured.
      pairs: of a starting point with a number of steps, the one that is to lead first.
    """
    from jaxdl.core.logs import interval

    numbers: dict[str, Any] = {}
    gaps, parts = [], []
    for family, courses in measured_cells(tier).items():
        texts = []
        for name, course in courses.items():
            scores = [interval(column) for column in course.returns.T]
            numbers |= {f"{family}: {name}, {i} steps": score for i, score in enumerate(scores)}
            texts.append(f"{name} {', '.join(map(show, scores))} (rate {course.rate:g})")
        last = len(next(iter(courses.values())).returns.T) - 1
        for (one, i), (other, j) in pairs:
            ahead, behind = courses[one].returns[:, min(i, last)], courses[other].returns[:, j]
            gap = interval(ahead - behind)
            gaps.append(gap)
            numbers[f"{family}: {one}, {i} steps, over {other}, {j} steps"] = gap
            texts.append(f"{one} after {min(i, last)} over {other} after {j}: {show(gap)}")
        parts.append(f"{family}, after 0 to {last} steps: " + "; ".join(texts))
    return Verdict(decide(*gaps), ". ".join(parts), numbers)


CLAIMS = [
    Claim(
        "one_step_adapts",
        "One step of a policy gradient makes MAML's policy better in a task that it has not seen",
        "Finn et al. 2017, section 5.3",
        lambda tier: leads(tier, [((MAML, 1), (MAML, 0))]),
    ),
    Claim(
        "beats_other_starts",
        "After one step MAML earns more than a policy pretrained on all tasks, and than a random "
        "one, after one step of the length that suits them best",
        "Finn et al. 2017, section 5.3",
        lambda tier: leads(tier, [((MAML, 1), (PRETRAINED, 1)), ((MAML, 1), (RANDOM, 1))]),
    ),
    Claim(
        "goes_on",
        "MAML's policy, trained for one step, is said to go on improving: better after 3 than 1",
        "Finn et al. 2017, section 5.3",
        lambda tier: leads(tier, [((MAML, 3), (MAML, 1))]),
    ),
    Claim(
        "second_order",
        "Derivatives through the inner gradient earn more after one step than first-order MAML",
        "Finn et al. 2017, section 5.2, which asks it of images",
        lambda tier: leads(tier, [((MAML, 1), (FIRST, 1))]),
    ),
]
