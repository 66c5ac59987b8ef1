"""What a step of system identification costs, by each way to take a derivative and without one."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import Candidate, measure, scored_step
from experiments.sim2real import _machines
from experiments.sim2real.identification import PRESETS, build
from jaxdl.launch import configure
from jaxdl.sim2real.machines import all_factors
from jaxdl.sim2real.prediction import residuals

METHODS = {  # who -> settings, and what to know beside the figure
    "jaxdl": ({}, "gradient forward, a direction a constant"),
    "jaxdl (reverse)": ({"derivative": "reverse"}, "the same gradient backward"),
    "jaxdl (Gauss-Newton)": ({"method": "gauss_newton"}, "Jacobian forward, and a trial"),
    "jaxdl (CMA-ES)": ({"method": "cma_es"}, "a generation of 8 points"),
}


def identification_step(peers: bool) -> list[dict[str, Any]]:
    """Times a step of every method on the cartpole's equations."""
    del peers  # there is none: MuJoCo in C has no derivatives along trajectories
    return measure("identification_step", candidates("swingup", METHODS))


def identification_step_mjx(peers: bool) -> list[dict[str, Any]]:
    """Times a gradient through MJX both ways, on the reacher."""
    del peers
    methods = {who: METHODS[who] for who in ("jaxdl", "jaxdl (reverse)")}
    return measure("identification_step_mjx", candidates("mjx/reacher", methods))


def candidates(env: str, methods: Mapping[str, tuple[dict, str]]) -> dict[str, Candidate]:
    """Makes candidates of a step on one batch of windows, and of its simulation alone.

    An item is a recorded step that is predicted once, whatever a method simulates beside it: what a
    derivative costs is the ratio to "simulation alone".

    Args:
      env: the world.
      methods: who -> settings of the launch file, note.
    """
    found = {}
    for who, (settings, note) in methods.items():
        config = configure("identification", PRESETS, "cpu", {"env": env, **settings})
        system = build(config)
        arrays = system.data().arrays
        parts = type(arrays)(*(jnp.asarray(x[: config.batch_size]) for x in arrays))
        items = math.prod(parts.ctrl.shape[:3])
        found[who] = scored_step(system.learner, jax.random.key(0), parts, items=items, note=note)
    return found | {"simulation alone": _simulation(config, parts, items)}


def _simulation(config: Any, parts: Any, items: int) -> Candidate:
    """The loss of the same windows without a derivative."""
    task = _machines.open_task(config.recording, config.fit, config.window)

    def loss(x, parts):
        by_machine = jax.vmap(
            lambda x, part: residuals(task.machine, all_factors(task.machine, task.names, x), part),
            in_axes=(0, 1),
        )
        return jnp.mean(by_machine(x, parts) ** 2)

    return Candidate(loss, (jnp.asarray(task.start, jnp.float32), parts), items, "loss alone")


CASES = {
    "identification_step": identification_step,
    "identification_step_mjx": identification_step_mjx,
}
