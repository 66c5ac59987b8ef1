"""Text to programs and back, and what is refused."""

import numpy as np
import pytest

from jaxdl.language.symbolic.expressions import FRACTION, NAMES, read_number, unpack
from jaxdl.language.symbolic.parser import LONGEST, parse
from jaxdl.language.symbolic.printer import to_latex, to_text

# text -> prefix order; the printer writes the text again but for the spaces
READ = {
    "x*exp(x^2)": "* x exp ^ x 2",
    "-x^2": "* -1 ^ x 2",
    "2^(-x)": "^ 2 * -1 x",
    "x - (x - 1) - x": "- - x - x 1 x",
    "x/(2*x)/3": "/ / x * 2 x 3",
    "x^2^3": "^ x ^ 2 3",
    "(x^2)^3": "^ ^ x 2 3",
    "2*(-3)": "* 2 -3",
    "(-3)^2": "^ -3 2",
    "-1*3^2": "* -1 ^ 3 2",
    "y'' + c1*y' - e*pi^i": "- + y'' * c1 y' * e ^ pi i",
    "(x + 1)*(x - 1)": "* + x 1 - x 1",
    "asinh(log(x))/atan(y)": "/ asinh log x atan y",
}
HOSTILE = [
    "", " ", "()", "(", ")", "x)", "(x", "x x", "2x", "x(2)", "sin", "sin x", "sin()", "sinx(2)",
    "foo(x)", "x**", "*x", "x^", "x;x", "x=1", "lambda: 1", "__import__('os')", "x.real", "exec(x)",
    "x[0]", "1e5", "0x10", "1_000", "x,y", "9" * 12, "1/" + "0." + "1" * 12, "é", "π", "²", "x²",
    "\u202ex", "x\x00", "\ud800", "１", "х", "(" * 5000, "-" * 9999, "(" * 1_000_000 + "x",
    "sin(" * 2000, "x+" * 3000, "y'''", "'", "x''",
]  # fmt: skip


def spell(program):
    return " ".join(NAMES[t] if t < FRACTION else str(read_number(t)[0]) for t in unpack(program))


@pytest.mark.parametrize("text", READ)
def test_texts_are_read_by_precedence_and_written_again(text):
    program = parse(text)
    assert spell(program) == READ[text]
    assert to_text(program) == text


def test_other_spellings():
    assert spell(parse("ln(x)**2 - +arcsin(E)")) == "- ^ log x 2 asin e"
    assert unpack(parse("0.25")) == unpack(parse("00.250"))
    assert read_number(unpack(parse("0.25"))[0]) == (1, 4)
    assert len(parse("x", length=7)) == 7


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_everything_else_is_refused_in_one_line(text):
    with pytest.raises(ValueError) as caught:
        parse(text, length=64)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300 and message.isascii()


def test_depth_is_no_limit():
    deep = (LONGEST - 1) // 2
    assert spell(parse("(" * deep + "x" + ")" * deep)) == "x"
    signs = parse("-" * 4000 + "x")
    assert len(unpack(signs)) == 8001 and to_text(signs).endswith("-x")


def test_written_expressions_are_worth_the_same(drawn, evaluate_rows, compare_rows, points):
    again = [parse(to_text(row), length=drawn.shape[1]) for row in np.asarray(drawn)]
    verdict = compare_rows(evaluate_rows(drawn, points), evaluate_rows(np.stack(again), points))
    assert bool((verdict.is_equal | ~verdict.is_decided).all())
    assert float(verdict.is_decided.mean()) > 0.9


LATEX = {
    "x*exp(x^2)": r"x e^{x^{2}}",
    "1/sqrt(x)": r"\frac{1}{\sqrt{x}}",
    "-(x + 1)": r"-\left(x + 1\right)",
    "(x + y)^2": r"\left(x + y\right)^{2}",
    "x*2": r"x \cdot 2",
    "0.5*pi*c1": r"\frac{1}{2} \pi c_1",
    "exp(x)^2": r"\left(e^{x}\right)^{2}",
    "x - (y - 1)": r"x - \left(y - 1\right)",
    "asinh(x)": r"\operatorname{arsinh}\left(x\right)",
}


@pytest.mark.parametrize("text", LATEX)
def test_latex(text):
    assert to_latex(parse(text)) == LATEX[text]


def test_what_is_no_expression_is_not_written():
    for tokens in ([], [NAMES.index("+"), 1], [1, 1]):
        with pytest.raises(ValueError, match="expression"):
            to_text(np.array(tokens, np.int32))
