"""The one training loop: it compiles, places, dispatches, logs, evaluates, saves and stops."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core import report
from jaxdl.core.checkpoint import fingerprint
from jaxdl.core.learner import HostData, Learner, over_seeds
from jaxdl.core.mesh import AXIS, layout, make_mesh, split
from jaxdl.core.run import BadInput, NonFinite, Run
from jaxdl.core.workdir import Workdir, open_workdir


class Program(NamedTuple):
    """A learner, compiled for a mesh.

    Attributes:
      init: () -> state.
      advance: state, steps [N] -> state, (metrics [N] or [N, S], params are finite).
      evaluate: state, step -> metrics [] or [S].
      like: the state's shapes, dtypes and shardings.
      spent: seconds used for compiling so far.
    """

    init: Callable[[], Any]
    advance: Callable[[Any, np.ndarray], tuple[Any, Any]]
    evaluate: Callable[[Any, int], Any]
    like: Any
    spent: Callable[[], float]


class Call(NamedTuple):
    """The steps of one dispatch, and what the device will have to say about them."""

    steps: np.ndarray
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
      SystemExit: 130 or 143 after SIGINT or SIGTERM; the state has been saved.
    """
    run, began = run or Run(), time.monotonic()
    mesh = make_mesh(run.devices)
    _check_batch(data, mesh.size)
    with jax.set_mesh(mesh), open_workdir(run) as workdir, _stop_signals() as stop:
        program = _compile(learner, data, run, mesh)
        restored = workdir.restore(program.like)
        first, state = restored or (0, program.init())
        workdir.begin(first)
        state, step, metrics, seconds = _train(program, state, first, run, workdir, stop)
        if step < run.steps:
            workdir.interrupted(step)
            raise SystemExit(128 + stop[0])
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
    return state, result


