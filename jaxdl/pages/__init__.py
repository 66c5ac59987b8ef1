"""What people look at: pages and figures."""

from jaxdl.pages.figures import COLORS, STYLE, curves
from jaxdl.pages.page import page, picture, section, show, svg

__all__ = ["COLORS", "STYLE", "curves", "page", "picture", "section", "show", "svg"]
