"""Circuits as data: a small reader of SPICE's netlists, which refuses what it does not know.

Read are resistors, capacitors, sources and MOSFETs with `.model` and `.param`, as ngspice's manual
(version 39, chapters 2 to 4 and 7) has them. Anything else ends with one line that names the place.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from jaxdl.core.run import BadInput

MOST_TEXT, MOST_ELEMENTS, MOST_NODES = 1_000_000, 500, 64  # systems are unrolled: small ones only
GROUND = ("0", "gnd")
SUFFIXES = {  # manual, section 2.1.3
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "": 1.0,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
}
UNITS = ("v", "a", "f", "s", "hz", "ohm")  # may follow, and mean nothing
NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|[tgkmunpf]?)([a-z]*)")
NAME = re.compile(r"[a-z_][a-z0-9_]*")
WORD = re.compile(r"[a-z0-9_]+")  # names of elements and nodes
TERMINALS = {"r": 2, "c": 2, "v": 2, "i": 2, "m": 4}
LEVELS = {1: "level 1 (Shichman and Hodges)", 260: "EKV, smoothed"}
CARD = {  # parameters of a MOSFET's card and their defaults: V, A/V^2, 1/V, V^(1/2), V, -, A
    "vto": 0.0,
    "kp": 2e-5,
    "lambda": 0.0,
    "gamma": 0.0,
    "phi": 0.6,
    "slope": 1.3,
    "is": 0.0,
}
SIZES = {"w": 1e-4, "l": 1e-4, "m": 1.0}  # of a MOSFET: m, m, how many side by side


class Value(NamedTuple):
    """A number, or a product of one and parameters: `10p`, `{2*width/length}`.

    Attributes:
      factor: in SI units.
      over: names of parameters that it is multiplied by.
      under: names of parameters that it is divided by.
    """

    factor: float
    over: tuple[str, ...] = ()
    under: tuple[str, ...] = ()


class Card(NamedTuple):
    """A MOSFET's model.

    Attributes:
      polarity: 1 for NMOS, -1 for PMOS.
      level: one of LEVELS.
      parameters: name -> number, of CARD: vto V, kp A/V^2, lambda 1/V, gamma V^(1/2), phi V, and
        slope, of the smoothed model.
    """

    polarity: int
    level: int
    parameters: Mapping[str, float]


class Element(NamedTuple):
    """One element.

    Attributes:
      name: its first letter is the kind: r, c, v, i or m.
      nodes: its terminals; of a MOSFET drain, gate, source and bulk.
      values: name -> Value: `value` in Ohm, F, V or A; of sources `ac`, the phasor's size in V or
        A; of a MOSFET w and l in m, and m.
      card: of a MOSFET the name of its model, else "".
    """

    name: str
    nodes: tuple[str, ...]
    values: Mapping[str, Value]
    card: str = ""


class Netlist(NamedTuple):
    """A circuit.

    Attributes:
      title: the text's first line.
      elements: in the text's order.
      cards: name -> Card.
      parameters: name -> number, where nothing else is given.
    """

    title: str
    elements: tuple[Element, ...]
    cards: Mapping[str, Card]
    parameters: Mapping[str, float]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes but ground, in the order of their first mention."""
        named = (node for element in self.elements for node in element.nodes)
        return tuple(dict.fromkeys(node for node in named if node != "0"))


