"""Losses: formulas without state."""

from jaxdl.losses.contrastive import ntxent
from jaxdl.losses.policy import (
    adapted_kl_coef,
    approximate_kl,
    clipped_surrogate,
    clipped_value_loss,
    penalized_surrogate,
    surrogate,
    value_loss,
)
from jaxdl.losses.value import double_q_learning, huber, q_learning

__all__ = [
    "adapted_kl_coef",
    "approximate_kl",
    "clipped_surrogate",
    "clipped_value_loss",
    "double_q_learning",
    "huber",
    "ntxent",
    "penalized_surrogate",
    "q_learning",
    "surrogate",
    "value_loss",
]
