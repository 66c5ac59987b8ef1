"""Pure functions of arrays: returns, running statistics, linear systems; and optimizers."""

from jaxdl.ops.cma_es import cma_es
from jaxdl.ops.fusion import apart
from jaxdl.ops.lbfgs import minimize
from jaxdl.ops.linear import conjugate_gradient
from jaxdl.ops.optimizers import make_optimizer
from jaxdl.ops.returns import gae, n_step_returns
from jaxdl.ops.statistics import Statistics, merge, no_statistics, normalize, observation_normalizer

__all__ = [
    "Statistics",
    "apart",
    "cma_es",
    "conjugate_gradient",
    "gae",
    "make_optimizer",
    "merge",
    "minimize",
    "n_step_returns",
    "no_statistics",
    "normalize",
    "observation_normalizer",
]
