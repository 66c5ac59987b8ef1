"""The success-story algorithm: a stack of policy changes that each made reward come faster.

Schmidhuber, Zhao & Wiering 1997 (Machine Learning 28), section 2. A policy is a matrix of
probabilities. Before a row of it is changed, a copy goes onto the stack. At a checkpoint, tags of
earlier checkpoints are compared: changes that did not lead to more reward per time, measured from
then until now, than what was there before them, are undone.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Stack(NamedTuple):
    """What can be undone: C tags and K copies at most, in the order they were pushed.

    The paper's one stack is held as two, of tags and of copies; `below` says how they interleave.

    Attributes:
      time: [C] int32 t of each tag.
      reward: [C] float32 R(t) of each tag.
      below: [C] int32 copies below each tag.
      tags: int32, how many there are.
      row: [K] int32, the row of the policy that a copy is of.
      copy: [K, V] float32 of that row, before it was changed.
      copies: int32, how many there are.
      overflows: int32 tags and changes that had no room.
    """

    time: jax.Array
    reward: jax.Array
    below: jax.Array
    tags: jax.Array
    row: jax.Array
    copy: jax.Array
    copies: jax.Array
    overflows: jax.Array


def empty_stack(values: int, *, tags: int, copies: int) -> Stack:
    """Makes an empty stack for a policy of rows of V values.

    Args:
      values: V.
      tags: C.
      copies: K.
    """
    return Stack(
        time=jnp.zeros(tags, jnp.int32),
        reward=jnp.zeros(tags),
        below=jnp.zeros(tags, jnp.int32),
        tags=jnp.int32(0),
        row=jnp.zeros(copies, jnp.int32),
        copy=jnp.zeros((copies, values)),
        copies=jnp.int32(0),
        overflows=jnp.int32(0),
    )


def change_row(
    stack: Stack, policy: jax.Array, row: jax.Array, new: jax.Array, allowed: jax.Array
) -> tuple[Stack, jax.Array, jax.Array]:
    """Pushes a copy of a row and changes it (the basic cycle's step 3).

    Args:
      stack: before.
      policy: [M, V].
      row: int32, which is changed.
      new: [V] that it becomes.
      allowed: bool; False changes nothing.

    Returns:
      The stack, the policy, and whether the row was changed; without room it is not.
    """
    has_room = stack.copies < stack.row.shape[0]
    does = allowed & has_room
    place = jnp.where(does, stack.copies, stack.row.shape[0])  # beyond the end: dropped
    after = stack._replace(
        row=stack.row.at[place].set(row, mode="drop"),
        copy=stack.copy.at[place].set(policy[row], mode="drop"),
        copies=stack.copies + does,
        overflows=stack.overflows + (allowed & ~has_room),
    )
    return after, policy.at[row].set(jnp.where(does, new, policy[row])), does


def succeeds(stack: Stack, time: jax.Array, reward: jax.Array) -> jax.Array:
    """Says whether reward per time since the top tag exceeds that since the one below (SSA.3).

    Below the lowest tag is birth, at time 0 with a reward of 0. Of an empty stack it is true.

    Args:
      stack: of tags (t', R(t')) over (t'', R(t'')).
      time: t, now.
      reward: R(t).
    """
    top, under = stack.tags - 1, stack.tags - 2
    first = jnp.where(under < 0, 0, stack.time[under])
    first_reward = jnp.where(under < 0, 0.0, stack.reward[under])
    since_top = (reward - stack.reward[top]) / (time - stack.time[top])
    since_under = (reward - first_reward) / (time - first)
    return (stack.tags == 0) | (since_top > since_under)


def call_success_story(
    stack: Stack, policy: jax.Array, time: jax.Array, reward: jax.Array, called: jax.Array
) -> tuple[Stack, jax.Array]:
    """Calls the success-story algorithm: undoes what did not pay, and sets a new tag.

    SSA.1 and SSA.2 find the two topmost tags; while the criterion of SSA.3 is not met, the copies
    above the top tag restore the policy as it was before it, and the tag goes too. Afterwards
    reward per time rises strictly from each tag to the next: the success-story criterion.

    Args:
      stack: before.
      policy: [M, V].
      time: t, after that of every tag.
      reward: R(t).
      called: bool; False leaves all as it is.

    Returns:
      The stack and the policy.
    """

    def fails(carry):
        stack, _ = carry
        return called & ~succeeds(stack, time, reward)

    def undo(carry):
        stack, policy = carry
        below = stack.below[stack.tags - 1]
        place = jnp.arange(stack.row.shape[0])
        is_above = (place >= below) & (place < stack.copies)
        # Of a row that was changed several times since, the lowest copy is the oldest.
        rows = jnp.where(is_above, stack.row, policy.shape[0])
        oldest = jnp.full(policy.shape[0], len(place)).at[rows].min(place, mode="drop")
        is_changed = oldest < len(place)
        before = stack.copy[jnp.minimum(oldest, len(place) - 1)]
        policy = jnp.where(is_changed[:, None], before, policy)
        return stack._replace(tags=stack.tags - 1, copies=below), policy

    stack, policy = jax.lax.while_loop(fails, undo, (stack, policy))
    room = stack.time.shape[0]
    has_room = stack.tags < room
    does = called & has_room
    place = jnp.where(does, stack.tags, room)
    tagged = stack._replace(
        time=stack.time.at[place].set(time, mode="drop"),
        reward=stack.reward.at[place].set(reward, mode="drop"),
        below=stack.below.at[place].set(stack.copies, mode="drop"),
        tags=stack.tags + does,
        overflows=stack.overflows + (called & ~has_room),
    )
    return tagged, policy
