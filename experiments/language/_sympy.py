"""What SymPy does with the same expressions, in limited time: pairs, and checks by lambdify."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from jaxdl.language.symbolic.forward import to_sympy

REPEATS = 3


class TimeLimit(Exception):
    """What was asked took longer than it may."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Ends what is done within after so many CPU-seconds, by a signal to the main thread.

    Raises:
      TimeLimit: they are over.
    """

    def stop(*_: Any) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def agree(a: Any, b: Any, points: np.ndarray) -> bool:
    """Says whether two expressions of SymPy have the same values, by lambdify."""
    import sympy

    x = sympy.Symbol("x")
    with np.errstate(all="ignore"):
        values = [
            sympy.lambdify(x, side, "numpy")(points) * np.ones(len(points)) for side in (a, b)
        ]
        size = np.maximum(np.abs(values[0]), np.abs(values[1]))
        return bool(np.all(np.abs(values[0] - values[1]) <= 1e-8 * size + 1e-10))


def make_pair(program: np.ndarray, points: np.ndarray, *, seconds: float = 0) -> bool:
    """Builds and differentiates a function, and verifies the pair by numbers.

    Args:
      program: of the function.
      points: [N] complex.
      seconds: for `simplify` of the derivative; 0 leaves it as it is.
    """
    import sympy

    function = to_sympy(program)
    slope = sympy.diff(function, sympy.Symbol("x"))
    simple = slope
    if seconds:
        try:
            with limit(seconds):
                simple = sympy.simplify(slope)
        except TimeLimit:
            return False
    try:
        return agree(slope, simple, points)
    except (TypeError, ValueError, KeyError, NameError, ZeroDivisionError, AttributeError):
        return False


def time_calls(
    case: str, who: str, call: Callable[[Any], bool], items: list[Any], note: str
) -> dict[str, Any]:
    """Times a function of items on the host; an item counts where it returns True.

    Returns:
      A row as those of `experiments._timing.measure`.
    """
    took = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        done = sum(call(item) for item in items)
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(np.array(took), axis=0)
    return {
        "case": case,
        "who": who,
        "compile_wall_seconds": 0.0,
        "compile_cpu_seconds": 0.0,
        "items": done,
        "flops": None,
        "temp_bytes": None,
        "wall_seconds": float(wall),
        "cpu_seconds": float(cpu),
        "items_per_second": done / float(wall),
        "items_per_cpu_second": done / max(float(cpu), 1e-9),
        "peak_device_bytes": None,
        "note": note,
    }
