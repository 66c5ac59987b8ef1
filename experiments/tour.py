"""The main job: trains every system that is found, and writes one report: `./run tour`.

Every system runs as its own command would run it; its folder lies beside the report. What is said
of a system comes from its ABOUT, and the pictures from its run.

    ./run tour --preset=smoke           all systems in their smallest sizes, as CI does
    ./run tour --only=ppo,simclr        some of them
    ./run tour --section=vision         those of one section
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from experiments._finished import stage_folder
from experiments._systems import SystemFile, find, systems, verdicts
from jaxdl.core.run import BadInput, NonFinite, option
from jaxdl.launch import About
from jaxdl.launch.flags import configure, launch_tool, train_system

if TYPE_CHECKING:
    from PIL.Image import Image

HEAD = ("system", "headline", "yardstick", "seconds")
TILE = 480  # pixels of width of a system's part of the poster


@dataclass(frozen=True)
class Config:
    """The tour's sizes and its folder."""

    workdir: str = option("runs/tour", "where the report and the runs go")
    sizes: Literal["smoke", "cpu", "gpu", "paper"] = option("cpu", "preset of every system")
    only: tuple[str, ...] = option((), "systems, by comma (all if empty)")
    section: str = option("", "of the lecture, such as vision or rl (all if empty)")

    def __post_init__(self):
        for name in self.only:
            find(name)
        sections = sorted({system.section for system in systems().values()})
        if self.section and self.section not in sections:
            raise BadInput(f"--section={self.section} should be one of {', '.join(sections)}")


PRESETS = {"smoke": Config(sizes="smoke"), "cpu": Config(), "gpu": Config(sizes="gpu")}


class Stop(NamedTuple):
    """One system of the tour.

    Attributes:
      system: its launch file.
      workdir: of its run.
      result: what result.json holds; None where the run failed.
      seconds: of wall time.
      error: why it failed.
    """

    system: SystemFile
    workdir: Path
    result: Mapping[str, Any] | None
    seconds: float
    error: Exception | None = None


def main(config: Config) -> list[tuple[str, ...]]:
    """Trains the systems one after the other, prints the table and writes the report.

    Returns:
      The rows of the table.

    Raises:
      BadInput: a system refused its settings; the others have run and the report is written.
      NonFinite: a system became NaN or infinite; likewise.
    """
    from jaxdl.pages import print_table

    folder = Path(config.workdir)
    runs = folder / f"{config.sizes}-{time.strftime('%Y%m%d-%H%M%S')}"
    wanted = [find(name) for name in config.only] or list(systems().values())
    wanted = [system for system in wanted if config.section in ("", system.section)]
    stops = [visit(one, runs, config.sizes) for one in wanted if config.sizes in one.module.PRESETS]
    rows = [row_of(stop) for stop in stops]
    write_report(folder, config.sizes, stops, rows)
    print_table(HEAD, rows)
    print(f"\nreport: {folder / 'report.html'}", flush=True)
    for stop in stops:
        if stop.error:
            raise stop.error
    return rows


def visit(system: SystemFile, runs: Path, preset: str) -> Stop:
    """Trains one system, and films it where there is a world."""
    workdir = runs / system.name
    module = system.module
    started_at = time.monotonic()
    try:
        config = configure(system.name, module.PRESETS, preset, {"workdir": str(workdir)})
        train_system(module.build, config, module.ABOUT, verdicts(system))
        film(module.build(config), workdir)
        last = stage_folder(workdir, "")  # of a run in several stages
        result = json.loads((last / "result.json").read_text("utf-8"))
        return Stop(system, last, result, time.monotonic() - started_at)
    except (BadInput, NonFinite) as error:
        return Stop(system, workdir, None, time.monotonic() - started_at, error)


def film(system: Any, workdir: Path) -> None:
    """Writes a film into the run's folder, of the policy in its world or of what else moves."""
    if system.film is None and (system.world is None or system.deployment is None):
        return
    from experiments import watch

    watch.main(watch.Config(workdir=str(workdir), frames=101))


def row_of(stop: Stop) -> tuple[str, ...]:
    """Returns a system's row of the table."""
    about = stop.system.module.ABOUT
    seconds = f"{stop.seconds:.0f}"
    if stop.result is None:
        return about.title, f"failed: {str(stop.error).splitlines()[0]}", "", seconds
    metrics = stop.result["metrics"]
    return about.title, headline(about, metrics), yardstick(about, metrics), seconds


def headline(about: About, metrics: Mapping[str, Any]) -> str:
    """Returns the number that stands for a run, with its name and interval."""
    name = about.headline.removeprefix("eval/").replace("_", " ")
    return f"{name} {measured(about, metrics, about.headline)}"


def yardstick(about: About, metrics: Mapping[str, Any]) -> str:
    """Returns what the headline is to be compared with, its numbers filled in from the result."""
    return re.sub(
        r"\{([^{}]+)\}", lambda found: measured(about, metrics, found[1]), about.yardstick
    )