def read_netlist(text: str) -> Netlist:
    """Reads a netlist; case means nothing, and the first line is the title.

    Args:
      text: elements `R C V I M`, `.model` (nmos and pmos, level 1 or 260), `.param` and `.end`;
        comments after `*`, `;` and `$`; `+` goes on with the line before. Values are numbers with
        SPICE's suffixes, or products and quotients of numbers and parameters in braces. A level of
        260 is our smoothed model, which ngspice does not know.

    Raises:
      BadInput: one line that says where and what, for everything else.
    """
    if len(text) > MOST_TEXT:
        raise BadInput(f"netlist: {len(text)} characters, more than {MOST_TEXT}")
    title, *_ = text.splitlines() or [""]
    elements: dict[str, Element] = {}
    cards: dict[str, Card] = {}
    parameters: dict[str, float] = {}
    for number, line in _statements(text):
        try:
            words = _words(line)
            if line.startswith(".model"):
                _add(cards, *_read_card(words))
            elif line.startswith(".param"):
                _read_parameters(words, parameters)
            elif line[0] in TERMINALS:
                _add(elements, words[0], _read_element(words))
            else:
                raise BadInput(f"{_shown(words[0])} is not read")
        except BadInput as error:
            raise BadInput(f"netlist, line {number}: {error}") from None
        if len(elements) > MOST_ELEMENTS:
            raise BadInput(f"netlist, line {number}: more than {MOST_ELEMENTS} elements")
    netlist = Netlist(title.strip(), tuple(elements.values()), cards, parameters)
    _check(netlist)
    return netlist


def evaluate(value: Value, parameters: Mapping) -> float:
    """Computes a value by parameters, numbers or arrays; of these it has the shape and dtype."""
    result = value.factor
    for name in value.over:
        result = result * parameters[name]
    for name in value.under:
        result = result / parameters[name]
    return result


def read_number(word: str) -> float:
    """Reads a number with SPICE's suffix: `4.7k`, `10pF`, `1meg`."""
    match = NUMBER.fullmatch(word)
    # "1a" would be an attoampere to ngspice, and an ampere to the eye.
    known = match and (match[3] in ("", *UNITS)) and (match[2] or match[3] != "a")
    if not known:
        raise BadInput(f"{_shown(word)} is not a number")
    number = float(match[1]) * SUFFIXES[match[2]]
    if not math.isfinite(number):
        raise BadInput(f"{_shown(word)} is too large")
    return number


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Numbers of lines and their text, without comments, up to `.end`."""
    held: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines()[1:], 2):
        line = re.split(r"[;$]", line, maxsplit=1)[0].strip().lower()
        if not line or line.startswith("*"):
            continue
        if line.startswith("+"):
            if held is None:
                raise BadInput(f"netlist, line {number}: there is nothing to go on with")
            held = held[0], f"{held[1]} {line[1:]}"
            continue
        if held:
            yield held
        held = None
        if line == ".end":
            return
        held = number, line
    if held:
        yield held


def _words(line: str) -> list[str]:
    """Splits at spaces; `name = value` is one word, and so is what stands in braces."""
    line = re.sub(r"\s*=\s*", "=", line)
    line = re.sub(r"\{[^{}]*\}", lambda match: re.sub(r"\s+", "", match[0]), line)
    return line.split()


def _read_value(word: str) -> Value:
    """A number, or a product in braces."""
    if not word.startswith("{"):
        return Value(read_number(word))
    if not word.endswith("}"):
        raise BadInput(f"{_shown(word)} lacks a brace")
    factor, names = 1.0, {"*": [], "/": []}
    for sign, part in zip(*_factors(word[1:-1]), strict=True):
        if NAME.fullmatch(part):
            names[sign].append(part)
        else:
            number = read_number(part)
            if sign == "/" and number == 0:
                raise BadInput(f"{_shown(word)} divides by 0")
            factor = factor * number if sign == "*" else factor / number
    return Value(factor, tuple(names["*"]), tuple(names["/"]))


def _factors(text: str) -> tuple[list[str], list[str]]:
    """The signs * and / of a product, the first factor's too, and its factors."""
    parts = re.split(r"([*/])", text)
    return ["*", *parts[1::2]], parts[0::2]


