"""SNAIL: causal convolutions and attention over the steps of a trial (Mishra et al. 2018, sec. 3).

A convolution sees what was d steps ago, attention looks up any step of the past. The layer reads a
whole sequence at once, or goes on from the cached past step by step, with the same result.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.nn.attention import weights
from jaxdl.nn.mlp import Affine, Dense, Layer, dense
from jaxdl.nn.recurrent import RecurrentLayer


class Temporal(NamedTuple):
    """A TC block: dense blocks with dilations 1, 2, 4, .. below the length of a trial.

    Attributes:
      filters: F, of each dense block.
    """

    filters: int


class Attention(NamedTuple):
    """An attention block with one head.

    Attributes:
      keys: K, numbers of a key.
      values: V, numbers of a value.
    """

    keys: int
    values: int


Block = Temporal | Attention


class Past(NamedTuple):
    """What is remembered of E trials, the newest step last.

    Attributes:
      age: [E] int32, steps of the trial so far.
      blocks: for each TC block the inputs [E, d, C] of its convolutions, each the last d; for each
        attention block keys [E, L - 1, K] and values [E, L - 1, V].
    """

    age: jax.Array
    blocks: list[list[jax.Array]]


class Snail(NamedTuple):
    """The parameters of the layer.

    Attributes:
      read: [D, H], of each step by itself.
      blocks: for each TC block the kernels [2 C, 2 F] of its dense blocks; for each attention block
        one kernel [C, 2 K + V].
      write: [C, H], of all that the blocks have laid side by side.
    """

    read: Dense | Layer
    blocks: list[list[Dense]] | list[list[Layer]]
    write: Dense | Layer


def snail_layer(blocks: Sequence[Block], *, length: int) -> RecurrentLayer:
    """Makes SNAIL in the place of a recurrent layer.

    Its memory is a cache of the past. A trial may be longer than `length`: then attention looks
    back over the last L steps, the present one included.

    Args:
      blocks: from the inputs on.
      length: L, steps of the longest trial.

    Raises:
      BadInput: a trial of one step, which has no past.
    """
    if length < 2:
        raise BadInput(f"SNAIL looks back in trials of 2 steps at least, got length={length}")

    def plan(inputs, width):
        channels, parts = width, []
        for block in blocks:
            part, channels = _plan_block(block, channels, length)
            parts.append(part)
        return Snail(Layer(inputs, width), parts, Layer(channels, width))

    def initial_carry(num_envs, width):
        channels, parts = width, []
        for block in blocks:
            sizes, channels = _plan_cache(block, channels, length)
            parts.append([jnp.zeros((num_envs, *size)) for size in sizes])
        return Past(jnp.zeros(num_envs, jnp.int32), parts)

    def apply(layer, past, x, first, affine=dense):
        past, outputs, _ = unroll_snail(blocks, layer, past, x, first, affine)
        return past, outputs

    return RecurrentLayer(plan, initial_carry, apply, keeps_past=True)


def unroll_snail(
    blocks: Sequence[Block],
    layer: Snail,
    past: Past,
    x: jax.Array,
    first: jax.Array,
    affine: Affine = dense,
) -> tuple[Past, jax.Array, list[jax.Array]]:
    """Applies the layer to T steps, which may be one.

    Args:
      blocks: as the layer was made of.
      layer: its parameters.
      past: from before the sequence.
      x: [T, E, D].
      first: [T, E] bool; where a trial begins, nothing of what was before is seen.
      affine: applies kernels.

    Returns:
      The past after the sequence, the outputs [T, E, H], and for each attention block how much each
      step looks at each of the L - 1 steps before the sequence and the T of it, [E, T, L - 1 + T].
    """
    age = _ages(past.age, first.T)  # [E, T]
    y = jnp.tanh(affine(layer.read, x.swapaxes(0, 1)))  # [E, T, H]
    caches, looks = [], []
    for block, parts, cache in zip(blocks, layer.blocks, past.blocks, strict=True):
        if isinstance(block, Temporal):
            y, cache = tc_block(parts, cache, y, age, affine)
        else:
            y, cache, look = attention_block(block, parts[0], cache, y, age, affine)
            looks.append(look)
        caches.append(cache)
    outputs = jnp.tanh(affine(layer.write, y)).swapaxes(0, 1)  # [T, E, H]
    return Past(age[:, -1] + 1, caches), outputs, looks


def tc_block(
    kernels: Sequence[Dense],
    past: Sequence[jax.Array],
    x: jax.Array,
    age: jax.Array,
    affine: Affine = dense,
) -> tuple[jax.Array, list[jax.Array]]:
    """Stacks dense blocks of doubled dilations, until the last sees the whole trial.

    Args:
      kernels: of the dense blocks, [2 C, 2 F] each, with C growing by F.
      past: inputs [E, d, C] of each convolution, from before x.
      x: [E, T, C].
      age: [E, T] int32, steps of the trial before each.
      affine: applies kernels.

    Returns:
      [E, T, C + n F], and the past after x.
    """
    after = []
    for kernel, inputs in zip(kernels, past, strict=True):
        x, inputs = dense_block(kernel, inputs, x, age, affine)
        after.append(inputs)
    return x, after


def dense_block(
    kernel: Dense, past: jax.Array, x: jax.Array, age: jax.Array, affine: Affine = dense
) -> tuple[jax.Array, jax.Array]:
    """Lays tanh(a) sigmoid(b) beside its inputs, a and b causal convolutions of two steps.

    A convolution of a step and the one d before it is one product of both, side by side.

    Args:
      kernel: [2 C, 2 F]; the rows of the earlier step first, the columns of the tanh first.
      past: [E, d, C], the last inputs before x.
      x: [E, T, C].
      age: [E, T] int32, steps of the trial before each.
      affine: applies the kernel.

    Returns:
      [E, T, C + F], and the past after x.
    """
    dilation, steps = past.shape[1], x.shape[1]
    inputs = jnp.concatenate([past, x], axis=1)  # [E, d + T, C]
    is_there = age[..., None] >= dilation
    earlier = jnp.where(is_there, inputs[:, :steps], 0.0)
    both = affine(kernel, jnp.concatenate([earlier, x], axis=-1))
    signal, gate = jnp.split(both, 2, axis=-1)
    activations = jnp.tanh(signal) * jax.nn.sigmoid(gate)
    return jnp.concatenate([x, activations], axis=-1), inputs[:, steps:]


def attention_block(
    block: Attention,
    kernel: Dense,
    past: Sequence[jax.Array],
    x: jax.Array,
    age: jax.Array,
    affine: Affine = dense,
) -> tuple[jax.Array, list[jax.Array], jax.Array]:
    """Lays what is looked up in the past of the trial, the present included, beside its inputs.

    Args:
      block: sizes.
      kernel: [C, 2 K + V], of queries, keys and values.
      past: keys [E, L - 1, K] and values [E, L - 1, V], from before x.
      x: [E, T, C].
      age: [E, T] int32, steps of the trial before each.
      affine: applies the kernel.

    Returns:
      [E, T, C + V], the past after x, and how much each step looks at each, [E, T, L - 1 + T].
    """
    steps, before = x.shape[1], past[0].shape[1]
    query, key, value = jnp.split(affine(kernel, x), [block.keys, 2 * block.keys], axis=-1)
    keys, values = (
        jnp.concatenate(both, axis=1) for both in zip(past, (key, value), strict=True)
    )  # [E, L - 1 + T, ..]
    now = jnp.arange(steps)[:, None]  # [T, 1]
    then = jnp.arange(-before, steps)  # [L - 1 + T]
    begin = now - jnp.minimum(age, before)[..., None]  # [E, T, 1]
    is_seen = (then >= begin) & (then <= now)
    look = weights(query[:, :, None], keys[:, :, None], mask=is_seen[:, None])[:, 0]
    read = jnp.einsum("ets,esv->etv", look.astype(values.dtype), values)
    return jnp.concatenate([x, read], axis=-1), [keys[:, steps:], values[:, steps:]], look


def _ages(start: jax.Array, first: jax.Array) -> jax.Array:
    """Counts the steps of the trial before each of [E, T], of the age [E] before them."""
    time = jnp.arange(first.shape[1])
    begin = jnp.where(first, time, -start[:, None])
    return time - jax.lax.cummax(begin, axis=1)


def _dilations(length: int) -> list[int]:
    """Returns 1, 2, 4, .. below the length; together they reach back over the whole trial."""
    return [2**i for i in range((length - 1).bit_length())]


def _plan_block(block: Block, channels: int, length: int) -> tuple[list[Layer], int]:
    """Plans the kernels of a block of C inputs; returns them, and how many it puts out."""
    if isinstance(block, Attention):
        return [Layer(channels, 2 * block.keys + block.values)], channels + block.values
    ends = [channels + i * block.filters for i in range(len(_dilations(length)) + 1)]
    return [Layer(2 * size, 2 * block.filters) for size in ends[:-1]], ends[-1]


def _plan_cache(block: Block, channels: int, length: int) -> tuple[list[tuple[int, int]], int]:
    """Returns the shapes of a block's past in one trial, and how many channels it puts out."""
    if isinstance(block, Attention):
        shapes = [(length - 1, block.keys), (length - 1, block.values)]
        return shapes, channels + block.values
    dilations = _dilations(length)
    shapes = [(d, channels + i * block.filters) for i, d in enumerate(dilations)]
    return shapes, channels + len(dilations) * block.filters
