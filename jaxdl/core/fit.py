"""The one training loop: it compiles, places, dispatches, logs, evaluates, saves and stops."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core import report
from jaxdl.core.checkpoint import fingerprint
from jaxdl.core.learner import HostData, Learner, finite, over_seeds, skip_nonfinite
from jaxdl.core.mesh import AXIS, layout, make_mesh, split
from jaxdl.core.run import BadInput, NonFinite, Run
from jaxdl.core.watch import Watch, watch
from jaxdl.core.workdir import Workdir, open_workdir


class Program(NamedTuple):
    """A learner, compiled for a mesh.

    Attributes:
      init: () -> state.
      at: step number -> step number on the devices, which `advance` counts on.
      advance: state, step, the numbers of the N steps -> state, next step, outcome.
      evaluate: state, step -> metrics [] or [S].
      like: the state's shapes, dtypes and shardings.
      spent: seconds used for compiling so far.
    """

    init: Callable[[], Any]
    at: Callable[[int], jax.Array]
    advance: Callable[[Any, jax.Array, range], tuple[Any, jax.Array, Any]]
    evaluate: Callable[[Any, jax.Array], Any]
    like: Any
    spent: Callable[[], float]


class Call(NamedTuple):
    """The steps of one dispatch, and what the devices will have to say about them.

    Attributes:
      steps: their numbers.
      outcome: (metrics [N] or [N, S], whether the parameters are finite at the end).
      evaluation: metrics [] or [S], where one was due.
    """

    steps: range
    outcome: tuple[dict[str, jax.Array], jax.Array]
    evaluation: dict[str, jax.Array] | None = None


def fit(
    learner: Learner, data: Any = (), run: Run | None = None, *, samples_per_step: int = 1
) -> tuple[Any, dict[str, Any]]:
    """Trains a learner. The end is a function of (seed, step, state) alone, however often cut.

    Args:
      learner: what to train; with `run.num_seeds` > 1, that many independent copies of it.
      data: `sample(key) -> batch` over arrays on the device, HostData, or () for learners that
        make their own.
      run: how far, how fast, where to.
      samples_per_step: what one step processes (env steps, images), for `samples_per_second`.

    Returns:
      The final state (leaves [S, ...] for S > 1 seeds), and what `result.json` holds.

    Raises:
      BadInput: the actors or the batch do not divide among the devices, or the workdir is another
        run's.
      NonFinite: a metric or a parameter is not finite. No such state is ever saved.
      NotSaved: a checkpoint could not be written; the earlier ones are as they were.
      SystemExit: 130 or 143 after SIGINT or SIGTERM; the state has been saved.
    """
    run, began = run or Run(), time.monotonic()
    mesh = make_mesh(run.devices)
    _check_batch(data, mesh.size)
    with jax.set_mesh(mesh), open_workdir(run) as workdir, watch(mesh, run.watchdog) as watching:
        program = _compile(learner, data, run, mesh)
        restored = workdir.restore(program.like)
        first, state = restored or (0, program.init())
        old = workdir.result()
        if first >= run.steps and old and old["fingerprint"] == fingerprint(state):
            return state, old  # the run was over before it was started again
        workdir.begin(first)
        state, step, signal, metrics, seconds = _train(
            program, state, first, run, workdir, watching
        )
        if step < run.steps:
            workdir.interrupted(step)
            raise SystemExit(128 + signal)
        speed = run.num_seeds * samples_per_step * (step - first) / max(seconds, 1e-9)
        result = report.result(
            run,
            metrics,
            fingerprint=fingerprint(state),
            compile_seconds=program.spent(),
            wall_seconds=time.monotonic() - began,
            samples_per_second=speed if step > first else None,
            mesh=mesh,
        )
        workdir.finish(result)
    if signal:  # in the last call: this run is done, what was to follow it is not wanted
        raise SystemExit(128 + signal)
    return state, result


def _train(program: Program, state: Any, first: int, run: Run, workdir: Workdir, watching: Watch):
    """Runs from step `first` to the end, or to the first call boundary after a signal."""
    step, at, signal = first, program.at(first), watching.stop()
    tell, pending, metrics = _teller(run, workdir), None, {}
    clock, compiled = time.monotonic(), program.spent()
    while step < run.steps and not signal:
        boundary = step - step % run.steps_per_call + run.steps_per_call
        before, step = step, min(boundary, run.steps)
        with workdir.profile(call=(before - first) // run.steps_per_call):
            state, at, outcome = program.advance(state, at, range(before, step))
        metrics = tell(pending) or metrics  # one call behind: the devices never wait
        pending = Call(range(before, step), outcome)
        if step == run.steps or _passed(run.eval_every, before, step):
            pending = pending._replace(evaluation=program.evaluate(state, at))
        if _passed(run.save_every, before, step):
            metrics, pending = tell(pending), None  # raises before a bad state is saved
            workdir.save(step, state)
        workdir.check()
        watching.alive()
        signal = watching.stop()
    metrics = tell(pending) or metrics
    workdir.save(step, state)
    if first >= run.steps:  # cut between its last checkpoint and its result
        metrics = {f"eval/{k}": v for k, v in jax.device_get(program.evaluate(state, at)).items()}
    jax.block_until_ready(state)
    seconds = time.monotonic() - clock - (program.spent() - compiled)
    return state, step, signal, metrics, seconds


def _passed(every: int, before: int, after: int) -> bool:
    """Whether a multiple of `every` lies in (before, after]."""
    return every > 0 and before // every < after // every


def _teller(run: Run, workdir: Workdir) -> Callable[[Call | None], dict[str, np.ndarray]]:
    """Fetches a call's metrics, checks and logs them; means over its steps."""
    streak = np.zeros(run.num_seeds)  # undone updates in a row

    def tell(call):
        if call is None:
            return {}
        (stacked, params_finite), evaluation = jax.device_get((call.outcome, call.evaluation))
        if run.skip_nonfinite:
            metrics = _means_of_good(stacked, call.steps, streak, run.skip_nonfinite)
        else:
            if not params_finite or not all(np.isfinite(x).all() for x in stacked.values()):
                raise _not_finite(stacked, call.steps)
            metrics = {name: values.mean(axis=0) for name, values in stacked.items()}
        for name, value in (evaluation or {}).items():
            if not np.isfinite(value).all():
                raise NonFinite(f"eval/{name} is not finite at step {call.steps[-1] + 1}")
            metrics[f"eval/{name}"] = value
        workdir.log(call.steps[-1] + 1, metrics)
        return metrics

    return tell


