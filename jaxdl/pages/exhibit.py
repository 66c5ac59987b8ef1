"""What a run shows: pictures and tables with captions, drawn out of what it has measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from PIL.Image import Image


class Table(NamedTuple):
    """A table for people.

    Attributes:
      head: names of the columns.
      rows: cells, as text or numbers.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Exhibit(NamedTuple):
    """A picture or a table of what was learned.

    Attributes:
      name: of its file, such as "regret".
      content: matplotlib figure, Pillow image, or Table.
      caption: one or two sentences that say what is to be seen.
    """

    name: str
    content: "Figure | Image | Table"
    caption: str


class Outcome(NamedTuple):
    """What a run has measured.

    Attributes:
      metrics: name -> {mean, ci95, values}, as in result.json.
      arrays: name -> array that the last evaluation returned beside its metrics, with a leading
        axis [S] where there are several seeds.
      curves: lines of metrics.jsonl.
      num_seeds: S.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    arrays: "Mapping[str, np.ndarray]"
    curves: Sequence[Mapping[str, float]]
    num_seeds: int


def of_first_seed(outcome: Outcome, name: str) -> "np.ndarray":
    """Returns an array of the outcome, of the first seed where there are several."""
    array = outcome.arrays[name]
    return array[0] if outcome.num_seeds > 1 else array


Figures = Callable[[Outcome], Sequence[Exhibit]]
