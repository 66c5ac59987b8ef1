"""Pages that need no network: tables and figures in one HTML file, all of it escaped."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import jinja2

from jaxdl.pages.figures import STYLE

_TEMPLATE = Path(__file__).with_name("page.html")


class Picture(TypedDict):
    """A picture of a page: its bytes as a data URI, and the sentences below it."""

    uri: str
    caption: str


class Section(TypedDict):
    """A part of a page: a title, a line of text, a table, pictures; folded ones open by a click."""

    title: str
    text: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    figures: Sequence[Picture]
    folded: bool


def show(summary: Mapping[str, Any], scale: float = 1.0) -> str:
    """Writes a {mean, ci95, values} as text.

    Args:
      summary: ci95 is None for one seed.
      scale: factor on both numbers, such as 100 for percent.
    """
    if summary["ci95"] is None:
        return f"{scale * summary['mean']:.5g}"
    return f"{scale * summary['mean']:.5g} ± {scale * summary['ci95']:.2g}"


def show_rounded(summary: Mapping[str, Any], scale: float = 1.0) -> str:
    """Writes a {mean, ci95, values} as text, rounded to two digits of the interval.

    Args:
      summary: ci95 is None for one seed.
      scale: factor on both numbers, such as 100 for percent.
    """
    if summary["ci95"] is None:
        return f"{scale * summary['mean']:.5g}"
    mean = scale * summary["mean"]
    half = abs(scale * summary["ci95"])
    if not 1e-4 < half < 1e6:
        return f"{mean:.5g} ± {half:.2g}"
    decimals = max(1 - math.floor(math.log10(half)), 0)
    return f"{mean:,.{decimals}f} ± {float(f'{half:.2g}'):,.{decimals}f}"


def section(
    title: str = "",
    *,
    text: str = "",
    head: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] = (),
    figures: Sequence[Picture] = (),
    folded: bool = False,
) -> Section:
    """Makes one part of a page."""
    return {
        "title": title, "text": text, "head": head, "rows": rows, "figures": figures,
        "folded": folded,
    }  # fmt: skip


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Makes a self-contained HTML page, in which everything that is put in is escaped."""
    env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = env.from_string(_TEMPLATE.read_text("utf-8"))
    return template.render(title=title, subtitle=subtitle, sections=sections)


def write_page(path: Path, html: str) -> None:
    """Writes a page as UTF-8, whatever the locale is.

    A flag whose bytes are no text reaches Python as lone surrogates, which are written out.
    """
    path.write_text(html, "utf-8", "backslashreplace")


def picture(path: Path, caption: str = "") -> Picture:
    """Reads a PNG, SVG or GIF file as a picture of a page."""
    kind = {".png": "png", ".svg": "svg+xml", ".gif": "gif"}[path.suffix]
    words = path.stem.replace("_", " ") + (", moving" if kind == "gif" else "")
    return _embed(path.read_bytes(), kind, caption or words)


def _embed(data: bytes, kind: str, caption: str) -> Picture:
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return {"uri": uri, "caption": caption}


def svg_bytes(figure: Any) -> bytes:
    """Renders a matplotlib figure; the same figure gives the same bytes."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return buffer.getvalue()


def svg(figure: Any, caption: str) -> Picture:
    """Renders a matplotlib figure as a picture of a page."""
    return _embed(svg_bytes(figure), "svg+xml", caption)
