"""ODE1 and ODE2: differential equations whose solutions are known (sections 4.2 and 4.3).

A random function y = f(x, c1) in which c1 stands once is solved for it, c1 = F(x, y), by the
inverse of each operator on the way down to c1. On every solution the derivative of F along the
curve is 0, which is the equation: c1 is gone. For equations of second order y = f(x, c1, c2) is
solved for c2, the derivative of that for c1, and the result is differentiated again.
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.language.symbolic.batches import CHUNK, map_by_length
from jaxdl.language.symbolic.derivative import (
    ALONG_CURVE,
    compile_template,
    derivative,
    run_steps,
)
from jaxdl.language.symbolic.expressions import ARITIES, CODES, NAMES, PAD, lay_out
from jaxdl.language.symbolic.hash import first_of_each
from jaxdl.language.symbolic.nodes import (
    LITERALS,
    ZERO,
    Program,
    begin_table,
    make_node,
    read,
    store,
    write_out,
)
from jaxdl.language.symbolic.simplify import simplify
from jaxdl.language.symbolic.trees import sample_expression
from jaxdl.language.symbolic.verify import POINTS, check_solution, draw_points

# What is left of an equation `f = r` where an operator is taken off f: by function, or by operator
# and the argument that is kept; `o` is the other one.
INVERSES = {
    "exp": "log r", "log": "exp r", "sqrt": "^ r 2",
    "sin": "asin r", "cos": "acos r", "tan": "atan r",
    "asin": "sin r", "acos": "cos r", "atan": "tan r",
    "sinh": "asinh r", "cosh": "acosh r", "tanh": "atanh r",
    "asinh": "sinh r", "acosh": "cosh r", "atanh": "tanh r",
    "+0": "- r o", "+1": "- r o", "-0": "+ r o", "-1": "- o r",
    "*0": "/ r o", "*1": "/ r o", "/0": "* r o", "/1": "/ o r",
    "^0": "^ r / 1 o", "^1": "/ log r log o",
}  # fmt: skip
SPARE = 12  # points beside those that decide


class Equations(NamedTuple):
    """Differential equations with their solutions.

    Attributes:
      problem: [B, L] int32, canonical, of x, y, y' and y''; it is 0 for
      solution: [B, M] int32, y, canonical, of x, c1 and c2.
      is_valid: [B] bool: verified, of the lengths that are wanted, and the first of its kind.
    """

    problem: jax.Array
    solution: jax.Array
    is_valid: jax.Array


def first_order(
    key: jax.Array, *, batch: int, most: int, length: int = 96, solution_length: int = 48
) -> Equations:
    """Draws equations of first order.

    Args:
      key: consumed.
      batch: B, functions that are drawn; some give no valid equation.
      most: operators of a function, before it is simplified.
      length: L of equations, and of all on the way.
      solution_length: M, at least 2 most + 1.
    """
    draw_key, point_key = jax.random.split(key)
    solution = _draw_solutions(draw_key, batch, most, solution_length, ("c1",))
    kept = _differentiate(_solve(_widen(solution, length), "c1", "y"))
    return _verified(point_key, kept, solution, ("y'",))


def second_order(
    key: jax.Array, *, batch: int, most: int, length: int = 128, solution_length: int = 48
) -> Equations:
    """Draws equations of second order; the arguments are as in `first_order`."""
    draw_key, point_key = jax.random.split(key)
    solution = _draw_solutions(draw_key, batch, most, solution_length, ("c1", "c2"))
    first = _differentiate(_solve(_widen(solution, length), "c2", "y"))
    second = _differentiate(_solve(first, "c1", "0"))
    return _verified(point_key, second, solution, ("y''",))


def solve(program: jax.Array, name: str, right: str, *, length: int) -> Program:
    """Solves `program = right` for a variable that stands in the program once.

    Roots, powers and inverse functions are taken on their principal branches: on others the result
    is none. Equations that are made of it hold on all, since the derivatives do not see a branch.

    Args:
      program: [L] int32.
      name: of the variable.
      right: "y", or a literal.
      length: of the result.

    Returns:
      What the variable is; `fits` is False too where it does not stand there exactly once.
    """
    with jax.enable_x64(True):
        return _solve_for(jnp.asarray(program, jnp.int32), name, right, length)


@cache
def inverse_steps() -> np.ndarray:
    """Compiles `INVERSES` to [V, 2, K, 3] steps, by token and by the argument that is kept."""
    compiled = {name: compile_template(text.split(), ("r", "o")) for name, text in INVERSES.items()}
    longest = max(map(len, compiled.values()))
    table = np.zeros((len(NAMES), 2, longest, 3), np.int32)
    table[..., 0] = CODES["+"]
    results = len(LITERALS) + 2
    for name, steps in compiled.items():
        sides = (int(name[1]),) if name[1:] in ("0", "1") else (0, 1)
        token = CODES[name[0] if name[1:] in ("0", "1") else name]
        for side in sides:
            table[token, side, : len(steps)] = steps
            for k in range(len(steps), longest):
                table[token, side, k, 2] = results + k - 1
    return table


def _solve_for(program: jax.Array, name: str, right: str, length: int) -> Program:
    size, begin = len(program), len(LITERALS)
    size_of, second = lay_out(program)
    steps = jnp.asarray(inverse_steps())
    per_token = steps.shape[2]
    is_wanted = program == CODES[name]
    goal = jax.lax.argmax(is_wanted, 0, jnp.int32)
    literals = jnp.arange(begin, dtype=jnp.int32)

    def build(count, table):  # the program itself, a node a token
        place = size - 1 - count
        a, b = begin + 1 + place + 1, begin + 1 + second[place]
        node = make_node(program[place], read(table, a), read(table, b), a, b)
        return store(table, begin + 1 + place, node)

    def descend(place, carry):
        table, rest = carry
        token = jnp.minimum(program[place], len(NAMES) - 1)
        is_above = (place < goal) & (goal < place + size_of[place])
        kept = ((jnp.asarray(ARITIES)[token] == 2) & (goal >= second[place])).astype(jnp.int32)
        other = begin + 1 + jnp.where(kept == 0, second[place], place + 1)
        known = jnp.concatenate([literals, jnp.stack([rest, other])])
        slot = begin + 2 + size + per_token * place
        table, known = run_steps(table, slot, steps[token, kept], known)
        return table, jnp.where(is_above, known[-1], rest)

    table = begin_table(begin + 2 + size * (1 + per_token))
    nothing = read(table, jnp.int32(ZERO))
    token = jnp.int32(LITERALS.get(right, CODES.get(right, PAD)))
    table = store(table, begin, make_node(token, nothing, nothing, 0, 0))
    table = jax.lax.fori_loop(0, jnp.int32(size), build, table)
    table, root = jax.lax.fori_loop(0, jnp.int32(size), descend, (table, jnp.int32(begin)))
    solved = write_out(table, root, length)
    stands_once = jnp.sum(is_wanted, dtype=jnp.int32) == 1
    return Program(solved.tokens, solved.fits & stands_once)


def _draw_solutions(
    key: jax.Array, batch: int, most: int, length: int, constants: tuple[str, ...]
) -> jax.Array:
    """Draws canonical functions [B, length] with each constant once; others are empty."""

    def draw(key: jax.Array) -> jax.Array:
        tree_key, place_key = jax.random.split(key)
        tokens = sample_expression(tree_key, most=most)
        is_x = tokens == CODES["x"]
        lots = jnp.where(is_x, jax.random.uniform(place_key, tokens.shape), -1.0)
        for name in constants:  # takes the place of a leaf x
            place = jax.lax.argmax(lots, 0, jnp.int32)
            tokens = tokens.at[place].set(jnp.where(lots[place] >= 0, CODES[name], tokens[place]))
            lots = lots.at[place].set(-1.0)
        return tokens

    drawn = jax.vmap(draw)(jax.random.split(key, batch))
    rows = jnp.pad(drawn, ((0, 0), (0, length - drawn.shape[1])))
    reduced = map_by_length(lambda _, rows: simplify(rows), rows)
    is_kept = reduced.fits & first_of_each(reduced.tokens)
    for name in constants:
        is_kept &= jnp.sum(reduced.tokens == CODES[name], axis=1, dtype=jnp.int32) == 1
    return jnp.where(is_kept[:, None], reduced.tokens, PAD)


def _widen(rows: jax.Array, length: int) -> jax.Array:
    return jnp.pad(rows, ((0, 0), (0, length - rows.shape[1])))


def _solve(rows: jax.Array, name: str, right: str) -> jax.Array:
    """Solves programs [B, L] for a variable; what has no solution is empty."""

    def apply(_, rows):
        solved = jax.vmap(lambda row: solve(row, name, right, length=rows.shape[1]))(rows)
        return simplify(jnp.where(solved.fits[:, None], solved.tokens, PAD)).tokens

    return map_by_length(apply, rows)


def _differentiate(rows: jax.Array) -> jax.Array:
    """Differentiates programs [B, L] along the curve; what does not fit is empty."""

    def apply(steps, rows):
        raw = jax.vmap(
            lambda row: derivative(row, length=rows.shape[1], slopes=ALONG_CURVE, steps=steps)
        )(rows)
        keeps = raw.fits & (rows[:, 0] != PAD)
        return simplify(jnp.where(keeps[:, None], raw.tokens, PAD)).tokens

    return map_by_length(apply, rows)


def _verified(
    key: jax.Array, problem: jax.Array, solution: jax.Array, needed: tuple[str, ...]
) -> Equations:
    """Checks equations at random points."""
    points = draw_points(key, POINTS + SPARE, variables=6)

    def check(_, problem, solution):
        return jax.vmap(lambda e, y: check_solution(y, e, points).is_equal)(problem, solution)

    is_valid = map_by_length(check, problem, solution, chunk=CHUNK) & (problem[:, 0] != PAD)
    for name in needed:
        is_valid &= jnp.any(problem == CODES[name], axis=1)
    for name in ("c1", "c2"):
        is_valid &= ~jnp.any(problem == CODES[name], axis=1)
    return Equations(problem, solution, is_valid & first_of_each(problem, is_valid))
