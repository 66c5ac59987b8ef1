"""Stacks of frames: what a net without memory reads at once (Mnih et al. 2015, "Preprocessing")."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, Space, abstract, bounds


def join_frames(frames: list[Any]) -> Any:
    """Joins K observations [..., D] along their last axis, the newest last."""
    if len(frames) == 1:
        return frames[0]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts, axis=-1), *frames)


def stacked_space(space: Space, stack: int) -> Space:
    """Returns the space of K frames joined along the last axis.

    Raises:
      BadInput: K exceeds 1 and a part of the space is no box with an axis.
    """
    if stack == 1:
        return space

    def widen(leaf):
        if not isinstance(leaf, Box) or not leaf.shape:
            raise BadInput(f"stack={stack}: only boxes with an axis can be stacked, not {leaf}")
        low, high = (np.concatenate([bound] * stack, axis=-1) for bound in bounds(leaf))
        shape = (*leaf.shape[:-1], leaf.shape[-1] * stack)
        return Box(shape, low, high, leaf.dtype)

    return jax.tree.map(widen, space)


def start_frames(space: Space, num_envs: int, stack: int) -> Any:
    """Returns zeros [E, K, ...] for the last K observations; () if K is 1."""
    if stack == 1:
        return ()
    return jax.tree.map(lambda x: jnp.zeros((num_envs, stack, *x.shape), x.dtype), abstract(space))


def push_frame(frames: Any, obs: Any, first: jax.Array) -> Any:
    """Appends observations [E, ...]; where an episode begins, all earlier frames become zeros."""
    if isinstance(frames, tuple) and not frames:
        return ()

    def push(old, new):
        begins = first.reshape(first.shape + (1,) * (old.ndim - 1))
        old = jnp.where(begins, jnp.zeros_like(old), old)
        return jnp.concatenate([old[:, 1:], new[:, None]], axis=1)

    return jax.tree.map(push, frames, obs)


def read_frames(frames: Any, obs: Any) -> Any:
    """Returns what the net reads: the frames joined along the last axis, or the observation."""
    if isinstance(frames, tuple) and not frames:
        return obs
    stack = jax.tree.leaves(frames)[0].shape[1]
    return join_frames([jax.tree.map(lambda x, k=k: x[:, k], frames) for k in range(stack)])
