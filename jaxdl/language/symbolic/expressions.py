"""Expressions as rows of numbers: one token a node, in prefix order (Lample & Charton 2019, 2.1).

A program is [L] int32, filled up with `PAD`: 2 + 3 x^2 is `+ 2 * 3 ^ x 2`. An operator stands
before its arguments, and arities alone say where each ends. Integers and fractions are tokens too,
so that no pass over a program has to look at digits. The paper's sequences spell them out, by sign
and digits, which is for a net to read and write.
"""

from math import gcd
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

PAD = 0
VARIABLES = ("x", "y", "y'", "y''", "c1", "c2")
CONSTANTS = ("e", "pi", "i")
UNARY = (  # p1 = 15 operators (section 4.1)
    "exp", "log", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
)  # fmt: skip
BINARY = ("+", "-", "*", "/", "^")  # p2 = 4 are drawn; powers arise of them
NAMES = ("", *VARIABLES, *CONSTANTS, *UNARY, *BINARY)
CODES = {name: code for code, name in enumerate(NAMES)}
ARITIES = np.array([1 if name in UNARY else 2 if name in BINARY else 0 for name in NAMES], np.int32)

# Tokens from FRACTION on are fractions (numerator + 2^14) 2^14 + denominator; from INTEGER on they
# are integers + 2^29. Denominators are at least 2, and fractions are in lowest terms.
FRACTION, INTEGER = 2**29, 2**30
SMALL, LARGE = 2**14, 2**29  # no numerator or denominator, no integer is as large


class Number(NamedTuple):
    """A rational number, or many of one shape.

    Attributes:
      numerator: int32.
      denominator: int32, positive; 0 where a token is no number.
    """

    numerator: jax.Array
    denominator: jax.Array


class Layout(NamedTuple):
    """Where the parts of a program are.

    Attributes:
      size: [L] int32, tokens of the expression that begins there.
      second: [L] int32, where the second argument of a binary operator begins; else past itself.
    """

    size: jax.Array
    second: jax.Array


def integer(value: int) -> int:
    """Returns the token of an integer.

    Raises:
      ValueError: it has an absolute value of 2^29 or more.
    """
    if abs(value) >= LARGE:
        raise ValueError(f"{value} is too large: integers are below 2^29")
    return INTEGER + LARGE + value


def fraction(numerator: int, denominator: int) -> int:
    """Returns the token of a fraction, in lowest terms.

    Raises:
      ValueError: the denominator is 0, or the token would not hold it.
    """
    if denominator == 0:
        raise ValueError("a fraction has the denominator 0")
    common = gcd(numerator, denominator) * (1 if denominator > 0 else -1)
    over, under = numerator // common, denominator // common
    if under == 1:
        return integer(over)
    if max(abs(over), under) >= SMALL:
        raise ValueError(f"{over}/{under} is too large: fractions are of numbers below 2^14")
    return FRACTION + (over + SMALL) * SMALL + under


def read_number(token: int) -> tuple[int, int]:
    """Returns numerator and denominator of a token that is a number."""
    if token >= INTEGER:
        return token - INTEGER - LARGE, 1
    over, under = divmod(token - FRACTION, SMALL)
    return over - SMALL, under


def numbers(tokens: jax.Array) -> Number:
    """Returns the numbers that tokens of any shape are."""
    over, under = jnp.divmod(tokens - FRACTION, SMALL)
    is_integer, is_fraction = tokens >= INTEGER, tokens >= FRACTION
    return Number(
        jnp.where(is_integer, tokens - INTEGER - LARGE, jnp.where(is_fraction, over - SMALL, 0)),
        jnp.where(is_integer, 1, jnp.where(is_fraction, under, 0)),
    )


def arities(tokens: jax.Array) -> jax.Array:
    """Returns how many arguments each token takes, int32 of the same shape."""
    return jnp.where(
        tokens >= FRACTION, 0, jnp.asarray(ARITIES)[jnp.minimum(tokens, len(NAMES) - 1)]
    )


def lay_out(program: jax.Array) -> Layout:
    """Finds where the arguments of each operator of a program [L] are.

    The expression that begins at i ends at the first j by which one argument less is open than
    before i.
    """
    program = jnp.asarray(program, jnp.int32)
    length = len(program)
    place = jnp.arange(length, dtype=jnp.int32)
    opened = jnp.cumsum(arities(program) - 1)  # [L]
    before = opened - arities(program) + 1
    closes = (opened[None, :] < before[:, None]) & (place[None, :] >= place[:, None])  # [L, L]
    end = jax.lax.argmax(closes, 1, jnp.int32) + 1
    size = jnp.where(program == PAD, 0, end - place)
    return Layout(size, jnp.minimum(place + 1 + jnp.append(size[1:], 0), length - 1))


def count_tokens(program: jax.Array) -> jax.Array:
    """Returns how many tokens of programs [..., L] are no padding, int32 [...]."""
    return jnp.sum(program != PAD, axis=-1, dtype=jnp.int32)


def pack(tokens: list[int], length: int | None = None) -> np.ndarray:
    """Makes a program of a list of tokens, [L] int32; of their number where no length is given.

    Raises:
      ValueError: they are more than the length, or no expression.
    """
    is_open = 1
    for place, token in enumerate(tokens):
        is_open += (0 if token >= FRACTION else int(ARITIES[token])) - 1
        if is_open == 0 and place + 1 < len(tokens):
            raise ValueError("tokens follow a complete expression")
    if is_open != 0:
        raise ValueError("an expression lacks arguments")
    length = len(tokens) if length is None else length
    if len(tokens) > length:
        raise ValueError(f"an expression of {len(tokens)} tokens exceeds the length of {length}")
    return np.pad(np.array(tokens, np.int32), (0, length - len(tokens)))


def unpack(program: np.ndarray) -> list[int]:
    """Returns the tokens of a program [L] without its padding."""
    return [int(token) for token in np.asarray(program) if token != PAD]
