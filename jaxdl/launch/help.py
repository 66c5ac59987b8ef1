"""What `--help` prints: every flag in its group, with choices, bounds and default. No JAX."""

import shutil
import textwrap
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from jaxdl.core.run import bounds_text
from jaxdl.launch.parsing import parser_of, written
from jaxdl.launch.settings import Setting, fields

OWN = "this system"
LAST = "run"
INDENT = 28  # columns of the names of flags


class Extra(typing.NamedTuple):
    """A flag that is no field of a Config.

    Attributes:
      form: how it is typed, such as "--grid=setting=value,value".
      text: what it does.
    """

    form: str
    text: str


def help_text(
    usage: str,
    about: str,
    config: Any,
    extras: Sequence[Extra] = (),
    *,
    own: str = OWN,
    width: int | None = None,
) -> str:
    """Returns the help of a command.

    Args:
      usage: one line, how the command is called.
      about: what it does; usually a file's docstring.
      config: its fields are the flags, their values the defaults.
      extras: more flags, shown first.
      own: title of the flags that belong to no shared group.
      width: columns of the terminal.
    """
    width = width or min(shutil.get_terminal_size((100, 24)).columns, 120)
    blocks = [f"usage: {usage}", about.strip()]
    if extras:
        blocks.append("\n".join(_entry(one.form, one.text, width) for one in extras))
    for title, settings in by_group(fields(config), own).items():
        lines = [_entry(_form(one), describe(one), width) for one in settings]
        blocks.append("\n".join([f"{title}:", *lines]))
    return "\n\n".join(block for block in blocks if block) + "\n"


def by_group(settings: Iterable[Setting], own: str) -> Mapping[str, list[Setting]]:
    """Sorts settings by group: the system's own, shared groups, and the run's at last."""
    groups: dict[str, list[Setting]] = {own: []}
    for setting in settings:
        groups.setdefault(setting.group or own, []).append(setting)
    if LAST in groups:
        groups[LAST] = groups.pop(LAST)
    return {title: members for title, members in groups.items() if members}


def describe(setting: Setting) -> str:
    """Returns a flag's help with its choices, bounds and default."""
    choices = "|".join(map(written, _choices(setting.kind)))
    default = f"default {written(setting.value) or '""'}"
    facts = [choices, bounds_text(setting.bounds), default]
    return f"{setting.text} [{'; '.join(fact for fact in facts if fact)}]"


def _choices(kind: Any) -> tuple[Any, ...]:
    """Returns the values of a Literal, also inside of a tuple or beside None."""
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    return next((found for arg in typing.get_args(kind) if (found := _choices(arg))), ())


def _form(setting: Setting) -> str:
    """Returns how a flag is typed."""
    names = [setting.name] if setting.short is None else [setting.short, setting.name]
    if setting.kind is bool:
        return ", ".join(f"--[no]{name}" for name in names)
    return f"{', '.join(f'--{name}' for name in names)}=<{_type_name(setting.kind)}>"


def _type_name(kind: Any) -> str:
    if _choices(kind):
        return "choice,..." if typing.get_origin(kind) is tuple else "choice"
    words = {"string": "text", "integer": "integer", "float": "number", "bool": "bool"}
    name = parser_of(kind).flag_type()
    for word, better in words.items():
        name = name.replace(word, better)
    return name


def _entry(form: str, text: str, width: int) -> str:
    """Returns a flag's name and its text beside it, or below where the name is long."""
    space = " " * INDENT
    wrapped = textwrap.wrap(
        text, max(width - INDENT, 24), break_long_words=False, break_on_hyphens=False
    )
    head = f"  {form}"
    if len(head) < INDENT:
        first = f"{head:<{INDENT}}{wrapped[0]}"
        return "\n".join([first, *(space + line for line in wrapped[1:])])
    return "\n".join([head, *(space + line for line in wrapped)])