def _train(program: Program, state: Any, first: int, run: Run, workdir: Workdir, stop: list):
    """Runs from step `first` to the end, or to the first call boundary after a signal."""
    step, pending, metrics = first, None, {}
    clock, compiled = time.monotonic(), program.spent()
    while step < run.steps and not stop:
        steps = np.arange(step, min(step + run.steps_per_call, run.steps), dtype=np.int32)
        with workdir.profile(call=(step - first) // run.steps_per_call):
            state, outcome = program.advance(state, steps)
        before, step = step, step + len(steps)
        metrics = _tell(pending, workdir) or metrics  # one call behind: the device never waits
        pending = Call(steps, outcome)
        if step == run.steps or _passed(run.eval_every, before, step):
            pending = pending._replace(evaluation=program.evaluate(state, step))
        if _passed(run.save_every, before, step):
            metrics, pending = _tell(pending, workdir), None  # raises before a bad state is saved
            workdir.save(step, state)
    metrics = _tell(pending, workdir) or metrics
    workdir.save(step, state)
    if first >= run.steps:  # the run was over before it was started again
        metrics = {f"eval/{k}": v for k, v in jax.device_get(program.evaluate(state, step)).items()}
    jax.block_until_ready(state)
    return state, step, metrics, time.monotonic() - clock - (program.spent() - compiled)


def _passed(every: int, before: int, after: int) -> bool:
    """Whether a multiple of `every` lies in (before, after]."""
    return every > 0 and before // every < after // every


def _tell(call: Call | None, workdir: Workdir) -> dict[str, np.ndarray]:
    """Fetches a call's metrics, checks and logs them; means over its steps."""
    if call is None:
        return {}
    (stacked, params_finite), evaluation = jax.device_get((call.outcome, call.evaluation))
    for name, values in stacked.items():
        bad = ~np.isfinite(values).reshape(len(call.steps), -1).all(axis=1)
        if bad.any():
            raise NonFinite(f"{name} is not finite at step {call.steps[bad.argmax()] + 1}")
    if not params_finite:
        raise NonFinite(f"a parameter is not finite at step {call.steps[-1] + 1}")
    metrics = {name: values.mean(axis=0) for name, values in stacked.items()}
    metrics |= {f"eval/{name}": value for name, value in (evaluation or {}).items()}
    workdir.log(int(call.steps[-1]) + 1, metrics)
    return metrics


def _compile(learner: Learner, data: Any, run: Run, mesh: Mesh) -> Program:
    """Wraps the learner's functions for the mesh; each is compiled at its first use."""
    several = run.num_seeds > 1
    axis = 1 if several else 0  # of the envs, or of the rows of a batch
    if several:
        learner = over_seeds(learner, run.num_seeds)
    init_key, run_key, eval_key = jax.random.split(jax.random.key(run.seed), 3)
    like = jax.eval_shape(learner.init, init_key)
    places = layout(mesh, like, axis=axis)
    like = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), like, places
    )
    copied = NamedSharding(mesh, P())

    def draw(key):
        if not callable(data):
            return ()
        keys = jax.random.split(key, run.num_seeds)
        return split(jax.vmap(data)(keys) if several else data(key), axis=axis)

    def advance(key, state, steps, batches):
        def body(state, xs):
            step, batch = xs
            data_key, step_key = jax.random.split(jax.random.fold_in(key, step))
            return learner.step(step_key, state, draw(data_key) if batches is None else batch)

        state, metrics = jax.lax.scan(body, state, (steps, batches))
        return state, (metrics, _finite((state.params, state.opt_state)))

    def evaluate(key, state, step):
        return learner.evaluate(jax.random.fold_in(key, step), state)

    timed, spent = _ahead_of_time()
    run_init = timed(jax.jit(learner.init, out_shardings=places))
    run_call = timed(jax.jit(advance, donate_argnums=1, out_shardings=(places, copied)))
    run_evaluation = timed(jax.jit(evaluate, out_shardings=copied))
    feed = _feeder(data, run, mesh) if isinstance(data, HostData) else lambda steps: None
    return Program(
        init=lambda: run_init(init_key),
        advance=lambda state, n: run_call(run_key, state, n, feed(n), length=len(n)),
        evaluate=lambda state, step: run_evaluation(eval_key, state, np.int32(step)),
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


def _finite(tree: Any) -> jax.Array:
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return (
        jnp.all(jnp.stack([jnp.isfinite(x).all() for x in floats])) if floats else jnp.bool_(True)
    )


def _ahead_of_time() -> tuple[Callable[[Any], Callable], Callable[[], float]]:
    """Compiles once for each number of steps, and tells how long that took in all."""
    seconds = 0.0

    def timed(function):
        programs = {}

        def call(*args, length=1):
            nonlocal seconds
            if length not in programs:
                began = time.monotonic()
                programs[length] = function.lower(*args).compile()
                seconds += time.monotonic() - began
            return programs[length](*args)

        return call

    return timed, lambda: seconds


def _feeder(data: HostData, run: Run, mesh: Mesh) -> Callable[[np.ndarray], Any]:
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
            batches = [data.fetch(seed, int(step), rows) for seed in seeds]
            return jax.tree.map(lambda *x: np.stack(x), *batches) if len(seeds) > 1 else batches[0]

        return jax.tree.map(lambda *x: np.stack(x), *[one(step) for step in steps])

    def feed(steps):
        now = ahead.pop(int(steps[0]), None) or pool.submit(read, steps)
        after = np.arange(steps[-1] + 1, min(steps[-1] + 1 + run.steps_per_call, run.steps))
        if len(after):
            ahead[int(after[0])] = pool.submit(read, after)
        batches = now.result()
        return jax.tree.map(lambda x: jax.make_array_from_process_local_data(place, x), batches)

    return feed


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects the first SIGTERM or SIGINT for the loop to see; a second one ends at once."""
    seen: list[int] = []

    def handle(number, frame):
        if seen:
            signal.default_int_handler(number, frame)
        seen.append(number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    try:
        before = {number: signal.signal(number, handle) for number in numbers}
    except ValueError:  # not the main thread: signals are somebody else's
        yield seen
        return
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
