"""What programs are worth: one scan from right to left, at many complex points at once.

Prefix order read backwards is the order of a stack machine: each token finds the values of its
arguments made. Where they lie is known beforehand (`lay_out`), so that every token writes to a slot
of its own and the stack needs no pointer. A step computes one square root, one logarithm and one
exponential, of which each of the 20 operators takes its part; this is what a batch of different
programs costs, since all of its rows take all branches.

Functions have their principal values. On a branch cut itself, such as that of log at -2, they are
those of its upper side; asin, atan, asinh and atanh are odd there too: asin(-2) = -asin(2). A
point so near a cut, or its end, that rounding decides is no value: it counts as a domain error.
Numbers are complex128,
which `jax.enable_x64` allows within. A device without it (TPU) is named to the caller: with
`dtype=jnp.complex64` all is computed in single precision, and `TOLERANCES` are wider.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.language.symbolic.expressions import (
    CODES,
    FRACTION,
    PAD,
    VARIABLES,
    lay_out,
    numbers,
)

LARGEST = {"complex128": 1e15, "complex64": 1e6}  # what exceeds it is an overflow
NEAR_CUT = {"complex128": 1e-12, "complex64": 1e-5}  # imaginary over real part
CONSTANT_VALUES = (np.e, np.pi, 1j)


class Values(NamedTuple):
    """What a program is worth at N points.

    Attributes:
      value: [N] complex.
      scale: [N] float, the largest absolute value that came up on the way, which tells what
        rounding may amount to; NaN or infinite after a domain error.
      is_defined: [N] bool: no domain error (a pole, log 0), and no overflow.
    """

    value: jax.Array
    scale: jax.Array
    is_defined: jax.Array


class Duals(NamedTuple):
    """What a program and its derivative are worth at N points.

    Attributes:
      values: of the program; `is_defined` and `scale` are those of both.
      slope: [N] complex, the derivative.
    """

    values: Values
    slope: jax.Array


class Jet(NamedTuple):
    """What a program and its first two derivatives by x are worth at N points.

    Attributes:
      values: of the program; `is_defined` and `scale` are those of all three.
      derivatives: value, first and second derivative, [N] complex each.
    """

    values: Values
    derivatives: tuple[jax.Array, jax.Array, jax.Array]


class Memory(NamedTuple):
    """The scan under way.

    Attributes:
      slots: [L + 1, N] complex, values of the expressions that begin at each place.
      top: [N] complex, the value that was computed last: the first argument of what comes next.
      scale: [N] float, the largest absolute value so far.
    """

    slots: jax.Array
    top: jax.Array
    scale: jax.Array


def evaluate(
    program: jax.Array,
    points: jax.Array,
    *,
    steps: jax.Array | None = None,
    dtype: Any = jnp.complex128,
) -> Values:
    """Computes a program at N points.

    Args:
      program: [L] int32.
      points: [V, N] complex, the variables in the order of `VARIABLES`; the last ones may be left
        out, and are 0.
      steps: int scalar, how many tokens are read, at least those that are no padding; None for L.
        One bound for a batch, outside of its `vmap`, saves it the padding that all have.
      dtype: complex128, or complex64 where a device has no other.
    """
    second = lay_out(program).second
    with jax.enable_x64(jnp.dtype(dtype) == jnp.complex128):
        value, scale = _run(program, second, points.astype(dtype), steps)
        return Values(value, scale, scale < LARGEST[jnp.dtype(dtype).name])


def evaluate_dual(
    program: jax.Array,
    points: jax.Array,
    *,
    steps: jax.Array | None = None,
    dtype: Any = jnp.complex128,
) -> Duals:
    """Computes a program and its derivative by x at N points, by dual numbers.

    Each slot of the machine holds a value and its derivative (Wengert 1964), which here is
    `jax.jvp` of the scan.

    Args:
      program: [L] int32.
      points: [V, N] complex, as in `evaluate`; the other variables do not depend on x.
      steps: as in `evaluate`.
      dtype: as in `evaluate`.
    """
    second = lay_out(program).second
    with jax.enable_x64(jnp.dtype(dtype) == jnp.complex128):
        points = points.astype(dtype)
        along_x = jnp.zeros_like(points).at[0].set(1)
        value, slope, scale = jax.jvp(
            lambda at: _run(program, second, at, steps), (points,), (along_x,), has_aux=True
        )
        scale = jnp.maximum(scale, jnp.abs(slope))
        is_defined = scale < LARGEST[jnp.dtype(dtype).name]
        return Duals(Values(value, scale, is_defined), slope)


def evaluate_jet(program: jax.Array, points: jax.Array, *, dtype: Any = jnp.complex128) -> Jet:
    """Computes a program and two derivatives by x at N points: dual numbers of dual numbers.

    Args:
      program: [L] int32.
      points: [V, N] complex, as in `evaluate`.
      dtype: as in `evaluate`.
    """
    second = lay_out(program).second
    with jax.enable_x64(jnp.dtype(dtype) == jnp.complex128):
        points = points.astype(dtype)
        along_x = jnp.zeros_like(points).at[0].set(1)

        def first(at: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            run = lambda at: _run(program, second, at, None)  # noqa: E731
            value, slope, scale = jax.jvp(run, (at,), (along_x,), has_aux=True)
            return slope, (value, scale)

        slope, curvature, (value, scale) = jax.jvp(first, (points,), (along_x,), has_aux=True)
        derivatives = (value, slope, curvature)
        for size in map(jnp.abs, derivatives):
            scale = jnp.maximum(scale, size)
        is_defined = scale < LARGEST[jnp.dtype(dtype).name]
        return Jet(Values(value, scale, is_defined), derivatives)


def at_x(x: jax.Array) -> jax.Array:
    """Returns points [1, N] at which x has the values [N]."""
    return x[None]


def _run(
    program: jax.Array, second: jax.Array, points: jax.Array, steps: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Returns the values [N] of a program, and the largest absolute values on the way."""
    program = jnp.asarray(program, jnp.int32)
    length, count = len(program), points.shape[1]
    constants = jnp.asarray(CONSTANT_VALUES, points.dtype)[:, None]
    missing = jnp.zeros((len(VARIABLES) - len(points), count), points.dtype)
    leaves = [points, missing, jnp.broadcast_to(constants, (len(constants), count))]
    leaves = jnp.concatenate(leaves)  # [V + 3, N]
    real = points.real.dtype
    over, under = numbers(program)
    literals = over.astype(real) / jnp.maximum(under, 1).astype(real)
    steps = jnp.int32(length) if steps is None else jnp.int32(steps)

    def step(count: jax.Array, memory: Memory) -> Memory:
        place = steps - 1 - count
        token = program[place]
        named = leaves[jnp.clip(token - 1, 0, len(leaves) - 1)]
        leaf = jnp.where(token >= FRACTION, literals[place].astype(points.dtype), named)
        is_leaf = (token >= FRACTION) | (token <= len(leaves))
        made, is_certain = operate(token, memory.top, memory.slots[second[place]])
        value = jnp.where(is_leaf, leaf, made)
        value = jnp.where(token == PAD, 0, value)
        slots = jax.lax.dynamic_update_index_in_dim(memory.slots, value, place, 0)
        size = jnp.abs(value.real) + jnp.abs(value.imag)
        # Large numbers are exact; pi is not, nor what functions do with small ones.
        size = jnp.where(is_leaf, jnp.minimum(size, 4), jnp.where(is_certain, size, jnp.inf))
        return Memory(slots, value, jnp.maximum(memory.scale, jax.lax.stop_gradient(size)))

    nothing = jnp.zeros(count, points.dtype)
    begun = Memory(jnp.zeros((length + 1, count), points.dtype), nothing, jnp.zeros(count, real))
    ended = jax.lax.fori_loop(0, steps, step, begun)
    return ended.top, ended.scale


