"""Heads: from features to a policy, a value, or the values of actions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.nn.distributions import Distribution, Gaussian
from jaxdl.nn.mlp import Affine, Layer, Plan, Zeros, dense, hidden_layers, normed_mlp


class Head(NamedTuple):
    """The part of a net that answers.

    Attributes:
      plan: of its parameters, for `jaxdl.nn.mlp.initial`.
      apply: parameters, features [..., D] -> what the head is for.
    """

    plan: Plan
    apply: Callable[..., Any]


def policy_head(inputs: int, distribution: Distribution, affine: Affine = dense) -> Head:
    """Makes a head that puts out a policy; standard deviations do not depend on the state.

    Its parameters are {"policy", "log_std"}; there is no log_std where nothing is normal. Such
    deviations are those of Schulman et al. 2017, section 6.1.

    Args:
      inputs: D.
      distribution: over actions.
      affine: applies the last layer.
    """
    # A small last layer: the first policy hardly depends on the state (Andrychowicz et al. 2021,
    # section 3.2).
    plan: dict[str, Any] = {"policy": Layer(inputs, distribution.num_outputs, scale=0.01)}
    if distribution.num_scales:
        plan["log_std"] = Zeros((distribution.num_scales,))

    def apply(params, features):
        log_std = params["log_std"] if distribution.num_scales else jnp.zeros(0)
        return distribution.to_policy(affine(params["policy"], features), log_std)

    return Head(plan, apply)


def value_head(inputs: int, affine: Affine = dense) -> Head:
    """Makes a head that puts out the value of a state, [..., D] -> [...]."""
    return Head(Layer(inputs, 1), lambda params, features: affine(params, features)[..., 0])


def q_head(inputs: int, num_actions: int) -> Head:
    """Makes a head that puts out the value of every action, [..., D] -> [..., A]."""
    return Head(Layer(inputs, num_actions), dense)


def action_value_head(
    inputs: int,
    action_size: int,
    *,
    hidden: Sequence[int] = (256, 256),
    activation: Callable[[jax.Array], jax.Array] = jax.nn.relu,
    layer_norm: bool = False,
    outputs: int | None = None,
) -> Head:
    """Makes a head that puts out the value of one real action, or logits of its returns.

    Args:
      inputs: D.
      action_size: A.
      hidden: widths of the layers that read both.
      activation: of these layers.
      layer_norm: each of them is normalized before its activation.
      outputs: N, for logits [..., N] in the place of values [...].

    Returns:
      A head whose `apply` takes parameters, features [..., D] and unit actions [..., A], and
      returns values [...] or logits [..., N].
    """
    plan = {
        "hidden": hidden_layers(inputs + action_size, hidden, layer_norm),
        "value": Layer(hidden[-1] if hidden else inputs + action_size, outputs or 1),
    }

    def apply(params, features, action):
        x = jnp.concatenate([features, action], axis=-1)
        x = normed_mlp(params["hidden"], x, activation=activation)
        values = dense(params["value"], x)
        return values if outputs else values[..., 0]

    return Head(plan, apply)


def deterministic_head(inputs: int, action_size: int) -> Head:
    """Makes a head that puts out one unit action, [..., D] -> [..., A] within (-1, 1).

    `jaxdl.nn.unit_to_env` maps it to the bounds. The last layer is small at first, so that tanh
    does not saturate (Lillicrap et al. 2016, section 7).
    """

    def apply(params, features):
        return jnp.tanh(dense(params, features))

    return Head(Layer(inputs, action_size, scale=0.01), apply)


def squashed_gaussian_head(
    inputs: int, action_size: int, *, log_std_range: tuple[float, float] = (-20.0, 2.0)
) -> Head:
    """Makes a head that puts out a Gaussian whose standard deviation depends on the state.

    It is a policy of `jaxdl.nn.tanh_gaussian`. The range is that of Haarnoja et al. 2018's code.

    Args:
      inputs: D.
      action_size: A.
      log_std_range: what the logs of the deviations are clipped to.
    """

    def apply(params, features):
        mean, log_std = jnp.split(dense(params, features), 2, axis=-1)
        return Gaussian(mean, jnp.clip(log_std, *log_std_range))

    return Head(Layer(inputs, 2 * action_size, scale=0.01), apply)
