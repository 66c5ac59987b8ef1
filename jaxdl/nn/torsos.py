"""Torsos: from observations to features, for vectors, pictures, sequences, and any flax module."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import (
    Box,
    Space,
    abstract,
    flat_size,
    flatten,
    is_bytes,
    scale_bytes,
    space_text,
    zeros,
)
from jaxdl.nn.convolution import LAYOUT, convolve
from jaxdl.nn.mlp import (
    Activation,
    Affine,
    Dense,
    Layer,
    Module,
    Plan,
    dense,
    fast_dense,
    layers,
    mlp,
)
from jaxdl.nn.recurrent import gru, gru_carry, gru_plan

SMALLEST_SIDE = 8  # pixels; what is smaller is flattened
LARGEST_BOARD = 16  # pixels, up to which convolutions are written as products
RELU_SCALE = 2**0.5  # He et al. 2015: half of the activations are zero


class Torso(NamedTuple):
    """The part of a net that reads observations.

    Attributes:
      plan: of its parameters, for `jaxdl.nn.mlp.initial`.
      apply: parameters, observations with any leading axes -> features [..., D].
      size: D.
    """

    plan: Plan
    apply: Callable[[Any, Any], jax.Array]
    size: int


class Convolution(NamedTuple):
    """A convolutional layer.

    Attributes:
      side: of the kernel.
      stride: in both directions.
      channels: that it puts out.
    """

    side: int
    stride: int
    channels: int


NATURE = (Convolution(8, 4, 32), Convolution(4, 2, 64), Convolution(3, 1, 64))  # Mnih et al. 2015
SMALL = (Convolution(3, 1, 16), Convolution(3, 2, 32))
BOARD = (Convolution(4, 2, 32),)  # what a cell means depends on where it is: dense layers see that


def make_torso(
    space: Space,
    *,
    torso: "Torso | nn.Module | None" = None,
    hidden: Sequence[int] = (),
    activation: Activation = jnp.tanh,
    affine: Affine = dense,
) -> Torso:
    """Makes the torso that fits an observation space.

    Args:
      space: of one observation.
      torso: None for dense layers after the flattened parts of the observation, and after
        convolutions of its pictures; a flax module; or a Torso as it is.
      hidden: widths of the dense layers, where `torso` is None.
      activation: of the dense layers.
      affine: applies them.

    Raises:
      BadInput: `torso` is something else.
    """
    if torso is None:
        return default_torso(space, hidden=hidden, activation=activation, affine=affine)
    if isinstance(torso, nn.Module):
        return flax_torso(torso, space)
    if isinstance(torso, Torso):
        return torso
    raise BadInput(f"torso={torso!r} should be None, a flax module, or a jaxdl.nn.Torso")


def default_torso(
    space: Space,
    *,
    hidden: Sequence[int],
    activation: Activation = jnp.tanh,
    convolutions: Sequence[Convolution] | None = None,
    affine: Affine = dense,
) -> Torso:
    """Makes dense layers over all parts of an observation.

    Pictures, as `is_picture` tells them, pass through convolutions first, those of `conv_torso`
    unless given; everything else is flattened: floats as they are, bytes within [0, 1], integers
    one-hot.
    """
    parts, structure = jax.tree.flatten(space)
    readers = [
        conv_torso(part, convolutions, affine=affine) if is_picture(part) else _flat_torso(part)
        for part in parts
    ]
    inputs = sum(reader.size for reader in readers)
    layers_of = {str(i): reader.plan for i, reader in enumerate(readers) if reader.plan}
    dense_layers = layers(inputs, hidden)

    def apply(params, obs):
        convolved = params["convolutions"] if layers_of else {}
        dense_params = params["dense"] if layers_of else params
        leaves = structure.flatten_up_to(obs)
        features = [
            reader.apply(convolved.get(str(i), ()), leaf)
            for i, (reader, leaf) in enumerate(zip(readers, leaves, strict=True))
        ]
        x = features[0] if len(features) == 1 else jnp.concatenate(features, axis=-1)
        return mlp(dense_params, x, activation=activation, affine=affine)

    plan: Plan = dense_layers
    if layers_of:
        plan = {"convolutions": layers_of, "dense": dense_layers}
    return Torso(plan, apply, hidden[-1] if hidden else inputs)


def conv_torso(
    space: Box,
    convolutions: Sequence[Convolution] | None = None,
    *,
    affine: Affine = dense,
) -> Torso:
    """Makes convolutions with ReLU over pictures [H, W, C] or [H, W]; the features are flattened.

    Where a stride would leave out the last row or column of a board, zeros are appended: the paddle
    of MinAtar's Breakout moves in the last row. Of pictures such pixels are left out.

    Args:
      space: of the pictures; bytes are scaled to [0, 1].
      convolutions: those of Mnih et al. 2015 from 36 x 36 pixels on, one of 4 x 4 for boards, else
        two of 3 x 3, unless given.
      affine: applies the dense layers behind; with `jaxdl.nn.fast_dense` the convolutions too have
        gradients by hand.

    Raises:
      BadInput: the pictures are smaller than the convolutions.
    """
    height, width, channels = (*space.shape, 1)[:3]
    if convolutions is None:
        small = BOARD if is_board(space) else SMALL
        convolutions = NATURE if min(height, width) >= 36 else small
    plan = []
    ends = []  # rows and columns that are appended before each layer
    for layer in convolutions:
        plan.append(Layer(layer.side**2 * channels, layer.channels, RELU_SCALE))
        sides = (height, width)
        if min(sides) < layer.side:
            raise BadInput(f"pictures of {space_text(space)} are smaller than the convolutions")
        over = [(size - layer.side) % layer.stride for size in sides]
        ends.append([layer.stride - n if n and is_board(space) else 0 for n in over])
        height, width = (
            (size + end - layer.side) // layer.stride + 1
            for size, end in zip(sides, ends[-1], strict=True)
        )
        channels = layer.channels

    def apply(params, obs):
        leading = obs.shape[: obs.ndim - len(space.shape)]
        x = scale_bytes(space, obs) if is_bytes(space) else obs.astype(jnp.float32)
        x = x.reshape(-1, *(*space.shape, 1)[:3])  # [N, H, W, C]
        for layer, end, weights in zip(convolutions, ends, params, strict=True):
            if any(end):
                x = jnp.pad(x, ((0, 0), (0, end[0]), (0, end[1]), (0, 0)))
            x = jax.nn.relu(_convolve(layer, weights, x, by_hand=affine is fast_dense))
        return x.reshape(*leading, -1)

    return Torso(plan, apply, height * width * channels)


def sequence_torso(space: Box, width: int = 64) -> Torso:
    """Makes a GRU over the first axis of observations [L, ...]; the features are its last output.

    It reads a window of the past, such as the last L observations; memory over a whole episode is
    what `recurrent` of `actor_critic` gives.

    Args:
      space: a box of at least rank 2.
      width: D.

    Raises:
      BadInput: the space is no such box.
    """
    if not isinstance(space, Box) or len(space.shape) < 2:
        raise BadInput(f"a sequence is a Box [L, ...], not {space_text(space)}")
    length = space.shape[0]
    inputs = math.prod(space.shape[1:])

    def apply(params, obs):
        leading = obs.shape[: obs.ndim - len(space.shape)]
        x = scale_bytes(space, obs) if is_bytes(space) else obs.astype(jnp.float32)
        x = jnp.swapaxes(x.reshape(-1, length, inputs), 0, 1)  # [L, N, D]
        first = jnp.zeros(x.shape[:2], bool)
        last, _ = gru(params, gru_carry(x.shape[1], width), x, first)
        return last.reshape(*leading, width)

    return Torso(gru_plan(inputs, width), apply, width)


def flax_torso(module: nn.Module, space: Space) -> Torso:
    """Wraps a flax module as a torso.

    Args:
      module: observations [N, ...] -> features [N, D]. Bytes come scaled to [0, 1], all else as the
        env gives it: integers as int32, dicts and tuples as such.
      space: of one observation.

    Raises:
      BadInput: the module returns something else, or keeps more than parameters.
    """
    one = jax.tree.map(lambda x: x[None], _scale(space, zeros(space)))
    variables = jax.eval_shape(module.init, jax.random.key(0), one)
    others = set(variables) - {"params"}
    if others:
        raise BadInput(f"a torso has parameters alone; {type(module).__name__} keeps {others} too")
    features = jax.eval_shape(module.apply, variables, one)
    if not isinstance(features, jax.ShapeDtypeStruct) or len(features.shape) != 2:
        shapes = jax.tree.map(lambda x: list(x.shape), features)
        raise BadInput(f"{type(module).__name__} should return features [1, D], returned {shapes}")
    ranks = jax.tree.map(lambda x: len(x.shape), abstract(space))

    def init(key):
        return module.init(key, one).get("params", {})

    def apply(params, obs):
        leaf, rank = jax.tree.leaves(obs)[0], jax.tree.leaves(ranks)[0]
        leading = leaf.shape[: leaf.ndim - rank]
        rows = jax.tree.map(lambda x, r: x.reshape(-1, *x.shape[x.ndim - r :]), obs, ranks)
        features = module.apply({"params": params}, _scale(space, rows))
        return features.reshape(*leading, -1).astype(jnp.float32)

    return Torso(Module(init), apply, features.shape[1])


def is_picture(space: Space) -> bool:
    """Tells whether a space is one of pictures or boards of at least 8 x 8 pixels.

    Pictures are boxes of bytes [H, W, C] or [H, W].
    """
    if not isinstance(space, Box) or len(space.shape) not in (2, 3):
        return False
    return (is_bytes(space) or is_board(space)) and min(space.shape[:2]) >= SMALLEST_SIDE


def is_board(space: Box) -> bool:
    """Tells whether a box holds numbers within 0 and 1 [H, W, C], such as the boards of MinAtar."""
    return len(space.shape) == 3 and (space.low, space.high) == (0, 1)


def _flat_torso(space: Space) -> Torso:
    return Torso((), lambda params, obs: flatten(space, obs), flat_size(space))


def _scale(space: Space, obs: Any) -> Any:
    """Scales the bytes of an observation; other leaves stay."""
    return jax.tree.map(lambda s, x: scale_bytes(s, x) if is_bytes(s) else x, space, obs)


def _convolve(layer: Convolution, weights: Dense, x: jax.Array, *, by_hand: bool) -> jax.Array:
    """Convolves without padding, [N, H, W, C] -> [N, H', W', channels].

    Boards are convolved as a product of shifted copies with one matrix: faster on CPUs, and under
    `vmap` over seeds by orders of magnitude (`jaxdl.nn.convnet` does the same).
    """
    if max(x.shape[1:3]) <= LARGEST_BOARD:
        return _shifted_copies(layer, x) @ weights.kernel + weights.bias
    kernel = weights.kernel.reshape(layer.side, layer.side, x.shape[-1], layer.channels)
    strides = (layer.stride, layer.stride)
    if by_hand:
        return convolve(x, kernel, strides=strides, padding="VALID") + weights.bias
    y = jax.lax.conv_general_dilated(x, kernel, strides, "VALID", dimension_numbers=LAYOUT)
    return y + weights.bias


def _shifted_copies(layer: Convolution, x: jax.Array) -> jax.Array:
    """Lays what a kernel sees side by side, [N, H, W, C] -> [N, H', W', side * side * C]."""
    rows, columns = ((size - layer.side) // layer.stride * layer.stride for size in x.shape[1:3])

    def shifted(i, j):
        return x[:, i : i + rows + 1 : layer.stride, j : j + columns + 1 : layer.stride]

    sides = range(layer.side)
    return jnp.concatenate([shifted(i, j) for i in sides for j in sides], axis=-1)
