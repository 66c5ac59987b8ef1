"""Losses: formulas without state."""

from jaxdl.losses.adversarial import (
    discriminator_loss,
    generator_loss,
    pairwise_squared_error,
)
from jaxdl.losses.classification import softmax_cross_entropy
from jaxdl.losses.contrastive import (
    bilinear_nce,
    info_nce,
    margin_triplet,
    nt_logistic,
    ntxent,
)
from jaxdl.losses.control import (
    categorical_td_loss,
    pessimistic_target,
    project,
    soft_policy_loss,
    squared_td_loss,
    temperature_loss,
)
from jaxdl.losses.language import (
    cross_entropy,
    masked_lm_loss,
    mean_cross_entropy,
    next_sentence_loss,
    take_positions,
)
from jaxdl.losses.masked import masked_patch_loss, normalize_patches
from jaxdl.losses.policy import (
    adapted_kl_coef,
    approximate_kl,
    clipped_surrogate,
    clipped_value_loss,
    likelihood_surrogate,
    loaded_dice,
    penalized_surrogate,
    surrogate,
    value_loss,
)
from jaxdl.losses.value import double_q_learning, huber, q_learning

__all__ = [
    "adapted_kl_coef",
    "approximate_kl",
    "bilinear_nce",
    "categorical_td_loss",
    "clipped_surrogate",
    "clipped_value_loss",
    "cross_entropy",
    "discriminator_loss",
    "double_q_learning",
    "generator_loss",
    "huber",
    "info_nce",
    "likelihood_surrogate",
    "loaded_dice",
    "margin_triplet",
    "masked_lm_loss",
    "masked_patch_loss",
    "mean_cross_entropy",
    "next_sentence_loss",
    "normalize_patches",
    "nt_logistic",
    "ntxent",
    "pairwise_squared_error",
    "penalized_surrogate",
    "pessimistic_target",
    "project",
    "q_learning",
    "soft_policy_loss",
    "softmax_cross_entropy",
    "squared_td_loss",
    "surrogate",
    "take_positions",
    "temperature_loss",
    "value_loss",
]
