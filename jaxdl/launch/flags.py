"""From the command line to a run: native absl flags out of a dataclass, checked before JAX loads.

A value is taken from the first of: the flag on the command line, the file given to `--config`,
the preset. Exit codes: 2 bad input, 3 not finite, 4 not saved, 130 and 143 stopped by a signal.
"""

import errno
import json
import os
import shlex
import sys
import traceback
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import app, flags, logging

from jaxdl.core.run import BadInput, NonFinite, NotSaved, default_workdir
from jaxdl.launch.display import steady_display
from jaxdl.launch.help import OWN, Extra, help_text
from jaxdl.launch.latest import LATEST, latest_config, workdir_of
from jaxdl.launch.modules import make_relative_imports_work
from jaxdl.launch.parsing import define, define_one
from jaxdl.launch.restart import supervise
from jaxdl.launch.settings import as_dict, checked, configure, fields, full_names, settings_only
from jaxdl.launch.system import About, Build
from jaxdl.launch.train import described_as, train

__all__ = ["as_dict", "checked", "configure", "fields", "launch", "launch_tool", "train_system"]

DEFAULT = "cpu"  # the preset unless a flag names one
HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort", "-?")


class Command(NamedTuple):
    """What a command line starts.

    Attributes:
      main: what is to be done with the Config.
      presets: preset name -> Config.
      name: of the launch file whose presets these are.
      text: of `--help`.
      prepare: Config -> what `main` is called with; it may refuse the flags with BadInput.
      extras: help of flags that `prepare` has defined and reads.
    """

    main: Callable[[Any], Any]
    presets: Mapping[str, Any]
    name: str
    text: str
    prepare: Callable[[Any], Any] = lambda config: config
    extras: Sequence[Extra] = ()


def launch(
    build: Build, presets: Mapping[str, Any], about: About, *, verdicts: Sequence[str] = ()
) -> None:
    """Trains a system as the flags say; bad input ends the process with exit code 2.

    Args:
      build: the launch file's; its file's docstring is the help text.
      presets: preset name -> Config.
      about: what describes the system.
      verdicts: what was measured of its claims, for the report.
    """
    module = sys.modules[build.__module__]
    make_relative_imports_work(module)
    name = Path(module.__file__ or "").stem

    def main(config: Any) -> Any:
        return train_system(build, config, about, verdicts)

    _start(Command(main, presets, name, module.__doc__ or ""))


def train_system(
    build: Build, config: Any, about: About, verdicts: Sequence[str] = ()
) -> tuple[Any, dict[str, Any]]:
    """Trains a system: by the launch file's own `main` where it has several stages.

    Returns:
      The final state, and what `result.json` holds.
    """
    own = getattr(sys.modules[build.__module__], "main", None)
    command = f"{sys.argv[0]} {shlex.join(sys.argv[1:])}".rstrip()
    with described_as({"verdicts": list(verdicts), "command": command}):
        return own(config) if own else train(build, config, about=about)


def launch_tool(
    main: Callable[[Any], Any],
    presets: Mapping[str, Any],
    *,
    name: str = "",
    prepare: Callable[[Any], Any] = lambda config: config,
    extras: Sequence[Extra] = (),
) -> None:
    """Reads the flags, then calls `main(config)`; bad input ends the process with exit code 2.

    Args:
      main: what is to be done; its file's docstring is the help text.
      presets: preset name -> Config. With a single one there is no `--preset`.
      name: the launch file whose presets these are; by default the one that `main` is in.
      prepare: Config -> what `main` is called with; it may refuse the flags with BadInput.
      extras: help of flags that were defined by the caller and are read by `prepare`.
    """
    module = sys.modules[main.__module__]
    name = name or Path(module.__file__ or "").stem
    _start(Command(main, presets, name, module.__doc__ or "", prepare, extras))


def _start(command: Command) -> None:
    """Parses the flags and runs the command, by absl."""
    steady_display()
    if any(argument in HELP for argument in sys.argv[1:]):
        print(_help(command), end="", flush=True)
        sys.exit(0)
    restart_with: list[str] = []

    def parse(argv: list[str]) -> Any:
        try:
            _define_all(command)
            stray = flags.FLAGS(argv)[1:]
            if stray:
                raise BadInput(f"stray argument {stray[0]!r}; flags are written --name=value")
            return command.prepare(_chosen(command, restart_with))
        except (flags.Error, BadInput, OSError) as error:
            _end(error, 2)

    app.run(lambda config: _run(command, config, restart_with), flags_parser=parse)


