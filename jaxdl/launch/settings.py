"""A launch file's dataclass as settings with names, and settings as a checked Config. No JAX."""

import dataclasses
import difflib
import importlib
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxdl.core.run import BadInput, Run, check_options, horizon

# What the driver and the launcher record in config.json beside the settings.
RECORDED = ("system", "launch_file", "stage", "init", "data_sha256", "program")


class Setting(NamedTuple):
    """One field of a Config, as a flag.

    Attributes:
      name: of the flag; dotted for nested parts, except those of `Run` and of shared groups.
      kind: the field's type.
      value: the field's value.
      text: its help.
      short: a second name, or None.
      group: "run", a shared group's name, or "" for the system's own.
      bounds: at_least, above, at_most, below, where the option declares them.
    """

    name: str
    kind: Any
    value: Any
    text: str
    short: str | None
    group: str
    bounds: Mapping[str, Any]


def fields(config: Any, prefix: str = "", group: str = "") -> Iterator[Setting]:
    """Yields every field of a Config that is a flag."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        value = getattr(config, field.name)
        more = field.metadata
        if more.get("flag", True) is False:
            continue
        if dataclasses.is_dataclass(value):
            part = type(value)
            inner = "run" if isinstance(value, Run) else getattr(part, "group", group)
            yield from fields(value, prefix_of(part, prefix, field.name), inner)
        else:
            text = more.get("help", field.name.replace("_", " "))
            name = f"{prefix}{field.name}"
            yield Setting(name, kind, value, text, more.get("short"), group, more)


def prefix_of(part: type, prefix: str, name: str) -> str:
    """Returns what the flags of a part of a Config begin with."""
    return "" if issubclass(part, Run) or hasattr(part, "group") else f"{prefix}{name}."


def as_dict(config: Any) -> dict[str, Any]:
    """Returns the config as one flat dict, flag name -> value: what `config.json` holds."""
    return {setting.name: setting.value for setting in fields(config)}


def override(config: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    """Replaces some fields of a config, by flag name; `__post_init__` checks it again."""
    changes = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            inner = prefix_of(type(value), prefix, field.name)
            changes[field.name] = override(value, values, inner)
        elif f"{prefix}{field.name}" in values and field.metadata.get("flag", True):
            changes[field.name] = values[f"{prefix}{field.name}"]
    return dataclasses.replace(config, **changes)


def configure(
    system: str, presets: Mapping[str, Any], preset: str, values: Mapping[str, Any] | None = None
) -> Any:
    """Replaces some values of a preset and makes it ready to be run.

    Args:
      system: the launch file's name.
      presets: preset name -> Config.
      preset: which of them.
      values: flag name, full or short -> value. "launch_file" may be among them: the path of a
        launch file that is not one of the house's.

    Raises:
      BadInput: an unknown preset or name, or a value that the Config refuses.
    """
    if preset not in presets:
        raise BadInput(f"--preset={preset!r}: should be one of {', '.join(presets)}")
    config = presets[preset]
    values = dict(values or {})
    launch_file = values.pop("launch_file", "") or launch_file_of(config)
    config = override(config, full_names(config, values))
    check(config)
    if not hasattr(config, "run"):  # what measures systems is not itself a run
        return config
    config = dataclasses.replace(
        config, run=dataclasses.replace(config.run, horizon=horizon(config.run))
    )
    record = {"system": system, "preset": preset, **as_dict(config)}
    if launch_file:
        record["launch_file"] = launch_file
    free = frozenset(free_names(config)) | {"launch_file"}
    run = dataclasses.replace(config.run, system=system, preset=preset, config=record, free=free)
    return dataclasses.replace(config, run=run)


def launch_file_of(config: Any) -> str:
    """Returns the path of the file that defines a Config; "" for those of the house."""
    module = sys.modules.get(type(config).__module__)
    package = getattr(module, "__package__", None) or ""
    file = getattr(module, "__file__", None)
    ours = package.partition(".")[0] in ("experiments", "jaxdl")
    return "" if ours or not file else str(Path(file).resolve())


def full_names(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values by the full names of their flags.

    Raises:
      BadInput: a name that is none; the message has the one that was perhaps meant.
    """
    names = [setting.name for setting in fields(config)]
    full = {setting.short: setting.name for setting in fields(config) if setting.short}
    for name in values:
        if name not in names and name not in full:
            near = difflib.get_close_matches(name, [*names, *full], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(f"unknown setting {name!r}{hint}")
    return {full.get(name, name): value for name, value in values.items()}


def check(config: Any, prefix: str = "--") -> None:
    """Checks a Config and its parts against the types, choices and bounds of their options.

    Raises:
      BadInput: a value is out of its bounds, or none of the choices; the message names the flag.
    """
    check_options(config, prefix)
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        kind = hints[field.name]
        if dataclasses.is_dataclass(value):
            if not isinstance(value, Run):
                check(value, "--" + prefix_of(type(value), prefix.removeprefix("--"), field.name))
        elif field.metadata.get("flag", True) and typing.get_origin(kind) is Literal:
            if value not in typing.get_args(kind):
                choices = ", ".join(map(str, typing.get_args(kind)))
                raise BadInput(f"{prefix}{field.name}={value!r}: should be one of {choices}")
        elif place := field.metadata.get("check"):
            module, _, function = place.partition(":")
            getattr(importlib.import_module(module), function)(value)


def free_names(config: Any, prefix: str = "") -> set[str]:
    """Returns the flag names of the options that may change when a run goes on."""
    names = set()
    for field in dataclasses.fields(config):
        part = getattr(config, field.name)
        if dataclasses.is_dataclass(part):
            names |= free_names(part, prefix_of(type(part), prefix, field.name))
        elif field.metadata.get("free"):
            names.add(f"{prefix}{field.name}")
    return names


def settings_only(recorded: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a config.json holds, without what is no setting of a run; its preset stays.

    Args:
      recorded: what the file holds.
      kinds: flag name -> type, of all settings.
    """
    return {n: x for n, x in recorded.items() if n in kinds or n not in RECORDED}


def checked(name: str, value: Any, kind: Any) -> Any:
    """Returns a value out of a JSON file as the field's type.

    Raises:
      BadInput: it is of another one.
    """
    origin = typing.get_origin(kind)
    args = typing.get_args(kind)
    if kind is None:  # an unknown name: `configure` refuses it with a suggestion
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(checked(name, item, args[0]) for item in value)
    if origin in (types.UnionType, typing.Union):
        inner = [arg for arg in args if arg is not types.NoneType]
        return None if value is None else checked(name, value, inner[0])
    if (origin is Literal and value in args) or type(value) is kind:
        return value
    if type(value) is int and kind is float:
        return float(value)
    raise BadInput(
        f"in the config, {name}={value!r} is not of type {getattr(kind, '__name__', kind)}"
    )
