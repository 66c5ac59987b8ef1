"""IBP: integrals by parts, from a table of integrals that are known (section 4.1).

For functions F and G with derivatives f and g, the integral of F g is F G minus that of f G. Where
the latter is in the table, the former joins it. The table is sorted by hashes of canonical forms,
so that it is searched by bisection, on the device.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.backward import Pairs
from jaxdl.language.symbolic.batches import map_by_length
from jaxdl.language.symbolic.expressions import CODES, PAD, count_tokens
from jaxdl.language.symbolic.hash import Hash, find, first_of_each, hash_programs
from jaxdl.language.symbolic.nodes import LITERALS, Program
from jaxdl.language.symbolic.simplify import simplify
from jaxdl.language.symbolic.verify import POINTS, check_antiderivative, draw_points

SPARE = 4  # points beside those that decide


class Table(NamedTuple):
    """Integrals that are known, sorted by the hashes of their problems.

    Attributes:
      hashes: [N] of the problems.
      problem: [N, L] int32; empty rows are at the end.
      solution: [N, M] int32.
    """

    hashes: Hash
    problem: jax.Array
    solution: jax.Array


def make_table(pairs: Pairs) -> Table:
    """Sorts the valid pairs of N into a table."""
    keeps = pairs.is_valid & first_of_each(pairs.problem, pairs.is_valid)
    rows = (jnp.where(keeps[:, None], x, PAD) for x in (pairs.problem, pairs.solution))
    problem, solution = rows
    hashes = hash_programs(problem)
    high, low = (jnp.where(keeps, x, jnp.uint32(2**32 - 1)) for x in hashes)
    places = jnp.arange(len(problem), dtype=jnp.int32)
    high, low, order = jax.lax.sort((high, low, places), num_keys=2)
    return Table(Hash(high, low), problem[order], solution[order])


def apply_operator(name: str, first: jax.Array, second: jax.Array, *, length: int) -> Program:
    """Puts a binary operator before programs [L] and [M]; the result has `length` tokens."""
    sizes = count_tokens(first), count_tokens(second)
    place = jnp.arange(length, dtype=jnp.int32)
    at = place - 1 - sizes[0]
    tokens = jnp.where(
        place <= sizes[0],
        first[jnp.clip(place - 1, 0, len(first) - 1)],
        jnp.where(at < sizes[1], second[jnp.clip(at, 0, len(second) - 1)], PAD),
    )
    fits = 1 + sizes[0] + sizes[1] <= length
    return Program(tokens.at[0].set(CODES[name]), fits & (sizes[0] > 0) & (sizes[1] > 0))


def by_parts(key: jax.Array, pairs: Pairs, table: Table, *, batch: int, length: int) -> Pairs:
    """Integrates products of functions of known derivatives by parts.

    Args:
      key: consumed.
      pairs: of which F and G are drawn, solutions [N, M] with their derivatives [N, L].
      table: of known integrals.
      batch: B, products that are tried; most are not in the table.
      length: of the problems and the solutions.

    Returns:
      B pairs, of which those are valid that were found, verified by numbers, and not in the table.
    """
    first_key, second_key, point_key = jax.random.split(key, 3)
    chances = pairs.is_valid / jnp.maximum(jnp.sum(pairs.is_valid), 1)
    rows = [
        jax.random.choice(k, len(chances), (batch,), p=chances) for k in (first_key, second_key)
    ]
    f, whole_f = pairs.problem[rows[0]], pairs.solution[rows[0]]
    g, whole_g = pairs.problem[rows[1]], pairs.solution[rows[1]]
    place, is_known = find(table.hashes, hash_programs(_join("*", f, whole_g, length)))
    rest = jnp.where(is_known[:, None], table.solution[place], PAD)
    # F G + -1 H, of canonical forms.
    negative = _join("*", jnp.full((batch, 1), LITERALS["-1"], jnp.int32), rest, length)
    product = _join("*", whole_f, whole_g, length)
    solution = _join("+", product, negative, length)
    problem = _join("*", whole_f, jnp.where(is_known[:, None], g, PAD), length)
    points = draw_points(point_key, POINTS + SPARE)

    def check(_, problem, solution):
        return jax.vmap(lambda f, df: check_antiderivative(f, df, points).is_equal)(
            solution, problem
        )

    is_valid = map_by_length(check, problem, solution)
    is_valid &= (problem[:, 0] != PAD) & (solution[:, 0] != PAD)
    _, is_old = find(table.hashes, hash_programs(problem))
    return Pairs(problem, solution, first_of_each(problem, is_valid & ~is_old))


def _join(name: str, first: jax.Array, second: jax.Array, length: int) -> jax.Array:
    """Joins programs of B rows to canonical ones [B, length]; what does not fit is empty."""
    joined = jax.vmap(lambda a, b: apply_operator(name, a, b, length=length))(first, second)
    rows = jnp.where(joined.fits[:, None], joined.tokens, PAD)
    reduced = map_by_length(lambda _, rows: simplify(rows), rows)
    return jnp.where(reduced.fits[:, None], reduced.tokens, PAD)
