"""What a run leaves: result.json, and a report for people."""

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from jaxdl import pages
from jaxdl.core.gallery import pictures_in as pictures_in
from jaxdl.core.gallery import save_captions as save_captions
from jaxdl.core.gallery import save_exhibits, sections_of, warn
from jaxdl.core.logs import interval, read_metrics
from jaxdl.core.run import Run
from jaxdl.pages.exhibit import Exhibit

PACKAGES = (
    "jaxdl",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "brax",
    "mujoco",
    "mujoco-mjx",
)
FACTS = ("seed", "first_seed", "num_seeds", "steps", "fingerprint", "device")


def result(
    run: Run,
    metrics: Mapping[str, Any],
    *,
    mesh: Mesh,
    about: Any = None,
    **measured: Any,
) -> dict[str, Any]:
    """Collects what `result.json` holds.

    Args:
      run: the run.
      metrics: name -> final value, scalar or [S], or its {mean, ci95, values}.
      mesh: the devices it ran on.
      about: the system's `About` or a dict of its fields; may hold `verdicts` and `command` too.
      **measured: fingerprint, compile_seconds, wall_seconds, samples_per_second, window, unit,
        samples, stage, and what else the driver has to say.
    """
    about = about._asdict() if hasattr(about, "_asdict") else about
    return {
        "system": run.system,
        "preset": run.preset,
        "config": dict(run.config),
        "seed": run.seed,
        "num_seeds": run.num_seeds,
        "steps": run.steps,
        "metrics": {
            name: dict(value) if isinstance(value, Mapping) else interval(value)
            for name, value in sorted(metrics.items())
        },
        **measured,
        **({"about": dict(about)} if about else {}),
        "versions": versions(),
        "device": device(mesh.devices.size),
    }


def versions() -> dict[str, str]:
    """Returns package -> version, "unknown" where its metadata is missing, and Python's."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = "unknown"
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name) or "unknown"
    return found


def device(count: int) -> str:
    """Describes what the run ran on."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() == "cpu":
        info = Path("/proc/cpuinfo")
        lines = info.read_text("utf-8", "replace").splitlines() if info.exists() else []
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
        kind = f"cpu ({model or platform.machine()}, {count_cores()})"
    return f"{count} x {kind}" if count > 1 else kind


def count_cores() -> str:
    """Counts the cores that this process may use, such as "2 cores"."""
    may_use = getattr(os, "sched_getaffinity", None)  # which macOS lacks
    cores = len(may_use(0)) if may_use else os.cpu_count() or 1
    return "1 core" if cores == 1 else f"{cores} cores"


def write(workdir: str | Path, exhibits: Iterable[Exhibit] | None = None) -> Path:
    """Writes the figures, and report.html out of result.json, metrics.jsonl and figures/.

    Args:
      workdir: the run's folder, which holds result.json.
      exhibits: what the system has to show; None keeps those that were shown before.

    Returns:
      The report's path.
    """
    workdir = Path(workdir)
    if exhibits is not None:
        save_exhibits(workdir, exhibits)
    result = json.loads((workdir / "result.json").read_text("utf-8"))
    about = result.get("about") or {}
    rows = read_metrics(workdir / "metrics.jsonl")
    named = f"{result['system'] or 'run'} {result['preset']}".strip()
    parts = [
        *_headline(result, about),
        *_verdicts(about),
        *sections_of(workdir),
        *_curves(result, about, rows),
        *_measured(result, about),
    ]
    title = about.get("title") or named
    subtitle = f"{named}, {result['device']}" if about.get("title") else result["device"]
    path = workdir / "report.html"
    pages.write_page(path, pages.page(title, subtitle, parts))
    return path


def _headline(result: Mapping[str, Any], about: Mapping[str, Any]) -> list[pages.Section]:
    """Lays out the number that stands for the run beside the paper's and the yardsticks."""
    name = about.get("headline")
    if not name:
        return []
    source = about.get("paper", "")
    source += f", arXiv {about['arxiv']}" if about.get("arxiv") else ""
    direction = f"{name}, {about.get('better', 'higher')} is better"
    rows = [("measured", headline_text(result), direction)]
    if about.get("paper_says"):
        rows.append(("the paper", about["paper_says"], source))
    if about.get("yardstick"):
        rows.append(("compare with", yardstick_text(result), ""))
    return [pages.section("Headline", text=about.get("summary", ""), rows=rows)]


def headline_text(result: Mapping[str, Any]) -> str:
    """Writes a run's headline metric, scaled and with its unit."""
    return _scaled(result, result["about"]["headline"])


def yardstick_text(result: Mapping[str, Any]) -> str:
    """Writes what a run's headline is compared with, the metrics that it names filled in."""
    text = str(result["about"].get("yardstick", ""))
    return re.sub(r"\{([^{}]+)\}", lambda match: _scaled(result, match[1]), text)


