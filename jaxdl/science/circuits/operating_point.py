"""Operating points: direct voltages at which Kirchhoff's current law holds, and their derivatives.

Newton's method with steps of at most 0.1 V. Where it does not arrive, the conductances that all
nodes have to ground are made large and then small again (gmin stepping), as in SPICE; where this
does not either, the point is flagged. Gradients are those of the implicit function: one more step
of Newton's from a solution that counts as a constant (Griewank & Walther 2008, section 15).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.circuits import mna
from jaxdl.science.circuits.netlist import Netlist

LONGEST_STEP = 0.1  # V
GMIN = 1e-15  # S, of every node to ground
FIRST_GMIN, GMIN_RATIO = 1e-2, 10**-0.5  # of gmin stepping, S and factor
TOLERANCE = {"float64": 1e-9, "float32": 2e-6}  # V, of a step
START = 0.5  # of the greatest source, where all unknown nodes begin


class OperatingPoint(NamedTuple):
    """Where a circuit rests.

    Attributes:
      voltages: node -> scalar in V, ground's too.
      currents: name of a voltage source -> scalar in A, negative where it supplies power.
      valid: bool scalar; Newton's method has arrived, and no node floats. Where it is false, all
        numbers are finite and mean nothing.
      iterations: int32 scalar, Newton's steps.
    """

    voltages: Mapping[str, jax.Array]
    currents: Mapping[str, jax.Array]
    valid: jax.Array
    iterations: jax.Array


class _Walk(NamedTuple):
    """Newton's method under way.

    Attributes:
      x: N scalars in V.
      gmin: scalar in S, of every unknown to ground.
      moved: scalar in V, the largest part of the last step before it was cut.
      steps: int32 scalar.
    """

    x: tuple[jax.Array, ...]
    gmin: jax.Array
    moved: jax.Array
    steps: jax.Array


def operating_point(
    netlist: Netlist,
    parameters: Mapping[str, Any] | None = None,
    *,
    most_steps: int = 100,
    continuation: bool = True,
) -> OperatingPoint:
    """Finds direct voltages and currents; to be mapped by `jax.vmap` over parameters.

    Args:
      netlist: the circuit.
      parameters: name -> scalar, of those that shall differ from the netlist's own. All is computed
        in their dtype; float64 needs JAX's x64 mode.
      most_steps: of Newton's, and as many of gmin stepping where these do not suffice.
      continuation: whether there is gmin stepping.

    Returns:
      An OperatingPoint that is differentiable, forward and backward, once.
    """
    plan = mna.make_plan(netlist)
    parameters = all_parameters(netlist, parameters)
    levels = mna.source_levels(netlist, parameters, "v", "value")
    dtype = jnp.result_type(*parameters.values(), jnp.float32)
    levels = {name: jnp.asarray(level, dtype) for name, level in levels.items()}
    walk = _solve(netlist, plan, parameters, levels, dtype, most_steps, continuation)
    arrived = walk.moved < TOLERANCE[dtype.name]
    x = [jax.lax.stop_gradient(jnp.where(arrived, value, 0.0)) for value in walk.x]
    moves, _ = _newton_step(netlist, plan, parameters, levels, x, GMIN)
    good = arrived & jnp.all(jnp.array([jnp.isfinite(move) for move in moves] + [True]))
    # One more step, whose derivative is that of the solution.
    x = [value - jnp.where(good, move, 0.0) for value, move in zip(x, moves, strict=True)]
    voltages = mna.node_voltages(plan, x, levels)
    leaving, _ = mna.balance(netlist, parameters, voltages)
    currents = mna.source_currents(netlist, plan, leaving)
    array = lambda tree: {name: jnp.asarray(x, dtype) for name, x in tree.items()}  # noqa: E731
    valid = good & (not plan.floating)
    return OperatingPoint(array(voltages), array(currents), valid, walk.steps)


def all_parameters(netlist: Netlist, given: Mapping[str, Any] | None) -> dict[str, jax.Array]:
    """Puts given parameters over the netlist's own, as scalars of one dtype.

    Raises:
      ValueError: the netlist has no parameter of that name.
    """
    given = given or {}
    unknown = sorted(set(given) - set(netlist.parameters))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no parameter of the netlist {netlist.title!r}")
    dtype = jnp.result_type(*given.values(), jnp.float32) if given else jnp.result_type(float)
    return {k: jnp.asarray(v, dtype) for k, v in (dict(netlist.parameters) | given).items()}


def _solve(netlist, plan, parameters, levels, dtype, most_steps, continuation) -> _Walk:
    """Newton's method, then gmin stepping for those that have not arrived; no derivatives."""
    parameters, levels = jax.lax.stop_gradient((parameters, levels))
    size, tolerance = len(plan.unknown), TOLERANCE[dtype.name]
    highest = jnp.max(jnp.abs(jnp.array([*levels.values(), jnp.zeros((), dtype)])))
    start = tuple(START * highest for _ in range(size))

    def is_under_way(walk):
        return ((walk.moved >= tolerance) | (walk.gmin > GMIN)) & (walk.steps < most_steps)

    def step(walk):
        moves, moved = _newton_step(netlist, plan, parameters, levels, walk.x, walk.gmin)
        x = tuple(
            value - jnp.clip(move, -LONGEST_STEP, LONGEST_STEP)
            for value, move in zip(walk.x, moves, strict=True)
        )
        # A conductance is made smaller as soon as a step with it is short.
        near = moved < LONGEST_STEP
        smaller = jnp.where(walk.gmin * GMIN_RATIO < 1e-13, GMIN, walk.gmin * GMIN_RATIO)
        gmin = jnp.where(near & (walk.gmin > GMIN), smaller, walk.gmin)
        return _Walk(x, gmin.astype(dtype), moved, walk.steps + 1)

    far = jnp.asarray(jnp.inf, dtype)
    first = _Walk(start, jnp.asarray(GMIN, dtype), far, jnp.int32(0))
    walk = jax.lax.while_loop(is_under_way, step, first)
    if not continuation:
        return walk
    arrived = ~(walk.moved >= tolerance)
    again = _Walk(start, jnp.asarray(FIRST_GMIN, dtype), far, jnp.int32(0))
    again = jax.tree.map(lambda one, other: jnp.where(arrived, one, other), walk, again)
    spent = walk.steps
    walk = jax.lax.while_loop(is_under_way, step, again)
    return walk._replace(steps=jnp.where(arrived, spent, spent + walk.steps))


def _newton_step(netlist, plan, parameters, levels, x, gmin):
    """The N parts of J^-1 f in V, and the largest of them."""
    voltages = mna.node_voltages(plan, x, levels)
    currents, stamps = mna.balance(netlist, parameters, voltages)
    right = mna.gather(plan, currents)
    right = [value + gmin * unknown for value, unknown in zip(right, x, strict=True)]
    leak = [(node, node, gmin) for node in plan.unknown]
    moves = mna.eliminate(mna.assemble(plan, [*stamps, *leak]), right)
    moved = jnp.asarray(0.0, jnp.result_type(*x, jnp.float32))
    for move in moves:
        moved = jnp.maximum(moved, jnp.abs(move))
    return moves, moved
