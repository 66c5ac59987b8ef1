"""Measures what the papers state: `./run claims [--only=ppo] [--tier=cpu]`.

Writes experiments/results/<tier>/<system>.json, and renders experiments/RESULTS.md and the table
of the README out of these files. No figure in them is written by hand.
"""

import ast
import importlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experiments.bench import remark
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch

HERE = Path(__file__).parent
SYSTEMS = ("simclr", "ppo", "rl2")
BEGIN, END = "<!-- systems: begin (./run claims writes this table) -->", "<!-- systems: end -->"


class Verdict(NamedTuple):
    """What was measured.

    Attributes:
      answer: decided by the intervals, never by the means alone.
      summary: one line with the numbers that decided.
      numbers: name -> {mean, ci95, values} over seeds (`jaxdl.core.logs.interval`).
    """

    answer: Literal["holds", "fails", "undecided"]
    summary: str
    numbers: dict[str, Any]


class Claim(NamedTuple):
    """What a paper states, and how it is measured here.

    Attributes:
      name: short, unique within its launch file.
      statement: the paper's claim in one sentence, with its own numbers.
      source: paper, and the table, figure or equation.
      measure: tier ("smoke", "cpu", "gpu") -> Verdict.
    """

    name: str
    statement: str
    source: str
    measure: Callable[[str], Verdict]


def decide(*gaps: dict[str, Any]) -> Literal["holds", "fails", "undecided"]:
    """Holds where the 95 % interval of every gap lies above 0, fails where one lies below."""
    if any(gap["mean"] + gap["ci95"] < 0 for gap in gaps):
        return "fails"
    return "holds" if all(gap["mean"] - gap["ci95"] > 0 for gap in gaps) else "undecided"


@dataclass(frozen=True)
class Config:
    """Which claims are measured, in which sizes."""

    only: tuple[str, ...] = option((), "systems or system/claim, by comma (all if empty)")
    tier: Literal["smoke", "cpu", "gpu"] = option("cpu", "the sizes to measure them in")
    render: bool = option(False, "measure nothing, render the tables again")
    results: str = option(str(HERE / "results"), "where the measured figures lie")

    def __post_init__(self):
        for name in self.only:
            if name.split("/")[0] not in SYSTEMS:
                raise BadInput(f"--only={name}: should be one of {', '.join(SYSTEMS)}")


PRESETS = {"cpu": Config()}


def main(config: Config) -> None:
    """Measures, writes and renders."""
    for system in SYSTEMS if not config.render else ():
        wanted = [name for name in config.only if name.split("/")[0] == system]
        if wanted or not config.only:
            measure(system, wanted, config)
    if config.tier != "smoke":
        render(Path(config.results))


def measure(system: str, wanted: list[str], config: Config) -> None:
    """Measures the claims of one launch file; those not asked for keep their last figures."""
    from jaxdl.core.report import device, versions

    claims = importlib.import_module(f"experiments.{system}").CLAIMS
    unknown = {name.partition("/")[2] for name in wanted} - {"", *(claim.name for claim in claims)}
    if unknown:
        names = ", ".join(claim.name for claim in claims)
        raise BadInput(f"--only={system}/{unknown.pop()}: {system} claims {names}")
    file = Path(config.results) / config.tier / f"{system}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(file.read_text())["claims"] if file.exists() else {}
    rows = {claim.name: old[claim.name] for claim in claims if claim.name in old}
    for claim in claims:
        if wanted and system not in wanted and f"{system}/{claim.name}" not in wanted:
            continue
        began = time.monotonic()
        verdict = claim.measure(config.tier)
        seconds = round(time.monotonic() - began, 1)
        print(f"{system}/{claim.name}: {verdict.answer.upper()} in {seconds} s. {verdict.summary}")
        rows[claim.name] = {
            "statement": claim.statement,
            "source": claim.source,
            **verdict._asdict(),
            "seconds": seconds,
            "device": device(1),
            "versions": versions(),
        }
        file.write_text(json.dumps({"system": system, "claims": rows}, indent=1) + "\n")


def render(results: Path) -> None:
    """Writes RESULTS.md beside the results, and the table of systems in README.md."""
    lines = [
        "# Results",
        "",
        "Measured by `./run claims` and `./run bench`, and rendered from the files in",
        "`experiments/results/`. A claim *holds* or *fails* where the 95 % intervals decide it;",
        "else it is *undecided*. Numbers are means ± 95 % intervals over seeds.",
    ]
    for tier in sorted(path.name for path in results.iterdir() if path.is_dir()):
        lines += ["", f"## Tier {tier}"]
        for system in SYSTEMS:
            lines += _claims_of(results / tier / f"{system}.json")
        lines += _benchmarks_of(results / tier / "bench.jsonl")
    (results.parent / "RESULTS.md").write_text("\n".join(lines) + "\n")
    readme = HERE.parent / "README.md"
    text = readme.read_text()
    if results == HERE / "results" and BEGIN in text:
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        readme.write_text(f"{head}{BEGIN}\n{_systems(results)}\n{END}{tail}")


def _claims_of(file: Path) -> list[str]:
    if not file.exists():
        return []
    lines = ["", f"### {file.stem}", ""]
    lines += ["| claim | answer | measured | seconds |", "|---|---|---|---|"]
    for row in json.loads(file.read_text())["claims"].values():
        claim = f"{row['statement']} ({row['source']})"
        lines.append(f"| {claim} | **{row['answer']}** | {row['summary']} | {row['seconds']:.0f} |")
    version = row["versions"]
    lines += ["", f"On {row['device']}, jax {version['jax']}, Python {version['python']}."]
    return lines


def _benchmarks_of(file: Path) -> list[str]:
    if not file.exists():
        return []
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows = list({(row["case"], row["who"]): row for row in rows}.values())  # the newest of each
    lines = ["", "### Benchmarks", ""]
    lines += ["| case | who | compile CPU-s | items/s | items per CPU-s | temp MB | note |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in rows:
        numbers = (
            (row.get("compile_cpu_seconds"), ".2f"),
            (row.get("items_per_second"), ",.0f"),
            (row.get("items_per_cpu_second"), ",.0f"),
            (row["temp_bytes"] / 1e6 if row.get("temp_bytes") is not None else None, ",.1f"),
        )
        texts = ("" if value is None else format(value, form) for value, form in numbers)
        lines.append(f"| {' | '.join((row['case'], row['who'], *texts, remark(row)))} |")
    version = rows[-1]["versions"]
    lines += ["", f"On {rows[-1]['device']}, jax {version['jax']}, Python {version['python']}."]
    return lines


def _systems(results: Path) -> str:
    """The README's table: every system with what it claims and what was measured."""
    lines = ["| system | paper | command | claim | measured on a CPU |", "|---|---|---|---|---|"]
    for system in SYSTEMS:
        title = ast.get_docstring(ast.parse((HERE / f"{system}.py").read_text())) or ""
        name, paper = re.match(r"([^:]+):.*\(([^()]+)\)", title).groups()
        file = results / "cpu" / f"{system}.json"
        rows = json.loads(file.read_text())["claims"].values() if file.exists() else ()
        head = (f"[{name}](experiments/{system}.py)", paper, f"`./run {system}`")
        for i, row in enumerate(rows):
            claim = f"{row['statement']} ({row['source'].removeprefix(paper).lstrip(', ')})"
            cells = *(head if i == 0 else ("", "", "")), claim
            lines.append(f"| {' | '.join(cells)} | **{row['answer']}**: {row['summary']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    launch(main, PRESETS)