def _settings(words: list[str], known: Mapping[str, float]) -> dict[str, str]:
    """Reads `name=value ...`, each name once."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            raise BadInput(f"{_shown(word)} is not one of {'= '.join(known)}=")
        _add(found, name, value)
    return found


def _read_element(words: list[str]) -> Element:
    """One line of an element."""
    name, kind = words[0], words[0][0]
    count = TERMINALS[kind]
    if len(words) < count + 2:
        raise BadInput(
            f"{_shown(name)} needs {count} nodes and a {'model' if kind == 'm' else 'value'}"
        )
    for word in words[: count + 1]:
        if not WORD.fullmatch(word):
            raise BadInput(f"{_shown(word)} is no name")
    nodes = tuple("0" if node in GROUND else node for node in words[1 : count + 1])
    rest = words[count + 1 :]
    if kind == "m":
        sizes = _settings(rest[1:], SIZES)
        values = {key: Value(default) for key, default in SIZES.items()}
        return Element(name, nodes, values | {k: _read_value(v) for k, v in sizes.items()}, rest[0])
    values = {}
    if kind in "vi":
        if rest[0] == "dc":
            rest = rest[1:]
        if len(rest) >= 2 and rest[-2] == "ac":
            values["ac"] = _read_value(rest[-1])
            rest = rest[:-2] or ["0"]
    if len(rest) != 1:
        raise BadInput(f"{_shown(name)} has no value, or more than is read")
    return Element(name, nodes, values | {"value": _read_value(rest[0])})


def _read_card(words: list[str]) -> tuple[str, Card]:
    """`.model name nmos (level=1 vto=0.5 ...)`."""
    words = " ".join(words).replace("(", " ").replace(")", " ").split()
    if len(words) < 3 or words[2] not in ("nmos", "pmos"):
        raise BadInput("a .model is .model name nmos|pmos (...)")
    found = _settings(words[3:], {"level": 1, **CARD})
    level = read_number(found.pop("level", "1"))
    if level not in LEVELS:
        raise BadInput(f"level {level:g} is none of {', '.join(map(str, LEVELS))}")
    numbers = CARD | {key: read_number(value) for key, value in found.items()}
    if numbers["is"] != 0:
        raise BadInput("junctions of the bulk are not modeled: is should be 0")
    if numbers["phi"] <= 0 or numbers["kp"] <= 0 or numbers["slope"] <= 0:
        raise BadInput("phi, kp and slope should be above 0")
    return words[1], Card(1 if words[2] == "nmos" else -1, int(level), numbers)


def _read_parameters(words: list[str], parameters: dict[str, float]) -> None:
    """`.param name=number ...`."""
    for word in words[1:]:
        name, _, value = word.partition("=")
        if not NAME.fullmatch(name):
            raise BadInput(f"{_shown(word)} is not name=number")
        _add(parameters, name, read_number(value))


def _add(table: dict, name: str, value) -> None:
    """Adds what shall not be there twice."""
    if name in table:
        raise BadInput(f"{_shown(name)} is there twice")
    table[name] = value


def _check(netlist: Netlist) -> None:
    """Refuses circuits without elements or ground, and names that nothing stands behind."""
    if not netlist.elements:
        raise BadInput("netlist: no elements")
    if len(netlist.nodes) > MOST_NODES:
        raise BadInput(f"netlist: {len(netlist.nodes)} nodes, more than {MOST_NODES}")
    if not any("0" in element.nodes for element in netlist.elements):
        raise BadInput("netlist: no element is at ground, node 0")
    for element in netlist.elements:
        if element.card and element.card not in netlist.cards:
            raise BadInput(f"netlist: {element.name} names no model, {_shown(element.card)}")
        for value in element.values.values():
            for name in value.over + value.under:
                if name not in netlist.parameters:
                    raise BadInput(f"netlist: {element.name} names no parameter, {_shown(name)}")
        for key in (
            ("w", "l", "m") if element.card else ("value",) if element.name[0] in "r" else ()
        ):
            if evaluate(element.values[key], netlist.parameters) <= 0:
                raise BadInput(f"netlist: {element.name} should have {key} above 0")


def _shown(word: str) -> str:
    """A word as it may be printed: short, and without what steers a terminal."""
    return ascii(word[:40])
