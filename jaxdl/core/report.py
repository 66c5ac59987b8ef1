"""What a run leaves for people: result.json's contents and a report that needs no network."""

import base64
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jinja2
import numpy as np
from jax.sharding import Mesh

from jaxdl.core.logs import interval, read_metrics
from jaxdl.core.run import Run

PACKAGES = (
    *("jaxdl", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy"),
    *("brax", "mujoco", "mujoco-mjx"),
)

# Colors that differ for color-blind readers too (Okabe and Ito 2008), and a quiet page.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4d4d4d", "#8c6bb1")
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "jaxdl",  # the same figure gives the same file
    "text.parse_math": False,  # a metric's name with a $ is no formula
}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 980px;
       margin: 2.5em auto; padding: 0 1.2em; }
h1 { font-size: 1.7em; margin: 0 0 .1em; } h2 { font-size: 1.15em; margin: 2.2em 0 .6em; }
p.sub { color: #666; margin: 0 0 1.5em; } table { border-collapse: collapse; margin: .6em 0; }
th, td { text-align: left; padding: .3em 1.1em .3em 0; border-bottom: 1px solid #e4e4e4;
         vertical-align: top; font-variant-numeric: tabular-nums; }
th { font-weight: 600; border-bottom: 2px solid #bbb; } figure { margin: .8em 0 1.6em; }
img { max-width: 100%; height: auto; } figcaption { color: #666; font-size: .92em; }
code { background: #f4f4f4; padding: .1em .3em; border-radius: 3px; word-break: break-all; }
details { margin: 1em 0; } summary { cursor: pointer; font-weight: 600; }
</style></head><body>
<h1>{{ title }}</h1><p class="sub">{{ subtitle }}</p>
{% for section in sections %}
{% if section.folded %}<details><summary>{{ section.title }}</summary>
{% elif section.title %}<h2>{{ section.title }}</h2>{% endif %}
{% if section.text %}<p>{{ section.text }}</p>{% endif %}
{% if section.rows %}<table><tr>{% for head in section.head %}<th>{{ head }}</th>{% endfor %}</tr>
{% for row in section.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>{% endif %}
{% for figure in section.figures %}<figure><img src="{{ figure.uri }}" alt="{{ figure.caption }}">
<figcaption>{{ figure.caption }}</figcaption></figure>{% endfor %}
{% if section.folded %}</details>{% endif %}
{% endfor %}
</body></html>
"""


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


def show(summary: Mapping[str, Any]) -> str:
    """A {mean, ci95, values} as text."""
    if summary["ci95"] is None:
        return f"{summary['mean']:.5g}"
    return f"{summary['mean']:.5g} ± {summary['ci95']:.2g}"


def section(
    title: str = "",
    *,
    text: str = "",
    head: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] = (),
    figures: Sequence[dict[str, str]] = (),
    folded: bool = False,
) -> dict[str, Any]:
    """One part of a page: a title, a line of text, a table, figures."""
    return {
        "title": title, "text": text, "head": head, "rows": rows, "figures": figures,
        "folded": folded,
    }  # fmt: skip


def page(title: str, subtitle: str, sections: Sequence[dict[str, Any]]) -> str:
    """A self-contained HTML page; all that is put into it is escaped."""
    env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return env.from_string(_PAGE).render(title=title, subtitle=subtitle, sections=sections)


def picture(path: Path, caption: str = "") -> dict[str, str]:
    """A PNG or SVG file as a figure of a page."""
    kind = {".png": "png", ".svg": "svg+xml", ".gif": "gif"}[path.suffix]
    return _figure(path.read_bytes(), kind, caption or path.stem.replace("_", " "))


def _figure(data: bytes, kind: str, caption: str) -> dict[str, str]:
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return {"uri": uri, "caption": caption}


def svg(figure: Any, caption: str) -> dict[str, str]:
    """A matplotlib figure as a figure of a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return _figure(buffer.getvalue(), "svg+xml", caption)


def curves(rows: Sequence[Mapping[str, float]], names: Sequence[str], columns: int = 3) -> Any:
    """Metrics over steps, with the 95 % interval over seeds as a band.

    Args:
      rows: lines of metrics.jsonl.
      names: which metrics, one panel each.
      columns: panels beside each other.

    Returns:
      A matplotlib figure.
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        from matplotlib.figure import Figure

        height = -(-len(names) // columns)
        figure = Figure(
            figsize=(3.3 * min(columns, len(names)), 2.2 * height), layout="constrained"
        )
        panels = figure.subplots(height, min(columns, len(names)), squeeze=False).flat
        for panel in list(panels)[len(names) :]:
            panel.remove()
        for panel, name in zip(figure.axes, names, strict=True):
            points = [r for r in rows if name in r]
            steps, values = (np.array([r[k] for r in points]) for k in ("step", name))
            band = np.array([r.get(f"{name}/ci95", 0.0) for r in points])
            panel.plot(
                steps, values, color=COLORS[0], lw=1.4, marker="." if len(points) < 3 else ""
            )
            panel.fill_between(
                steps, values - band, values + band, color=COLORS[0], alpha=0.2, lw=0
            )
            panel.set_title(name, fontsize=9)
            panel.set_xlabel("steps", fontsize=8)
    return figure


def write(workdir: str | Path) -> Path:
    """Writes report.html out of a workdir's result.json, metrics.jsonl and figures.

    Returns:
      The report's path.
    """
    workdir = Path(workdir)
    result = json.loads((workdir / "result.json").read_text())
    rows = read_metrics(workdir / "metrics.jsonl")
    names = [n for n in dict.fromkeys(k for r in rows for k in r) if n != "step"]
    names = [n for n in names if not n.endswith("/ci95") and sum(n in r for r in rows) > 1]
    pictures = sorted(p for p in (workdir / "figures").glob("*.*") if p.suffix in (".png", ".svg"))
    seconds = f"{result['wall_seconds']:.1f} s, {result['compile_seconds']:.1f} s of it compiling"
    facts = [(k, result[k]) for k in ("seed", "num_seeds", "steps", "fingerprint", "device")]
    facts += [
        ("samples per second", f"{result['samples_per_second'] or 0:,.0f}"),
        ("time", seconds),
    ]
    settings = sorted(result["config"].items())
    pairs = ("metric", "mean ± 95 % interval" if result["num_seeds"] > 1 else "value")
    metrics = [(name, show(value)) for name, value in result["metrics"].items()]
    parts = [section("Result", head=pairs, rows=metrics)]
    if pictures:
        parts.append(section("Figures", figures=[picture(p) for p in pictures]))
    if names:
        parts.append(section("Curves", figures=[svg(curves(rows, names), "metrics over steps")]))
    versions = list(result["versions"].items())
    parts.append(section("Run", head=("what", "value"), rows=facts))
    parts.append(section("Settings", head=("flag", "value"), rows=settings, folded=True))
    parts.append(section("Versions", head=("package", "version"), rows=versions, folded=True))
    title = f"{result['system'] or 'run'} {result['preset']}".strip()
    path = workdir / "report.html"
    # A flag whose bytes are no text reaches Python as lone surrogates, which are written out.
    path.write_text(page(title, result["device"], parts), "utf-8", "backslashreplace")
    return path
