"""What people look at: pages and figures."""

from jaxdl.pages.figures import COLORS, STYLE, curves
from jaxdl.pages.page import page, picture, section, show, svg
from jaxdl.pages.tables import print_table

__all__ = ["COLORS", "STYLE", "curves", "page", "picture", "print_table", "section", "show", "svg"]
