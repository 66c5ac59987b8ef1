"""What a language model's report shows: what it writes as training proceeds, where it looks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdl.language.gpt2 import BLANK
from jaxdl.launch.system import Exhibit, Outcome, Table
from jaxdl.pages import STYLE
from jaxdl.pages.exhibit import of_first_seed

Decode = Callable[[Any], str]  # tokens [N] -> text
HIDDEN = "_"  # for each token that the net does not see
AROUND = 40  # tokens on either side of a masked one that are shown
PER_ROW = 2  # masked tokens that are shown of a row


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


def fillings_exhibit(outcome: Outcome, decode: Decode, pad: int) -> list[Exhibit]:
    """Shows masked words of held-out text, and what the net would fill in.

    Args:
      outcome: whose arrays hold `tokens` [(S,) R, T] and the others of `bert.Fillings`.
      decode: tokens -> text, with special ones written out.
      pad: the token that is left out.
    """
    if "best" not in outcome.arrays:
        return []
    names = ("tokens", "positions", "targets", "weights", "best", "chances")
    found = [of_first_seed(outcome, name) for name in names]
    rows = [
        [
            _with_gap(decode, tokens[tokens != pad], positions[place]),
            _shown(decode, targets[place]),
            *_listed(decode, *(x[place] for x in guesses)),
        ]
        for tokens, positions, targets, weights, *guesses in zip(*found, strict=True)
        for place in _spread(int(weights.sum()))
    ]
    columns = ["held-out text", "was", *(f"guess {i + 1}" for i in range(found[4].shape[-1]))]
    caption = (
        f"Masked words (one token each) and the best fillings with their probabilities. [{HIDDEN}] "
        f"is the one that is asked for, {HIDDEN} are others that the net does not see."
    )
    return [Exhibit("masked words", Table(columns, rows), caption)] if rows else []


def _spread(count: int) -> list[int]:
    """Returns some of the numbers below `count`, evenly spaced."""
    if not count:
        return []
    return np.unique(np.linspace(0, count - 1, PER_ROW).round()).astype(int).tolist()


def _with_gap(decode: Decode, tokens: np.ndarray, place: int) -> str:
    """Returns the text around a masked token, which is shown as a gap."""
    before = decode(tokens[max(place - AROUND, 0) : place])
    after = decode(tokens[place + 1 : place + 1 + AROUND])
    parts = (repr(x.replace("[MASK]", HIDDEN))[1:-1] for x in (before, after))
    return f"[{HIDDEN}]".join(parts)


def _listed(decode: Decode, best: np.ndarray, chances: np.ndarray) -> list[str]:
    """Returns the fillings of one gap with their probabilities."""
    pairs = zip(best, chances, strict=True)
    return [f"{_shown(decode, token)} {100 * chance:.0f} %" for token, chance in pairs]


def _shown(decode: Decode, token: int) -> str:
    """Returns a token so that blanks and line ends can be seen."""
    return repr(decode([token]))


def attention_exhibit(outcome: Outcome, decode: Decode, *, sees: str) -> list[Exhibit]:
    """Shows where the tokens of one text look, a map for every head.

    Args:
      outcome: whose arrays hold `shown` [(S,) T] and `attention` [(S,) L, heads, T, T].
      decode: tokens -> text.
      sees: what a token may see, for the caption.
    """
    if "attention" not in outcome.arrays:
        return []
    tokens, maps = (of_first_seed(outcome, name) for name in ("shown", "attention"))
    labels = [repr(decode([token]))[1:-1] for token in tokens]
    caption = (
        "Where each token (a row) of a held-out text looks, in every head (columns) of every "
        f"block (rows, the first at the top). Dark is much; {sees}."
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
