"""Programs to text and LaTeX, with no more parentheses than needed, by a loop as in the parser."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxdl.language.symbolic.expressions import (
    ARITIES,
    FRACTION,
    NAMES,
    read_number,
    unpack,
)

SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)  # how strongly parts bind
BINDS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "^": POWER}
LATEX_NAMES = {
    "pi": r"\pi", "c1": "c_1", "c2": "c_2", "asin": r"\arcsin", "acos": r"\arccos",
    "atan": r"\arctan", "asinh": r"\operatorname{arsinh}", "acosh": r"\operatorname{arcosh}",
    "atanh": r"\operatorname{artanh}", "exp": r"\exp", "log": r"\log", "sin": r"\sin",
    "cos": r"\cos", "tan": r"\tan", "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh",
}  # fmt: skip


class Part(NamedTuple):
    """A part of an expression as it is written.

    Attributes:
      text: of it.
      binds: how strongly its outermost operator does.
      name: of its outermost token.
    """

    text: str
    binds: int
    name: str


def to_text(program: np.ndarray) -> str:
    """Writes a program [L], so that `parse` reads it again as the same value.

    Raises:
      ValueError: it is no expression.
    """
    return _write(program, _text_number, _text_unary, _text_binary)


def to_latex(program: np.ndarray) -> str:
    """Writes a program [L] as LaTeX, for math mode.

    Raises:
      ValueError: it is no expression.
    """
    return _write(program, _latex_number, _latex_unary, _latex_binary)


def _write(
    program: np.ndarray,
    write_number: Callable[[int], Part],
    write_unary: Callable[[str, Part], Part],
    write_binary: Callable[[str, Part, Part], Part],
) -> str:
    """Writes the tokens from right to left."""
    stack: list[Part] = []
    for token in reversed(unpack(program)):
        arity = 0 if token >= FRACTION else int(ARITIES[token])
        if arity > len(stack):
            raise ValueError("an expression lacks arguments")
        if token >= FRACTION:
            stack.append(write_number(token))
        elif arity == 0:
            name = NAMES[token]
            text = LATEX_NAMES.get(name, name) if write_number is _latex_number else name
            stack.append(Part(text, ATOM, name))
        elif arity == 1:
            stack.append(write_unary(NAMES[token], stack.pop()))
        else:
            stack.append(write_binary(NAMES[token], stack.pop(), stack.pop()))
    if len(stack) != 1:
        raise ValueError("tokens follow a complete expression" if stack else "no expression")
    return stack[0].text


def _within(part: Part, binds: int) -> str:
    """Returns a part as it stands where something binds so strongly."""
    return part.text if part.binds >= binds else f"({part.text})"


def _text_number(token: int) -> Part:
    over, under = read_number(token)
    text = f"{over}" if under == 1 else f"{over}/{under}"
    binds = ATOM if under == 1 else PRODUCT
    return Part(text, min(binds, SIGN) if over < 0 else binds, "number")


def _text_unary(name: str, part: Part) -> Part:
    return Part(f"{name}({part.text})", ATOM, name)


def _text_binary(name: str, first: Part, second: Part) -> Part:
    if name == "+" and second.text.startswith("-"):
        # What begins with a sign is a number or a product; the rest of a sum may follow it.
        if second.binds > SUM:
            return Part(f"{_within(first, SUM)} - {second.text[1:]}", SUM, "-")
    if name == "*" and first.text == "-1" and not second.text[0].isdigit():
        return Part(f"-{_within(second, PRODUCT)}", PRODUCT, "sign")
    binds = BINDS[name]
    if name == "^":
        return Part(f"{_within(first, ATOM)}^{_within(second, POWER)}", POWER, name)
    right = _within(second, binds if name in "+*" else binds + 1)
    if second.text.startswith("-") and right == second.text:
        right = f"({right})"
    space = " " if binds == SUM else ""
    return Part(f"{_within(first, binds)}{space}{name}{space}{right}", binds, name)


def _latex_number(token: int) -> Part:
    over, under = read_number(token)
    if under == 1:
        return Part(f"{over}", SIGN if over < 0 else ATOM, "number")
    sign = "-" if over < 0 else ""
    return Part(rf"{sign}\frac{{{abs(over)}}}{{{under}}}", SIGN if over < 0 else PRODUCT, "number")


def _latex_within(part: Part, binds: int) -> str:
    return part.text if part.binds >= binds else rf"\left({part.text}\right)"


def _latex_unary(name: str, part: Part) -> Part:
    if name == "sqrt":
        return Part(rf"\sqrt{{{part.text}}}", ATOM, name)
    if name == "exp":
        return Part(f"e^{{{part.text}}}", POWER, name)
    return Part(rf"{LATEX_NAMES[name]}\left({part.text}\right)", ATOM, name)


def _latex_binary(name: str, first: Part, second: Part) -> Part:
    if name == "/":
        return Part(rf"\frac{{{first.text}}}{{{second.text}}}", PRODUCT, name)
    if name == "^":
        return Part(f"{_latex_within(first, ATOM)}^{{{second.text}}}", POWER, name)
    if name == "+" and second.text.startswith("-") and second.binds > SUM:
        return Part(f"{first.text} - {second.text[1:]}", SUM, "-")
    if name == "*" and first.text == "-1":
        return Part(f"-{_latex_within(second, PRODUCT)}", PRODUCT, "sign")
    binds = BINDS[name]
    right = _latex_within(second, binds + (name == "-"))
    if second.text.startswith("-") and right == second.text:
        right = rf"\left({right}\right)"
    sign = f" {name} " if name != "*" else r" \cdot " if right[0].isdigit() else " "
    return Part(f"{_latex_within(first, binds)}{sign}{right}", binds, name)
