"""The main job: trains SimCLR, PPO and RL², and writes one report: `./run tour`.

Every system runs as its own command would run it; its folder lies beside the report.
"""

import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experiments import watch
from jaxdl.core.run import option
from jaxdl.launch.flags import configure, launch


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


def ppo_headline(metrics: dict) -> tuple[str, str]:
    """The return of fresh episodes without exploring, beside what can be reached."""
    from jaxdl.pages import show

    return f"return {show(metrics['eval/episode_return'])}", "1000 is perfect (smoke: 500)"


def rl2_headline(metrics: dict) -> tuple[str, str]:
    """The reward on fresh bandits as a share of what is possible at all."""
    from jaxdl.pages import show

    percent_of = metrics["eval/percent_of_optimal"]
    reward = f"reward {show(metrics['eval/reward'])}"
    return f"{show(percent_of)} % of Bayes-optimal", f"Bayes-optimal 100 %, {reward}"


STOPS = {
    "simclr": Stop(
        "SimCLR",
        "Representations of scanned digits, learned without labels and read by a linear probe.",
        ("loss", "alignment"),
        simclr_headline,
    ),
    "ppo": Stop(
        "PPO",
        "A pole is kept upright on a cart, in MuJoCo's physics on the device (smoke: cartpole).",
        ("episode_return", "entropy", "value_loss"),
        ppo_headline,
    ),
    "rl2": Stop(
        "RL²",
        "A GRU that PPO has taught to learn: within ten pulls it finds the better of two arms.",
        ("episode_return", "entropy", "approximate_kl"),
        rl2_headline,
    ),
}


def main(config: Config) -> list[tuple[str, ...]]:
    """Trains the systems one after the other, prints the table and writes the report."""
    from jaxdl import pages
    from jaxdl.core import report

    folder = Path(config.workdir)
    runs = folder / f"{config.sizes}-{time.strftime('%Y%m%d-%H%M%S')}"
    rows, parts = [], []
    for system, stop in STOPS.items():
        module = importlib.import_module(f"experiments.{system}")
        workdir, began = runs / system, time.monotonic()
        module.main(configure(system, module.PRESETS, config.sizes, {"workdir": str(workdir)}))
        if hasattr(module, "world"):
            watch.main(watch.Config(workdir=str(workdir), frames=101))
        result = json.loads((workdir / "result.json").read_text())
        seconds = f"{time.monotonic() - began:.0f}"
        rows.append((stop.title, *stop.headline(result["metrics"]), seconds))
        parts.append(section_of(stop, workdir, result))
    head = ("system", "headline", "yardstick", "seconds")
    summary = pages.section(head=head, rows=rows)
    page = pages.page(
        "jaxdl: the tour", f"preset {config.sizes}, {report.device(1)}", [summary, *parts]
    )
    (folder / "report.html").write_text(page)
    poster(runs).save(folder / "tour.png")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    print(f"\nreport: {folder / 'report.html'}")
    return rows


def section_of(stop: Stop, workdir: Path, result: dict) -> dict:
    """A system's part of the report: its curves, its pictures, its numbers."""
    from jaxdl import pages
    from jaxdl.core import report
    from jaxdl.core.logs import read_metrics

    rows = read_metrics(workdir / "metrics.jsonl")
    figures = [pages.svg(pages.curves(rows, stop.curves), f"{stop.title}: training")]
    figures += [pages.picture(path) for path in report.pictures_in(workdir)]
    head, numbers = ("measured", "value"), []
    for name, value in result["metrics"].items():
        if name.startswith("eval/"):
            words = name.removeprefix("eval/").replace("_", " ").replace(" few", ", few labels")
            numbers.append((words, pages.show(value)))
    if (workdir / "table.json").exists():  # RL²: the rules that it is compared with
        (players,) = json.loads((workdir / "table.json").read_text()).values()
        head = ("player", "reward", "± standard error", f"% of {players[0]['of']}")
        numbers = [
            (p["player"], f"{p['reward']:.3f}", f"{p['standard_error']:.4f}", f"{p['percent']:.2f}")
            for p in players
        ]
    return pages.section(stop.title, text=stop.what, head=head, rows=numbers, figures=figures)


def poster(runs: Path) -> Any:
    """The tour as one picture: what SimCLR sees, and how each system learns."""
    import io

    from PIL import Image

    from jaxdl import pages
    from jaxdl.core.logs import read_metrics

    names = {"simclr": "loss", "ppo": "episode_return", "rl2": "episode_return"}
    pairs, curves = Image.open(runs / "simclr/figures/pairs.png").convert("RGB"), []
    for system, name in names.items():
        rows = read_metrics(runs / system / "metrics.jsonl")
        title = f"{STOPS[system].title}: {name.replace('_', ' ')}"
        renamed = [{k.replace(name, title): v for k, v in row.items()} for row in rows]
        file = io.BytesIO()
        pages.curves(renamed, [title]).savefig(file, dpi=150)
        curves.append(Image.open(file).convert("RGB"))
    width, height = sum(c.width for c in curves), max(c.height for c in curves)
    pairs = pairs.resize((width, pairs.height * width // pairs.width))
    whole, left = Image.new("RGB", (width, pairs.height + height), "white"), 0
    whole.paste(pairs, (0, 0))
    for curve in curves:
        whole.paste(curve, (left, pairs.height))
        left += curve.width
    return whole


if __name__ == "__main__":
    launch(main, PRESETS)
