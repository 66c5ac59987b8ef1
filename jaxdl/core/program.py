"""A learner as programs for a mesh: each is compiled ahead of its first use, and timed."""

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.checkpoint import describe, list_differences
from jaxdl.core.constants import replicate_constants
from jaxdl.core.data import Source, open_data
from jaxdl.core.learner import (
    Data,
    Fold,
    Learner,
    Mean,
    TrainState,
    finite,
    learned,
    skip_nonfinite,
    with_seeds,
)
from jaxdl.core.mesh import layout, split
from jaxdl.core.run import BadInput, Run

StepMetrics = dict[str, jax.Array | Mean]


class Keys(NamedTuple):
    """The random keys of a run, on every device.

    Attributes:
      init: of the first state.
      run: the key of step n is `fold_in(run, n)`.
      evaluation: that of an evaluation after n steps is `fold_in(evaluation, n)`.
      data: of orders of rows and of what the host reads.
    """

    init: jax.Array
    run: jax.Array
    evaluation: jax.Array
    data: jax.Array


class StepOutcome(NamedTuple):
    """What the devices return of the N steps of a call.

    Attributes:
      metrics: name -> values [N] or [N, S], or Means of such.
      is_finite: bool scalar; parameters, optimizer state and `extra` are finite at the end.
    """

    metrics: StepMetrics
    is_finite: jax.Array


class Program(NamedTuple):
    """A learner, compiled for a mesh.

    Attributes:
      init: () -> state.
      device_step: step number -> step number on the devices, which `advance` counts on.
      advance: state, device step, numbers of the N steps -> state, next device step, StepOutcome.
      evaluate: state, device step -> metrics and arrays, leaves [...] or [S, ...].
      metric_names: of an evaluation; what else it returns are arrays.
      compile_seconds: () -> seconds used for compiling so far.
      identity: () -> SHA-256 of what a step computes.
    """

    init: Callable[[], TrainState]
    device_step: Callable[[int], jax.Array]
    advance: Callable[[TrainState, jax.Array, range], tuple[TrainState, jax.Array, StepOutcome]]
    evaluate: Callable[[TrainState, jax.Array], dict[str, Any]]
    metric_names: frozenset[str]
    compile_seconds: Callable[[], float]
    identity: Callable[[], str]


class Timed(NamedTuple):
    """Compiles functions ahead of time, and adds up how long that takes.

    Attributes:
      wrap: function, options of `jax.jit` -> the same, compiled at its first call.
      clock: () -> context whose duration counts as compilation.
      seconds: () -> seconds so far.
    """

    wrap: Callable[..., Callable]
    clock: Callable[[], AbstractContextManager]
    seconds: Callable[[], float]


def shape_state(learner: Learner, run: Run, mesh: Mesh) -> TrainState:
    """Returns the shapes, dtypes and shardings of the state of a run.

    Raises:
      BadInput: the actors do not divide among the devices.
    """
    learner = _of_run(learner, run)
    shapes = jax.eval_shape(learner.init, jax.random.key(0))
    places = layout(mesh, shapes, axis=1 if run.num_seeds > 1 else 0)
    return jax.tree.map(
        lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), shapes, places
    )


def compile_learner(
    learner: Learner, data: Data, run: Run, mesh: Mesh, abstract_state: TrainState
) -> Program:
    """Wraps the functions of a learner for the mesh, and traces them.

    Args:
      learner: of one seed.
      data: what `check_data` has accepted.
      run: its seeds and steps.
      mesh: the devices.
      abstract_state: of `shape_state`.

    Raises:
      BadInput: a metric of a step is no scalar, a step changes the kind of the state, or the
        evaluation refuses what it is given.
    """
    learner = _of_run(learner, run)
    copied = NamedSharding(mesh, P())
    places = jax.tree.map(lambda x: x.sharding, abstract_state)
    keys = _draw_keys(run, copied)
    source = open_data(data, run, mesh, keys.data)
    timed = time_compilation(mesh)
    with timed.clock(), jax.disable_jit(False):
        step = jax.jit(learner.step, inline=True)  # traced once: for checks, identity and calls
        traced_step = step.trace(keys.run, abstract_state, source.batch)
    _check_step(traced_step.out_info, abstract_state, run)
    evaluate, evaluation_shapes = _program_evaluation(
        learner, keys.evaluation, abstract_state, timed, copied
    )
    run_init = timed.wrap(learner.init, out_shardings=places)
    advance = _scan_steps(step, source, run)
    options = {"donate_argnums": 2, "out_shardings": (places, copied, copied)}
    programs: dict[int, Callable] = {}  # by the number of steps

    def run_steps(state, number, steps):
        count = len(steps)
        if count not in programs:
            programs[count] = timed.wrap(partial(advance, length=count), **options)
        batches = source.feed(steps)
        return programs[count](keys.run, source.resident, state, number, batches)

    return Program(
        init=lambda: run_init(keys.init),
        device_step=lambda n: jax.make_array_from_process_local_data(copied, np.int32(n), ()),
        advance=run_steps,
        evaluate=evaluate,
        metric_names=_names_of_metrics(evaluation_shapes, run),
        compile_seconds=timed.seconds,
        identity=lambda: _hash_program(traced_step.jaxpr),
    )


def _draw_keys(run: Run, copied: NamedSharding) -> Keys:
    def split():
        return Keys(*jax.random.split(jax.random.key(run.seed), len(Keys._fields)))

    return jax.jit(split, out_shardings=copied)()


def _of_run(learner: Learner, run: Run) -> Learner:
    return with_seeds(skip_nonfinite(learner) if run.skip_nonfinite else learner, run)


