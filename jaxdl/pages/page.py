"""Pages that need no network: tables and figures in one HTML file, all of it escaped."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

_TEMPLATE = Path(__file__).with_name("page.html")


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
    return env.from_string(_TEMPLATE.read_text()).render(
        title=title, subtitle=subtitle, sections=sections
    )


def picture(path: Path, caption: str = "") -> dict[str, str]:
    """A PNG, SVG or GIF file as a figure of a page."""
    kind = {".png": "png", ".svg": "svg+xml", ".gif": "gif"}[path.suffix]
    words = path.stem.replace("_", " ") + (", moving" if kind == "gif" else "")
    return _figure(path.read_bytes(), kind, caption or words)


def _figure(data: bytes, kind: str, caption: str) -> dict[str, str]:
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return {"uri": uri, "caption": caption}


def svg(figure: Any, caption: str) -> dict[str, str]:
    """A matplotlib figure as a figure of a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return _figure(buffer.getvalue(), "svg+xml", caption)
