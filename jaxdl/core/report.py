"""What a run leaves: result.json, and a report for people."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from jaxdl import pages
from jaxdl.core.logs import interval, read_metrics
from jaxdl.core.run import Run
from jaxdl.pages.exhibit import Exhibit

PACKAGES = (
    *("jaxdl", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy"),
    *("brax", "mujoco", "mujoco-mjx"),
)


def result(run: Run, metrics: Mapping[str, Any], *, mesh: Mesh, **measured: Any) -> dict[str, Any]:
    """What `result.json` holds.

    Args:
      run: the run.
      metrics: name -> final value, scalar or [S].
      mesh: the devices it ran on.
      **measured: fingerprint, compile_seconds, wall_seconds, samples_per_second.
    """
    return {
        "system": run.system,
        "preset": run.preset,
        "config": dict(run.config),
        "seed": run.seed,
        "num_seeds": run.num_seeds,
        "steps": run.steps,
        "metrics": {name: interval(value) for name, value in sorted(metrics.items())},
        **measured,
        "versions": versions(),
        "device": device(mesh.devices.size),
    }


def versions() -> dict[str, str]:
    """Package -> version, and Python's."""
    return {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES}


def device(count: int) -> str:
    """What the run ran on, in words."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() == "cpu":
        info = Path("/proc/cpuinfo")
        lines = info.read_text().splitlines() if info.exists() else []
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
        kind = f"cpu ({model or platform.machine()}, {os.cpu_count()} cores)"
    return f"{count} x {kind}" if count > 1 else kind


def pictures_in(workdir: Path) -> list[Path]:
    """The files below figures/ that a page can show; moving ones first."""
    files = [p for p in (workdir / "figures").glob("*.*") if p.suffix in (".gif", ".png", ".svg")]
    return sorted(files, key=lambda p: (p.suffix != ".gif", p))


def write(workdir: str | Path, exhibits: Sequence[Exhibit] = ()) -> Path:
    """Writes report.html out of a workdir's result.json, metrics.jsonl and figures.

    Returns:
      The report's path.
    """
    workdir = Path(workdir)
    result = json.loads((workdir / "result.json").read_text())
    rows = read_metrics(workdir / "metrics.jsonl")
    names = [n for n in dict.fromkeys(k for r in rows for k in r) if n != "step"]
    names = [n for n in names if not n.endswith("/ci95") and sum(n in r for r in rows) > 1]
    pictures = pictures_in(workdir)
    seconds = f"{result['wall_seconds']:.1f} s, {result['compile_seconds']:.1f} s of it compiling"
    facts = [(k, result[k]) for k in ("seed", "num_seeds", "steps", "fingerprint", "device")]
    facts += [
        ("samples per second", f"{result['samples_per_second'] or 0:,.0f}"),
        ("time", seconds),
    ]
    settings = sorted(result["config"].items())
    pairs = ("metric", "mean ± 95 % interval" if result["num_seeds"] > 1 else "value")
    metrics = [(name, pages.show(value)) for name, value in result["metrics"].items()]
    parts = [pages.section("Result", head=pairs, rows=metrics)]
    if pictures:
        parts.append(pages.section("Figures", figures=[pages.picture(p) for p in pictures]))
    if names:
        parts.append(
            pages.section(
                "Curves", figures=[pages.svg(pages.curves(rows, names), "metrics over steps")]
            )
        )
    versions = list(result["versions"].items())
    parts.append(pages.section("Run", head=("what", "value"), rows=facts))
    parts.append(pages.section("Settings", head=("flag", "value"), rows=settings, folded=True))
    parts.append(pages.section("Versions", head=("package", "version"), rows=versions, folded=True))
    title = f"{result['system'] or 'run'} {result['preset']}".strip()
    path = workdir / "report.html"
    # A flag whose bytes are no text reaches Python as lone surrogates, which are written out.
    path.write_text(pages.page(title, result["device"], parts), "utf-8", "backslashreplace")
    return path
