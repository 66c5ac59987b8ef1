"""Optimizers of a whole run: the rule, its schedule, decay and clipping, by name."""

from typing import Any, Literal, get_args

import jax
import optax

from jaxdl.core.run import BadInput

Rule = Literal["adam", "adamw", "lars", "rmsprop", "sgd"]
Schedule = Literal["constant", "linear", "cosine"]


def make_optimizer(
    *,
    optimizer: Rule = "adam",
    learning_rate: float = 3e-4,
    schedule: Schedule = "constant",
    steps: int,
    warmup: float = 0.0,
    weight_decay: float = 0.0,
    max_norm: float = 0.0,
    eps: float = 1e-8,
    b1: float = 0.9,
    b2: float = 0.999,
    momentum: float | None = None,
    trust_coefficient: float = 0.001,
    flat: bool = False,
) -> optax.GradientTransformation:
    """Makes the optimizer that the options of `jaxdl.launch.options.Optimizer` describe.

    Args:
      optimizer: "adam" (Kingma & Ba 2015, decay is part of the gradient), "adamw" (Loshchilov &
        Hutter 2019, decay is apart), "lars" (You et al. 2017, as in Chen et al. 2020, appendix
        B.6: biases and scales of normalization are left out), "rmsprop" (Tieleman & Hinton 2012,
        with the decay 0.99 of Mnih et al. 2016, section 4), or "sgd".
      learning_rate: at its peak.
      schedule: how the rate goes from its peak to 0 at the last step, or stays.
      steps: optimizer steps that the schedule is laid out for.
      warmup: share of them in which the rate rises linearly from 0.
      weight_decay: on matrices and kernels alone.
      max_norm: gradients are clipped to this global norm; 0 leaves them.
      eps: of Adam and RMSProp, beside the root. PPO has 1e-5 (Andrychowicz et al. 2021, section
        3.7).
      b1: of Adam.
      b2: of Adam. Language models have 0.95 to 0.99, which forgets bursts sooner.
      momentum: of "lars" (0.9 unless given) and "sgd" (none unless given).
      trust_coefficient: of "lars", the update's length as a share of the weights'.
      flat: Adam, RMSProp and SGD see all parameters as one vector where no decay looks at the
        leaves. The result is the same; small nets train faster, since many small arrays cost more
        time than their arithmetic, and large ones need more memory.

    Raises:
      BadInput: a rule or schedule of another name, or less than one step.
    """
    rate = make_schedule(learning_rate, schedule=schedule, steps=steps, warmup=warmup)
    decay = _decay_matrices(weight_decay)
    clip = optax.clip_by_global_norm(max_norm) if max_norm else optax.identity()
    if optimizer == "adam":
        rule = optax.chain(decay, optax.adam(rate, b1=b1, b2=b2, eps=eps))
    elif optimizer == "adamw":
        adam = optax.scale_by_adam(b1=b1, b2=b2, eps=eps)
        rule = optax.chain(adam, decay, optax.scale_by_learning_rate(rate))
    elif optimizer == "rmsprop":
        rms = optax.rmsprop(rate, decay=0.99, eps=eps, eps_in_sqrt=False)
        rule = optax.chain(decay, rms)
    elif optimizer == "sgd":
        rule = optax.chain(decay, optax.sgd(rate, momentum))
    elif optimizer == "lars":
        rule = optax.lars(
            rate,
            weight_decay=weight_decay,
            weight_decay_mask=is_matrix,
            trust_coefficient=trust_coefficient,
            trust_ratio_mask=is_matrix,
            momentum=0.9 if momentum is None else momentum,
        )
    else:
        raise BadInput(f"optimizer={optimizer!r} should be one of {', '.join(get_args(Rule))}")
    tx = optax.chain(clip, rule)
    needs_leaves = optimizer == "lars" or weight_decay > 0
    return optax.flatten(tx) if flat and not needs_leaves else tx


def make_schedule(
    peak: float, *, schedule: Schedule = "constant", steps: int, warmup: float = 0.0
) -> optax.Schedule | float:
    """Makes step -> learning rate: linear from 0 to the peak, then constant or down to 0.

    Args:
      peak: the highest rate.
      schedule: of the rate after the warm-up. "cosine" is half a period.
      steps: of the whole run; the rate of "linear" and "cosine" ends at 0.
      warmup: share of the steps in which the rate rises.

    Raises:
      BadInput: a schedule of another name, or less than one step.
    """
    if steps < 1:
        raise BadInput(f"a schedule is laid out for at least 1 step, got steps={steps}")
    rising = round(warmup * steps)
    falling = max(steps - rising, 1)
    if schedule == "constant":
        after = optax.constant_schedule(peak)
    elif schedule == "linear":
        after = optax.linear_schedule(peak, 0.0, falling)
    elif schedule == "cosine":
        after = optax.cosine_decay_schedule(peak, falling)
    else:
        names = ", ".join(get_args(Schedule))
        raise BadInput(f"schedule={schedule!r} should be one of {names}")
    if not rising:
        return peak if schedule == "constant" else after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, rising), after], [rising])


def is_matrix(params: Any) -> Any:
    """Marks the leaves of two or more axes: neither biases nor scales of normalization."""
    return jax.tree.map(lambda x: x.ndim > 1, params)


def _decay_matrices(weight_decay: float) -> optax.GradientTransformation:
    if not weight_decay:
        return optax.identity()
    return optax.add_decayed_weights(weight_decay, mask=is_matrix)
