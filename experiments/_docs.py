"""The tables of README.md and BUILD.md, and docs/reading.md: rendered, never written by hand.

What they say comes from the launch files, from the imports of the learners, and from the measured
figures. Rendering measures nothing; the same files give the same text.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments._imports import (
    ROOT,
    SYSTEM_ROOMS,
    defining_modules,
    find_modules,
    learners_used,
)
from experiments._systems import (
    RESULTS,
    SECTIONS,
    SystemFile,
    claims_measured,
    claims_of,
    systems,
)
from jaxdl.launch.flags import as_dict

BEGIN = "<!-- {}: begin (./run docs writes this) -->"
END = "<!-- {}: end -->"
TIER = "cpu"  # whose figures the README shows
READING = """# A reading path

From the lecture's sections to the code: each system with its paper, its learner, the formulas that
it computes with, and what was measured here of what the paper states. `./run docs` writes this."""


class Row(NamedTuple):
    """A claim with what was measured of it.

    Attributes:
      statement: the paper's claim in one sentence, and where it stands.
      answer: holds, fails, undecided, or not measured.
      summary: the numbers that decided; "" where nothing was measured.
      numbers: name -> {mean, ci95, values}.
    """

    statement: str
    answer: str
    summary: str
    numbers: Mapping[str, Any]


def render(results: Path = RESULTS) -> None:
    """Writes the documentation of this clone's systems."""
    for path, text in make_pages(results, own_systems()).items():
        path.write_text(text, "utf-8")


def own_systems() -> list[SystemFile]:
    """Returns the systems whose launch files belong to this clone."""
    return [system for system in systems().values() if system.path.is_relative_to(ROOT)]


def make_pages(results: Path, found: Sequence[SystemFile]) -> dict[Path, str]:
    """Returns file -> text of all that is rendered."""
    readme = ROOT / "README.md"
    build = ROOT / "BUILD.md"
    return {
        readme: between(readme.read_text("utf-8"), "systems", systems_table(results, found)),
        build: between(build.read_text("utf-8"), "rooms", rooms_table(found)),
        ROOT / "docs" / "reading.md": reading_page(results, found),
    }


