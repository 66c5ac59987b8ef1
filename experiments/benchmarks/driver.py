"""What the driver costs: the same learner under `fit` and in a bare scanned loop."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core import Learner, Run, TrainState, fit

DIM = 64
BATCH = 256
STEPS = 4000  # of one timed run


def least_squares(tx: optax.GradientTransformation) -> Learner:
    """The trivial learner: recovers the identity [D, D] from random inputs."""

    def init(key):
        params = jax.random.normal(key, (DIM, DIM)) / DIM
        return TrainState(params, tx.init(params))

    def step(key, state, batch):
        loss, grads = jax.value_and_grad(lambda w: jnp.mean((batch @ w - batch) ** 2))(state.params)
        updates, opt_state = tx.update(grads, state.opt_state)
        params = optax.apply_updates(state.params, updates)
        return state._replace(params=params, opt_state=opt_state), {"loss": loss}

    return Learner(init, step)


def sample(key: jax.Array, step: jax.Array) -> jax.Array:
    """Returns a batch [B, D]."""
    del step
    return jax.random.normal(key, (BATCH, DIM))


def fit_overhead(peers: bool, repeats: int = 7) -> list[dict]:
    """Seconds of a run under `fit` against the bare loop, at 1, 10 and 100 steps per call.

    Both dispatch the same number of calls; the bare loop waits at the end only. Compilation is left
    out of both. `overhead` is the share of the bare loop's wall time that `fit` adds to it.
    """
    del peers
    learner, rows = least_squares(optax.sgd(0.1)), []
    for per_call in (1, 10, 100):
        bare, driven = _bare(learner, per_call), _driven(learner, per_call)
        seconds = np.array([[run() for run in (bare, driven)] for _ in range(repeats + 1)][1:])
        medians = np.median(seconds, axis=0)  # [2 runs, (wall, CPU)]
        overhead = float(np.median(seconds[:, 1, 0] / seconds[:, 0, 0])) - 1
        for who, (wall, cpu) in zip(("bare scan", "jaxdl"), medians, strict=True):
            row = {
                "case": f"fit_overhead_{per_call}",
                "who": who,
                "items": STEPS,
                "wall_seconds": wall,
                "cpu_seconds": cpu,
                "items_per_second": STEPS / wall,
                "items_per_cpu_second": STEPS / cpu,
            }
            if who == "jaxdl":
                per_dispatch = (medians[1, 0] - medians[0, 0]) / (STEPS / per_call)
                row |= {"overhead": overhead, "overhead_seconds_per_call": per_dispatch}
                row["note"] = f"overhead {overhead:+.1%}, {per_dispatch * 1e6:.0f} us a call"
            rows.append(row)
    return rows


def _bare(learner: Learner, per_call: int):
    """The loop without a driver: a jitted scan, dispatched until the steps are done."""

    def advance(key, state, steps):
        def body(state, step):
            data_key, step_key = jax.random.split(jax.random.fold_in(key, step))
            return learner.step(step_key, state, sample(data_key, step))

        return jax.lax.scan(body, state, steps)

    run = jax.jit(advance, donate_argnums=1)
    key = jax.random.key(0)
    run(key, learner.init(key), np.arange(per_call))

    def clock():
        state = learner.init(key)
        wall, cpu = time.perf_counter(), time.process_time()
        for start in range(0, STEPS, per_call):
            state, metrics = run(key, state, np.arange(start, start + per_call))
        jax.block_until_ready((state, metrics))
        return time.perf_counter() - wall, time.process_time() - cpu

    return clock


def _driven(learner: Learner, per_call: int):
    """The same under `fit`: its own account of the loop's wall time, and the process's CPU time."""
    run = Run(steps=STEPS, steps_per_call=per_call, devices=1)

    def clock():
        cpu = time.process_time()
        result = fit(learner, sample, run)[1]
        return STEPS / result["samples_per_second"], time.process_time() - cpu

    return clock


CASES = {"fit_overhead": fit_overhead}
