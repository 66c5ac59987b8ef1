"""The families of tasks with a structure of Wang et al. 2016, by the names of their worlds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxdl.envs import Env
from jaxdl.envs.bandit import RESTLESS_BETTER, TARGET_PAYS
from jaxdl.envs.names import parse_name
from jaxdl.envs.trials import trial_parts, trial_steps
from jaxdl.meta import bayes
from jaxdl.meta.trial import trial


class Family(NamedTuple):
    """A family of tasks with a structure, and the length of its trials.

    Attributes:
      kind: of bandit, or "two_step".
      difficulty: of dependent arms.
      parts: n, choices in a trial.
      steps: T, of a trial.
      best: expected reward of a part for the player who knows which choice is best.
      world: of trials.
    """

    kind: str
    difficulty: Any
    parts: int
    steps: int
    best: float
    world: Env


def find_family(name: str, env: Env, *, episodes: int) -> Family:
    """Returns what players of a world are scored by.

    Args:
      name: of a world that `is_structured`.
      env: the world.
      episodes: of a trial.

    Raises:
      BadInput: as `trial_parts`.
    """
    parts = trial_parts(name, episodes)
    world, settings = parse_name(name)
    kind = "two_step" if world == "two_step" else settings["kind"]
    difficulty: Any = settings.get("difficulty", "uniform")
    best = {
        "dependent": bayes.dependent_best(difficulty) if kind == "dependent" else 0.0,
        "informative": TARGET_PAYS,
        "restless": RESTLESS_BETTER,
        "two_step": _best_round(settings),
    }
    return Family(
        kind,
        difficulty,
        parts=parts,
        steps=trial_steps(name, episodes),
        best=best[kind],
        world=trial(env, episodes),
    )


def _best_round(settings: Mapping[str, str]) -> float:
    """Returns what the better choice of the two-step task brings."""
    common, good = (float(settings.get(name, d)) for name, d in (("common", 0.8), ("good", 0.9)))
    means = (p * good + (1 - p) * (1 - good) for p in (common, 1 - common))
    return max(means)
