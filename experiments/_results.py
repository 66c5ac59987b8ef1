"""RESULTS.md: all measured claims and benchmarks, rendered from the files of results/."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments._systems import claims_measured, systems

INTRODUCTION = """# Results

Measured by `./run claims` and `./run bench`, and rendered from the files in
`experiments/results/`. A claim *holds* or *fails* where the 95 % intervals decide it;
else it is *undecided*. Numbers are means ± 95 % intervals over seeds."""


def write_results(results: Path) -> None:
    """Writes RESULTS.md beside the folder of the results."""
    lines = [INTRODUCTION]
    for tier in sorted(path.name for path in results.glob("*/")):
        lines += ["", f"## Tier {tier}"]
        for system in measured_systems(results, tier):
            lines += claims_lines(system, claims_measured(tier, system, results))
        lines += benchmark_lines(results / tier / "bench.jsonl")
    (results.parent / "RESULTS.md").write_text("\n".join(lines) + "\n", "utf-8")


def measured_systems(results: Path, tier: str) -> list[str]:
    """Returns the systems with figures, by section; those that are not found today at last."""
    names = {path.stem for path in (results / tier).glob("*.json")}
    known = [name for name in systems() if name in names]
    return [*known, *sorted(names - {*known})]


def claims_lines(system: str, claims: Mapping[str, Any]) -> list[str]:
    """Returns the table of a system's claims in Markdown."""
    if not claims:
        return []
    lines = ["", f"### {system}", ""]
    lines += ["| claim | answer | measured | seconds |", "|---|---|---|---|"]
    for row in claims.values():
        claim = f"{row['statement']} ({row['source']})"
        lines.append(f"| {claim} | **{row['answer']}** | {row['summary']} | {row['seconds']:.0f} |")
    return [*lines, "", *devices_lines(claims.values())]


def devices_lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns one line for each device and pair of versions that measured something."""
    texts = [
        f"On {row['device']}, jax {row['versions']['jax']}, Python {row['versions']['python']}."
        for row in rows
    ]
    return list(dict.fromkeys(texts))


def benchmark_lines(file: Path) -> list[str]:
    """Returns the table of the benchmarks in Markdown, with the newest row of each candidate."""
    if not file.exists():
        return []
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    newest = {(row["case"], row["who"]): row for row in rows}
    lines = ["", "### Benchmarks", ""]
    lines += ["| case | who | compile CPU-s | items/s | items per CPU-s | temp MB | note |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [benchmark_line(row) for row in newest.values()]
    return [*lines, "", *devices_lines(newest.values())]


def benchmark_line(row: Mapping[str, Any]) -> str:
    """Returns one row of the benchmarks in Markdown."""
    numbers = (
        as_text(row.get("compile_cpu_seconds"), ".2f"),
        as_text(row.get("items_per_second"), ",.0f"),
        as_text(row.get("items_per_cpu_second"), ",.0f"),
        as_text(row.get("temp_bytes"), ",.1f", scale=1e-6),
    )
    return f"| {' | '.join((row['case'], row['who'], *numbers, remark(row)))} |"


def as_text(value: float | None, form: str, scale: float = 1.0) -> str:
    """Returns a number that may be missing as text."""
    return "" if value is None else format(value * scale, form)


def remark(row: Mapping[str, Any]) -> str:
    """Returns what to know beside a row's figures."""
    score = f"mean return {row['mean_return']:.4g}" if "mean_return" in row else ""
    if "mean_return_ci95" in row:
        score += f" ± {row['mean_return_ci95']:.2g}"
    return "; ".join(part for part in (score, row.get("note")) if part)
