"""What a step of system identification costs, by each way to take a derivative and without one."""

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


def identification_step(
    peers: bool, worlds: tuple[str, ...] = ("swingup", "mjx/reacher")
) -> list[dict[str, Any]]:
    """Times a step on one batch of windows; an item is a recorded step that is predicted once.

    So that the items of a method are equally many whatever it simulates beside: what a derivative
    costs is the ratio to "simulation alone".

    Args:
      peers: there is none; MuJoCo in C has no derivatives along trajectories.
      worlds: by equations, and by MJX.
    """
    del peers
    rows = []
    for env in worlds:
        candidates = {}
        for who, (settings, note) in METHODS.items():
            config = configure("identification", PRESETS, "cpu", {"env": env, **settings})
            system = build(config)
            parts = jax.tree.map(
                lambda x, size=config.batch_size: jnp.asarray(x[:size]), system.data().arrays
            )
            items = parts.ctrl.shape[0] * parts.ctrl.shape[1] * parts.ctrl.shape[2]
            step = scored_step(system.learner, jax.random.key(0), parts, items=items, note=note)
            candidates[who] = step
        candidates["simulation alone"] = _simulation(config, parts, items)
        rows += measure(f"identification_step {env}", candidates)
    return rows


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


CASES = {"identification_step": identification_step}