def between(text: str, name: str, table: str) -> str:
    """Returns the text with another table between the comments that name it."""
    begin = BEGIN.format(name)
    end = END.format(name)
    head, rest = text.split(begin)
    return f"{head}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def systems_table(results: Path, found: Iterable[SystemFile]) -> str:
    """Returns the README's table: one row a system."""
    lines = ["| system | paper | command | claims | number |", "|---|---|---|---|---|"]
    for system in found:
        about = system.module.ABOUT
        rows = measured(results, system)
        answers = count_answers(rows)
        cells = (
            f"[{about.title}]({link(system.path)})",
            paper(about),
            f"`./run {system.name}`",
            answers,
            one_number(rows, about),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def count_answers(rows: Sequence[Row]) -> str:
    """Returns how many claims hold, fail and so on, such as "2 hold, 1 undecided"."""
    counts = Counter(row.answer for row in rows)
    words = {"holds": "hold" if counts["holds"] > 1 else "holds"}
    words["fails"] = "fail" if counts["fails"] > 1 else "fails"
    order = ("holds", "fails", "undecided", "not measured")
    parts = [f"{counts[each]} {words.get(each, each)}" for each in order if counts[each]]
    return ", ".join(parts) or "none"


def measured(results: Path, system: SystemFile) -> list[Row]:
    """Returns the claims of a system, with what was measured of each."""
    known = claims_measured(TIER, system, results)
    rows = []
    for claim in claims_of(system):
        figures = known.get(claim.name, {})
        rows.append(
            Row(
                f"{claim.statement} ({claim.source})",
                figures.get("answer", "not measured"),
                figures.get("summary", ""),
                figures.get("numbers", {}),
            )
        )
    return rows


def one_number(rows: Iterable[Row], about: Any) -> str:
    """Returns the number that is named, else the headline, else the first; "" without any."""
    numbers = {name: value for row in reversed([*rows]) for name, value in row.numbers.items()}
    headline = about.headline.removeprefix("eval/")
    first = next((name for row in rows for name in row.numbers), None)
    name = next((name for name in (about.number, headline) if name in numbers), first)
    if name is None:
        return ""
    unit = f" {about.unit}" if name == headline and about.unit else ""
    mean = numbers[name]["mean"]
    interval = numbers[name]["ci95"]
    return f"{name.strip(':').replace('_', ' ')} {mean:.4g} ± {interval:.2g}{unit}"


def paper(about: Any) -> str:
    """Returns first author and year, linked to arXiv where the paper is there."""
    return f"[{about.paper}](https://arxiv.org/abs/{about.arxiv})" if about.arxiv else about.paper


def link(path: Path, page: Path = ROOT) -> str:
    """Returns the address of a file as a page in the folder `page` links to it."""
    return Path(os.path.relpath(path, page)).as_posix()


def rooms_table(found: Iterable[SystemFile]) -> str:
    """Returns BUILD's table: where the parts of each system stand."""
    lines = ["| system | launch file | learner | losses and array functions | world or data |"]
    lines += ["|---|---|---|---|---|"]
    for system in found:
        files = learners_used(system.path).values()
        cells = (
            system.module.ABOUT.title,
            code([link(system.path)]),
            code(link(path) for path in files),
            code(formulas([*files, system.path])),
            source_of_data(system),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def code(paths: Iterable[str]) -> str:
    """Returns paths as Markdown."""
    return ", ".join(f"`{path}`" for path in dict.fromkeys(paths))


def formulas(users: Iterable[Path]) -> list[str]:
    """Returns the files of losses/ and array functions that learners compute with.

    Args:
      users: learners and launch files; the system rooms that they import are followed.
    """
    modules = find_modules()
    waiting = list(users)
    visited: set[Path] = set()
    found = set()
    while waiting:
        path = waiting.pop()
        visited.add(path)
        for name in defining_modules(path):
            room = name.split(".")[1] if name.startswith("jaxdl.") else ""
            if room == "losses" or (room == "ops" and not name.endswith(".optimizers")):
                found.add(link(modules[name]))
            if room in SYSTEM_ROOMS and modules[name] not in visited:
                waiting.append(modules[name])
    return sorted(found)


def source_of_data(system: SystemFile) -> str:
    """Returns the flag that chooses a system's world or data, with its default."""
    presets = system.module.PRESETS
    settings = as_dict(presets.get("cpu", presets["smoke"]))
    flags = {"env": "jaxdl/envs/", "data": "jaxdl/data/"}
    texts = [f"`--{flag}={settings[flag]}`, `{flags[flag]}`" for flag in flags if flag in settings]
    own = [name for name in defining_modules(system.path) if name.startswith("jaxdl.data.")]
    return "; ".join(texts) or code(sorted(link(find_modules()[name]) for name in own))


def reading_page(results: Path, found: Sequence[SystemFile]) -> str:
    """Returns docs/reading.md."""
    lines = [READING]
    titles = {
        **SECTIONS,
        **{each.section: each.section for each in found if each.section not in SECTIONS},
    }
    for section, title in titles.items():
        mine = [system for system in found if system.section == section]
        if mine:
            lines += ["", f"## {title}"]
        for system in mine:
            lines += ["", *reading_lines(results, system)]
    return "\n".join(lines) + "\n"


def reading_lines(results: Path, system: SystemFile) -> list[str]:
    """Returns what docs/reading.md says of one system."""
    about = system.module.ABOUT
    page = ROOT / "docs"
    files = dict.fromkeys(learners_used(system.path).values())
    losses = [ROOT / path for path in formulas([*files, system.path])]
    lines = [f"### {about.title}", "", f"{about.summary} {paper(about)}.", ""]
    lines += [f"* learner: {links(files, page)}"] if files else []
    lines += [f"* formulas: {links(losses, page)}"] if losses else []
    lines += [f"* launch file: {links([system.path], page)}, `./run {system.name} --help`"]
    for row in measured(results, system):
        text = f": {row.summary}" if row.summary else ""
        lines.append(f"* claim: {row.statement}. **{row.answer}**{text}")
    return lines


def links(paths: Iterable[Path], page: Path) -> str:
    """Returns links to files, named by their paths in the clone."""
    return ", ".join(f"[`{link(path)}`]({link(path, page)})" for path in paths)
