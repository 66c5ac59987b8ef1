"""How every benchmark is timed: candidates interleaved in one process, medians, CPU beside wall."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np


class Candidate(NamedTuple):
    """A program to be timed.

    Attributes:
      fn: a pure function of `args`.
      args: arrays.
      items: how many items (env steps, views, rows) one call processes.
      note: what to know beside the figure.
    """

    fn: Callable[..., Any]
    args: tuple
    items: int
    note: str = ""


def measure(case: str, candidates: Mapping[str, Candidate], *, repeats: int = 5) -> list[dict]:
    """Compiles each candidate, then runs them in turns.

    Args:
      case: the benchmark's name.
      candidates: who -> Candidate; ours is called "jaxdl".
      repeats: timed calls of each, after one that is not timed.

    Returns:
      One row a candidate: case, who, compile_wall_seconds, compile_cpu_seconds, items, medians
      wall_seconds and cpu_seconds of a call, items_per_second, items_per_cpu_second, flops (of one
      device, where XLA counts loop bodies once), temp_bytes, peak_device_bytes (null on CPU), note.
    """
    rows, programs = {}, {}
    for who, candidate in candidates.items():
        rows[who], programs[who] = _compile(candidate)
        rows[who] = {"case": case, "who": who} | rows[who]
    seconds: dict[str, list[tuple[float, float]]] = {who: [] for who in candidates}
    for turn in range(repeats + 1):
        for who, candidate in candidates.items():
            took = _clock(lambda who=who, args=candidate.args: programs[who](*args))
            if turn:
                seconds[who].append(took)
    for who, candidate in candidates.items():
        wall, cpu = np.median(np.asarray(seconds[who]), axis=0)
        rows[who] |= {
            "wall_seconds": float(wall),
            "cpu_seconds": float(cpu),
            "items_per_second": candidate.items / float(wall),
            "items_per_cpu_second": candidate.items / max(float(cpu), 1e-9),
            "peak_device_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
            "note": candidate.note,
        }
    return list(rows.values())


def _clock(call: Callable[[], Any]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(call())
    return time.perf_counter() - wall, time.process_time() - cpu


def _compile(candidate: Candidate) -> tuple[dict, Callable]:
    """Traces, lowers and compiles without the persistent cache."""
    enabled = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    wall, cpu = time.perf_counter(), time.process_time()
    program = jax.jit(candidate.fn).lower(*candidate.args).compile()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    jax.config.update("jax_enable_compilation_cache", enabled)
    memory = program.memory_analysis()
    row = {
        "compile_wall_seconds": wall,
        "compile_cpu_seconds": cpu,
        "items": candidate.items,
        "flops": (program.cost_analysis() or {}).get("flops"),
        "temp_bytes": getattr(memory, "temp_size_in_bytes", None),
    }
    return row, program
