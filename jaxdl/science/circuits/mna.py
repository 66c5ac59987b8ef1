"""Modified nodal analysis of small circuits: Kirchhoff's current law, unrolled into scalars.

Ho, Ruehli & Brennan 1975 add the currents of voltage sources to the unknown node voltages. Here a
voltage source takes an unknown away instead: it ties two nodes, whose voltages differ by a number
that is known, into one (a supernode). What remains are N equations with conductances on the
diagonal, which are solved by elimination without pivots, all of it in scalars: over a batch of
designs XLA makes loops of multiplications of it, where LAPACK would be called once a design.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.science.circuits.devices import drain_current
from jaxdl.science.circuits.netlist import Element, Netlist, evaluate

Scalar = Any  # an array without axes, or a number
Voltages = Mapping[str, Scalar]  # node -> V; ground, "0", is among them
Stamp = tuple[str, str, Scalar]  # row node, column node, admittance in S


class Plan(NamedTuple):
    """Which voltages are unknown.

    Attributes:
      unknown: N names, each of one node of its supernode.
      place: node -> the number of its unknown; -1 where sources tie it to ground.
      ties: node -> (sign, name of a source), whose voltages add up to its own over the unknown.
      floating: nodes that no resistor, source or channel connects to ground.
    """

    unknown: tuple[str, ...]
    place: Mapping[str, int]
    ties: Mapping[str, tuple[tuple[int, str], ...]]
    floating: tuple[str, ...]


def make_plan(netlist: Netlist) -> Plan:
    """Ties nodes together by voltage sources, and orders the unknowns for elimination.

    Raises:
      BadInput: voltage sources form a loop.
    """
    ties: dict[str, tuple[tuple[int, str], ...]] = {"0": ()}
    root = {"0": "0"}
    for start in ("0", *netlist.nodes):
        if start not in root or start == "0":
            root.setdefault(start, start)
            ties.setdefault(start, ())
            _tie(netlist, start, root, ties)
    unknown = [node for node in netlist.nodes if root[node] == node]
    neighbors = {node: set() for node in unknown}
    for element in netlist.elements:
        ends = {root[node] for node in element.nodes} - {"0"}
        for node in ends if element.name[0] != "v" else ():
            neighbors[node] |= ends - {node}
    unknown.sort(key=lambda node: len(neighbors[node]))  # few neighbors first: little is filled in
    numbers = {node: number for number, node in enumerate(unknown)} | {"0": -1}
    place = {node: numbers[root[node]] for node in ("0", *netlist.nodes)}
    return Plan(tuple(unknown), place, ties, _floating(netlist, root))


def node_voltages(plan: Plan, x: Sequence[Scalar], levels: Mapping[str, Scalar]) -> Voltages:
    """Computes all nodes' voltages.

    Args:
      plan: of the circuit.
      x: N unknowns in V.
      levels: name of a voltage source -> V.
    """
    found = {}
    for node, place in plan.place.items():
        voltage = x[place] if place >= 0 else 0.0
        for sign, source in plan.ties[node]:
            voltage = voltage + sign * levels[source]
        found[node] = voltage
    return found


def source_levels(netlist: Netlist, parameters: Mapping, kind: str, key: str) -> dict[str, Scalar]:
    """Name of a source -> what it supplies, in V or A.

    Args:
      netlist: the circuit.
      parameters: name -> scalar.
      kind: "v" or "i".
      key: "value" or "ac".
    """
    return {
        element.name: evaluate(element.values[key], parameters) if key in element.values else 0.0
        for element in netlist.elements
        if element.name[0] == kind
    }


def element_currents(
    element: Element, netlist: Netlist, parameters: Mapping, voltages: Voltages
) -> tuple[dict[str, Scalar], list[Stamp]]:
    """Computes the DC currents that leave nodes through an element, and their derivatives.

    Args:
      element: a resistor, current source or MOSFET; of others there are none.
      netlist: which has its card.
      parameters: name -> scalar.
      voltages: of all nodes, V.

    Returns:
      Node -> A, and the stamps of the conductances.
    """
    kind, nodes = element.name[0], element.nodes
    if kind == "r":
        a, b = nodes
        g = 1 / evaluate(element.values["value"], parameters)
        current = g * (voltages[a] - voltages[b])
        return {a: current, b: -current} if a != b else {}, two_terminal(a, b, g)
    if kind == "i":
        a, b = nodes
        current = evaluate(element.values["value"], parameters)
        return {a: current, b: -current} if a != b else {}, []
    if kind != "m":
        return {}, []
    width, length, many = (evaluate(element.values[key], parameters) for key in ("w", "l", "m"))
    law = lambda *ends: drain_current(netlist.cards[element.card], width * many, length, ends)  # noqa: E731
    ends = [jnp.asarray(voltages[node], _dtype(voltages)) for node in nodes]
    current, slopes = jax.value_and_grad(law, argnums=(0, 1, 2, 3))(*ends)
    drain, source = nodes[0], nodes[2]
    if drain == source:
        return {}, []
    stamps = [
        (row, column, sign * slope)
        for row, sign in ((drain, 1), (source, -1))
        for column, slope in zip(nodes, slopes, strict=True)
    ]
    return {drain: current, source: -current}, stamps


def two_terminal(a: str, b: str, admittance: Scalar) -> list[Stamp]:
    """The stamps of an admittance between two nodes."""
    return [(a, a, admittance), (b, b, admittance), (a, b, -admittance), (b, a, -admittance)]


def balance(
    netlist: Netlist, parameters: Mapping, voltages: Voltages
) -> tuple[dict[str, Scalar], list[Stamp]]:
    """Adds up the DC currents that leave each node except through voltage sources.

    Returns:
      Node -> A, and all stamps in S.
    """
    total: dict[str, Scalar] = {node: 0.0 for node in voltages}
    stamps: list[Stamp] = []
    for element in netlist.elements:
        currents, added = element_currents(element, netlist, parameters, voltages)
        stamps += added
        for node, current in currents.items():
            total[node] = total[node] + current
    return total, stamps


def assemble(plan: Plan, stamps: Sequence[Stamp]) -> list[list[Scalar]]:
    """Adds up stamps to the matrix [N, N] of the unknowns; where there are none it is the int 0."""
    matrix: list[list[Scalar]] = [[0] * len(plan.unknown) for _ in plan.unknown]
    for row, column, admittance in stamps:
        i, j = plan.place[row], plan.place[column]
        if i >= 0 and j >= 0:
            matrix[i][j] = admittance + matrix[i][j]
    return matrix


def gather(plan: Plan, currents: Mapping[str, Scalar]) -> list[Scalar]:
    """Adds up nodes' currents to those of the N supernodes."""
    total: list[Scalar] = [0.0] * len(plan.unknown)
    for node, current in currents.items():
        if plan.place[node] >= 0:
            total[plan.place[node]] = total[plan.place[node]] + current
    return total


