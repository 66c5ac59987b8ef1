"""The main job: trains SimCLR, PPO and RL², and writes one report: `./run tour`.

Every system runs as its own command would run it; its folder lies beside the report.
"""

import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxdl.core.flags import configure, launch
from jaxdl.core.run import option


class Stop(NamedTuple):
    """One system of the tour.

    Attributes:
      title: the paper's name for it.
      what: a sentence for the report.
      curves: metrics whose curves the report shows.
      headline: result -> (its number, the yardstick beside it), as text.
    """

    title: str
    what: str
    curves: tuple[str, ...]
    headline: Any


@dataclass(frozen=True)
class Config:
    """The tour's sizes and its folder."""

    workdir: str = option("runs/tour", "where the report and the runs go")
    sizes: Literal["smoke", "cpu", "gpu"] = "cpu"


PRESETS = {"smoke": Config(sizes="smoke"), "cpu": Config(), "gpu": Config(sizes="gpu")}


def percent(summary: dict) -> str:
    """A share between 0 and 1 as text."""
    half = "" if summary["ci95"] is None else f" ± {100 * summary['ci95']:.1f}"
    return f"{100 * summary['mean']:.1f}{half} %"


def simclr_headline(metrics: dict) -> tuple[str, str]:
    """The probe's accuracy on learned features, beside raw pixels and random features."""
    raw, random = (metrics[f"eval/{x}_accuracy"] for x in ("raw_pixel", "random_feature"))
    yardstick = f"raw pixels {percent(raw)}, random features {percent(random)}"
    return f"probe {percent(metrics['eval/probe_accuracy'])}", yardstick


STOPS = {
    "simclr": Stop(
        "SimCLR",
        "Representations of scanned digits, learned without labels and read by a linear probe.",
        ("loss",),
        simclr_headline,
    ),
}


def main(config: Config) -> list[tuple[str, ...]]:
    """Trains the systems one after the other, prints the table and writes the report."""
    from jaxdl.core import report

    folder = Path(config.workdir)
    runs = folder / f"{config.sizes}-{time.strftime('%Y%m%d-%H%M%S')}"
    rows, parts = [], []
    for system, stop in STOPS.items():
        module, workdir, began = (
            importlib.import_module(f"experiments.{system}"),
            runs / system,
            0.0,
        )
        began = time.monotonic()
        module.main(configure(system, module.PRESETS, config.sizes, {"workdir": str(workdir)}))
        result = json.loads((workdir / "result.json").read_text())
        rows.append(
            (stop.title, *stop.headline(result["metrics"]), f"{time.monotonic() - began:.0f}")
        )
        parts.append(section_of(stop, workdir, result))
    head = ("system", "headline", "yardstick", "seconds")
    summary = report.section(head=head, rows=rows)
    page = report.page(
        "jaxdl: the tour", f"preset {config.sizes}, {report.device(1)}", [summary, *parts]
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page)
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    print(f"\nreport: {folder / 'report.html'}")
    return rows


def section_of(stop: Stop, workdir: Path, result: dict) -> dict:
    """A system's part of the report: its curves, its pictures, its numbers."""
    from jaxdl.core import report
    from jaxdl.core.logs import read_metrics

    rows = read_metrics(workdir / "metrics.jsonl")
    figures = [report.svg(report.curves(rows, stop.curves), f"{stop.title}: training")]
    pictures = sorted(p for p in (workdir / "figures").glob("*") if p.suffix in (".png", ".svg"))
    figures += [report.picture(path) for path in pictures]
    numbers = [(k, report.show(v)) for k, v in result["metrics"].items() if k.startswith("eval/")]
    return report.section(
        stop.title, text=stop.what, head=("measured", "value"), rows=numbers, figures=figures
    )


if __name__ == "__main__":
    launch(main, PRESETS)
