"""What observations and actions are, from bounded arrays and integers to pytrees of these."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput


@dataclass(frozen=True)
class Box:
    """Describes arrays of numbers within bounds.

    Two boxes are equal, and have one hash, if their shapes, dtypes and bounds of every entry are.

    Attributes:
      shape: of one observation or action.
      low: least value. It is a float if all entries share it, else nested tuples of `shape`. An
        array that broadcasts to `shape` may be given.
      high: greatest value, likewise.
      dtype: np.dtype of the entries. Bytes within 0 and 255 are pictures.

    Raises:
      BadInput: a bound is NaN or does not fit the shape, or `low` exceeds `high` somewhere.
    """

    shape: tuple[int, ...]
    low: Any = -math.inf
    high: Any = math.inf
    dtype: Any = np.float32

    def __post_init__(self):
        shape = (self.shape,) if isinstance(self.shape, int) else tuple(map(int, self.shape))
        low = _bound("low", self.low, shape)
        high = _bound("high", self.high, shape)
        if not np.all(low <= high):
            raise BadInput(f"Box: low={self.low} exceeds high={self.high}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "low", _as_hashable(low))
        object.__setattr__(self, "high", _as_hashable(high))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    _replace = replace


@dataclass(frozen=True)
class Discrete:
    """Describes the integers 0 .. n - 1, as int32 scalars.

    Raises:
      BadInput: n is not a positive integer.
    """

    n: int

    def __post_init__(self):
        _check_count("Discrete", self.n)
        object.__setattr__(self, "n", int(self.n))


@dataclass(frozen=True)
class MultiDiscrete:
    """Describes int32 vectors [A] whose entry i is one of 0 .. ns[i] - 1.

    Raises:
      BadInput: ns is empty, or one of them is not a positive integer.
    """

    ns: tuple[int, ...]

    def __post_init__(self):
        ns = tuple(self.ns)
        if not ns:
            raise BadInput("MultiDiscrete: ns is empty")
        for n in ns:
            _check_count("MultiDiscrete", n)
        object.__setattr__(self, "ns", tuple(map(int, ns)))


Leaf = Box | Discrete | MultiDiscrete
# To JAX a space is a pytree with these leaves; NamedTuples of spaces are spaces too.
type Space = Leaf | dict[str, Space] | tuple[Space, ...]


def bounds(box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Returns the least and the greatest value of every entry, float32 of the box's shape."""
    low = np.broadcast_to(np.asarray(box.low, np.float32), box.shape)
    high = np.broadcast_to(np.asarray(box.high, np.float32), box.shape)
    return low, high


def abstract(space: Space) -> Any:
    """Returns the shapes and dtypes of one element, a pytree of `jax.ShapeDtypeStruct`."""

    def describe_leaf(leaf: Leaf) -> jax.ShapeDtypeStruct:
        if isinstance(leaf, Box):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        shape = (len(leaf.ns),) if isinstance(leaf, MultiDiscrete) else ()
        return jax.ShapeDtypeStruct(shape, jnp.int32)

    return jax.tree.map(describe_leaf, check_space(space))


def check_space(space: Space) -> Space:
    """Returns the space.

    Raises:
      BadInput: a part of it is neither a space nor a dict or tuple of spaces.
    """
    for leaf in jax.tree.leaves(space, is_leaf=lambda x: x is None):
        if not isinstance(leaf, Leaf):
            raise BadInput(
                f"{leaf!r} is no space; there are Box, Discrete, MultiDiscrete, "
                "and dicts and tuples of spaces"
            )
    return space


