"""From `--grid setting=value,value` to the cells of a sweep. No JAX: a mistake is told at once."""

import difflib
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from jaxdl.core.run import FREE, BadInput
from jaxdl.launch.flags import as_dict, configure, fields


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
    full = {s.short: s.name for s in settings if s.short} | {s.name: s.name for s in settings}
    grid = {}
    for text in texts:
        given, equals, values = text.partition("=")
        if not equals:
            raise BadInput(f"--grid {text}: should be setting=value,value")
        if given not in full:
            near = difflib.get_close_matches(given, full, 1)
            hint = f"did you mean {near[0]!r}?" if near else "--help lists the settings"
            raise BadInput(f"--grid {text}: unknown setting {given!r}; {hint}")
        name = full[given]
        if name in ("seed", "num_seeds"):
            raise BadInput(f"--grid {text}: seeds make the intervals; give --num_seeds=4 instead")
        if name in FREE and name != "steps":
            raise BadInput(f"--grid {text}: {name} changes nothing in what is computed")
        if name in grid or flags.FLAGS[name].present:
            raise BadInput(f"--grid {text}: {given} is given twice")
        grid[name] = _values(text, name, values)
    return {setting.name: grid[setting.name] for setting in settings if setting.name in grid}


def _values(text: str, name: str, values: str) -> list:
    """Reads the values of one setting as its flag does; x stands between the parts of a tuple."""
    parser, found = flags.FLAGS[name].parser, []
    kind = parser.flag_type()
    several = kind.startswith("comma-separated")
    for one in values.split(","):
        if not one.strip():
            raise BadInput(f"--grid {text}: a value is missing")
        try:
            value = parser.parse(one.strip().replace("x", ",") if several else one.strip())
        except (ValueError, TypeError) as error:
            why = f"{one!r} is not {'of the form 64x64' if several else f'of type {kind}'}"
            why = str(error) if isinstance(parser, flags.EnumParser) else why
            raise BadInput(f"--grid {text}: {why}") from None
        if value in found:
            raise BadInput(f"--grid {text}: {as_text(value)} is given twice")
        found.append(value)
    return found


def layout(
    grid: Mapping[str, Sequence], config: Any, folder: str, presets: Mapping[str, Any]
) -> list[Cell]:
    """The cells of a grid, the last setting varying fastest.

    Args:
      grid: full flag name -> values.
      config: the experiment's Config, with what all cells share.
      folder: the sweep's.
      presets: the experiment's.

    Raises:
      BadInput: a cell's Config refuses its settings.
    """
    short, cells = short_names(config), []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        settings = {short[name]: value for name, value in chosen.items()}
        name, run = cell_name(settings), config.run
        tenth = max(chosen.get("steps", run.steps) // 10, 1)  # of a cell is lost at a kill at most
        own = {"workdir": f"{folder}/cells/{name}", "save_every": run.save_every or tenth}
        try:
            cell = configure(run.system, presets, run.preset, {**as_dict(config), **own, **chosen})
        except BadInput as error:
            raise BadInput(f"--grid, cell {label(settings)}: {error}") from None
        cells.append(Cell(name, settings, cell))
    return cells


def short_names(config: Any) -> dict[str, str]:
    """Full flag name -> the short one where there is one, else the full one."""
    return {setting.name: setting.short or setting.name for setting in fields(config)}


def cell_name(settings: Mapping[str, Any]) -> str:
    """A folder's name that tells the settings: 64 characters of A-Z a-z 0-9 . _ - at most."""
    text = "_".join(f"{name}-{as_text(value)}" for name, value in settings.items())
    name = re.sub(r"[^A-Za-z0-9._-]", ".", text)
    if name == text and len(name) <= 64:
        return name
    return f"{name[:55]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def as_text(value: Any) -> str:
    """A setting's value as it is written in a grid."""
    if isinstance(value, tuple | list):
        return "x".join(map(as_text, value))
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "none"}[value]
    return str(value)


def label(settings: Mapping[str, Any]) -> str:
    """A cell's settings in one line."""
    return " ".join(f"{name}={as_text(value)}" for name, value in settings.items())
