"""What a judge says of amplifiers: ngspice where it is installed, else our simulator in float64."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.circuits import ngspice, opamp
from jaxdl.science.circuits.task import Requirement, merits


class Verdicts(NamedTuple):
    """What a judge found of M amplifiers.

    Attributes:
      judge: its name.
      values: [M, S] in the requirements' units.
      feasible: [M] bool; all requirements hold.
      response: [M, F] complex, V, at opamp.FREQUENCIES.
    """

    judge: str
    values: np.ndarray
    feasible: np.ndarray
    response: np.ndarray


def judge_opamps(sizes: np.ndarray, requirements: Sequence[Requirement]) -> Verdicts:
    """Judges amplifiers [M, 7] by their sizes, in the order of opamp.SIZES.

    Gain, bandwidth and margin are measured alike of both simulators' responses.
    """
    with jax.enable_x64(True):
        sizes = np.asarray(sizes, np.float64)
        if ngspice.find_ngspice():
            name = "ngspice"
            designs = [dict(zip(opamp.SIZES, row.tolist(), strict=True)) for row in sizes]
            judged = ngspice.judge(
                opamp.OPAMP_TEXT, designs, nodes=["out"], sources=["vdd"], output="out"
            )
            response, current = judged.response, -judged.currents["vdd"]
        else:
            name = "our level-1 simulator in float64"
            point, response = jax.jit(jax.vmap(opamp.simulate_opamp))(
                dict(zip(opamp.SIZES, jnp.asarray(sizes.T), strict=True))
            )
            current = -point.currents["vdd"]
        measure = jax.vmap(lambda h: opamp.response_measures(h, jnp.asarray(opamp.FREQUENCIES)))
        gain, bandwidth, margin = jax.jit(measure)(jnp.asarray(response))
        told = opamp.Performance(gain, bandwidth, margin, jnp.asarray(current))._asdict()
        values = jnp.stack([told[one.name] for one in requirements], axis=-1)
        feasible = jnp.all(merits(tuple(requirements), values) >= 0, axis=-1)
        return Verdicts(name, np.array(values), np.array(feasible), np.array(response))
