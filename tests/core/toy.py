"""A small run under the driver that can be told to dawdle, to hang and to fail."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from jaxdl.core.run import Run, option
from jaxdl.launch.flags import launch_tool


@dataclass(frozen=True)
class Config:
    pause: float = option(0.0, "seconds that a batch takes to be read")
    hang: str = option("", "no batch is read while this file is there")
    evaluation: float = option(0.0, "seconds that an evaluation takes")
    full: bool = option(False, "the file system tells of room that it does not have")
    run: Run = Run(steps=100, steps_per_call=5, save_every=10)


PRESETS = {"cpu": Config()}


def main(config):
    import shutil

    import jax
    import numpy as np
    import optax
    from jax.experimental import io_callback

    from experiments.benchmarks.driver import least_squares
    from jaxdl.core import HostData, fit

    def fetch(seed, step, rows):
        time.sleep(config.pause)
        while config.hang and os.path.exists(config.hang):
            time.sleep(0.05)
        generators = [np.random.default_rng((seed, step, row)) for row in rows]
        return np.stack([g.normal(size=64).astype(np.float32) for g in generators])

    def dawdle():
        Path(config.run.workdir, "evaluating").touch()
        time.sleep(config.evaluation)
        return np.float32(1)

    def evaluate(key, state):
        like = jax.ShapeDtypeStruct((), np.float32)
        return {"one": io_callback(dawdle, like)} if config.evaluation else {}

    if config.full:
        shutil.disk_usage = lambda path: shutil._ntuple_diskusage(1 << 40, 0, 1 << 40)
    learner = least_squares(optax.adam(1e-2))._replace(evaluate=evaluate)
    # How it dawdles is no part of what it computes: a run may go on with another pause.
    fit(learner, HostData(fetch, 16), replace(config.run, config={}))


if __name__ == "__main__":
    launch_tool(main, PRESETS)
