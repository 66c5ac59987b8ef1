"""Values as they are typed on a command line: from text to the type of a field, and back."""

import sys
import types
import typing
from decimal import Decimal
from typing import Any, Literal

from absl import flags

from jaxdl.launch.settings import fields


def define(config: Any) -> None:
    """Defines one absl flag for each field of the config, with its value as the default."""
    for setting in fields(config):
        define_one(
            setting.name,
            parser_of(setting.kind),
            setting.value,
            setting.text,
            short=setting.short,
            bare=may_be_bare(setting.kind),
        )


def define_one(
    name: str,
    parser: flags.ArgumentParser,
    value: Any,
    text: str,
    *,
    short: str | None = None,
    bare: bool = False,
) -> None:
    """Defines one absl flag; `--name` and `--noname` stand for true and false where it is bare."""
    flag = flags.Flag(parser, None, name, value, text, short_name=short, boolean=bare)
    flags.DEFINE_flag(flag, module_name=sys.argv[0])


def may_be_bare(kind: Any) -> bool:
    """Returns whether true and false are among the values of a field's type."""
    choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
    return kind is bool or any(choice is True for choice in choices)  # 1 == True


def parser_of(kind: Any) -> flags.ArgumentParser:
    """Returns the parser of a field's type."""
    args = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):  # float | None: the word "none" stands for None
        return _Optional(parser_of(next(arg for arg in args if arg is not types.NoneType)))
    if origin is Literal:
        return _Choice(args)
    if origin is tuple:
        return _Tuple(parser_of(args[0]))
    numbers = {int: flags.IntegerParser, float: flags.FloatParser, bool: flags.BooleanParser}
    return numbers.get(kind, flags.ArgumentParser)()


def written(value: Any) -> str:
    """Returns a value as it is typed: `64,64`, `none`, `1e-3`, `true`."""
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return ",".join(map(written, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    return str(value)


def _number(value: float) -> str:
    """Returns the shortest text of a float that reads back as the same one."""
    if value == 0 or not 1e-300 < abs(value) < 1e300 or 1e-2 <= abs(value) < 1e6:
        return repr(value).removesuffix(".0")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    mantissa = "".join(map(str, digits))
    point = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{'-' * sign}{mantissa[0]}{point}e{int(exponent) + len(mantissa) - 1}"


class _Optional(flags.ArgumentParser):
    """Parses the word "none" as None, all else with another parser."""

    def __init__(self, inner: flags.ArgumentParser):
        self.inner = inner

    def parse(self, argument):
        return None if argument in (None, "none", "None") else self.inner.parse(argument)

    def flag_type(self):
        return f"{self.inner.flag_type()} or none"


class _Choice(flags.ArgumentParser):
    """Parses one of a few values."""

    def __init__(self, choices: tuple[Any, ...]):
        self.choices = choices

    def parse(self, argument):
        for choice in self.choices:
            if argument == choice or argument == written(choice):
                return choice
        raise ValueError(f"value should be one of <{'|'.join(map(written, self.choices))}>")

    def flag_type(self):
        return "|".join(map(written, self.choices))


class _Tuple(flags.ArgumentParser):
    """Parses comma-separated values into a tuple."""

    def __init__(self, inner: flags.ArgumentParser):
        self.inner = inner

    def parse(self, argument):
        if not isinstance(argument, str):
            return tuple(argument)
        return tuple(self.inner.parse(part.strip()) for part in argument.split(",") if part)

    def flag_type(self):
        return f"{self.inner.flag_type()},..."
