"""What pairs of problems and solutions cost, and their verification, with SymPy beside them.

Functions have 3 to 15 operators, drawn as the paper draws them. An item of `bwd_pairs` is a pair
that is simplified, verified at 20 complex points, and the first of its kind. SymPy gets the same
trees; its pairs are verified at 20 points by lambdify, with its automatic simplification alone, and
with `simplify` for at most 2 seconds each. An item of `verifier` is a pair that is checked.
"""

from importlib.util import find_spec

import jax
import numpy as np

from experiments import _timing
from experiments._timing import Candidate
from experiments.language import _sympy
from jaxdl.language.symbolic.backward import backward
from jaxdl.language.symbolic.batches import map_by_length
from jaxdl.language.symbolic.expressions import count_tokens
from jaxdl.language.symbolic.forward import to_sympy
from jaxdl.language.symbolic.trees import sample_expression
from jaxdl.language.symbolic.verify import POINTS, check_antiderivative, draw_points

LEAST, MOST = 3, 15
LENGTH, SOLUTION_LENGTH = 160, 64
BATCH, BATCH_ELSEWHERE = 2_048, 65_536
PEER_ITEMS, SIMPLIFIED_ITEMS, SIMPLIFY_SECONDS = 40, 6, 2.0


def make_pairs(key: jax.Array, batch: int, chunk: int):
    """Draws pairs of the benchmark's sizes."""
    return backward(
        key, batch=batch, most=MOST, least=LEAST, length=LENGTH, solution_length=SOLUTION_LENGTH,
        chunk=chunk,
    )  # fmt: skip


def size_of_batch() -> tuple[int, int]:
    """Returns the functions of a call, and how many are worked on at a time."""
    on_cpu = jax.default_backend() == "cpu"
    return (BATCH, 64) if on_cpu else (BATCH_ELSEWHERE, 8_192)


def bwd_pairs(peers: bool | str) -> list[dict]:
    """Times drawing, simplifying, differentiating and verifying; an item is a valid pair."""
    batch, chunk = size_of_batch()
    key = jax.random.key(0)

    def run(key):
        return make_pairs(key, batch, chunk)

    valid = int(jax.jit(run)(key).is_valid.sum())
    note = f"{batch} functions of {LEAST} to {MOST} operators; both sides simplified"
    rows = _timing.measure("bwd_pairs", {"jaxdl": Candidate(run, (key,), valid, note)}, repeats=3)
    if not (peers and find_spec("sympy")):
        return rows
    draw = jax.vmap(lambda key: sample_expression(key, most=MOST, least=LEAST))
    trees = list(np.asarray(jax.jit(draw)(jax.random.split(key, PEER_ITEMS))))
    points = np.asarray(draw_points(key, POINTS))[0]

    def plain(tree):
        return _sympy.make_pair(tree, points)

    def simplified(tree):
        return _sympy.make_pair(tree, points, seconds=SIMPLIFY_SECONDS)

    rows.append(_sympy.time_calls("bwd_pairs", "sympy", plain, trees, "diff, not simplified"))
    few = trees[:SIMPLIFIED_ITEMS]
    note = f"diff and simplify, at most {SIMPLIFY_SECONDS:g} s each"
    return [*rows, _sympy.time_calls("bwd_pairs", "sympy, simplify", simplified, few, note)]


def verifier(peers: bool | str) -> list[dict]:
    """Times the check that one program's derivative is another; an item is a pair."""
    batch, chunk = size_of_batch()
    key = jax.random.key(0)
    pairs = jax.jit(lambda key: make_pairs(key, batch, chunk))(key)
    points = draw_points(key, POINTS + 4)

    def run(solution, problem):
        def check(steps, problem, solution):
            longest = jax.numpy.max(count_tokens(solution), initial=1)
            return jax.vmap(
                lambda f, df: check_antiderivative(f, df, points, steps=(longest, steps)).is_equal
            )(solution, problem)

        return map_by_length(check, problem, solution, chunk=chunk)

    valid = np.asarray(pairs.is_valid)
    count = int(valid.sum())
    args = pairs.solution[valid], pairs.problem[valid]
    rows = _timing.measure("verifier", {"jaxdl": Candidate(run, args, count, "by dual numbers")})
    if not (peers and find_spec("sympy")):
        return rows
    import sympy

    at, x = np.asarray(points)[0], sympy.Symbol("x")
    shown = np.flatnonzero(valid)[:PEER_ITEMS]
    sides = [
        tuple(to_sympy(np.asarray(p[i])) for p in (pairs.solution, pairs.problem)) for i in shown
    ]

    def check(pair):
        _sympy.agree(sympy.diff(pair[0], x), pair[1], at)
        return True

    return [*rows, _sympy.time_calls("verifier", "sympy", check, sides, "diff and lambdify")]


CASES = {"bwd_pairs": bwd_pairs, "verifier": verifier}
