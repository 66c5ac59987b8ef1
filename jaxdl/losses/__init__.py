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

__all__ = [
    "adapted_kl_coef",
    "approximate_kl",
    "clipped_surrogate",
    "clipped_value_loss",
    "ntxent",
    "penalized_surrogate",
    "surrogate",
    "value_loss",
]
