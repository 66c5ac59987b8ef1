"""The rules by which expressions are simplified, as text, and the tables that they compile to.

A rule is `pattern -> result` in prefix order. In patterns a b c d stand for any expression, the
same letter for equal ones; m and n for numbers, k for an integer, j for a negative number, h for
what is no number. `#` is the value of + * ^ applied to two numbers, where a token can be that, and
with a function minus the number that its argument is, or begins with. `sort` rules hold where their
parts stand in the wrong order.

Differences, quotients and roots become sums, products and powers; sums and products nest to the
right and are sorted, numbers first, so that equal terms stand side by side and are collected. All
rules hold on the principal branches of the complex plane, wherever both sides are defined:
log(exp(a)) and sqrt(a^2) stay as they are.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from jaxdl.language.symbolic.derivative import compile_template
from jaxdl.language.symbolic.expressions import ARITIES, BINARY, CODES, UNARY
from jaxdl.language.symbolic.nodes import LITERALS

PLACES = ("", "0", "1", "00", "01", "10", "11", "100", "101", "010")  # paths of arguments
CLASSES = ("number", "integer", "negative", "no number")
LETTERS = {"m": "number", "n": "number", "k": "integer", "j": "negative", "h": "no number"}
FOLDED = "#"
SORT = "sort"
ODD = ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh")
EVEN = ("cos", "cosh")

ELIMINATION = ("- a b -> + a * -1 b", "/ a b -> * a ^ b -1", "sqrt a -> ^ a 1/2")
NUMBERS = ("+ m n -> #", "* m n -> #", "^ m n -> #")
IDENTITIES = (
    "+ 0 a -> a", "* 0 a -> 0", "* 1 a -> a",
    "^ a 0 -> 1", "^ a 1 -> a", "^ 1 a -> 1", "^ e a -> exp a",
)  # fmt: skip
SUMS = (
    "+ + a b c -> + a + b c",
    "+ m + n a -> + + m n a",
    "+ a a -> * 2 a",
    "+ a * n a -> * + n 1 a",
    "+ * n a a -> * + n 1 a",
    "+ * m a * n a -> * + m n a",
    "+ a + a c -> + * 2 a c",
    "+ a + * n a c -> + * + n 1 a c",
    "+ * n a + a c -> + * + n 1 a c",
    "+ * m a + * n a c -> + * + m n a c",
)
PRODUCTS = (
    "* * a b c -> * a * b c",
    "* m * n a -> * * m n a",
    "* m + a b -> + * m a * m b",
    "* a a -> ^ a 2",
    "* a ^ a b -> ^ a + 1 b",
    "* ^ a b a -> ^ a + 1 b",
    "* ^ a b ^ a c -> ^ a + b c",
    "* h * h c -> * ^ h 2 c",
    "* a * ^ a b c -> * ^ a + 1 b c",
    "* ^ a b * a c -> * ^ a + 1 b c",
    "* ^ a b * ^ a c d -> * ^ a + b c d",
    "* exp a exp b -> exp + a b",
    "* exp a * exp b c -> * exp + a b c",
)
POWERS = (
    "^ ^ a b k -> ^ a * b k",
    "^ * a b k -> * ^ a k ^ b k",
    "^ exp a k -> exp * k a",
    "exp log a -> a",
    "exp * n log a -> ^ a n",
    "exp + a log b -> * exp a b",
    "exp 0 -> 1",
    "exp 1 -> e",
    "log 1 -> 0",
    "log e -> 1",
    "log exp n -> n",
)
VALUES = (
    *(f"{name} 0 -> 0" for name in ODD), *(f"{name} 0 -> 1" for name in EVEN),
    "acos 1 -> 0", "acosh 1 -> 0", "sin pi -> 0", "cos pi -> -1", "tan pi -> 0",
)  # fmt: skip
INVERSES = (
    "sin asin a -> a", "cos acos a -> a", "tan atan a -> a",
    "sinh asinh a -> a", "cosh acosh a -> a", "tanh atanh a -> a",
    "sin acos h -> sqrt - 1 ^ h 2", "cos asin h -> sqrt - 1 ^ h 2",
    "cosh asinh a -> ^ + 1 ^ a 2 1/2", "cos atan a -> ^ + 1 ^ a 2 -1/2",
    "tan asin h -> / h cos asin h", "sin atan a -> * a cos atan a",
    "tan acos h -> / sin acos h h", "tanh asinh a -> / a cosh asinh a",
)  # fmt: skip
SIGNS = (
    *(f"{name} * j a -> * -1 {name} * # a" for name in ODD),
    *(f"{name} * j a -> {name} * # a" for name in EVEN),
    *(f"{name} j -> * -1 {name} #" for name in ODD),
    *(f"{name} j -> {name} #" for name in EVEN),
)
ORDER = (
    "+ a b -> + b a : sort", "+ a + b c -> + b + a c : sort",
    "* a b -> * b a : sort", "* a * b c -> * b * a c : sort",
)  # fmt: skip
CANONICAL = (
    *NUMBERS, *ELIMINATION, *IDENTITIES, *SUMS, *PRODUCTS, *POWERS, *VALUES, *INVERSES, *SIGNS,
    *ORDER,
)  # fmt: skip
# The way back, for readers: a - b, a / b and sqrt(a).
READABLE = (
    "^ a 1/2 -> sqrt a",
    "^ a -1/2 -> / 1 sqrt a",
    "^ a j -> / 1 ^ a * -1 j",
    "* a / 1 b -> / a b",
    "* / 1 a b -> / b a",
    "* / a b c -> / * a c b",
    "/ a / b c -> / * a c b",
    "/ / a b c -> / a * b c",
    "* m / a b -> / * m a b",
    "+ a * -1 b -> - a b",
    "+ * -1 a b -> - b a",
    "+ j a -> - a * -1 j",
)


class Condition(NamedTuple):
    """What a rule asks of the places around a node.

    Attributes:
      kind: "token", "class", "equal", "folds", "sort".
      place: of `PLACES`.
      other: the other place, for "equal" and "sort"; the token or the class's number; else 0.
    """

    kind: str
    place: int = 0
    other: int = 0


class Rules(NamedTuple):
    """Rules as tables; the first rule that holds is applied.

    Attributes:
      conditions: C of them, all that any rule asks.
      asks: [R + 1, W] uint32, the conditions of each rule, 32 a word; the last rule asks nothing.
      steps: [R + 1, K, 3] int32, as `run_steps` takes them; what is known are the literals, then
        the places, then what is folded. The last result is what takes the node's place; of the
        last rule it is the node itself.
    """

    conditions: tuple[Condition, ...]
    asks: np.ndarray
    steps: np.ndarray


@cache
def compile_rules(texts: tuple[str, ...]) -> Rules:
    """Compiles rules.

    Raises:
      ValueError: a pattern is deeper than `PLACES`, or a result has a letter that it has not.
    """
    parsed = [_compile_rule(text) for text in texts]
    conditions = tuple(dict.fromkeys(c for asked, _, _ in parsed for c in asked))
    asks = np.zeros((len(texts) + 1, len(conditions) // 32 + 1), np.uint32)
    longest = max(len(steps) for _, steps, _ in parsed)
    count = len(LITERALS) + len(PLACES) + 1
    steps = np.zeros((len(texts) + 1, longest, 3), np.int32)
    steps[..., 0] = CODES["+"]  # of 0 and a slot: the slot
    for row, (asked, written, end) in enumerate([*parsed, ([], [], len(LITERALS))]):
        for condition in asked:
            number = conditions.index(condition)
            asks[row, number // 32] |= np.uint32(1 << (number % 32))
        steps[row, : len(written)] = np.reshape(written, (-1, 3))
        for k in range(len(written), longest):
            steps[row, k, 2] = end if k == len(written) else count + k - 1
    return Rules(conditions, asks, steps)


def _compile_rule(text: str) -> tuple[list[Condition], list[tuple[int, int, int]], int]:
    """Returns what a rule asks, its steps, and which of all that is known is the result."""
    rule, _, order = text.partition(" : ")
    pattern, result = (side.split() for side in rule.split(" -> "))
    asked, letters = _read_pattern(pattern)
    if FOLDED in result:
        asked.append(Condition("folds"))
    if order == SORT:
        asked.append(Condition("sort", 0, PLACES.index(letters["b"])))
    known = [PLACES.index(letters[name]) if name in letters else -1 for name in result]
    places = [f"@{place}" for place in range(len(PLACES))]
    words = [f"@{place}" if place >= 0 else name for place, name in zip(known, result, strict=True)]
    steps = compile_template(words, (*places, FOLDED))
    names = [*LITERALS, *places, FOLDED]
    end = names.index(words[0]) if not steps else len(names) + len(steps) - 1
    return asked, steps, end


def _read_pattern(pattern: list[str]) -> tuple[list[Condition], dict[str, str]]:
    """Returns what a pattern asks, and the path of each of its letters."""
    asked, letters, paths = [], {}, [""]
    for word in pattern:
        path = paths.pop(0)
        place = PLACES.index(path)
        if word in UNARY + BINARY:
            asked.append(Condition("token", place, CODES[word]))
            paths = [path + str(i) for i in range(ARITIES[CODES[word]])] + paths
        elif word in LITERALS or word in CODES:
            asked.append(Condition("token", place, LITERALS.get(word, CODES.get(word, 0))))
        elif word in letters:
            asked.append(Condition("equal", PLACES.index(letters[word]), place))
        else:
            letters[word] = path
            if word in LETTERS:
                asked.append(Condition("class", place, CLASSES.index(LETTERS[word])))
    return asked, letters
