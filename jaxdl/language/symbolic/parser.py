"""Text to programs: a tokenizer and a parser by precedence, with a stack of its own.

Nothing is executed, looked up or guessed: names are those of `NAMES`, and every other text is
refused in one line. The parser is a loop (Dijkstra's shunting yard), so that no text is too deep
for it.

| | operators, the loosest first | |
|---|---|---|
| `+` `-` | left to right | |
| `*` `/` | left to right | a product is written out: `2*x`, not `2x` |
| `-` before a factor | | -x^2 is -(x^2) |
| `^` `**` | right to left | |
"""

import re
from typing import NamedTuple

import numpy as np

from jaxdl.language.symbolic.expressions import (
    CODES,
    CONSTANTS,
    LARGE,
    UNARY,
    VARIABLES,
    fraction,
    integer,
    pack,
    read_number,
)

LONGEST = 10_000  # characters of a text
WORD = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z][A-Za-z0-9]*'{0,2})"
    r"|(?P<sign>\*\*|[-+*/^()]))",
    re.ASCII,
)
ALIASES = {
    "ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "E": "e", "I": "i",
}  # fmt: skip
BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "negative": 3, "^": 4}
MINUS_ONE = integer(-1)


class Word(NamedTuple):
    """A word of a text.

    Attributes:
      kind: "number", "name" or "sign".
      text: as it stands there, with aliases replaced.
      place: of its first character, counted from 1.
    """

    kind: str
    text: str
    place: int


class Waiting(NamedTuple):
    """An operator that waits for its last argument, or an open parenthesis.

    Attributes:
      name: of the operator; "(" for a parenthesis, "negative" for a sign.
      place: of its first character.
    """

    name: str
    place: int


def parse(text: str, *, length: int | None = None) -> np.ndarray:
    """Reads an expression, such as `x*exp(x^2)`.

    Args:
      text: variables are x, y, y', y'', c1 and c2, constants e, pi and i.
      length: L of the program; by default as many as it has tokens.

    Returns:
      A program, [L] int32.

    Raises:
      ValueError: the text is no expression, or has more tokens than the length; one line.
    """
    return pack(_reduce(split_words(text)), length)


def split_words(text: str) -> list[Word]:
    """Splits a text into words.

    Raises:
      ValueError: it is too long, or holds a character that begins no word.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a text of {len(text)} characters is too long: {LONGEST} are the most")
    words, place = [], 0
    text = text.rstrip()
    while place < len(text):
        found = WORD.match(text, place)
        if found is None:
            rest = text[place:].lstrip()
            raise ValueError(f"{ascii(rest[0])} at {len(text) - len(rest) + 1} begins no word")
        kind = str(found.lastgroup)
        word = found.group(kind)
        word = ALIASES.get(word, word) if kind == "name" else word.replace("**", "^")
        words.append(Word(kind, word, found.start(kind) + 1))
        place = found.end()
    if not words:
        raise ValueError("the text is empty")
    return words


def _reduce(words: list[Word]) -> list[int]:
    """Returns the tokens of an expression in prefix order."""
    done: list[list[int]] = []  # the arguments that are complete, each in prefix order backwards
    waiting: list[Waiting] = []

    def close_to(strength: float) -> None:
        while (
            waiting
            and BINDS.get(waiting[-1].name, -1 if waiting[-1].name == "(" else 9) >= strength
        ):
            _apply(waiting.pop().name, done)

    wants_argument = True
    for word in words:
        if wants_argument:
            wants_argument = _take_argument(word, waiting, done)
        elif word.text == ")":
            close_to(0)
            if not waiting:
                raise ValueError(f"')' at {word.place} closes nothing")
            waiting.pop()
            if waiting and waiting[-1].name in UNARY:
                _apply(waiting.pop().name, done)
        elif word.text in BINDS:
            # What stands before is complete if it binds as strongly; a power awaits its right.
            close_to(BINDS[word.text] + (0.5 if word.text == "^" else 0))
            waiting.append(Waiting(word.text, word.place))
            wants_argument = True
        else:
            raise ValueError(f"{word.text!r} at {word.place} follows an argument without operator")
    if wants_argument:
        raise ValueError("the text ends where an argument should stand")
    close_to(0)
    if waiting:
        raise ValueError(f"'(' at {waiting[-1].place} is not closed")
    return done[0][::-1]


def _take_argument(word: Word, waiting: list[Waiting], done: list[list[int]]) -> bool:
    """Takes a word that stands where an argument may begin; says whether it is still to come.

    Raises:
      ValueError: no argument begins like that.
    """
    if waiting and waiting[-1].name in UNARY and word.text != "(":
        raise ValueError(f"{waiting[-1].name!r} at {waiting[-1].place} lacks its '('")
    if word.kind == "number":
        done.append([_read_number(word)])
        return False
    if word.text in VARIABLES + CONSTANTS:
        done.append([CODES[word.text]])
        return False
    if word.text in UNARY or word.text == "(":
        waiting.append(Waiting(word.text, word.place))
        return True
    if word.kind == "name":
        raise ValueError(f"{word.text!r} at {word.place} is no name; there are {_names()}")
    if word.text == "-":
        waiting.append(Waiting("negative", word.place))
        return True
    if word.text == "+":
        return True
    raise ValueError(f"{word.text!r} at {word.place} stands where an argument should")


def _apply(name: str, done: list[list[int]]) -> None:
    """Puts an operator before its last arguments, which are backwards: behind them."""
    last = done.pop()
    if name == "negative":
        done.append(_negate(last))
    elif name in UNARY:
        done.append([*last, CODES[name]])
    else:
        first = done.pop()
        last += first  # backwards, the second argument comes first
        last.append(CODES[name])
        done.append(last)


def _negate(backwards: list[int]) -> list[int]:
    """Returns minus an expression: a number of the other sign, else a product with -1."""
    if len(backwards) == 1 and backwards[0] > MINUS_ONE:
        return [integer(-read_number(backwards[0])[0])]
    return [*backwards, MINUS_ONE, CODES["*"]]


def _read_number(word: Word) -> int:
    """Returns the token of a number; a decimal fraction is a fraction."""
    whole, _, part = word.text.partition(".")
    digits = (whole + part).lstrip("0") or "0"
    if len(digits) > len(str(LARGE)) or len(part) > len(str(LARGE)):
        raise ValueError(f"the number at {word.place} is too large: integers are below 2^29")
    try:
        return fraction(int(digits), 10 ** len(part))
    except ValueError as error:
        raise ValueError(f"the number at {word.place}: {error}") from None


def _names() -> str:
    return ", ".join((*VARIABLES, *CONSTANTS, *UNARY))