def zeros(space: Space) -> Any:
    """Returns zeros with the shapes and dtypes of one element, whatever its bounds."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), abstract(space))


def sample(key: jax.Array, space: Space) -> Any:
    """Draws one element, uniform within its bounds.

    A number that is unbounded on both sides is drawn from a standard normal, one that is unbounded
    on one side lies an exponentially distributed distance from its bound.

    Args:
      key: consumed.
      space: any space.
    """
    leaves, structure = jax.tree.flatten(check_space(space))
    keys = jax.random.split(key, len(leaves))
    return structure.unflatten(map(_sample_leaf, keys, leaves))


def contains(space: Space, value: Any) -> jax.Array:
    """Tells whether a value has the space's structure, shapes and dtypes, and keeps its bounds.

    Args:
      space: any space.
      value: pytree of arrays, which may be traced.

    Returns:
      A bool scalar.
    """
    expected = abstract(space)
    if jax.tree.structure(expected) != jax.tree.structure(value):
        return jnp.bool_(False)
    inside = [jnp.bool_(True)]
    for leaf, spec, x in zip(*map(jax.tree.leaves, (space, expected, value)), strict=True):
        if jnp.shape(x) != spec.shape or jnp.result_type(x) != spec.dtype:
            return jnp.bool_(False)
        low, high = _integer_bounds(leaf) if not isinstance(leaf, Box) else bounds(leaf)
        inside.append(jnp.all((x >= low) & (x <= high)))
    return jnp.all(jnp.array(inside))


def flat_size(space: Space) -> int:
    """Returns D, how many floats `flatten` makes of one element."""

    def size(leaf: Leaf) -> int:
        if isinstance(leaf, Box):
            return math.prod(leaf.shape)
        return sum(leaf.ns) if isinstance(leaf, MultiDiscrete) else leaf.n

    return sum(map(size, jax.tree.leaves(check_space(space))))


def flatten(space: Space, value: Any) -> jax.Array:
    """Writes elements as vectors, with bytes within [0, 1] and integers one-hot.

    Args:
      space: any space. The parts of a dict follow one another by their sorted keys.
      value: elements of the space with any leading axes, leaves [..., *shape].

    Returns:
      [..., D] float32, D = `flat_size(space)`.

    Raises:
      BadInput: structure or shapes are not those of the space.
    """
    expected = abstract(space)
    if jax.tree.structure(expected) != jax.tree.structure(value):
        raise BadInput(f"{_shapes_text(value)} is no element of {space_text(space)}")

    def flatten_leaf(leaf: Leaf, spec: jax.ShapeDtypeStruct, x: jax.Array) -> jax.Array:
        batch = jnp.ndim(x) - len(spec.shape)
        if batch < 0 or jnp.shape(x)[batch:] != spec.shape:
            raise BadInput(f"{_shapes_text(x)} holds no elements of {space_text(leaf)}")
        return _flatten_leaf(leaf, x).reshape(*jnp.shape(x)[:batch], -1)

    parts = jax.tree.leaves(jax.tree.map(flatten_leaf, space, expected, value))
    return jnp.concatenate(parts, -1) if parts else jnp.zeros(0)


def scale_bytes(box: Box, value: jax.Array) -> jax.Array:
    """Maps the numbers of a box of bytes to float32 within [0, 1], by its bounds."""
    low, high = np.clip(bounds(box), 0.0, 255.0)
    width = np.where(high > low, high - low, 1.0)
    return (jnp.asarray(value, jnp.float32) - low) / width


def is_bytes(space: Space) -> bool:
    """Tells whether a space is a box of bytes, such as a picture."""
    return isinstance(space, Box) and space.dtype == np.uint8


def space_text(space: Space) -> str:
    """Writes a space in a few words, such as `float32 [3] within [-8, 8]`."""
    if isinstance(space, Box):
        name = f"{space.dtype.name} {list(space.shape)}"
        if (space.low, space.high) == (-math.inf, math.inf):
            return name
        return f"{name} within [{_bound_text(space.low)}, {_bound_text(space.high)}]"
    if isinstance(space, Discrete):
        return f"0 .. {space.n - 1}"
    if isinstance(space, MultiDiscrete):
        return " x ".join(f"0 .. {n - 1}" for n in space.ns)
    if isinstance(space, dict):
        return "{" + ", ".join(f"{name}: {space_text(space[name])}" for name in space) + "}"
    return "(" + ", ".join(map(space_text, space)) + ")"


def _bound(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """One bound as float64, a scalar or [*shape].

    Raises:
      BadInput: it is no number, is NaN, or does not broadcast to the shape.
    """
    try:
        array = np.asarray(value, np.float64)
        array = array if array.ndim == 0 else np.broadcast_to(array, shape)
    except (TypeError, ValueError):
        raise BadInput(f"Box: {name}={value!r} does not fit the shape {list(shape)}") from None
    if np.isnan(array).any():
        raise BadInput(f"Box: {name}={value!r} is not a number")
    return array


def _as_hashable(bound: np.ndarray) -> Any:
    """A float where all entries are equal, else nested tuples of floats."""
    if bound.size and (bound == bound.flat[0]).all():
        return float(bound.flat[0])
    return _nested_tuples(bound.tolist()) if bound.size else 0.0


def _nested_tuples(values: Any) -> Any:
    return tuple(map(_nested_tuples, values)) if isinstance(values, list) else values


def _bound_text(bound: Any) -> str:
    """A bound that all entries share, or those of every entry, or their range if they are many."""
    values = np.ravel(bound)
    if isinstance(bound, float) or values.size > 6:
        least = f"{values.min():g}"
        most = f"{values.max():g}"
        return least if least == most else f"{least} .. {most}"
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def _check_count(kind: str, n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise BadInput(f"{kind}: {n!r} should be an integer of at least 1")


def _integer_bounds(leaf: Discrete | MultiDiscrete) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest integer of every entry, int32."""
    last = np.asarray(leaf.ns if isinstance(leaf, MultiDiscrete) else leaf.n, np.int32) - 1
    return np.zeros_like(last), last