def _define_all(command: Command) -> None:
    """Defines the flags that the command has."""
    presets = command.presets
    define(presets[_default(presets)])
    if len(presets) > 1:
        parser = flags.EnumParser(list(presets))
        define_one("preset", parser, _default(presets), "which sizes to run")
    if _is_run(command):
        define_one("config", flags.ArgumentParser(), "", "a JSON file of settings, by flag name")


def _default(presets: Mapping[str, Any]) -> str:
    return DEFAULT if DEFAULT in presets else next(iter(presets))


def _is_run(command: Command) -> bool:
    """Returns whether the command trains something: tools measure or show what was trained."""
    return hasattr(next(iter(command.presets.values())), "run")


def _help(command: Command) -> str:
    """Returns what `--help` prints, with the defaults of the preset that is named beside it."""
    presets = command.presets
    named = [arg.partition("=")[2] for arg in sys.argv if arg.startswith("--preset=")]
    preset = named[-1] if named and named[-1] in presets else _default(presets)
    extras = list(command.extras)
    if len(presets) > 1:
        text = f"which sizes to run; the defaults below are those of {preset}"
        extras.append(
            Extra("--preset=<choice>", f"{text} [{'|'.join(presets)}; default {_default(presets)}]")
        )
    if _is_run(command):
        text = "settings by flag name, such as the config.json of another run"
        extras.append(Extra("--config=<file>", f'{text} [default ""]'))
    usage = f"{sys.argv[0]} [--flag=value ...]"
    own = OWN if _is_run(command) else "flags"
    return help_text(usage, command.text, presets[preset], extras, own=own)


def _run(command: Command, config: Any, restart_with: Sequence[str]) -> None:
    """Runs the command; every way in which it can fail has its exit code."""
    if hasattr(config, "run") and config.run.max_restarts:
        sys.exit(supervise(config.run, restart_with))
    from jaxdl.core import mesh

    logging.set_verbosity(logging.WARNING)
    try:
        mesh.prepare_jax()
        if hasattr(config, "run"):
            mesh.connect(config.run)
        command.main(config)
    except (BadInput, NonFinite, NotSaved) as error:
        _end(error, {BadInput: 2, NonFinite: 3, NotSaved: 4}[type(error)])
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except Exception as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            _end(error, 4)
        traceback.print_exc()
        _leave(1)


def _chosen(command: Command, restart_with: list[str]) -> Any:
    """Returns the Config that the parsed flags ask for.

    Args:
      command: what is started.
      restart_with: gets the flags that a restart needs beside those of the command line.
    """
    presets = command.presets
    kinds = {setting.name: setting.kind for setting in fields(next(iter(presets.values())))}
    present = {name: flags.FLAGS[name].value for name in kinds if flags.FLAGS[name].present}
    preset: str = _default(presets)
    preset_given = False
    if len(presets) > 1:
        preset = str(flags.FLAGS["preset"].value)
        preset_given = flags.FLAGS["preset"].present
    if not _is_run(command):
        return configure(command.name, presets, preset, present)
    path = str(flags.FLAGS["config"].value or "")
    latest = present.get("workdir") == LATEST
    if latest:
        newest = latest_config(command.name)
        present["workdir"] = str(workdir_of(newest))
        own = str(newest)
        if not path and (not preset_given or _preset_in(own) == preset):
            path = own
            restart_with.append(f"--config={path}")
    given = {}
    if path:
        named, given = _settings_in(path, command.name, next(iter(presets.values())))
        preset = preset if preset_given or not named else named
    given.setdefault("workdir", default_workdir(command.name, preset))
    return configure(command.name, presets, preset, {**given, **present})


def _preset_in(path: str) -> str | None:
    """Returns the preset that a config.json was made of."""
    given = _read(path)
    return given.get("preset") if isinstance(given, dict) else None


def _settings_in(path: str, system: str, config: Any) -> tuple[str, dict[str, Any]]:
    """Reads a JSON file of settings, such as the config.json of another run.

    Args:
      path: of the file.
      system: that the settings should be of.
      config: any Config of the system.

    Returns:
      The preset that the file names, or "", and the settings without the folder of their run.

    Raises:
      BadInput: they are not settings of this system.
    """
    given = _read(path)
    if not isinstance(given, dict) or given.pop("system", system) != system:
        raise BadInput(f"--config={path} does not hold the settings of {system}")
    preset = given.pop("preset", "")
    kinds = {setting.name: setting.kind for setting in fields(config)}
    given = full_names(config, settings_only(given, kinds))
    given.pop("workdir", None)
    if given.get("horizon") == given.get("steps"):  # it was not chosen, but followed from --steps
        given.pop("horizon", None)
    return preset, {name: checked(name, value, kinds[name]) for name, value in given.items()}


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"--config={path} is not JSON: {error}") from None


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