def measured(about: About, metrics: Mapping[str, Any], name: str) -> str:
    """Returns a metric as it is shown: scaled, with its interval and unit."""
    from jaxdl.pages import show

    if name not in metrics:
        return "not measured"
    summary = metrics[name]
    scaled = {
        key: None if summary[key] is None else about.scale * summary[key]
        for key in ("mean", "ci95")
    }
    return f"{show(scaled)} {about.unit}".rstrip()


def write_report(
    folder: Path, sizes: str, stops: Sequence[Stop], rows: Sequence[Sequence[str]]
) -> None:
    """Writes report.html and the poster tour.png."""
    from jaxdl import pages
    from jaxdl.core import report

    folder.mkdir(parents=True, exist_ok=True)
    done = [stop for stop in stops if stop.result is not None]
    parts = [pages.section(head=HEAD, rows=rows), *map(section_of, done)]
    page = pages.page("jaxdl: the tour", f"preset {sizes}, {report.device(1)}", parts)
    (folder / "report.html").write_text(page, "utf-8", "backslashreplace")
    if done:
        poster(done).save(folder / "tour.png")


def section_of(stop: Stop) -> dict[str, Any]:
    """Returns a system's part of the report: its curves, its pictures, its numbers."""
    from jaxdl import pages
    from jaxdl.core import report
    from jaxdl.core.logs import read_metrics

    about = stop.system.module.ABOUT
    rows = read_metrics(stop.workdir / "metrics.jsonl")
    names = [name for name in about.curves if any(name in row for row in rows)]
    figures = []
    if names:
        drawn = pages.curves(rows, names, unit=about.samples)
        figures.append(pages.svg(drawn, f"{about.title}: training"))
    figures += [pages.picture(path) for path in report.pictures_in(stop.workdir)]
    numbers = [
        (name.removeprefix("eval/").replace("_", " "), pages.show(value))
        for name, value in (stop.result or {})["metrics"].items()
        if name.startswith("eval/")
    ]
    text = f"{about.summary} ({about.paper})"
    return pages.section(
        about.title, text=text, head=("measured", "value"), rows=numbers, figures=figures
    )


def poster(stops: Sequence[Stop]) -> "Image":
    """Returns the tour as one picture: of each system its first picture above its first curve."""
    from PIL import Image

    tiles = [tile for stop in stops if (tile := tile_of(stop))]
    if not tiles:
        return Image.new("RGB", (TILE, TILE), "white")
    columns = min(len(tiles), 4)
    height = max(tile.height for tile in tiles)
    rows = -(-len(tiles) // columns)
    whole = Image.new("RGB", (columns * TILE, rows * height), "white")
    for i, tile in enumerate(tiles):
        whole.paste(tile, (i % columns * TILE, i // columns * height))
    return whole


def tile_of(stop: Stop) -> "Image | None":
    """Returns a system's part of the poster; None where there is nothing to show."""
    from PIL import Image

    parts = [part for part in (first_picture(stop), first_curve(stop)) if part]
    if not parts:
        return None
    parts = [part.resize((TILE, max(part.height * TILE // part.width, 1))) for part in parts]
    whole = Image.new("RGB", (TILE, sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def first_picture(stop: Stop) -> "Image | None":
    """Returns the first still picture in pixels of a run."""
    from PIL import Image

    pictures = sorted((stop.workdir / "figures").glob("*.png"))
    return Image.open(pictures[0]).convert("RGB") if pictures else None


def first_curve(stop: Stop) -> "Image | None":
    """Returns a curve of the metrics that ABOUT names, under the system's title."""
    import io

    from PIL import Image

    from jaxdl import pages
    from jaxdl.core.logs import read_metrics

    about = stop.system.module.ABOUT
    rows = read_metrics(stop.workdir / "metrics.jsonl")
    name = telling(about.curves, rows)
    if not name:
        return None
    title = f"{about.title}: {name.replace('_', ' ')}"
    renamed = [
        {key.replace(name, title): value for key, value in row.items()}
        for row in rows
        if name in row
    ]
    file = io.BytesIO()
    pages.curves(renamed, [title], unit=about.samples).savefig(file, dpi=150)
    return Image.open(file).convert("RGB")


def telling(names: Sequence[str], rows: Sequence[Mapping[str, float]]) -> str:
    """Returns the first metric that has three points, else one of the most; "" where none has any.

    Presets that evaluate once, at the end, have one point of their headline: then how training went
    tells more.
    """
    points = {name: sum(name in row for row in rows) for name in names}
    most = max(points, key=points.__getitem__, default="")
    name = next((name for name in points if points[name] > 2), most)
    return name if points.get(name) else ""


if __name__ == "__main__":
    launch_tool(main, PRESETS)