def _sample_leaf(key: jax.Array, leaf: Leaf) -> jax.Array:
    if not isinstance(leaf, Box):
        low, last = _integer_bounds(leaf)
        return jax.random.randint(key, low.shape, low, last + 1)
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return _sample_integers(key, leaf)
    return _sample_floats(key, leaf)


def _sample_integers(key: jax.Array, box: Box) -> jax.Array:
    """Uniform integers within the bounds, as far as they lie within int32 (or are booleans)."""
    kind = np.iinfo(np.int8 if box.dtype == np.bool_ else box.dtype)
    least, most = (0, 1) if box.dtype == np.bool_ else (kind.min, kind.max)
    edge = np.iinfo(np.int32)
    low = np.clip(np.asarray(box.low), max(least, edge.min), min(most, edge.max - 1))
    high = np.clip(np.asarray(box.high), max(least, edge.min), min(most, edge.max - 1))
    low = np.ceil(low).astype(np.int32)
    last = np.floor(high).astype(np.int32)
    return jax.random.randint(key, box.shape, low, last + 1).astype(box.dtype)


def _sample_floats(key: jax.Array, box: Box) -> jax.Array:
    low, high = bounds(box)
    bounded_below = np.isfinite(low)
    bounded_above = np.isfinite(high)
    from_low = np.where(bounded_below, low, 0.0)
    from_high = np.where(bounded_above, high, 0.0)
    draws: list[Callable[[jax.Array], jax.Array]] = [
        lambda key: jax.random.normal(key, box.shape),
        lambda key: from_low + jax.random.exponential(key, box.shape),
        lambda key: from_high - jax.random.exponential(key, box.shape),
        lambda key: jax.random.uniform(key, box.shape, minval=from_low, maxval=from_high),
    ]
    kinds = bounded_below + 2 * bounded_above
    value = jnp.zeros(box.shape)
    for kind in np.unique(kinds):
        value = jnp.where(kinds == kind, draws[kind](key), value)
    return value.astype(box.dtype)


def _flatten_leaf(leaf: Leaf, value: jax.Array) -> jax.Array:
    """One leaf's elements [..., *shape] as float32, integers one-hot."""
    if isinstance(leaf, Box):
        return scale_bytes(leaf, value) if is_bytes(leaf) else jnp.asarray(value, jnp.float32)
    if isinstance(leaf, Discrete):
        return jax.nn.one_hot(value, leaf.n)
    parts = [jax.nn.one_hot(value[..., i], n) for i, n in enumerate(leaf.ns)]
    return jnp.concatenate(parts, -1)


def _shapes_text(value: Any) -> str:
    leaves = [f"{jnp.result_type(x).name} {list(jnp.shape(x))}" for x in jax.tree.leaves(value)]
    return ", ".join(leaves) or repr(value)