def _scan_steps(step: Callable, source: Source, run: Run) -> Callable:
    """The program of a call: `length` steps, one after the other."""
    axis = 1 if run.num_seeds > 1 else 0  # of the rows of a batch

    def advance(key, resident, state, first, batches, *, length):
        def body(state, xs):
            number, batch = xs
            data_key, step_key = jax.random.split(jax.random.fold_in(key, number))
            if source.draw is not None:
                batch = split(source.draw(resident, data_key, number), axis=axis)
            return step(step_key, state, batch)

        numbers = first + jnp.arange(length)
        state, metrics = jax.lax.scan(body, state, (numbers, batches), length)
        return state, first + length, StepOutcome(metrics, finite(learned(state)))

    return advance


def _program_evaluation(
    learner: Learner, key: jax.Array, abstract_state: TrainState, timed: Timed, copied: Any
) -> tuple[Callable[[TrainState, jax.Array], dict[str, Any]], Any]:
    """The evaluation, and the shapes of what it returns.

    It is traced now, so that what it lacks is missed before training, and compiled when needed.
    """
    evaluate = learner.evaluate
    number = jax.ShapeDtypeStruct((), jnp.int32)
    if isinstance(evaluate, Fold):
        run_fold = _program_fold(evaluate, key, timed, copied)
        return run_fold, _shape_fold(evaluate, key, abstract_state)

    def whole(key, state, step):
        return evaluate(jax.random.fold_in(key, step), state)

    with timed.clock(), jax.disable_jit(False):
        whole = jax.jit(whole, inline=True)
        shapes = whole.trace(key, abstract_state, number).out_info
    run_whole = timed.wrap(whole, out_shardings=copied)
    return lambda state, step: run_whole(key, state, step), shapes


def _shape_fold(evaluate: Fold, key: jax.Array, abstract_state: TrainState) -> Any:
    """The shapes of what a fold returns.

    Raises:
      BadInput: an update turns the accumulator into another kind of one.
    """
    accumulator = jax.eval_shape(evaluate.init, key, abstract_state)
    batch = evaluate.batch_shape() if evaluate.batch_shape else next(iter(evaluate.batches()))
    after = jax.eval_shape(evaluate.update, accumulator, abstract_state, batch)
    if differences := list_differences(describe(accumulator), describe(after)):
        first = "an evaluation's update turns its accumulator into another kind of one"
        raise BadInput("\n  ".join([first, *differences]))
    return jax.eval_shape(evaluate.result, after)


def _program_fold(evaluate: Fold, key: jax.Array, timed: Timed, copied: Any) -> Callable:
    def begin(key, state, step):
        return evaluate.init(jax.random.fold_in(key, step), state)

    run_begin = timed.wrap(begin, out_shardings=copied)
    run_update = timed.wrap(evaluate.update, donate_argnums=0, out_shardings=copied)
    run_result = timed.wrap(evaluate.result, out_shardings=copied)

    def fold(state, step):
        accumulator = run_begin(key, state, step)
        for batch in evaluate.batches():
            accumulator = run_update(accumulator, state, jax.device_put(batch, copied))
        return run_result(accumulator)

    return fold


def _check_step(out_info: Any, abstract_state: TrainState, run: Run) -> None:
    """Refuses metrics that are no scalars, and a step that changes the kind of the state."""
    state, metrics = out_info
    for name, value in metrics.items():
        parts = value if isinstance(value, Mean) else (value,)
        for shape in (_of_one_seed(part, run) for part in parts):
            if shape != ():
                raise BadInput(
                    f"the metric {name!r} has the shape {list(shape)}; metrics of a step are "
                    "scalars or Means (arrays belong into what `evaluate` returns)"
                )
    if differences := list_differences(describe(abstract_state), describe(state)):
        first = "a step turns the state into another kind of state"
        raise BadInput("\n  ".join([first, *differences]))


def _names_of_metrics(shapes: Any, run: Run) -> frozenset[str]:
    """What of an evaluation are metrics; its arrays are artefacts."""
    return frozenset(
        name
        for name, value in shapes.items()
        if isinstance(value, Mean) or _of_one_seed(value, run) == ()
    )


def _of_one_seed(value: Any, run: Run) -> tuple[int, ...]:
    return value.shape[1:] if run.num_seeds > 1 else value.shape


def _hash_program(jaxpr: Any) -> str:
    """SHA-256 of a program's text, without the addresses of Python's objects in it."""
    text = re.sub(r"0x[0-9a-f]+", "", str(jaxpr))
    return hashlib.sha256(text.encode()).hexdigest()


def time_compilation(mesh: Mesh) -> Timed:
    """Makes a Timed for programs of a mesh."""
    spent = 0.0

    @contextmanager
    def clock():
        nonlocal spent
        started_at = time.monotonic()
        yield
        spent += time.monotonic() - started_at

    def wrap(function, **options):
        program = None
        if mesh.size > 1:
            function = replicate_constants(function, mesh)

        def call(*args):
            nonlocal program
            if program is None:
                jax.block_until_ready(args)  # what the devices still compute is not compilation
                with clock():
                    program = _compile(function, args, options)
            return program(*args)

        return call

    return Timed(wrap, clock, lambda: spent)


def _compile(function: Callable, args: tuple, options: dict[str, Any]) -> Callable:
    """Compiles a function for these arguments; JAX_DISABLE_JIT leaves it as it is."""
    if jax.config.jax_disable_jit:
        return function
    return jax.jit(function, **options).lower(*args).compile()
