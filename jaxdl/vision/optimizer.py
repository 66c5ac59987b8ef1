"""The optimizers of SimCLR: LARS and AdamW, both with linear warm-up and cosine decay."""

import jax
import optax


def lars(
    learning_rate: float,
    *,
    steps: int,
    warmup_steps: int,
    weight_decay: float = 1e-6,
    momentum: float = 0.9,
    trust_coefficient: float = 0.001,
) -> optax.GradientTransformation:
    """LARS (You et al. 2017) as in SimCLR, appendix B.6: biases and norm scales are left out.

    Args:
      learning_rate: at the end of the warm-up; the paper has 0.3 * batch / 256.
      steps: of the whole run; the rate ends at 0.
      warmup_steps: of linear growth; the paper has 10 epochs.
      weight_decay: on matrices and kernels alone, and before the trust ratio.
      momentum: of the updates.
      trust_coefficient: the update's length as a share of the weights'.
    """
    return optax.lars(
        warmup_cosine(learning_rate, steps=steps, warmup_steps=warmup_steps),
        weight_decay=weight_decay,
        weight_decay_mask=is_matrix,
        trust_coefficient=trust_coefficient,
        trust_ratio_mask=is_matrix,
        momentum=momentum,
    )


def adamw(
    learning_rate: float, *, steps: int, warmup_steps: int, weight_decay: float = 1e-4
) -> optax.GradientTransformation:
    """AdamW with the same schedule; biases and norm scales do not decay."""
    schedule = warmup_cosine(learning_rate, steps=steps, warmup_steps=warmup_steps)
    return optax.adamw(schedule, weight_decay=weight_decay, mask=is_matrix)


def warmup_cosine(peak: float, *, steps: int, warmup_steps: int) -> optax.Schedule:
    """Linear from 0 to the peak, then half a cosine down to 0 at the last step."""
    return optax.warmup_cosine_decay_schedule(0.0, peak, warmup_steps, max(steps, warmup_steps + 1))


def is_matrix(params):
    """True for leaves of two or more axes: no biases, no scales of normalization."""
    return jax.tree.map(lambda x: x.ndim > 1, params)
