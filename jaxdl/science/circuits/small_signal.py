"""Small signals about an operating point: frequency responses and thermal noise."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.science.circuits import mna
from jaxdl.science.circuits.netlist import Netlist, evaluate
from jaxdl.science.circuits.operating_point import GMIN, OperatingPoint, all_parameters

FOUR_KT = 4 * 1.380649e-23 * 300.15  # J, at SPICE's nominal temperature


def ac(
    netlist: Netlist,
    point: OperatingPoint,
    frequencies: jax.Array,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, jax.Array]:
    """Computes the phasors of all nodes, driven by the sources' `ac`.

    Args:
      netlist: the circuit.
      point: its operating point.
      frequencies: [F] in Hz.
      parameters: name -> scalar, as in `operating_point`.

    Returns:
      Node -> [F] complex, in V.
    """
    plan = mna.make_plan(netlist)
    parameters = all_parameters(netlist, parameters)
    matrix = _admittances(netlist, plan, point, frequencies, parameters)
    levels = mna.source_levels(netlist, parameters, "v", "ac")
    fixed = mna.node_voltages(plan, [0.0] * len(plan.unknown), levels)
    currents = {node: 0.0 for node in plan.place}
    for row, column, admittance in matrix:
        currents[row] = currents[row] + admittance * fixed[column]
    for name, current in mna.source_levels(netlist, parameters, "i", "ac").items():
        (element,) = (one for one in netlist.elements if one.name == name)
        for node, sign in zip(element.nodes, (1, -1), strict=True):
            currents[node] = currents[node] + sign * current
    right = [-value for value in mna.gather(plan, currents)]
    x = mna.eliminate(mna.assemble(plan, matrix), right, invert=_inverse)
    shape = jnp.zeros(frequencies.shape, jnp.result_type(frequencies, jnp.complex64))
    return {n: shape + v for n, v in mna.node_voltages(plan, x, levels).items()}


def noise(
    netlist: Netlist,
    point: OperatingPoint,
    frequencies: jax.Array,
    output: str,
    parameters: Mapping[str, Any] | None = None,
) -> jax.Array:
    """Computes the thermal noise of resistors and channels at a node.

    One solution of the transposed system tells how far the current of each source goes (the
    adjoint network: Rohrer, Nagel, Meyer & Weber 1971).

    Args:
      netlist: the circuit.
      point: its operating point.
      frequencies: [F] in Hz.
      output: a node.
      parameters: name -> scalar, as in `operating_point`.

    Returns:
      [F] in V^2 / Hz: 4kT/R of resistors, 4kT (2/3) g_m of channels, as level 1 has it.
    """
    plan = mna.make_plan(netlist)
    parameters = all_parameters(netlist, parameters)
    stamps = _admittances(netlist, plan, point, frequencies, parameters)
    turned = [(column, row, admittance) for row, column, admittance in stamps]
    right = mna.gather(plan, {output: 1.0})
    z = mna.eliminate(mna.assemble(plan, turned), right, invert=_inverse)
    reach = mna.node_voltages(plan, z, {source: 0.0 for source in point.currents})
    total = jnp.zeros(frequencies.shape, frequencies.dtype)
    for element in netlist.elements:
        one, other, density = _thermal_source(element, netlist, parameters, point)
        if density is not None:
            gap = reach[one] - reach[other]
            total = total + density * (jnp.real(gap) ** 2 + jnp.imag(gap) ** 2)
    return total


def _thermal_source(element, netlist, parameters, point) -> tuple[str, str, Any]:
    """Two nodes, and the density in A^2 / Hz of the noise current between them; None for none."""
    nodes = element.nodes
    if element.name[0] == "r":
        return *nodes, FOUR_KT / evaluate(element.values["value"], parameters)
    if element.name[0] == "m":
        _, stamps = mna.element_currents(element, netlist, parameters, point.voltages)
        if stamps:
            return nodes[0], nodes[2], FOUR_KT * 2 / 3 * jnp.abs(stamps[1][2])  # drain by gate
    return "0", "0", None


def _admittances(netlist, plan, point, frequencies, parameters) -> list[mna.Stamp]:
    """The stamps of G + j omega C, [F] complex where there are capacitors."""
    _, stamps = mna.balance(netlist, parameters, point.voltages)
    omega = 2 * math.pi * frequencies
    for element in netlist.elements:
        if element.name[0] == "c":
            susceptance = omega * evaluate(element.values["value"], parameters)
            stamps += mna.two_terminal(*element.nodes, jax.lax.complex(0 * omega, susceptance))
    return stamps + [(node, node, GMIN) for node in plan.unknown]


def _inverse(pivot: Any) -> Any:
    """1 / z; for complex z without the branches of a general division."""
    if not jnp.iscomplexobj(pivot):
        return 1 / pivot
    return jnp.conj(pivot) / (jnp.real(pivot) ** 2 + jnp.imag(pivot) ** 2)
