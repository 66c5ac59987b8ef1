"""Derivatives of programs, on the device: the table of every calculus book, and the chain rule.

A program is read from right to left. Each token adds to a table of nodes the expression that it
stands for and its derivative, which is made of its arguments `u` and `v`, theirs, `du` and `dv`,
and the expression `f` itself, by the row of `RULES` that is its own.
"""

from collections.abc import Mapping
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.language.symbolic.expressions import ARITIES, CODES, NAMES, PAD, lay_out
from jaxdl.language.symbolic.nodes import (
    LITERALS,
    ONE,
    ZERO,
    Program,
    begin_table,
    join,
    make_node,
    read,
    store,
    write_out,
)

# In prefix order. Roots of products are kept apart, so that they hold in the whole complex plane.
RULES = {
    "+": "+ du dv",
    "-": "- du dv",
    "*": "+ * du v * u dv",
    "/": "/ - * du v * u dv ^ v 2",
    "^": "* f + * dv log u / * v du u",
    "power": "* * v ^ u + v -1 du",  # of a constant exponent
    "exp": "* f du",
    "log": "/ du u",
    "sqrt": "/ du * 2 f",
    "sin": "* cos u du",
    "cos": "* * -1 sin u du",
    "tan": "* + 1 ^ f 2 du",
    "asin": "/ du sqrt - 1 ^ u 2",
    "acos": "/ * -1 du sqrt - 1 ^ u 2",
    "atan": "/ du + 1 ^ u 2",
    "sinh": "* cosh u du",
    "cosh": "* sinh u du",
    "tanh": "* - 1 ^ f 2 du",
    "asinh": "/ du sqrt + 1 ^ u 2",
    "acosh": "/ du * sqrt + u -1 sqrt + u 1",
    "atanh": "/ du - 1 ^ u 2",
}
ROWS = {"": 0} | {name: row + 1 for row, name in enumerate(RULES)}
ARGUMENTS = ("f", "u", "v", "du", "dv")
BY_X = {"x": "1"}
ALONG_CURVE = {"x": "1", "y": "y'", "y'": "y''"}  # y is a function of x


@cache
def compile_rules() -> np.ndarray:
    """Compiles `RULES` to rows of steps.

    Returns:
      [rows, K, 3] int32: what each step applies, and to which of: the literals, the arguments, the
      results of the steps before it. What is left of K repeats the derivative: 0 + it.
    """
    compiled = [compile_template(text.split(), ARGUMENTS) for text in RULES.values()]
    longest = max(map(len, compiled))
    results = len(LITERALS) + len(ARGUMENTS)
    table = np.zeros((len(ROWS), longest, 3), np.int32)
    table[..., 0] = CODES["+"]
    for row, steps in enumerate(compiled, 1):
        table[row, : len(steps)] = np.reshape(steps, (-1, 3))
        for k in range(len(steps), longest):
            table[row, k, 2] = results + k - 1
    return table


def compile_template(words: list[str], arguments: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """Compiles an expression in prefix order to steps that apply an operator to earlier results.

    Args:
      words: of it.
      arguments: names of what it is made of.

    Returns:
      Rows of token and two references: literals first, then arguments, then results of steps.
    """
    known = [*LITERALS, *arguments]
    steps: list[tuple[int, int, int]] = []
    stack: list[int] = []
    for word in reversed(words):
        if word in known:
            stack.append(known.index(word))
            continue
        arity = ARITIES[CODES[word]]
        first = stack.pop() if arity > 0 else 0
        second = stack.pop() if arity > 1 else 0
        steps.append((CODES[word], first, second))
        stack.append(len(known) + len(steps) - 1)
    return steps


def run_steps(
    table: jax.Array, slot: jax.Array, steps: jax.Array, known: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Takes the steps of a template.

    Args:
      table: [P, 2].
      slot: of K that are free, the first one.
      steps: [K, 3].
      known: [R] slots of literals and arguments.

    Returns:
      The table, and [R + K] slots of these and of the results.
    """
    count = len(known)
    known = jnp.concatenate([known, jnp.zeros(len(steps), jnp.int32)])
    for k in range(len(steps)):
        a, b = known[steps[k, 1]], known[steps[k, 2]]
        table, at = join(table, slot + k, steps[k, 0], a, b)
        known = known.at[count + k].set(at)
    return table, known


def derivative(
    program: jax.Array,
    *,
    length: int | None = None,
    slopes: Mapping[str, str] | None = None,
    steps: jax.Array | None = None,
) -> Program:
    """Differentiates a program; of the result only sums and products with 0 or 1 are simplified.

    Args:
      program: [L] int32.
      length: of the result; 4 L where it is not given.
      slopes: variable -> its derivative, a name or a literal; all others are constants. By default
        d/dx, and `ALONG_CURVE` where y depends on x.
      steps: int scalar, tokens that are read, as in `evaluate`; None for L.
    """
    program = jnp.asarray(program, jnp.int32)
    length = 4 * len(program) if length is None else length
    with jax.enable_x64(True):
        return _differentiate(program, length, BY_X if slopes is None else slopes, steps)


def _differentiate(
    program: jax.Array, length: int, slopes: Mapping[str, str], steps: jax.Array | None
) -> Program:
    """Differentiates a program, as `derivative`."""
    size = len(program)
    rules = jnp.asarray(compile_rules())
    per_token = 2 + rules.shape[1]
    begin = len(LITERALS)
    second = lay_out(program).second
    literals = jnp.arange(begin, dtype=jnp.int32)
    leaf_slopes = np.full(len(NAMES), LITERALS["0"], np.int32)
    for name, slope in slopes.items():
        leaf_slopes[CODES[name]] = LITERALS.get(slope, CODES.get(slope, 0))

    def step(count, carry):
        table, slots = carry  # slots [L + 1, 2] of the expressions, and of their derivatives
        place = used - 1 - count
        token = program[place]
        slot = begin + per_token * place
        (u, du), (v, dv) = slots[place + 1], slots[second[place]]
        first, other = read(table, u), read(table, v)
        table = store(table, slot, make_node(token, first, other, u, v))
        name = jnp.minimum(token, len(NAMES) - 1)
        is_named = token < len(NAMES)
        slope = jnp.where(is_named, jnp.asarray(leaf_slopes)[name], LITERALS["0"])
        table = store(table, slot + 1, make_node(slope, first, other, u, v))
        row = jnp.where(is_named, jnp.asarray(_rule_rows())[name], 0)
        row = jnp.where((token == CODES["^"]) & (dv == ZERO), ROWS["power"], row)
        known = jnp.concatenate([literals, jnp.stack([slot, u, v, du, dv])])
        table, known = run_steps(table, slot + 2, rules[row], known)
        leaf = jnp.where(
            slope == LITERALS["0"], ZERO, jnp.where(slope == LITERALS["1"], ONE, slot + 1)
        )
        ds = jnp.where(row == 0, leaf, known[-1])
        ds = jnp.where(read(table, ds).token == LITERALS["0"], ZERO, ds)
        pair = jnp.where(token == PAD, 0, jnp.stack([slot, ds]))
        return table, slots.at[place].set(pair)

    used = jnp.int32(size) if steps is None else jnp.int32(steps)
    begun = begin_table(begin + per_token * size), jnp.zeros((size + 1, 2), jnp.int32)
    table, slots = jax.lax.fori_loop(0, used, step, begun)
    return write_out(table, slots[0, 1], length)


def _rule_rows() -> np.ndarray:
    """Returns the row of each token's rule, [V] int32; 0 for leaves."""
    return np.array([ROWS.get(name, 0) for name in NAMES], np.int32)
