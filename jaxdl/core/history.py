"""What a run has measured: sums and counts of every step, from which all means are made."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxdl.core.learner import Mean
from jaxdl.core.run import NonFinite

LONGEST_WINDOW = 100  # steps
SKIPPED = "skipped"  # a number of updates: it is added up where others are averaged


class Measured(NamedTuple):
    """A metric at each of N steps, for one seed or S of them.

    Attributes:
      total: [N] or [N, S].
      count: [N] or [N, S]; 0 where the metric was not defined.
    """

    total: np.ndarray
    count: np.ndarray


History = dict[str, Measured]


def window_size(steps: int) -> int:
    """Returns over how many of the last steps the final metrics are taken: a tenth, at most 100."""
    return min(max(steps // 10, 1), LONGEST_WINDOW)


def measure_steps(stacked: Mapping[str, Any]) -> History:
    """Turns what the devices return of N steps, leaves [N] or [N, S], into sums and counts."""
    history = {}
    for name, value in stacked.items():
        if isinstance(value, Mean):
            history[name] = Measured(_floats(value.total), _floats(value.count))
        else:
            history[name] = Measured(_floats(value), np.ones_like(value, np.float64))
    return history


def _floats(values: Any) -> np.ndarray:
    return np.asarray(values, np.float64)


def append(history: History, more: History, longest: int) -> History:
    """Adds steps to a history, of which the last ones are kept."""
    joined = {}
    for name, new in more.items():
        old = history.get(name)
        pairs = zip(old, new, strict=True) if old else ((part,) for part in new)
        joined[name] = Measured(*(np.concatenate(pair)[-longest:] for pair in pairs))
    return joined


def means(history: History) -> dict[str, np.ndarray]:
    """Averages over the steps: values [] or [S], NaN for seeds without a count.

    A metric that was counted nowhere is left out.
    """
    values = {}
    for name, (total, count) in history.items():
        if name == SKIPPED:
            values[name] = total.sum(axis=0)
            continue
        counted = count.sum(axis=0)
        if np.any(counted > 0):
            safe = np.where(counted > 0, counted, 1)
            values[name] = np.where(counted > 0, total.sum(axis=0) / safe, np.nan)
    return values


def check_finite(history: History, steps: range, state_is_finite: bool) -> None:
    """Ends a run whose numbers are not finite.

    Raises:
      NonFinite: names the first step and metric, or the last step where only the state is bad.
    """
    for i, step in enumerate(steps):
        for name, measured in history.items():
            if not np.isfinite(measured.total[i]).all():
                raise NonFinite(f"{name} is not finite at step {step + 1}")
    if not state_is_finite:
        raise NonFinite(
            f"a parameter, or a part of opt_state or extra, is not finite at step {steps[-1] + 1}"
        )


def leave_out_skipped(history: History, steps: range, streak: np.ndarray, most: int) -> History:
    """Takes the updates that were undone out of all means, and counts on the streak [S].

    Raises:
      NonFinite: more than `most` were undone in a row.
    """
    skipped = history[SKIPPED].total > 0  # [N] or [N, S]
    for i, step in enumerate(steps):
        streak[:] = np.where(skipped[i], streak + 1, 0)
        if streak.max() > most:
            row = {n: Measured(*(part[i : i + 1] for part in m)) for n, m in history.items()}
            try:
                check_finite(row, range(step, step + 1), state_is_finite=False)
            except NonFinite as error:
                raise NonFinite(f"{error}, {streak.max():.0f} times in a row") from None
    kept = {SKIPPED: history[SKIPPED]}
    for name in history.keys() - {SKIPPED}:
        total, count = history[name]
        kept[name] = Measured(np.where(skipped, 0.0, total), np.where(skipped, 0.0, count))
    return {name: kept[name] for name in history}


def to_json(history: History) -> dict[str, list]:
    """Writes a history as plain lists, which JSON keeps to the last bit."""
    return {name: [part.tolist() for part in measured] for name, measured in history.items()}


def from_json(lists: Mapping[str, list]) -> History:
    """Reads what `to_json` has written."""
    return {name: Measured(*map(_floats, parts)) for name, parts in lists.items()}
