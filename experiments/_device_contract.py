"""What every learner must keep, checked on the device at hand: `python -m
experiments._device_contract ppo`. It needs no packages of the tests; its last line is JSON."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from experiments._systems import SystemFile, find

STEPS = 4


def main(name: str) -> dict[str, bool]:
    """Checks the smoke preset of a system; returns and prints what holds."""
    from jaxdl.core import mesh

    mesh.prepare_jax()
    file = find(name)
    report = {**check_step(file), **check_resumption(file)}
    print(json.dumps(report))
    return report


def smoke(file: SystemFile, **settings: Any) -> Any:
    """Returns the Config of the smoke preset, cut to a few steps."""
    from jaxdl.launch.settings import configure

    few = {"steps": STEPS, "horizon": STEPS, "steps_per_call": STEPS // 2, "devices": 1}
    return configure(file.name, file.module.PRESETS, "smoke", few | settings)


def check_step(file: SystemFile) -> dict[str, bool]:
    """Checks that a step compiles once, keeps the state's structure, and has finite metrics."""
    import jax
    import jax.numpy as jnp

    from jaxdl.core.learner import HostData

    system = file.module.build(smoke(file))
    learner = system.learner
    data = system.data()
    if isinstance(data, HostData):
        return {}  # its batches are placed by the driver: see `check_resumption`
    state = jax.jit(learner.init)(jax.random.key(0))
    before = jax.tree.map(lambda x: (x.shape, x.dtype), state)
    draw = _sampler(data)
    step = jax.jit(lambda key, state, i: learner.step(key, state, draw(key, i)))
    metrics = {}
    for i in range(2):
        state, metrics = step(jax.random.key(i), state, jnp.int32(i))
    leaves = jax.tree.leaves(metrics)
    return {
        "structure": before == jax.tree.map(lambda x: (x.shape, x.dtype), state),
        "compiled once": step._cache_size() == 1,
        "finite metrics": all(bool(jnp.isfinite(x).all()) for x in leaves),
    }


def _sampler(data: Any) -> Any:
    """Returns key, step -> batch on the device."""
    import jax

    from jaxdl.core.learner import DeviceData

    if isinstance(data, DeviceData):
        rows = jax.tree.map(lambda x: jax.numpy.asarray(x[: data.batch_size]), data.arrays)
        return lambda key, step: rows
    return data if callable(data) else lambda key, step: ()


def check_resumption(file: SystemFile) -> dict[str, bool]:
    """Checks that a run repeats itself, and ends with the same bits when it is cut."""
    from jaxdl.launch import train

    def fingerprint(workdir: Path, steps: int) -> str:
        config = smoke(file, workdir=str(workdir), steps=steps)
        return train(file.module.build, config)[1]["fingerprint"]

    with tempfile.TemporaryDirectory(prefix="jaxdl-contract-") as name:
        folder = Path(name)
        straight = fingerprint(folder / "straight", STEPS)
        again = fingerprint(folder / "again", STEPS)
        fingerprint(folder / "cut", STEPS // 2)
        cut = fingerprint(folder / "cut", STEPS)
    return {"repeats bit for bit": straight == again, "resumes bit for bit": straight == cut}


if __name__ == "__main__":
    main(sys.argv[1])
