"""Losses: formulas without state."""

from jaxdl.losses.classification import cross_entropy
from jaxdl.losses.contrastive import info_nce, margin_triplet, nt_logistic, ntxent
from jaxdl.losses.control import (
    categorical_td_loss,
    pessimistic_target,
    project,
    soft_policy_loss,
    squared_td_loss,
    temperature_loss,
)
from jaxdl.losses.masked import masked_patch_loss, normalize_patches
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
    "categorical_td_loss",
    "clipped_surrogate",
    "clipped_value_loss",
    "cross_entropy",
    "double_q_learning",
    "huber",
    "info_nce",
    "margin_triplet",
    "masked_patch_loss",
    "normalize_patches",
    "nt_logistic",
    "ntxent",
    "penalized_surrogate",
    "pessimistic_target",
    "project",
    "q_learning",
    "soft_policy_loss",
    "squared_td_loss",
    "surrogate",
    "temperature_loss",
    "value_loss",
]
