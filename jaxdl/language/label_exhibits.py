"""What the report of fine-tuning shows: scores over the number of labels, and some answers."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jaxdl.language.finetune import BASELINE, KINDS
from jaxdl.language.tasks import Examples, Task
from jaxdl.launch.system import Exhibit, Outcome, Table
from jaxdl.pages import Summary, score_over_labels
from jaxdl.pages.exhibit import of_first_seed

TITLES = {KINDS[0]: "pretrained", KINDS[1]: "from scratch", BASELINE: "bag of words"}
AXES = {"accuracy": "test accuracy (%)", "matthews": "Matthews' correlation (%)"}
SHOWN = 12  # test texts
MOST_LETTERS = 160  # of them


def few_labels_exhibit(
    outcome: Outcome, counts: Sequence[int], task: Callable[[], Task]
) -> list[Exhibit]:
    """Shows scores over the number of labels, and what was answered with the most of them.

    Args:
      outcome: whose metrics and arrays are those of `jaxdl.language.finetune`.
      counts: labels a class.
      task: () -> what was told.
    """
    lines = curve_of(outcome.metrics, counts)
    if not lines or "guesses" not in outcome.arrays:
        return []
    told = task()
    caption = f"{told.name}: what is told of fresh texts, by the labels that were learned from."
    figure = score_over_labels(counts, lines, AXES[told.metric])
    guesses = of_first_seed(outcome, "guesses")  # [2, L, M]
    answers = Table(
        ["text", "is", *(TITLES[kind] for kind in KINDS)],
        answer_rows(told.test, guesses[:, -1], told.classes),
    )
    text = f"Fresh texts, and what the nets with {counts[-1]:,} labels a class say of them."
    return [Exhibit("labels", figure, caption), Exhibit("answers", answers, text)]


def curve_of(metrics: Mapping[str, Summary], counts: Sequence[int]) -> dict[str, list[Summary]]:
    """Takes the scores of all numbers of labels out of a result, title -> [L] summaries."""
    return {
        title: [metrics[f"eval/{name}_{count}"] for count in counts]
        for name, title in TITLES.items()
        if f"eval/{name}_{counts[0]}" in metrics
    }


def answer_rows(examples: Examples, guesses: np.ndarray, classes: Sequence[str]) -> list[list[str]]:
    """Writes some texts, evenly spaced, with their labels and what was guessed [2, M]."""
    rows = []
    count = len(examples.labels)
    for i in np.unique(np.linspace(0, count - 1, SHOWN).round().astype(int)):
        texts = [examples.first[i], *([examples.second[i]] if examples.second else [])]
        text = " / ".join(_shortened(text) for text in texts)
        rows.append([text, *(classes[x] for x in (examples.labels[i], *guesses[:, i]))])
    return rows


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."