def operate(token: jax.Array, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Applies one operator, which may differ from row to row of a batch, at N points.

    Args:
      token: int scalar.
      a: [N] complex, the first argument.
      b: [N] complex, the second one.

    Returns:
      The values [N], and [N] bool: False where rounding has decided on the side of a cut.
    """

    def among(*names: str) -> jax.Array:
        return jnp.any(token == jnp.asarray([CODES[name] for name in names]))

    def pick(default: Any, *cases: tuple[tuple[str, ...], jax.Array]) -> jax.Array:
        chosen = jnp.full_like(a, default)
        for names, value in cases:
            chosen = jnp.where(among(*names), value, chosen)
        return chosen

    i = jnp.asarray(1j, a.dtype)
    # These are odd, on their cuts too; of z and -z asin and asinh lose no digits of one below.
    is_left = (a.real < 0) | ((a.real == 0) & (a.imag < 0))
    is_over = (a.imag > 0) | ((a.imag == 0) & (a.real < 0) & ~among("acos"))
    flips = (among("asin", "acos", "atanh") & is_over) | (among("asinh", "atan") & is_left)
    z = jnp.where(flips, -a, a)
    squared = pick(
        1, (("sqrt",), a), (("asin", "acos", "atanh"), (1 - z) * (1 + z)),
        (("asinh", "atan"), 1 + z * z), (("acosh",), (a - 1) * (a + 1)),
    )  # fmt: skip
    root = _root(squared)
    is_above = among("asin", "acos") & (z.imag == 0) & (z.real > 0)
    root = jnp.where(is_above, jnp.conj(root), root)  # of (1 - z) (1 + z) as z comes from above
    along = root.real * a.real + root.imag * a.imag
    outward = jnp.where(along < 0, -root, root)  # sqrt(z - 1) sqrt(z + 1), which is z for large z
    turned = i * z
    ratio = jnp.where(among("atan"), turned, z)
    inside = pick(
        1, (("log", "^"), a), (("asin", "acos"), turned + root), (("asinh",), z + root),
        (("acosh",), a + outward), (("atan", "atanh"), (1 + ratio) / (1 - ratio)),
    )  # fmt: skip
    logarithm = _logarithm(inside)
    power = jnp.where(jnp.imag(b) == 0, b.real * logarithm, b * logarithm)  # 0 inf would be NaN
    exponent = pick(
        0, (("exp", "sinh", "cosh", "tanh"), a), (("sin", "cos", "tan"), turned), (("^",), power)
    )
    up = jnp.exp(exponent)
    down = 1 / up
    odd, even = (up - down) / 2, (up + down) / 2
    of_zero = jnp.where(b == 0, 1, jnp.where(b.real > 0, 0, jnp.nan)).astype(a.dtype)
    arcsine = jnp.where(flips, i, -i) * logarithm
    half = jnp.where(flips, -logarithm, logarithm) / 2
    has_no_cut = among("^") & (b.imag == 0) & (b.real == jnp.round(b.real))
    is_certain = ~_is_near_cut(squared) & (has_no_cut | ~_is_near_cut(inside))
    is_certain &= among("sqrt") | ~_is_near_end(squared)
    is_certain &= ~(among("acosh") & _is_near_cut(a - 1))
    return pick(
        0,
        (("exp",), up), (("log", "acosh"), logarithm), (("sqrt",), root),
        (("sin",), -i * odd), (("cos", "cosh"), even), (("tan",), -i * odd / even),
        (("sinh",), odd), (("tanh",), odd / even),
        (("asin",), arcsine), (("acos",), jnp.pi / 2 - arcsine),
        (("asinh",), 2 * half), (("atan",), -i * half), (("atanh",), half),
        (("+",), a + b), (("-",), a - b), (("*",), a * b), (("/",), a / b),
        (("^",), jnp.where(a == 0, of_zero, up)),
    ), is_certain  # fmt: skip


def _is_near_cut(z: jax.Array) -> jax.Array:
    """Says whether only rounding tells on which side of the negative axis a number is."""
    near = NEAR_CUT[jnp.dtype(z.dtype).name]
    return (z.real < 0) & (z.imag != 0) & (jnp.abs(z.imag) < -near * z.real)


def _is_near_end(z: jax.Array) -> jax.Array:
    """Says whether 1 - a^2 is rounding alone, near the end of a cut of an inverse function."""
    size = jnp.abs(z.real) + jnp.abs(z.imag)
    return (size > 0) & (size < NEAR_CUT[jnp.dtype(z.dtype).name])


@jax.custom_jvp
def _root(z: jax.Array) -> jax.Array:
    """Returns the principal square root; no number is so large that its square overflows."""
    size = jnp.sqrt(z.real**2 + z.imag**2)
    longer = jnp.sqrt((size + jnp.abs(z.real)) / 2)
    shorter = jnp.where(longer > 0, jnp.abs(z.imag) / (2 * longer), 0)
    is_right = z.real >= 0
    real, imaginary = jnp.where(is_right, longer, shorter), jnp.where(is_right, shorter, longer)
    return jax.lax.complex(real, jnp.where(z.imag < 0, -imaginary, imaginary))


@_root.defjvp
def _root_jvp(primals, tangents):
    root = _root(*primals)
    return root, tangents[0] / (2 * root)


@jax.custom_jvp
def _logarithm(z: jax.Array) -> jax.Array:
    """Returns the principal logarithm, as `_root`."""
    imaginary = jnp.where(z.imag == 0, 0, z.imag)  # of two zeros the one above the cut
    size = z.real**2 + imaginary**2
    return jax.lax.complex(jnp.log(size) / 2, jnp.arctan2(imaginary, z.real))


@_logarithm.defjvp
def _logarithm_jvp(primals, tangents):
    return _logarithm(*primals), tangents[0] / primals[0]