def _not_finite(stacked: dict[str, np.ndarray], steps: range) -> NonFinite:
    """Names the first step with a metric that is not finite, or the last one and a parameter."""
    for i, step in enumerate(steps):
        for name, values in stacked.items():
            if not np.isfinite(values[i]).all():
                return NonFinite(f"{name} is not finite at step {step + 1}")
    return NonFinite(f"a parameter is not finite at step {steps[-1] + 1}")


def _means_of_good(stacked: dict, steps: range, streak: np.ndarray, most: int) -> dict:
    """Means over the steps that were not undone, and how many were; counts on the streak [S].

    Raises:
      NonFinite: more than `most` were undone in a row.
    """
    good = stacked.pop("skipped") == 0  # [N] or [N, S]
    for i, step in enumerate(steps):
        streak[:] = np.where(good[i], 0, streak + 1)
        if streak.max() > most:
            rows = {name: values[i : i + 1] for name, values in stacked.items()}
            error = _not_finite(rows, range(step, step + 1))
            raise NonFinite(f"{error}, {streak.max():.0f} times in a row")
    metrics = {"skipped": (~good).sum(axis=0)}
    if good.any(axis=0).all():
        metrics |= {name: x.mean(axis=0, where=good) for name, x in stacked.items()}
    return metrics


