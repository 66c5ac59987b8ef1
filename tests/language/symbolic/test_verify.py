"""The verifier by known equalities, and that every pair that is made is one."""

import jax
import numpy as np
import pytest

from jaxdl.language import symbolic
from jaxdl.language.symbolic.backward import backward
from jaxdl.language.symbolic.expressions import count_tokens
from jaxdl.language.symbolic.verify import check_solution, draw_points

KEY = jax.random.key(0)
EQUAL = {
    ("sin(x)^2 + cos(x)^2", "1"): True,
    ("sqrt(x^2)", "x"): True,
    ("exp(x*y)", "exp(x)^y"): True,
    ("tan(x)", "sin(x)/cos(x)"): True,
    ("x", "x + 1/1000000"): False,
    ("x*y", "x*c1"): False,
    ("1/x - 1/x", "0"): True,
    ("x/0", "x/0"): False,
    ("exp(exp(exp(x + 5)))", "exp(exp(exp(x + 5)))"): False,  # overflow
}
ANTIDERIVATIVES = {
    ("x*log(x) - x", "log(x)"): True,
    ("exp(x^2)/2", "x*exp(x^2)"): True,
    ("exp(x^2)/2 + pi", "x*exp(x^2)"): True,
    ("log(log(x))", "1/(x*log(x))"): True,
    ("exp(x^2)", "x*exp(x^2)"): False,
    ("log(0)", "x"): False,
}


@pytest.mark.parametrize("pair", EQUAL)
def test_equality(pair):
    a, b = (symbolic.parse(text, length=16) for text in pair)
    assert symbolic.equal(a, b, key=KEY) is EQUAL[pair]


@pytest.mark.parametrize("pair", ANTIDERIVATIVES)
def test_antiderivatives(pair):
    solution, problem = (symbolic.parse(text, length=16) for text in pair)
    assert symbolic.is_antiderivative(solution, problem, KEY) is ANTIDERIVATIVES[pair]


EQUATIONS = {
    ("c1*exp(x)", "y' - y"): True,
    ("c1*exp(x) + c2*exp(-x)", "y'' - y"): True,
    ("c1*exp(x) + c2*exp(-x)", "y'' - 2*y"): False,
    ("c1*sin(x)", "y'' + y"): True,
    ("x^2 + c1", "y' - 2*x"): True,
    ("x^2 + c1", "y' - x"): False,
}


@pytest.mark.slow
def test_solutions_of_differential_equations():
    points = draw_points(KEY, 32, variables=6)
    check = jax.jit(lambda y, equation: check_solution(y, equation, points).is_equal)
    for pair, wanted in EQUATIONS.items():
        assert bool(check(*(symbolic.parse(text, length=16) for text in pair))) is wanted


@pytest.mark.slow
def test_every_pair_is_one():
    """Other points than those that it was verified at say the same."""
    draw = jax.jit(lambda key: backward(key, batch=256, most=5, length=64, solution_length=32))
    pairs = draw(KEY)
    assert float(pairs.is_valid.mean()) > 0.4
    valid = np.flatnonzero(pairs.is_valid)
    for i in valid[:100]:
        other = jax.random.fold_in(KEY, int(i))
        assert symbolic.is_antiderivative(pairs.solution[i], pairs.problem[i], other)
    solutions = {np.asarray(pairs.solution[i]).tobytes() for i in valid}
    assert len(solutions) == len(valid)
    assert int(count_tokens(pairs.problem[valid]).min()) >= 1
    again = draw(KEY)
    np.testing.assert_array_equal(again.problem, pairs.problem)
