"""Currents of MOSFETs: the square law of level 1, and a smooth model for all inversions.

Both are written for an n-channel in which the current flows from drain to source; `drain_current`
turns p-channels and reversed ones into it. Capacitances and junctions are left out: what a circuit
has of them it names.
"""

import jax
import jax.numpy as jnp

from jaxdl.science.circuits.netlist import Card

THERMAL = 0.025864186  # V, kT/q at 300.15 K, SPICE's nominal temperature


def drain_current(
    card: Card, width: jax.Array, length: jax.Array, voltages: tuple[jax.Array, ...]
) -> jax.Array:
    """Computes the current from drain to source.

    Args:
      card: the model.
      width: W in m, of all that stand side by side.
      length: L in m.
      voltages: scalars of drain, gate, source and bulk in V.

    Returns:
      A scalar in A.
    """
    drain, gate, source, bulk = (card.polarity * voltage for voltage in voltages)
    forward = drain >= source
    low, high = jnp.where(forward, source, drain), jnp.where(forward, drain, source)
    law = square_law if card.level == 1 else smooth_law
    current = law(card, width / length, gate - low, high - low, bulk - low)
    return card.polarity * jnp.where(forward, current, -current)


def square_law(
    card: Card, aspect: jax.Array, v_gs: jax.Array, v_ds: jax.Array, v_bs: jax.Array
) -> jax.Array:
    """Computes level 1 for v_ds >= 0 (Shichman & Hodges 1968; ngspice's manual, section 7.3).

    Args:
      card: vto V, kp A/V^2, lambda 1/V, gamma V^(1/2), phi V.
      aspect: W / L.
      v_gs: gate to source, V.
      v_ds: drain to source, V.
      v_bs: bulk to source, V.

    Returns:
      A scalar in A: kp W / L (v_ov - v / 2) v (1 + lambda v_ds) with v = min(v_ds, v_ov), which is
      the triode region, saturation, and 0 below the threshold.
    """
    p = card.parameters
    threshold = card.polarity * p["vto"]
    if p["gamma"]:
        threshold = threshold + p["gamma"] * (_barrier(p["phi"], v_bs) - p["phi"] ** 0.5)
    overdrive = jnp.maximum(v_gs - threshold, 0.0)
    v = jnp.minimum(v_ds, overdrive)
    return p["kp"] * aspect * (overdrive - v / 2) * v * (1 + p["lambda"] * v_ds)


def smooth_law(
    card: Card, aspect: jax.Array, v_gs: jax.Array, v_ds: jax.Array, v_bs: jax.Array
) -> jax.Array:
    """Computes one expression for weak to strong inversion (Enz, Krummenacher & Vittoz 1995).

    The forward and the reverse current are 2 n beta V_T^2 ln^2(1 + exp((v_p - v) / 2 V_T)) with
    the pinch-off voltage v_p = (v_gb - vto) / n, eq. 30 and following; without the paper's
    mobility, and with level 1's lambda.

    Args:
      card: as in `square_law`, and slope, n.
      aspect: W / L.
      v_gs: gate to source, V.
      v_ds: drain to source, V.
      v_bs: bulk to source, V.

    Returns:
      A scalar in A; its derivatives of all orders are continuous in v_gs.
    """
    p = card.parameters
    pinch_off = (v_gs - v_bs - card.polarity * p["vto"]) / p["slope"]
    inversion = lambda v: jax.nn.softplus((pinch_off - v) / (2 * THERMAL)) ** 2  # noqa: E731
    scale = 2 * p["slope"] * p["kp"] * THERMAL**2 * aspect
    return scale * (inversion(-v_bs) - inversion(v_ds - v_bs)) * (1 + p["lambda"] * v_ds)


def _barrier(phi: float, v_bs: jax.Array) -> jax.Array:
    """The root of phi - v_bs; a straight line from v_bs = 0 on, as SPICE has it."""
    reverse = jnp.sqrt(phi - jnp.minimum(v_bs, 0.0))
    forward = jnp.maximum(phi**0.5 - jnp.maximum(v_bs, 0.0) / (2 * phi**0.5), 0.0)
    return jnp.where(v_bs <= 0, reverse, forward)