def _compile(learner: Learner, data: Any, run: Run, mesh: Mesh) -> Program:
    """Wraps the learner's functions for the mesh; each is compiled at its first use."""
    several = run.num_seeds > 1
    axis = 1 if several else 0  # of the envs, or of the rows of a batch
    if run.skip_nonfinite:
        learner = skip_nonfinite(learner)
    if several:
        learner = over_seeds(learner, run.num_seeds)
    copied = NamedSharding(mesh, P())
    split_key = lambda: tuple(jax.random.split(jax.random.key(run.seed), 3))  # noqa: E731
    init_key, run_key, eval_key = jax.jit(split_key, out_shardings=copied)()
    like = jax.eval_shape(learner.init, init_key)
    places = layout(mesh, like, axis=axis)
    like = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), like, places
    )

    def draw(key):
        if not callable(data):
            return ()
        keys = jax.random.split(key, run.num_seeds)
        return split(jax.vmap(data)(keys) if several else data(key), axis=axis)

    def advance(key, state, first, batches, length):
        def body(state, xs):
            step, batch = xs
            data_key, step_key = jax.random.split(jax.random.fold_in(key, step))
            return learner.step(step_key, state, draw(data_key) if batches is None else batch)

        steps = first + jax.numpy.arange(length)
        state, metrics = jax.lax.scan(body, state, (steps, batches), length)
        return state, first + length, (metrics, finite((state.params, state.opt_state)))

    def evaluate(key, state, step):
        return learner.evaluate(jax.random.fold_in(key, step), state)

    timed, spent = _ahead_of_time()
    run_init = timed(jax.jit(learner.init, out_shardings=places))
    run_call = timed(
        jax.jit(
            advance,
            donate_argnums=1,
            static_argnums=4,
            out_shardings=(places, copied, copied),
        )
    )
    run_evaluation = timed(jax.jit(evaluate, out_shardings=copied))
    feed = _feeder(data, run, mesh) if isinstance(data, HostData) else lambda steps: None
    return Program(
        init=lambda: run_init(init_key),
        at=lambda step: jax.make_array_from_process_local_data(copied, np.int32(step), ()),
        advance=lambda state, step, n: run_call(run_key, state, step, feed(n), static=len(n)),
        evaluate=lambda state, step: run_evaluation(eval_key, state, step),
        like=like,
        spent=spent,
    )


def _check_batch(data: Any, devices: int) -> None:
    rows = [data.batch_size] if isinstance(data, HostData) else []
    if callable(data):
        rows = [x.shape[0] for x in jax.tree.leaves(jax.eval_shape(data, jax.random.key(0)))]
    for n in rows:
        if n % devices:
            raise BadInput(f"batch_size={n} is not divisible by devices={devices}")


def _ahead_of_time() -> tuple[Callable[[Any], Callable], Callable[[], float]]:
    """Compiles once for each static argument, and tells how long that took in all."""
    seconds = 0.0

    def timed(function):
        programs = {}

        def call(*args, static=None):
            nonlocal seconds
            if static not in programs:
                jax.block_until_ready(args)  # what the devices still compute is not compilation
                began = time.monotonic()
                last = () if static is None else (static,)
                programs[static] = function.lower(*args, *last).compile()
                seconds += time.monotonic() - began
            return programs[static](*args)

        return call

    return timed, lambda: seconds


def _feeder(data: HostData, run: Run, mesh: Mesh) -> Callable[[range], Any]:
    """Reads the batches of N steps on a thread, one call ahead: leaves [N, (S,) B, ...].

    Each process reads the rows of its own devices only.
    """
    seeds = [run.seed + i for i in range(run.num_seeds)]
    place = NamedSharding(mesh, P(None, None, AXIS) if len(seeds) > 1 else P(None, AXIS))
    share = data.batch_size // jax.process_count()
    rows = np.arange(share) + share * jax.process_index()
    pool, ahead = ThreadPoolExecutor(1), {}

    def read(steps):
        def one(step):
            batches = [data.fetch(seed, step, rows) for seed in seeds]
            return jax.tree.map(lambda *x: np.stack(x), *batches) if len(seeds) > 1 else batches[0]

        return jax.tree.map(lambda *x: np.stack(x), *[one(step) for step in steps])

    def feed(steps):
        now = ahead.pop(steps.start, None) or pool.submit(read, steps)
        after = range(steps.stop, min(steps.stop + run.steps_per_call, run.steps))
        if after:
            ahead[after.start] = pool.submit(read, after)
        batches = now.result()
        return jax.tree.map(lambda x: jax.make_array_from_process_local_data(place, x), batches)

    return feed
