"""How every benchmark is timed: candidates interleaved in one process, medians, CPU beside wall."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from jaxdl.core import Learner, TrainState
from jaxdl.core.logs import interval

# Compilations of each candidate, in turns, of which the median counts. An accelerator's minutes are
# few, and its programs take long to compile.
COMPILES, COMPILES_ELSEWHERE = 3, 1
STEPS_A_CALL = 8  # of a learner, as the driver takes several


class Candidate(NamedTuple):
    """A program to be timed.

    Attributes:
      fn: a pure function of `args`.
      args: arrays.
      items: how many items (env steps, views, rows) one call processes.
      note: what to know beside the figure.
      vary: turn -> the args of that turn, of the same shapes; None is `args` in every turn.
      score: what fn returned -> numbers about it; means and intervals over turns join the row.
    """

    fn: Callable[..., Any]
    args: tuple
    items: int
    note: str = ""
    vary: Callable[[int], tuple] | None = None
    score: Callable[[Any], Mapping[str, Any]] | None = None


def take_steps(learner: Learner, steps: int) -> Callable[[jax.Array, TrainState], TrainState]:
    """Returns key, state -> the state after so many steps of a learner that makes its own data."""

    def run(key, state):
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, state, jax.random.split(key, steps))[0]

    return run


def act_at_random(env: Any, num_envs: int, steps: int) -> Callable[[jax.Array, Any], Any]:
    """Returns key, state of so many worlds -> their state after so many steps of random actions."""
    from jaxdl.envs import vectorize
    from jaxdl.rl.rollout import random_policy

    worlds, policy = vectorize(env, num_envs), random_policy(env.action_space)
    first = jnp.zeros(num_envs, bool)  # nothing that this policy looks at

    def run(key, state):
        def step(state, key):
            action_key, step_key = jax.random.split(key)
            _, action = policy(action_key, (), state.obs, first)
            return worlds.step(step_key, state, action)[0], ()

        return jax.lax.scan(step, state, jax.random.split(key, steps))[0]

    return run


def train_anew(learner: Learner, steps: int) -> Callable[[jax.Array], TrainState]:
    """Returns key -> the state after so many steps from the learner's beginning."""
    run = take_steps(learner, steps)

    def train(key):
        init_key, run_key = jax.random.split(key)
        return run(run_key, learner.init(init_key))

    return train


def scored_training(
    train: Callable[[jax.Array], Any],
    mean_return: Callable[[Any], Any],
    *,
    items: int,
    note: str,
) -> Candidate:
    """Makes a candidate of a training, each turn of which has another seed, and scores it.

    Args:
      train: key -> what was learned.
      mean_return: what was learned -> scalar.
      items: env steps of a training.
      note: what to know beside the figure.
    """
    return Candidate(
        train,
        (jax.random.key(0),),
        items=items,
        note=note,
        vary=lambda turn: (jax.random.key(turn),),
        score=lambda state: {"mean_return": mean_return(state)},
    )


def scored_step(
    learner: Learner, key: jax.Array, batch: Any, *, items: int, note: str = ""
) -> Candidate:
    """Makes a candidate of a learner's first steps on a batch, and scores the last by its loss.

    They are a scan, as in the driver. A call of one step alone would ask the system for all memory
    of its intermediate values again, which takes a third of the time of some.

    Args:
      learner: whose step has a metric `loss`.
      key: of the beginning and of the steps.
      batch: what it learns from.
      items: of the batch.
      note: what to know beside the figure.
    """

    def run(key, state, batch):
        def step(state, key):
            state, metrics = learner.step(key, state, batch)
            return state, metrics["loss"]

        return jax.lax.scan(step, state, jax.random.split(key, STEPS_A_CALL))

    args = (key, jax.jit(learner.init)(key), batch)
    note = f"{note}; {STEPS_A_CALL} steps a call" if note else f"{STEPS_A_CALL} steps a call"
    score = lambda out: {"loss": out[1][-1]}  # noqa: E731
    return Candidate(run, args, items * STEPS_A_CALL, note, score=score)


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
    jax.jit(lambda x: x + 1).lower(0.0).compile()  # what a process pays for its first program
    turns = COMPILES if jax.default_backend() == "cpu" else COMPILES_ELSEWHERE
    compiled = [
        {who: _compile(candidate) for who, candidate in candidates.items()} for _ in range(turns)
    ]
    for who in candidates:
        row, programs[who] = compiled[-1][who]
        for name in ("compile_wall_seconds", "compile_cpu_seconds"):
            row[name] = float(np.median([turn[who][0][name] for turn in compiled]))
        rows[who] = {"case": case, "who": who} | row
    seconds: dict[str, list[list[float]]] = {who: [] for who in candidates}
    scores: dict[str, list[Mapping[str, Any]]] = {who: [] for who in candidates}
    for turn in range(repeats + 1):
        for who, candidate in candidates.items():
            args = candidate.vary(turn) if candidate.vary else candidate.args
            *took, output = _clock(programs[who], args)
            if turn:
                seconds[who].append(took)
            if turn and candidate.score:
                scores[who].append(candidate.score(output))
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
        for name in scores[who][0] if scores[who] else ():
            summary = interval(np.asarray([score[name] for score in scores[who]]))
            rows[who] |= {name: summary["mean"], f"{name}_ci95": summary["ci95"]}
    return list(rows.values())


def _clock(program: Callable, args: tuple) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    output = jax.block_until_ready(program(*args))
    return time.perf_counter() - wall, time.process_time() - cpu, output


def _compile(candidate: Candidate) -> tuple[dict, Callable]:
    """Traces, lowers and compiles without the persistent cache."""
    enabled = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # JAX looks at the setting once, unless it is reset
    jax.clear_caches()  # of what was traced and compiled before
    wall, cpu = time.perf_counter(), time.process_time()
    program = jax.jit(candidate.fn).lower(*candidate.args).compile()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    jax.config.update("jax_enable_compilation_cache", enabled)
    compilation_cache.reset_cache()
    memory = program.memory_analysis()
    row = {
        "compile_wall_seconds": wall,
        "compile_cpu_seconds": cpu,
        "items": candidate.items,
        "flops": (program.cost_analysis() or {}).get("flops"),
        "temp_bytes": getattr(memory, "temp_size_in_bytes", None),
    }
    return row, program