def _scaled(result: Mapping[str, Any], name: str) -> str:
    about = result["about"]
    summary = result["metrics"].get(name)
    if summary is None:
        return "not measured"
    if summary["ci95"] == 0:  # exact, such as chance
        summary = {**summary, "ci95": None}
    number = pages.show_rounded(summary, about.get("scale", 1.0))
    return f"{number} {about.get('unit', '')}".strip()


def _verdicts(about: Mapping[str, Any]) -> list[pages.Section]:
    verdicts = [(text,) for text in about.get("verdicts") or ()]
    command = about.get("command") or ""
    return [
        *([pages.section("Claims of the paper", rows=verdicts)] if verdicts else []),
        *([pages.section("Command", text=command)] if command else []),
    ]


def _curves(
    result: Mapping[str, Any], about: Mapping[str, Any], rows: Sequence[Mapping[str, float]]
) -> list[pages.Section]:
    """Draws metrics over what was consumed, first those that the system has chosen."""
    unit = result.get("unit") or about.get("samples") or ""
    names = curve_names(rows, unit)
    headline = about.get("headline", "")
    chosen = (headline, headline.removeprefix("eval/"), *(about.get("curves") or ()))
    first = [name for name in dict.fromkeys(chosen) if name in names]
    others = [name for name in names if name not in first]
    figures = []
    for group in (first, others):
        if not group:
            continue
        try:
            caption = curves_caption(rows, group, result)
            if figures:
                caption = "All other metrics that were measured, drawn in the same way."
            figures.append(pages.svg(pages.curves(rows, group, unit=unit), caption))
        except Exception as error:  # a picture is never worth a run
            warn("curves are left out", error)
    return [pages.section("Curves", figures=figures)] if figures else []


def curve_names(rows: Sequence[Mapping[str, float]], unit: str = "") -> list[str]:
    """Lists the metrics that make a curve: those with two points at least, evaluations first."""
    counts = {"step", unit.replace(" ", "_"), *(u.replace(" ", "_") for u in pages.UNITS)}
    names = [name for name in dict.fromkeys(key for row in rows for key in row)]
    names = [name for name in names if name not in counts and not name.endswith("/ci95")]
    names = [name for name in names if sum(name in row for row in rows) > 1]
    return sorted(names, key=lambda name: not name.startswith("eval/"))


def curves_caption(
    rows: Sequence[Mapping[str, float]], names: Sequence[str], result: Mapping[str, Any]
) -> str:
    """Says what the lines, bands and gaps of a figure of curves are."""
    over = pages.curve(rows, names[0], result.get("unit") or "").unit
    seeds = result["num_seeds"]
    text = f"Each panel shows a metric over {over}."
    if seeds > 1:
        text += f" Lines are means over {seeds} seeds, bands their 95 % intervals."
    gaps = any(name not in row for name in names if not name.startswith("eval/") for row in rows)
    return text + (" A gap is where a metric was not defined." if gaps else "")


def _measured(result: Mapping[str, Any], about: Mapping[str, Any]) -> list[pages.Section]:
    """Lays out the tables at the end, of metrics, the run, its settings and versions."""
    first = about.get("headline")
    metrics = sorted(
        result["metrics"].items(), key=lambda x: (x[0] != first, not x[0].startswith("eval/"))
    )
    numbers = [(name, pages.show_rounded(value)) for name, value in metrics]
    pairs = ("metric", "mean ± 95 % interval" if result["num_seeds"] > 1 else "value")
    settings = sorted(result["config"].items())
    packages = list(result["versions"].items())
    return [
        pages.section("Metrics", text=_window_text(result), head=pairs, rows=numbers),
        pages.section("Run", head=("what", "value"), rows=_facts(result)),
        pages.section("Settings", head=("flag", "value"), rows=settings, folded=True),
        pages.section("Versions", head=("package", "version"), rows=packages, folded=True),
    ]


def _window_text(result: Mapping[str, Any]) -> str:
    window = result.get("window")
    if not isinstance(window, Mapping):
        return ""
    first = window.get("first_step")
    last = window.get("last_step")
    if first == last:
        return f"Metrics of training are those of step {last}."
    return f"Metrics of training are means over steps {first} to {last}."


def _facts(result: Mapping[str, Any]) -> list[tuple[str, Any]]:
    unit = result.get("unit") or "samples"
    facts = [(name.replace("_", " "), result[name]) for name in FACTS if name in result]
    if isinstance(result.get("samples"), int | float):
        facts.append((f"{unit} in all", f"{result['samples']:,.0f}"))
    facts.append((f"{unit} per second", f"{result.get('samples_per_second') or 0:,.0f}"))
    seconds = f"{result['wall_seconds']:.1f} s, {result['compile_seconds']:.1f} s of it compiling"
    return [*facts, ("time", seconds)]
