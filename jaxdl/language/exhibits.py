"""What a language model's report shows: what it writes as training proceeds, where it looks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdl.language.gpt2 import BLANK
from jaxdl.launch.system import Exhibit, Outcome, Table
from jaxdl.pages import STYLE

Decode = Callable[[Any], str]  # tokens [N] -> text


def texts_exhibit(outcome: Outcome, decode: Decode, steps: Sequence[int]) -> list[Exhibit]:
    """Shows what the net has written after some steps.

    Args:
      outcome: whose arrays hold `texts` [(S,) K, L].
      decode: tokens -> text.
      steps: [K], after which it has written.
    """
    if "texts" not in outcome.arrays or outcome.num_seeds > 1:
        return []
    pages = zip(steps, outcome.arrays["texts"], strict=True)
    rows = [[step, repr(decode(text))[1:-1]] for step, text in pages if text[0] != BLANK]
    caption = "What the net writes by itself as training proceeds."
    return [Exhibit("samples", Table(["steps", "text"], rows), caption)] if rows else []


def attention_exhibit(outcome: Outcome, decode: Decode) -> list[Exhibit]:
    """Shows where the tokens of one text look, a map for every head.

    Args:
      outcome: whose arrays hold `shown` [(S,) T] and `attention` [(S,) L, heads, T, T].
      decode: tokens -> text.
    """
    if "attention" not in outcome.arrays:
        return []
    tokens, maps = (
        outcome.arrays[name][0] if outcome.num_seeds > 1 else outcome.arrays[name]
        for name in ("shown", "attention")
    )
    labels = [repr(decode([token]))[1:-1] for token in tokens]
    caption = (
        "Where each token (a row) of the first held-out text looks, in every head (columns) of "
        "every block (rows, the first at the top). Dark is much; no token sees those after it."
    )
    return [Exhibit("attention", maps_figure(maps, labels), caption)]


def maps_figure(maps: np.ndarray, labels: Sequence[str]) -> Any:
    """Draws a grid of attention maps.

    Args:
      maps: [L, heads, T, T]; of more than four blocks or heads, four evenly spaced ones are drawn.
      labels: [T].

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    blocks, heads = (np.unique(np.linspace(0, n - 1, min(n, 4)).round()) for n in maps.shape[:2])
    with matplotlib.rc_context(STYLE):
        size = (2.3 * len(heads) + 0.5, 2.4 * len(blocks) + 0.3)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(blocks), len(heads), squeeze=False)
        for line, block in zip(axes, blocks.astype(int), strict=True):
            for axis, head in zip(line, heads.astype(int), strict=True):
                axis.imshow(maps[block, head], cmap="Greys", vmin=0, vmax=1)
                axis.grid(False)
                axis.set_title(f"block {block + 1}, head {head + 1}", fontsize=8)
                axis.set_xticks(range(len(labels)), labels, fontsize=5, rotation=90)
                axis.set_yticks(range(len(labels)), labels, fontsize=5)
    return figure
