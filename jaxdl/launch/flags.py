"""From a launch file's dataclass to native absl flags, and from flags to a checked Config.

A value is taken from the first of: the flag on the command line, the file given to `--config`,
the preset. Nothing here imports JAX, so a mistake is told at once.
"""

import dataclasses
import difflib
import errno
import json
import os
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from absl import app, flags, logging

from jaxdl.core.run import (
    BadInput,
    NonFinite,
    NotSaved,
    Run,
    check_options,
    default_workdir,
    horizon,
)
from jaxdl.launch.restart import supervise


class Setting(NamedTuple):
    """One field of a Config, as a flag.

    Attributes:
      name: of the flag; dotted for nested parts, but for those of `Run`.
      kind: the field's type.
      value: the field's value.
      text: its help.
      short: a second name, or None.
    """

    name: str
    kind: Any
    value: Any
    text: str
    short: str | None


def fields(config: Any, prefix: str = "") -> Iterator[Setting]:
    """Yields every field of a Config that is a flag."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        kind, value = hints[field.name], getattr(config, field.name)
        if field.metadata.get("flag", True) is False:
            continue
        if dataclasses.is_dataclass(kind):
            yield from fields(value, _prefix(kind, prefix, field.name))
        else:
            text, short = field.metadata.get("help", field.name), field.metadata.get("short")
            yield Setting(f"{prefix}{field.name}", kind, value, text, short)


def _prefix(kind: type, prefix: str, name: str) -> str:
    """Flags of `Run` and of shared groups of options are not dotted."""
    return "" if kind is Run or hasattr(kind, "group") else f"{prefix}{name}."


def as_dict(config: Any) -> dict[str, Any]:
    """The config as one flat dict, flag name -> value: what `config.json` holds."""
    return {setting.name: setting.value for setting in fields(config)}


def override(config: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    """The config with some fields replaced, by flag name; `__post_init__` checks it again."""
    changes = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            inner = _prefix(type(value), prefix, field.name)
            changes[field.name] = override(value, values, inner)
        elif f"{prefix}{field.name}" in values and field.metadata.get("flag", True):
            changes[field.name] = values[f"{prefix}{field.name}"]
    return dataclasses.replace(config, **changes)


def configure(
    system: str, presets: Mapping[str, Any], preset: str, values: Mapping[str, Any] | None = None
) -> Any:
    """A preset with some values replaced, ready to be run.

    Args:
      system: the launch file's name.
      presets: preset name -> Config.
      preset: which of them.
      values: flag name, full or short -> value.

    Raises:
      BadInput: an unknown preset or name, or a value that the Config refuses.
    """
    if preset not in presets:
        raise BadInput(f"--preset={preset!r}: should be one of {', '.join(presets)}")
    config = presets[preset]
    names = [setting.name for setting in fields(config)]
    full = {setting.short: setting.name for setting in fields(config)}
    values = {full.get(name, name): value for name, value in (values or {}).items()}
    for name in values:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise BadInput(
                f"unknown setting {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
    config = override(config, values)
    _check(config)
    if not hasattr(config, "run"):  # what measures systems is not itself a run
        return config
    config = dataclasses.replace(
        config, run=dataclasses.replace(config.run, horizon=horizon(config.run))
    )
    record = {"system": system, "preset": preset, **as_dict(config)}
    run = dataclasses.replace(
        config.run,
        system=system,
        preset=preset,
        config=record,
        free=frozenset(free_names(config)),
    )
    return dataclasses.replace(config, run=run)


def _check(config: Any, prefix: str = "--") -> None:
    """Checks a Config and its parts against the bounds of their options."""
    check_options(config, prefix)
    for field in dataclasses.fields(config):
        part = getattr(config, field.name)
        if dataclasses.is_dataclass(part) and not isinstance(part, Run):
            _check(part, "--" + _prefix(type(part), prefix.removeprefix("--"), field.name))


def free_names(config: Any, prefix: str = "") -> set[str]:
    """Flag names of the options that may change when a run goes on."""
    names = set()
    for field in dataclasses.fields(config):
        part = getattr(config, field.name)
        if dataclasses.is_dataclass(part):
            names |= free_names(part, _prefix(type(part), prefix, field.name))
        elif field.metadata.get("free"):
            names.add(f"{prefix}{field.name}")
    return names


def define(config: Any) -> None:
    """Defines one absl flag for each field of the config, with its value as the default."""
    for name, kind, value, text, short in fields(config):
        if isinstance(kind, types.UnionType):  # float | None: the word "none" stands for None
            inner = next(arg for arg in typing.get_args(kind) if arg is not type(None))
            _define_one(name, _Optional(_scalar_parser(inner)), value, text, short)
        elif typing.get_origin(kind) is Literal:
            _define_one(name, flags.EnumParser(list(typing.get_args(kind))), value, text, short)
        elif typing.get_origin(kind) is tuple:
            parser = _Tuple(_scalar_parser(typing.get_args(kind)[0]))
            _define_one(name, parser, ",".join(map(str, value)), text, short)
        elif kind is bool:
            flags.DEFINE_bool(name, value, text, module_name=sys.argv[0], short_name=short)
        else:
            _define_one(name, _scalar_parser(kind), value, text, short)


def launch(
    main: Callable[[Any], Any],
    presets: Mapping[str, Any],
    default: str = "cpu",
    *,
    system: str | None = None,
    prepare: Callable[[Any], Any] = lambda config: config,
) -> None:
    """Reads the flags, then calls `main(config)`; bad input ends the process with exit code 2.

    Args:
      main: what is to be done; its file's docstring is the help text.
      presets: preset name -> Config.
      default: the preset unless a flag names one.
      system: the launch file whose presets these are; by default the one that `main` is in.
      prepare: Config -> what `main` is called with; it may refuse the flags with BadInput.
    """
    module = sys.modules[main.__module__]
    system = system or Path(module.__file__ or "").stem

    def parse(argv: list[str]) -> Any:
        define(presets[default])
        text = f"which sizes to run: {', '.join(presets)}"
        _define_one("preset", flags.EnumParser(list(presets)), default, text)
        _define_one("config", flags.ArgumentParser(), "", "a JSON file of settings, by flag name")
        try:
            stray = flags.FLAGS(argv)[1:]
            if stray:
                raise BadInput(f"stray argument {stray[0]!r}; flags are written --name=value")
            return prepare(_chosen(system, presets))
        except (flags.Error, BadInput, OSError) as error:
            _end(error, 2)

    def run(config: Any) -> None:
        if hasattr(config, "run") and config.run.max_restarts:
            sys.exit(supervise(config.run))
        from jaxdl.core import mesh

        logging.set_verbosity(logging.WARNING)
        try:
            mesh.prepare_jax()
            if hasattr(config, "run"):
                mesh.connect(config.run)
            main(config)
        except (BadInput, NonFinite, NotSaved) as error:
            _end(error, {BadInput: 2, NonFinite: 3, NotSaved: 4}[type(error)])
        except KeyboardInterrupt:
            _end("interrupted", 130)
        except Exception as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                _end(error, 4)
            traceback.print_exc()
            _leave(1)

    sys.modules["__main__"].__doc__ = module.__doc__
    app.run(run, flags_parser=parse)


def _chosen(system: str, presets: Mapping[str, Any]) -> Any:
    """The Config that the parsed flags ask for."""
    given = {}
    preset = flags.FLAGS["preset"].value or ""
    if path := flags.FLAGS["config"].value:
        try:
            given = json.loads(Path(path).read_text())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"--config={path} is not JSON: {error}") from None
        if not isinstance(given, dict) or given.pop("system", system) != system:
            raise BadInput(f"--config={path} does not hold the settings of {system}")
        given.pop("workdir", None)  # another run's settings, not its folder
        named = given.pop("preset", preset)
        preset = preset if flags.FLAGS["preset"].present else named
    shapes = {setting.name: setting.kind for setting in fields(next(iter(presets.values())))}
    given = {name: checked(name, value, shapes.get(name)) for name, value in given.items()}
    present = {name: flags.FLAGS[name].value for name in shapes if flags.FLAGS[name].present}
    if hasattr(next(iter(presets.values())), "run"):
        given.setdefault("workdir", default_workdir(system, preset))
    return configure(system, presets, preset, {**given, **present})


def checked(name: str, value: Any, kind: Any) -> Any:
    """A value out of a JSON file as the field's type.

    Raises:
      BadInput: it is of another one.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is None:  # an unknown name: `configure` refuses it with a suggestion
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(checked(name, item, args[0]) for item in value)
    allowed = args if isinstance(kind, types.UnionType) else (kind,)
    if origin is Literal and value in args or any(type(value) is one for one in allowed):
        return value
    if type(value) is int and float in allowed:
        return float(value)
    raise BadInput(
        f"in the config, {name}={value!r} is not of type {getattr(kind, '__name__', kind)}"
    )


