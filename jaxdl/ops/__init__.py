"""Pure functions of arrays: returns, running statistics."""

from jaxdl.ops.returns import gae
from jaxdl.ops.statistics import Statistics, merge, no_statistics, normalize

__all__ = ["Statistics", "gae", "merge", "no_statistics", "normalize"]
