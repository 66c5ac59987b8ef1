"""Arrays that a function closes over, on every device from the first call on.

JAX hands such arrays to a program as hidden arguments. Those that lie on one device would be copied
to all others at every call.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer
from jax.extend import core
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

Place = Callable[[Any], Any]
# In jax 0.12 a second name of Jaxpr, which the module does not mark as exported.
ClosedJaxpr = core.ClosedJaxpr  # pyright: ignore[reportPrivateImportUsage]


def replicate_constants(function: Callable, mesh: Mesh) -> Callable:
    """Returns the same function, with a copy of what it closes over on every device of the mesh.

    Args:
      function: a pure function of pytrees.
      mesh: the devices.
    """
    place = _make_place(NamedSharding(mesh, P()))

    def placed(*args):
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
        outputs = core.jaxpr_as_fun(_place_closed(closed, place))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)

    return placed


def _make_place(everywhere: NamedSharding) -> Place:
    """Copies each array once, however often it is used."""
    copies: dict[int, tuple[Any, Any]] = {}  # with the original, so that its id stays its own

    def place(value):
        is_local = isinstance(value, jax.Array) and not isinstance(value, Tracer)
        if not is_local or value.ndim == 0 or not value.is_fully_addressable:
            return value
        if id(value) not in copies:
            with jax.ensure_compile_time_eval():
                copies[id(value)] = value, jax.device_put(value, everywhere)
        return copies[id(value)][1]

    return place


def _place_closed(closed: ClosedJaxpr, place: Place) -> ClosedJaxpr:
    consts = [place(value) for value in closed.consts]
    return ClosedJaxpr(_place_jaxpr(closed.jaxpr, place), consts)


def _place_jaxpr(jaxpr: core.Jaxpr, place: Place) -> core.Jaxpr:
    """The same program with its array literals placed, inner programs included."""

    def place_atom(atom):
        if isinstance(atom, core.Literal):
            return core.Literal(place(atom.val), atom.aval)
        return atom

    def place_parameter(value):
        if isinstance(value, ClosedJaxpr):
            return _place_closed(value, place)
        if isinstance(value, core.Jaxpr):
            return _place_jaxpr(value, place)
        if type(value) in (tuple, list):
            return type(value)(place_parameter(part) for part in value)
        return value

    equations = [
        equation.replace(
            invars=[place_atom(atom) for atom in equation.invars],
            params={name: place_parameter(value) for name, value in equation.params.items()},
        )
        for equation in jaxpr.eqns
    ]
    outputs = [place_atom(atom) for atom in jaxpr.outvars]
    return jaxpr.replace(eqns=equations, outvars=outputs)
