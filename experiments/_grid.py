"""From `--grid setting=value,value` to the cells of a sweep. No JAX: a mistake is told at once.

Values are split at commas. One that holds a comma itself is quoted, or the values are split by
semicolons: `env="mjx/cartpole:task=swingup,randomize=0.2",pendulum` and
`env=mjx/cartpole:task=swingup,randomize=0.2;pendulum` are the same.
"""

import difflib
import hashlib
import itertools
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from absl import flags

from jaxdl.core.run import FREE, BadInput
from jaxdl.launch.settings import Setting, as_dict, configure, fields


class Cell(NamedTuple):
    """One combination of the settings.

    Attributes:
      name: of its folder.
      settings: flag name, short where there is one -> value.
      config: the experiment's Config, ready to be run.
    """

    name: str
    settings: dict[str, Any]
    config: Any


def read_grid(texts: Sequence[str], config: Any) -> dict[str, list]:
    """Reads `setting=value,value` texts; the flags of the Config have been parsed before.

    Returns:
      Full flag name -> values, in the order of the Config's fields.

    Raises:
      BadInput: no text, an unknown setting or one that cannot be swept, no value or one of another
        type, a setting or a value given twice.
    """
    if not texts:
        raise BadInput("--grid is missing: give one for each setting, as in --grid lr=1e-4,3e-4")
    settings = list(fields(config))
    known = {s.short: s for s in settings if s.short} | {s.name: s for s in settings}
    grid = {}
    for text in texts:
        given, equals, values = text.partition("=")
        if not equals:
            raise BadInput(f"--grid {text}: should be setting=value,value")
        if given not in known:
            near = difflib.get_close_matches(given, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else "--help lists the settings"
            raise BadInput(f"--grid {text}: unknown setting {given!r}; {hint}")
        name = known[given].name
        if name in ("seed", "num_seeds", "first_seed"):
            raise BadInput(f"--grid {text}: seeds make the intervals; give --num_seeds=4 instead")
        if name in FREE and name != "steps":
            raise BadInput(f"--grid {text}: {name} changes nothing in what is computed")
        if name in grid or flags.FLAGS[name].present:
            raise BadInput(f"--grid {text}: {given} is given twice")
        grid[name] = _parse_values(text, known[given], values)
    return {setting.name: grid[setting.name] for setting in settings if setting.name in grid}


def _parse_values(text: str, setting: Setting, values: str) -> list:
    """Reads the values of one setting as its flag does; x stands between the parts of a tuple."""
    parser = flags.FLAGS[setting.name].parser
    args = typing.get_args(setting.kind)
    is_tuple = typing.get_origin(setting.kind) is tuple and args[0] is not str
    found = []
    for one in split_values(values, f"--grid {text}"):
        try:
            value = parser.parse(one.replace("x", ",") if is_tuple else one)
        except (ValueError, TypeError) as error:
            form = "of the form 64x64" if is_tuple else f"of type {parser.flag_type()}"
            is_choice = typing.get_origin(setting.kind) is Literal
            why = str(error) if is_choice else f"{one!r} is not {form}"
            raise BadInput(f"--grid {text}: {why}") from None
        if value in found:
            raise BadInput(f"--grid {text}: {as_text(value)} is given twice")
        found.append(value)
    return found


def split_values(text: str, where: str) -> list[str]:
    """Splits values at semicolons, else at commas; neither splits within quotes.

    Args:
      text: such as `1,2`, `a:b=1,c=2;d` or `"a:b=1,c=2",d`.
      where: what a message begins with.

    Raises:
      BadInput: a value is missing, or a quote is not closed.
    """
    pieces = re.findall(r"""\s*("[^"]*"|'[^']*')\s*|([,;])|([^,;"']+|["'])""", text)
    separator = ";" if any(sign == ";" for _, sign, _ in pieces) else ","
    values = [""]
    for quoted, sign, plain in pieces:
        if plain in ("'", '"'):
            raise BadInput(f"{where}: a quote is not closed")
        if sign == separator:
            values.append("")
        else:
            values[-1] += quoted[1:-1] or sign or plain
    values = [value.strip() for value in values]
    if separator == ";" and not values[-1]:  # so that a single value may hold commas
        values.pop()
    if not all(values):
        raise BadInput(f"{where}: a value is missing")
    return values


def layout(
    grid: Mapping[str, Sequence], config: Any, folder: str, presets: Mapping[str, Any]
) -> list[Cell]:
    """Lays out the cells of a grid, the last setting varying fastest.

    Args:
      grid: full flag name -> values.
      config: the experiment's Config, with what all cells share.
      folder: the sweep's.
      presets: the experiment's.

    Raises:
      BadInput: a cell's Config refuses its settings.
    """
    short = short_names(config)
    cells = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        settings = {short[name]: value for name, value in chosen.items()}
        name = cell_name(settings)
        run = config.run
        tenth = max(chosen.get("steps", run.steps) // 10, 1)  # of a cell is lost at a kill at most
        own = {"workdir": f"{folder}/cells/{name}", "save_every": run.save_every or tenth}
        if run.horizon == run.steps:  # it follows --steps, which may be swept
            own["horizon"] = 0
        try:
            cell = configure(run.system, presets, run.preset, {**as_dict(config), **own, **chosen})
        except BadInput as error:
            raise BadInput(f"--grid, cell {label(settings)}: {error}") from None
        cells.append(Cell(name, settings, cell))
    return cells


def short_names(config: Any) -> dict[str, str]:
    """Maps full flag names to the short ones where there are any."""
    return {setting.name: setting.short or setting.name for setting in fields(config)}


def cell_name(settings: Mapping[str, Any]) -> str:
    """Makes a folder's name of settings, of at most 64 characters A-Z a-z 0-9 . _ -."""
    text = "_".join(f"{name}-{as_text(value)}" for name, value in settings.items())
    name = re.sub(r"[^A-Za-z0-9._-]", ".", text)
    if name == text and len(name) <= 64:
        return name
    return f"{name[:55]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def as_text(value: Any) -> str:
    """Writes a setting's value as it stands in a grid."""
    if isinstance(value, tuple | list):
        return "x".join(map(as_text, value))
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "none"}[value]
    return str(value)


def label(settings: Mapping[str, Any]) -> str:
    """Writes a cell's settings in one line."""
    return " ".join(f"{name}={as_text(value)}" for name, value in settings.items())
