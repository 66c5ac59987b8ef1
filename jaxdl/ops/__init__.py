"""Pure functions of arrays: returns, running statistics; and optimizers."""

from jaxdl.ops.optimizers import make_optimizer
from jaxdl.ops.returns import gae, n_step_returns
from jaxdl.ops.statistics import Statistics, merge, no_statistics, normalize, observation_normalizer

__all__ = [
    "Statistics",
    "gae",
    "make_optimizer",
    "merge",
    "n_step_returns",
    "no_statistics",
    "normalize",
    "observation_normalizer",
]
