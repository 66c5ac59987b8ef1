"""Measures what the papers state: `./run claims [--only=ppo] [--tier=cpu]`."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple


class Verdict(NamedTuple):
    """What was measured.

    Attributes:
      answer: decided by the intervals, never by the means alone.
      summary: one line with the numbers that decided.
      numbers: name -> {mean, ci95, values} over seeds (`jaxdl.core.logs.interval`).
    """

    answer: Literal["holds", "fails", "undecided"]
    summary: str
    numbers: dict[str, Any]


class Claim(NamedTuple):
    """What a paper states, and how it is measured here.

    Attributes:
      name: short, unique within its launch file.
      statement: the paper's claim in one sentence, with its own numbers.
      source: paper, and the table, figure or equation.
      measure: tier ("smoke", "cpu", "gpu") -> Verdict.
    """

    name: str
    statement: str
    source: str
    measure: Callable[[str], Verdict]
