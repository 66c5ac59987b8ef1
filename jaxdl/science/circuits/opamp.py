"""A two-stage operational amplifier, its sizes, and what it is asked for.

A differential pair with a current mirror as its load, then a common source; a Miller capacitor
between them (Allen & Holberg 2002, section 6.3). BagNet and AutoCkt size an amplifier of this kind
(Hakhamaneshi et al. 2019; Settaluri et al. 2020); netlist and level-1 cards are ours. At 90 nm the
square law has no velocity saturation: what is found here is a design for this model, not for
silicon.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.circuits.netlist import read_netlist
from jaxdl.science.circuits.operating_point import OperatingPoint, operating_point
from jaxdl.science.circuits.small_signal import ac

OPAMP_TEXT = """two-stage operational amplifier, open loop
* sizes: how many transistors stand side by side, and the Miller capacitor
.param mp1=20 mn1=20 mn3=10 mp3=40 mn4=10 mn5=20 cc=2p
.model nch nmos (level=1 vto=0.35 kp=300u lambda=0.15 gamma=0 phi=0.6 is=0)
.model pch pmos (level=1 vto=-0.35 kp=120u lambda=0.15 gamma=0 phi=0.6 is=0)
vdd vdd 0 1.2
vip inp 0 dc 0.6 ac 0.5
vin inn 0 dc 0.6 ac -0.5
ib vdd bias 30u
m4 bias bias 0 0 nch w=0.5u l=90n m={mn4}
m3 tail bias 0 0 nch w=0.5u l=90n m={mn3}
m1 d1 inp tail 0 nch w=0.5u l=90n m={mn1}
m2 d2 inn tail 0 nch w=0.5u l=90n m={mn1}
m6 d1 d1 vdd vdd pch w=0.5u l=90n m={mp1}
m7 d2 d1 vdd vdd pch w=0.5u l=90n m={mp1}
m8 out d2 vdd vdd pch w=0.5u l=90n m={mp3}
m5 out bias 0 0 nch w=0.5u l=90n m={mn5}
cc out d2 {cc}
cl out 0 10p
.end
"""
OPAMP = read_netlist(OPAMP_TEXT)
SIZES = {  # name -> least and greatest; multiplicities, and F
    "mp1": (1.0, 100.0),
    "mn1": (1.0, 100.0),
    "mn3": (1.0, 100.0),
    "mp3": (1.0, 100.0),
    "mn4": (1.0, 100.0),
    "mn5": (1.0, 100.0),
    "cc": (0.1e-12, 10e-12),
}
FREQUENCIES = 10.0 ** np.linspace(0, 10, 101)  # Hz, ten a decade
LEAST = 1e-9  # below which a size of a signal, V/V, counts as this


class Performance(NamedTuple):
    """What an amplifier does.

    Attributes:
      gain: of the lowest frequency, V/V.
      bandwidth: where the gain is 1, Hz; 0 where it never is.
      phase_margin: degrees that the phase is from turning by 180 there; 0 without such a frequency.
      current: that the supply gives, A.
    """

    gain: jax.Array
    bandwidth: jax.Array
    phase_margin: jax.Array
    current: jax.Array


def simulate_opamp(sizes: Mapping[str, jax.Array]) -> tuple[OperatingPoint, jax.Array]:
    """Simulates one amplifier.

    Args:
      sizes: the SIZES, scalars.

    Returns:
      Its operating point, and the response of the output [101] complex, V for a difference of 1 V
      at the inputs, at FREQUENCIES.
    """
    point = operating_point(OPAMP, sizes)
    frequencies = jnp.asarray(FREQUENCIES, jnp.result_type(*sizes.values()))
    return point, ac(OPAMP, point, frequencies, sizes)["out"]


def measure_opamp(point: OperatingPoint, response: jax.Array) -> Performance:
    """Measures an amplifier by its operating point and response [F]; differentiable."""
    gain, bandwidth, phase_margin = response_measures(response, jnp.asarray(FREQUENCIES))
    return Performance(gain, bandwidth, phase_margin, -point.currents["vdd"])


def response_measures(
    response: jax.Array, frequencies: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Measures gain, unity-gain bandwidth and phase margin.

    Between two frequencies the logarithm of the gain and the phase are straight lines over the
    logarithm of the frequency.

    Args:
      response: [F] complex.
      frequencies: [F] in Hz.

    Returns:
      The gain in V/V at the first frequency; the frequency in Hz where it first falls below 1, and
      the phase margin there in degrees, both 0 where it is never above 1 or always.
    """
    size = jnp.log(jnp.maximum(_modulus(response), LEAST))  # [F]
    steps = response[1:] * jnp.conj(response[:-1])  # whose angles are less than half a turn
    turns = jnp.cumsum(_angle(steps))
    phase = jnp.concatenate(
        [jnp.zeros_like(turns[:1]), turns]
    )  # since the first frequency, radians
    falls = (size[:-1] >= 0) & (size[1:] < 0)
    crosses = jnp.any(falls)
    k = jnp.argmax(falls)
    drop = jnp.where(crosses, size[k] - size[k + 1], 1.0)
    share = jnp.where(crosses, size[k], 0.0) / drop
    logs = jnp.log(frequencies).astype(size.dtype)
    bandwidth = jnp.exp(logs[k] + share * (logs[k + 1] - logs[k]))
    margin = 180 + (phase[k] + share * (phase[k + 1] - phase[k])) * (180 / math.pi)
    nothing = jnp.zeros_like(bandwidth)
    return (
        jnp.exp(size[0]),
        jnp.where(crosses, bandwidth, nothing),
        jnp.where(crosses, margin, nothing),
    )


def _modulus(z: Any) -> Any:
    """|z|, whose gradient at 0 is 0."""
    square = jnp.real(z) ** 2 + jnp.imag(z) ** 2
    return jnp.sqrt(jnp.where(square > 0, square, 1.0)) * (square > 0)


def _angle(z: Any) -> Any:
    """The angle of z in radians, whose gradient at 0 is 0."""
    nothing = (jnp.real(z) == 0) & (jnp.imag(z) == 0)
    return jnp.arctan2(jnp.imag(z), jnp.where(nothing, 1.0, jnp.real(z)))
