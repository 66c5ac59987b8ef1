"""The stack machine against Python's cmath, and what it says of poles, cuts and overflow."""

import cmath
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.language.symbolic.expressions import FRACTION, NAMES, UNARY, pack, read_number, unpack
from jaxdl.language.symbolic.parser import parse
from jaxdl.language.symbolic.stack_machine import evaluate, evaluate_dual, evaluate_jet

PLANE = np.array(
    [0.3 + 0.4j, -0.5 + 2j, -1.5 - 0.3j, 2 - 1j, 0.1j, 9 + 3j, -8 + 5j, 0.001 + 0.001j]
)
BINARY = {
    "+": complex.__add__, "-": complex.__sub__, "*": complex.__mul__, "/": complex.__truediv__,
    "^": complex.__pow__,
}  # fmt: skip


def reference(program, x):
    """Returns the value at x, by a stack and cmath.

    Raises:
      ValueError: a domain error, or a number on the cut of an inverse function.
    """
    stack = []
    for token in reversed(unpack(program)):
        name = NAMES[token] if token < FRACTION else ""
        if token >= FRACTION:
            over, under = read_number(token)
            stack.append(complex(over / under))
        elif name == "x":
            stack.append(x)
        elif name in UNARY:
            z = stack.pop() + 0.0  # of two zeros the positive one
            if name.startswith("a") and abs(z.imag) < 1e-12 and abs(z.real) >= 1:
                raise ValueError("on a cut")
            stack.append(getattr(cmath, name)(z))
        else:
            stack.append(BINARY[name](stack.pop(), stack.pop()))
    return stack[0]


def at_points(fn, rows, points):
    """Applies a function of rows and points in double precision; returns arrays of NumPy."""
    with jax.enable_x64(True):
        points = jnp.asarray(points, jnp.complex128)
    return jax.tree.map(np.asarray, jax.jit(fn)(rows, points))


def evaluate_all(texts, points, length):
    rows = np.stack([parse(text, length=length) for text in texts])
    return at_points(jax.vmap(evaluate, (0, None)), rows, points)


@pytest.fixture(scope="module")
def unary():
    """Values, duals of all unary operators at PLANE: name -> what `evaluate_dual` returns."""
    rows = np.stack([parse(f"{name}(x)", length=4) for name in UNARY])
    duals = at_points(jax.vmap(evaluate_dual, (0, None)), rows, PLANE[None])
    return {name: jax.tree.map(lambda x, i=i: x[i], duals) for i, name in enumerate(UNARY)}


@pytest.mark.parametrize("name", UNARY)
def test_operators_are_those_of_cmath(unary, name):
    wanted = [getattr(cmath, name)(z) for z in PLANE]
    found = unary[name].values
    assert found.value.dtype == jnp.complex128
    np.testing.assert_allclose(found.value, wanted, rtol=1e-12, atol=1e-15)
    assert found.is_defined.all()


@pytest.mark.parametrize("name", UNARY)
def test_duals_are_differences(unary, name):
    step = 1e-5
    up, down = ([getattr(cmath, name)(z + d) for z in PLANE] for d in (step, -step))
    slopes = (np.array(up) - np.array(down)) / (2 * step)
    np.testing.assert_allclose(unary[name].slope[:7], slopes[:7], rtol=1e-7, atol=1e-9)


def test_programs_are_worth_what_a_stack_of_python_says(drawn, evaluate_rows):
    points = np.array([0.7 + 0.2j, 1.9 - 0.4j])
    values = at_points(evaluate_rows, drawn, points[None])
    checked = 0
    for row, value, defined in zip(np.asarray(drawn), values.value, values.is_defined, strict=True):
        for x, found, is_defined in zip(points, value, defined, strict=True):
            try:
                wanted = reference(row, complex(x))
            except (ValueError, ZeroDivisionError, OverflowError):
                continue
            if is_defined and abs(wanted) < 1e6:
                assert abs(found - wanted) <= 1e-8 * max(1, abs(wanted)), row
                checked += 1
    assert checked > 0.9 * values.value.size


# Where x = 0, 1, 2, ...: poles, log 0, overflow, and what is fine.
ERRORS = {
    "1/x": [False, True, True],
    "log(x)": [False, True, True],
    "x^(-2)": [False, True, True],
    "exp(exp(2*x))": [True, True, False],
    "exp(1000*x)*0": [True, False, False],
    "tan(pi*x)": [True, True, True],
    "x^2": [True, True, True],
    "atanh(x)": [True, False, True],
    "0^x": [True, True, True],
}


def test_domain_errors_are_told():
    found = evaluate_all(ERRORS, [[0, 1, 2]], 8)
    np.testing.assert_array_equal(found.is_defined, list(ERRORS.values()))
    assert found.value[-3, 0] == 0  # 0^2


def test_cuts_have_their_upper_side_and_rounding_does_not_choose():
    texts = ("log(x)", "sqrt(x)", "x^(1/2)", "x^2", "acosh(x)")
    found = evaluate_all(texts, [[-2, -2 + 1e-15j, -2 - 1j]], 6)
    above = [cmath.log(-2), cmath.sqrt(-2), cmath.sqrt(-2), 4, cmath.acosh(-2)]
    np.testing.assert_allclose(found.value[:, 0], above, rtol=1e-14, atol=1e-14)
    below = [cmath.log(-2 - 1j), cmath.sqrt(-2 - 1j), cmath.sqrt(-2 - 1j), (-2 - 1j) ** 2]
    np.testing.assert_allclose(found.value[:4, 2], below, rtol=1e-14)
    np.testing.assert_array_equal(found.is_defined[:, 1], [False, False, False, True, False])
    assert found.is_defined[:, ::2].all()


@pytest.mark.slow
def test_jets_and_fewer_steps():
    """Of x^3 e^x, whose derivatives are known; padding that is not read changes nothing."""
    program = parse("x^3*exp(x)", length=12)
    x = PLANE[:4]
    jet = at_points(evaluate_jet, program, x[None])
    wanted = x**3, x**3 + 3 * x**2, x**3 + 6 * x**2 + 6 * x
    np.testing.assert_allclose(jet.derivatives, np.stack(wanted) * np.exp(x), rtol=1e-12)
    few = at_points(partial(evaluate, steps=6), program, x[None])
    np.testing.assert_array_equal(few.value, jet.values.value)


@pytest.mark.slow
def test_single_precision_is_there_for_devices_without_double():
    program = pack([*map(NAMES.index, ("sin", "x"))], 4)
    found = evaluate(jnp.asarray(program), jnp.asarray(PLANE[None]), dtype=jnp.complex64)
    assert found.value.dtype == jnp.complex64
    np.testing.assert_allclose(found.value[:5], np.sin(PLANE[:5]), rtol=1e-4)