def eliminate(
    matrix: Sequence[Sequence[Scalar]],
    right: Sequence[Scalar],
    *,
    invert: Callable[[Scalar], Scalar] = lambda x: 1 / x,
) -> list[Scalar]:
    """Solves N linear equations by Gauss' elimination, without pivots, unrolled.

    Args:
      matrix: [N][N] scalars; an entry that is the int 0 costs nothing.
      right: [N] scalars.
      invert: of a pivot.

    Returns:
      [N] scalars.
    """
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    inverses = []
    for k, top in enumerate(rows):
        inverses.append(invert(top[k]))
        for row in rows[k + 1 :]:
            if _is_nothing(row[k]):
                continue
            factor = row[k] * inverses[k]
            for j in range(k + 1, size + 1):
                if not _is_nothing(top[j]):
                    row[j] = row[j] - factor * top[j]
    x: list[Scalar] = [0.0] * size
    for k in reversed(range(size)):
        rest = rows[k][size]
        for j in range(k + 1, size):
            if not _is_nothing(rows[k][j]):
                rest = rest - rows[k][j] * x[j]
        x[k] = rest * inverses[k]
    return x


def source_currents(netlist: Netlist, plan: Plan, currents: Mapping) -> dict[str, Scalar]:
    """Computes the currents of voltage sources, from their first node through them to the second.

    What leaves the nodes beyond a source through other elements came through it.

    Args:
      netlist: the circuit.
      plan: its plan.
      currents: node -> what leaves it except through voltage sources, A.

    Returns:
      Name of a voltage source -> A; a source that supplies power has a negative one.
    """
    found: dict[str, Scalar] = {}
    for node, ties in plan.ties.items():
        for sign, source in ties:
            found[source] = found.get(source, 0.0) - sign * currents[node]
    return found


def _tie(netlist: Netlist, start: str, root: dict, ties: dict) -> None:
    """Walks from a node along voltage sources."""
    waiting, used = [start], set()
    while waiting:
        here = waiting.pop()
        for element in netlist.elements:
            if element.name[0] != "v" or here not in element.nodes or element.name in used:
                continue
            used.add(element.name)
            plus, minus = element.nodes
            there = minus if here == plus else plus
            if there in root:
                raise BadInput(f"netlist: voltage sources form a loop, at {element.name}")
            sign = 1 if there == plus else -1
            root[there], ties[there] = root[start], (*ties[here], (sign, element.name))
            waiting.append(there)


def _floating(netlist: Netlist, root: Mapping[str, str]) -> tuple[str, ...]:
    """Nodes from which no direct current could reach ground."""
    reached, grew = {"0"}, True
    while grew:
        grew = False
        for element in netlist.elements:
            ends = {root[node] for node in element.nodes}
            if element.name[0] == "m":
                ends = {root[element.nodes[0]], root[element.nodes[2]]}
            if element.name[0] in "rmv" and ends & reached and not ends <= reached:
                reached, grew = reached | ends, True
    return tuple(node for node in netlist.nodes if root[node] not in reached)


def _is_nothing(x: Scalar) -> bool:
    """Whether an entry is the int 0 of `assemble`."""
    return isinstance(x, int) and x == 0


def _dtype(voltages: Voltages) -> Any:
    """The dtype that all voltages have together; numbers without one follow."""
    return jnp.result_type(*(v for v in voltages.values() if hasattr(v, "dtype")), jnp.float32)
