"""Designs of an amplifier a CPU-second: ours beside ngspice, on the same level-1 cards."""

import resource
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure
from jaxdl.science import circuits
from jaxdl.science.circuits import ngspice

DESIGNS = 512  # of a call
TURNS = 3  # processes of ngspice


def circuits_opamp(peers: bool) -> list[dict[str, Any]]:
    """Times operating point and response of 101 frequencies; and their gradient.

    ngspice gets all designs in one process, by `alterparam` and `reset`, and writes nothing while
    it is timed; the tables that the judge reads would take it twice as long.
    """
    low, high = np.array(list(circuits.SIZES.values())).T
    drawn = np.random.default_rng(0).uniform(low, high, (DESIGNS, len(low)))
    with jax.enable_x64(True):
        sizes = dict(zip(circuits.SIZES, jnp.asarray(drawn.T), strict=True))
        rows = measure("circuits_opamp", _candidates(sizes))
        ours = np.asarray(jax.jit(_responses)(sizes))
    if circuits.find_ngspice():
        rows.append(_ngspice(drawn, ours))
    else:
        print("ngspice is not installed (apt-get install ngspice): timed without it")
    return rows


def _candidates(sizes: dict[str, jax.Array]) -> dict[str, Candidate]:
    def gradients(sizes):
        def loss(sizes):
            points, responses = jax.vmap(circuits.simulate_opamp)(sizes)
            told = jax.vmap(circuits.measure_opamp)(points, responses)
            return jnp.sum(jnp.log(told.gain) - jnp.log(told.current))

        return jax.grad(loss)(sizes)

    single = jax.tree.map(lambda x: np.asarray(x, np.float32), sizes)
    return {
        "jaxdl": Candidate(_responses, (sizes,), DESIGNS, "float64"),
        "jaxdl (float32)": Candidate(_responses, (single,), DESIGNS, "as searches have it"),
        "jaxdl (gradient)": Candidate(gradients, (sizes,), DESIGNS, "float64; of all seven sizes"),
    }


def _responses(sizes: dict[str, jax.Array]) -> jax.Array:
    """The responses [N, 101] complex of N designs."""
    return jax.vmap(circuits.simulate_opamp)(sizes)[1]


def _ngspice(drawn: np.ndarray, ours: np.ndarray) -> dict[str, Any]:
    """A row of ngspice's, with the parity of the responses beside it."""
    designs = [dict(zip(circuits.SIZES, row.tolist(), strict=True)) for row in drawn]
    deck = ngspice.write_deck(circuits.OPAMP_TEXT, designs, told=["v(out)"], output="out")
    silent = "\n".join(line for line in deck.splitlines() if not line.startswith("wrdata"))
    wall, cpu = [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            start, spent = time.perf_counter(), _child_seconds()
            ngspice.run_deck(silent, folder)
        wall.append(time.perf_counter() - start)
        cpu.append(_child_seconds() - spent)
    judged = circuits.judge(
        circuits.OPAMP_TEXT, designs, nodes=["out"], sources=["vdd"], output="out"
    )
    error = np.max(np.abs(ours - judged.response) / np.abs(judged.response))
    seconds, cpu_seconds = float(np.median(wall)), float(np.median(cpu))
    return {
        "case": "circuits_opamp",
        "who": "ngspice",
        "items": DESIGNS,
        "wall_seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "items_per_second": DESIGNS / seconds,
        "items_per_cpu_second": DESIGNS / max(cpu_seconds, 1e-9),
        "parity": float(error),
        "note": f"one process, its own CPU time; responses differ by {error:.1e}",
    }


def _child_seconds() -> float:
    """CPU seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


CASES = {"circuits_opamp": circuits_opamp}
