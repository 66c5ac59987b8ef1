"""Stacks of frames: what a net without memory reads at once (Mnih et al. 2015, "Preprocessing")."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, Space, abstract, bounds


class Frames(NamedTuple):
    """How single frames, each of which is stored once, become the stacks that a net reads.

    Attributes:
      stack: K, the last frames of an episode, the newest last.
      before: what stands in the place of those before its start: zeros, or copies of its first
        frame (Laskin et al. 2020, whose code fills its stack by them).
    """

    stack: int = 1
    before: Literal["zeros", "copies"] = "zeros"


def as_frames(stack: "int | Frames") -> Frames:
    """Returns the rule of a number of frames, before which there are zeros, or the rule itself."""
    return stack if isinstance(stack, Frames) else Frames(stack)


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


def push_frame(frames: Any, obs: Any, first: jax.Array, before: str = "zeros") -> Any:
    """Appends observations [E, ...] to frames [E, K, ...].

    Args:
      frames: the last ones; () if K is 1.
      obs: the newest.
      first: [E] bool; the newest begins an episode.
      before: what all earlier frames become then, as `Frames` has it.
    """
    if isinstance(frames, tuple) and not frames:
        return ()

    def push(old, new):
        begins = first.reshape(first.shape + (1,) * (old.ndim - 1))
        padding = new[:, None] if before == "copies" else jnp.zeros_like(old)
        old = jnp.where(begins, padding, old)
        return jnp.concatenate([old[:, 1:], new[:, None]], axis=1)

    return jax.tree.map(push, frames, obs)


def read_frames(frames: Any, obs: Any) -> Any:
    """Returns what the net reads: the frames joined along the last axis, or the observation."""
    if isinstance(frames, tuple) and not frames:
        return obs
    stack = jax.tree.leaves(frames)[0].shape[1]
    return join_frames([jax.tree.map(lambda x, k=k: x[:, k], frames) for k in range(stack)])
