"""What a net reads and writes: numbers spelled by sign and digits (Lample & Charton 2019, 2.1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.expressions import (
    CODES,
    FRACTION,
    INTEGER,
    LARGE,
    NAMES,
    PAD,
    arities,
    numbers,
)
from jaxdl.language.symbolic.nodes import Program

END, BEGIN = 1, 2  # beside PAD
FIRST = 3  # word of the first name
SIGNS = ("INT+", "INT-")
WORDS = ("<pad>", "<end>", "<begin>", *NAMES[1:], *SIGNS, *map(str, range(10)))
PLUS, ZERO = WORDS.index("INT+"), WORDS.index("0")
DIGITS = 9  # of the largest integer


class Spelled(NamedTuple):
    """Words of a program.

    Attributes:
      words: [M] int32, numbers of `WORDS`, `END` behind the last one, then `PAD`.
      fits: bool scalar; False where they are more than M.
    """

    words: jax.Array
    fits: jax.Array


def spell(program: jax.Array, *, length: int) -> Spelled:
    """Spells a program [L]: 12 is INT+ 1 2, and -1/2 is / INT- 1 INT+ 2.

    Args:
      program: [L] int32.
      length: M, with the end.
    """
    program = jnp.asarray(program, jnp.int32)
    over, under = numbers(program)
    is_number, is_fraction = program >= FRACTION, (program >= FRACTION) & (program < INTEGER)
    sizes = _count_digits(jnp.abs(over)), _count_digits(under)
    counts = jnp.where(is_number, 1 + sizes[0], jnp.where(program == PAD, 0, 1))
    counts += jnp.where(is_fraction, 2 + sizes[1], 0)
    ends = jnp.cumsum(counts)
    place = jnp.arange(length, dtype=jnp.int32)
    token = jnp.sum(place[:, None] >= ends[None, :], axis=1, dtype=jnp.int32)  # [M], of which word
    token = jnp.minimum(token, len(program) - 1)
    at = place - (ends - counts)[token] - is_fraction[token]  # -1 is the sign of division
    is_under = at > sizes[0][token]
    at = jnp.where(is_under, at - 1 - sizes[0][token], at)
    value = jnp.where(is_under, under[token], jnp.abs(over[token]))
    size = jnp.where(is_under, sizes[1][token], sizes[0][token])
    tens = jnp.asarray([10**k for k in range(DIGITS)], jnp.int32)
    digit = value // tens[jnp.clip(size - at, 0, DIGITS - 1)] % 10
    sign = PLUS + ((over[token] < 0) & ~is_under)
    spelled = jnp.where(at == 0, sign, ZERO + digit)
    spelled = jnp.where(at < 0, FIRST - 1 + CODES["/"], spelled)
    word = jnp.where(is_number[token], spelled, FIRST - 1 + program[token])
    total = ends[-1]
    word = jnp.where(place < total, word, jnp.where(place == total, END, PAD))
    return Spelled(word.astype(jnp.int32), total < length)


def read_words(words: jax.Array) -> Program:
    """Reads words [M] up to the first `END`, as a net has written them.

    Returns:
      A program [M]; `fits` is False where the words spell no expression, or no number.
    """
    length = len(words)
    is_read = jnp.cumsum(words == END) == 0
    words = jnp.where(is_read, words, PAD)
    is_digit, is_sign = words >= ZERO, (words == PLUS) | (words == PLUS + 1)

    def add(carry: tuple, word: tuple) -> tuple[tuple, tuple]:
        """Collects the digits behind a sign, from the right."""
        value, power = carry
        digit, collects = word
        total = jnp.where(collects, value + power * digit, value)
        return (jnp.where(collects, total, 0), jnp.where(collects, power * 10, 1)), (value, power)

    begun = jnp.float32(0), jnp.float32(1)
    exact = (jnp.int32(0), jnp.int32(1))
    digits = words - ZERO
    _, (size, power) = jax.lax.scan(
        add, begun, (digits.astype(jnp.float32), is_digit), reverse=True
    )
    _, (value, _) = jax.lax.scan(add, exact, (digits, is_digit), reverse=True)
    number = INTEGER + LARGE + jnp.where(words == PLUS, value, -value)
    tokens = jnp.where(is_sign, number, words - FIRST + 1)
    keeps = is_read & ~is_digit & (words != PAD)
    before = jnp.concatenate([jnp.zeros(1, bool), (is_digit | is_sign)[:-1]])
    is_spelled = ~(is_digit & ~before) & ~(is_sign & ((power == 1) | (size >= LARGE - 64)))
    is_spelled &= (words != BEGIN) & (~is_read | (words != PAD))
    place = jnp.where(keeps, jnp.cumsum(keeps) - 1, length)
    program = jnp.zeros(length, jnp.int32).at[place].set(tokens, mode="drop")
    opened = 1 + jnp.cumsum(jnp.where(program == PAD, 0, arities(program) - 1))
    last = jnp.sum(keeps, dtype=jnp.int32) - 1
    within = jnp.arange(length) < last
    is_whole = (last >= 0) & (opened[last] == 0) & jnp.all(~within | (opened > 0))
    return Program(program, is_whole & jnp.all(is_spelled))


def _count_digits(value: jax.Array) -> jax.Array:
    """Returns how many decimal digits integers have that are not negative; 1 for 0."""
    return 1 + sum((value >= 10**k).astype(jnp.int32) for k in range(1, DIGITS))
