"""Settings of worlds, from text to the types of a factory's signature. No JAX here."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from jaxdl.core.run import BadInput

Factory = Callable[..., Any]  # settings -> Env
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Setting(NamedTuple):
    """Describes one setting of a factory.

    Attributes:
      name: of the argument.
      kind: its type.
      default: its value where it is not set; `inspect.Parameter.empty` if it must be set.
    """

    name: str
    kind: Any
    default: Any


def settings_of(factory: Factory) -> dict[str, Setting]:
    """Returns the settings of a factory by name."""
    try:
        hints = typing.get_type_hints(factory)
    except (NameError, TypeError):  # hints that name what is not there: go by the defaults
        hints = {}
    settings = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            default = parameter.default
            guess = str if default in (parameter.empty, None) else type(default)
            settings[name] = Setting(name, hints.get(name, guess), default)
    return settings


def read_settings(
    world: str, known: Mapping[str, Setting], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Reads the settings that are written in a name.

    Args:
      world: its name, for messages.
      known: the factory's settings.
      texts: setting -> text; each is known.

    Raises:
      BadInput: a value is of another type, with what it should be.
    """
    values = {}
    for name, text in texts.items():
        try:
            values[name] = _read(text, known[name].kind)
        except ValueError:
            raise BadInput(
                f"{world}: {name}={text} should be {kind_text(known[name].kind)}"
            ) from None
    return values


def kind_text(kind: Any) -> str:
    """Writes a type in words, such as `an integer` or `one of balance, swingup`."""
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is tuple:
        return f"values joined by x, as 2x3, each {kind_text(arguments[0])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(kind_text, arguments))
    words = {
        bool: "true or false",
        int: "an integer",
        float: "a number",
        str: "text",
        types.NoneType: "none",
    }
    return words.get(kind, f"a {getattr(kind, '__name__', kind)}")


def value_text(value: Any) -> str:
    """Writes a value as it stands in a name, such as `0.2`, `true` or `2x3`."""
    if isinstance(value, tuple | list):
        return "x".join(map(value_text, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(text: str, kind: Any) -> Any:
    """One value.

    Raises:
      ValueError: the text is no value of that type.
    """
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin is Literal:
        return {str(choice): choice for choice in arguments}[_one_of(text, arguments)]
    if origin is tuple:
        return _read_tuple(text, arguments)
    if origin in (typing.Union, types.UnionType):
        return _read_union(text, arguments)
    if kind is bool:
        return WORDS[_one_of(text.lower(), WORDS)]
    if kind is types.NoneType:
        return {"none": None}[_one_of(text.lower(), ["none"])]
    if kind in (int, float, str):
        return kind(text)
    raise ValueError(text)


def _one_of(text: str, choices: typing.Iterable[Any]) -> str:
    if text not in map(str, choices):
        raise ValueError(text)
    return text


def _read_tuple(text: str, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    parts = text.split("x")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(parts)
    if len(parts) != len(kinds):
        raise ValueError(text)
    return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))


def _read_union(text: str, kinds: tuple[Any, ...]) -> Any:
    """Reads a value by the first type that can, of which None is the first and text the last."""
    order = sorted(kinds, key=lambda kind: (kind is not types.NoneType, kind is str))
    for kind in order:
        try:
            return _read(text, kind)
        except ValueError:
            continue
    raise ValueError(text)
