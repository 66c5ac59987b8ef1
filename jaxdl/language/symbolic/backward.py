"""BWD: random functions and their derivatives, problems whose solutions are known (section 4.1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.batches import CHUNK, map_by_length
from jaxdl.language.symbolic.derivative import derivative
from jaxdl.language.symbolic.expressions import CODES, count_tokens
from jaxdl.language.symbolic.hash import first_of_each
from jaxdl.language.symbolic.simplify import simplify
from jaxdl.language.symbolic.trees import SHARE_OF_X, sample_expression
from jaxdl.language.symbolic.verify import POINTS, check_antiderivative, draw_points

SPARE = 4  # points beside those that decide: what has more domain errors is left out


class Pairs(NamedTuple):
    """Problems with their solutions.

    Attributes:
      problem: [B, L] int32, canonical.
      solution: [B, M] int32, canonical.
      is_valid: [B] bool: verified, of the lengths that are wanted, and the first of its kind.
    """

    problem: jax.Array
    solution: jax.Array
    is_valid: jax.Array


def backward(
    key: jax.Array,
    *,
    batch: int,
    most: int,
    least: int = 1,
    length: int = 128,
    solution_length: int = 64,
    share_of_x: float = SHARE_OF_X,
    chunk: int = CHUNK,
) -> Pairs:
    """Draws functions, simplifies and differentiates them, and verifies each pair by numbers.

    Args:
      key: consumed.
      batch: B, functions that are drawn; some are no valid pairs.
      most: operators of a function, before it is simplified.
      least: the fewest.
      length: L of problems.
      solution_length: M of solutions, at least 2 most + 1.
      share_of_x: as in `sample_expression`.
      chunk: functions that are worked on at a time.
    """
    draw_key, point_key = jax.random.split(key)

    def draw(key: jax.Array) -> jax.Array:
        return sample_expression(key, most=most, least=least, share_of_x=share_of_x)

    drawn = jax.vmap(draw)(jax.random.split(draw_key, batch))
    drawn = jnp.pad(drawn, ((0, 0), (0, solution_length - drawn.shape[1])))
    solution = map_by_length(lambda steps, rows: simplify(rows), drawn, chunk=chunk)
    is_new = solution.fits & first_of_each(solution.tokens)
    is_new &= jnp.any(solution.tokens == CODES["x"], axis=1)
    kept = jnp.where(is_new[:, None], solution.tokens, 0)  # what is left out takes no time
    return differentiate_pairs(kept, point_key, length=length, chunk=chunk)


def differentiate_pairs(
    solution: jax.Array, key: jax.Array, *, length: int, chunk: int = CHUNK
) -> Pairs:
    """Makes pairs of functions [B, M] and their derivatives [B, length].

    Args:
      solution: canonical programs; empty ones are no valid pairs.
      key: consumed, of the points that verify.
      length: of the problems.
      chunk: functions that are worked on at a time.
    """
    points = draw_points(key, POINTS + SPARE)

    def differentiate(steps: jax.Array, rows: jax.Array):
        raw = jax.vmap(lambda row: derivative(row, length=length, steps=steps))(rows)
        kept = jnp.where(raw.fits[:, None], raw.tokens, 0)
        return kept, raw.fits & (rows[:, 0] > 0)

    def finish(steps: jax.Array, rows: jax.Array, solution: jax.Array, fits: jax.Array):
        problem = simplify(rows)
        longest = [jnp.max(count_tokens(x), initial=1) for x in (solution, problem.tokens)]
        verdict = jax.vmap(lambda f, df: check_antiderivative(f, df, points, steps=tuple(longest)))(
            solution, problem.tokens
        )
        return problem.tokens, problem.fits & fits & verdict.is_equal

    raw, fits = map_by_length(differentiate, solution, chunk=chunk)
    problem, is_valid = map_by_length(finish, raw, solution, fits, chunk=chunk)
    return Pairs(problem, solution, is_valid)
