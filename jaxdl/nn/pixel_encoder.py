"""The encoder of learners from pictures: convolutions that all nets share, and a short code."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.spaces import Box, Space, flat_size, flatten
from jaxdl.nn.mlp import Plan, fast_dense, hidden_layers, initial, layer_norm
from jaxdl.nn.torsos import Convolution, conv_torso

AT_ONCE = 8  # pictures that are read at a time where no gradient is asked for


class Encoder(NamedTuple):
    """Turns observations into features, and features into codes z.

    Features are shared by policy and critics, while each has a layer of its own that makes z.

    Attributes:
      init: key -> {"convolutions", "latent"}.
      init_latent: key -> parameters of one more layer that makes z.
      features: {"convolutions", ...}, obs [B, ...] -> [B, F].
      fixed_features: the same, where no gradient is asked for: a seventh less time on CPUs.
      latent: parameters of a layer, features [B, F] -> z [B, D].
      size: D.
    """

    init: Callable[[jax.Array], Any]
    init_latent: Callable[[jax.Array], Any]
    features: Callable[[Any, Any], jax.Array]
    fixed_features: Callable[[Any, Any], jax.Array]
    latent: Callable[[Any, jax.Array], jax.Array]
    size: int


def pixel_encoder(
    space: Box, *, channels: int = 32, num_layers: int = 4, size: int = 50
) -> Encoder:
    """Makes the encoder of Laskin et al. 2020 (table 3), which is that of SAC-AE (Yarats et al.).

    Args:
      space: of the pictures that it reads, [H, W, C] bytes.
      channels: of every convolution.
      num_layers: convolutions of 3 x 3 with ReLU, the first of which has a stride of 2.
      size: D, of z, which an affine map and layer normalization make.

    Raises:
      BadInput: the pictures are smaller than the convolutions.
    """
    strides = [2] + [1] * (num_layers - 1)
    plan = [Convolution(3, stride, channels) for stride in strides]
    torso = conv_torso(space, plan, affine=fast_dense)
    return _encoder(torso.plan, torso.apply, hidden_layers(torso.size, (size,), True), size)


def board_encoder(space: Box, *, size: int = 50) -> Encoder:
    """Makes an encoder of boards, by the convolution that `conv_torso` has for them.

    Args:
      space: of boards [H, W, C].
      size: D, of z.
    """
    torso = conv_torso(space, affine=fast_dense)
    return _encoder(torso.plan, torso.apply, hidden_layers(torso.size, (size,), True), size)


def state_encoder(space: Space) -> Encoder:
    """Makes an encoder without parameters, whose codes are the flattened observations."""
    return _encoder((), lambda params, obs: flatten(space, obs), [], flat_size(space))


def _encoder(
    convolutions: Plan, apply: Callable[[Any, Any], jax.Array], latent: Plan, size: int
) -> Encoder:
    plan = {"convolutions": convolutions, "latent": latent}

    def features(params, obs):
        return apply(params["convolutions"], obs)

    def fixed_features(params, obs):
        if not jax.tree.leaves(params["convolutions"]) or len(obs) <= AT_ONCE:
            return features(params, obs)
        params = jax.lax.stop_gradient(params)
        by_parts = partial(_in_parts, features)
        return jax.lax.platform_dependent(params, obs, cpu=by_parts, default=features)

    return Encoder(
        lambda key: initial(key, plan),
        lambda key: initial(key, latent),
        features,
        fixed_features,
        _code,
        size,
    )


def _code(layers: Any, features: jax.Array) -> jax.Array:
    """Applies an affine map and layer normalization, [B, F] -> [B, D], or nothing without layers.

    F is long, and a plain gradient of such a kernel, x^T dy, is slow on CPUs.
    """
    for layer in layers:
        z = fast_dense(layer["dense"], features)
        features = layer_norm(z, layer["gain"], layer["shift"])
    return features


def _in_parts(apply: Callable[[Any, Any], jax.Array], params: Any, obs: jax.Array) -> jax.Array:
    """Applies a function to a few rows at a time, whose values then stay in a core's cache.

    Rows are taken across the batch, whose parts may lie on different devices.
    """
    group = math.gcd(len(obs), AT_ONCE)
    rows = obs.reshape(group, -1, *obs.shape[1:])

    def one(i):
        return apply(params, jax.lax.dynamic_index_in_dim(rows, i, 1, keepdims=False))

    features = jax.lax.map(one, jnp.arange(rows.shape[1]))  # [parts, group, F]
    return jnp.swapaxes(features, 0, 1).reshape(len(obs), -1)