def _end(error: Any, code: int) -> typing.NoReturn:
    print(f"jaxdl: {error}", file=sys.stderr)
    _leave(code)


def _leave(code: int) -> typing.NoReturn:
    jax = sys.modules.get("jax")
    if jax and jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # `atexit` would wait for the other processes, and they for this one
    sys.exit(code)


def _define_one(name, parser: flags.ArgumentParser, value, text, short=None) -> None:
    flags.DEFINE(parser, name, value, text, module_name=sys.argv[0], short_name=short)


def _scalar_parser(kind: type) -> flags.ArgumentParser:
    return {int: flags.IntegerParser, float: flags.FloatParser}.get(kind, flags.ArgumentParser)()


class _Optional(flags.ArgumentParser):
    """Parses the word "none" as None, all else with another parser."""

    def __init__(self, inner: flags.ArgumentParser):
        self.inner = inner

    def parse(self, argument):
        return None if argument in (None, "none", "None") else self.inner.parse(argument)

    def flag_type(self):
        return f"{self.inner.flag_type()} or none"


class _Tuple(flags.ArgumentParser):
    """Parses comma-separated values into a tuple."""

    def __init__(self, inner: flags.ArgumentParser):
        self.inner = inner

    def parse(self, argument):
        if not isinstance(argument, str):
            return tuple(argument)
        return tuple(self.inner.parse(part) for part in argument.split(",") if part)

    def flag_type(self):
        return f"comma-separated {self.inner.flag_type()}"
