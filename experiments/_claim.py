"""What a paper states and how it is measured: the parts of every `<system>_claims.py`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np

Answer = Literal["holds", "fails", "undecided"]


class Verdict(NamedTuple):
    """What was measured.

    Attributes:
      answer: decided by the intervals, never by the means alone.
      summary: one line with the numbers that decided.
      numbers: name -> {mean, ci95, values} over seeds (`jaxdl.core.logs.interval`).
    """

    answer: Answer
    summary: str
    numbers: dict[str, Any]


class Claim(NamedTuple):
    """What a paper states, and how it is measured here.

    Attributes:
      name: short, unique within its file.
      statement: the paper's claim in one sentence, with its own numbers.
      source: paper, and the table, figure or equation.
      measure: tier ("smoke", "cpu", "gpu") -> Verdict.
    """

    name: str
    statement: str
    source: str
    measure: Callable[[str], Verdict]


def decide(*gaps: dict[str, Any]) -> Answer:
    """Holds where the 95 % interval of every gap lies above 0, fails where one lies below."""
    if any(gap["mean"] + gap["ci95"] < 0 for gap in gaps):
        return "fails"
    return "holds" if all(gap["mean"] - gap["ci95"] > 0 for gap in gaps) else "undecided"


def decide_lead(
    scores: Mapping[str, "np.ndarray"], better: str, other: str, details: str
) -> Verdict:
    """Decides whether the interval of one learner's lead over another lies above 0.

    Args:
      scores: learner -> scores [S] over seeds; those of all learners are kept.
      better: the one that is claimed to lead.
      other: the one beside it.
      details: on what and how long they were trained.
    """
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    lead = interval(scores[better] - scores[other])
    numbers = {name: interval(values) for name, values in scores.items()}
    summary = (
        f"{better} {show(numbers[better])}, {other} {show(numbers[other])}; "
        f"difference {show(lead)}; {details}"
    )
    return Verdict(decide(lead), summary, numbers | {"difference": lead})
