"""Incremental self-improvement: a program that changes the probabilities by which it is drawn.

Schmidhuber, Zhao & Wiering 1997 (Machine Learning 28), section 4. There are V program cells, and
as many instructions. A cell has a distribution over the numbers 0 .. V - 1, which are instructions
where the instruction pointer meets them, and arguments behind one. Among the instructions some
change these distributions, so that the policy learns by executing itself.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Metrics
from jaxdl.envs.dark_maze import Maze, Walker, start_walker, touch, walk
from jaxdl.meta.levin import adapt
from jaxdl.meta.success_stack import Stack, call_success_story, change_row, empty_stack

INSTRUCTIONS = (
    "step forward", "turn left", "turn right",  # the actions of the maze, in their order
    "jump if blocked", "jump home", "increase", "decrease", "evaluate self",
)  # fmt: skip
ARGUMENTS = np.array([0, 0, 0, 1, 0, 2, 2, 0], np.int32)
IF_BLOCKED, HOME, INCREASE, DECREASE, EVALUATE = range(3, 8)
CELLS = len(INSTRUCTIONS)  # V
PATH = 256  # instructions of a life that are drawn


class Rule(NamedTuple):
    """How a policy changes itself, and when that is judged.

    Attributes:
      rate: gamma, by which probabilities change.
      least: no change is made that lets one fall below this.
      rewards: that have to come between "evaluate self" and the call of the success story.
      patience: steps after which it is called anyhow.
      modifies: whether the policy may change at all.
      undoes: whether changes that did not pay are undone.
    """

    rate: float = 0.3
    least: float = 0.01
    rewards: int = 3
    patience: int = 5000
    modifies: bool = True
    undoes: bool = True


class Life(NamedTuple):
    """A life that never begins again.

    Attributes:
      maze: that it is lived in.
      policy: [V, V] probabilities of each number in each cell.
      stack: what can be undone.
      walker: in the maze, at its start again after each goal.
      pointer: int32, the cell whose instruction comes.
      time: int32 numbers drawn so far, instructions and arguments.
      reward: float32 goals reached.
      changes: int32 since the last checkpoint.
      wanted: int32 rewards until the changes are judged; 0 while more can be made.
      asked: int32 time of "evaluate self".
    """

    maze: Maze
    policy: jax.Array
    stack: Stack
    walker: Walker
    pointer: jax.Array
    time: jax.Array
    reward: jax.Array
    changes: jax.Array
    wanted: jax.Array
    asked: jax.Array


def begin_life(maze: Maze, *, tags: int, copies: int) -> Life:
    """Returns a newborn: every number is equally likely everywhere.

    Args:
      maze: that it is born into.
      tags: room for tags on the stack.
      copies: room for copies of cells.
    """
    zero = jnp.int32(0)
    return Life(
        maze=maze,
        policy=jnp.full((CELLS, CELLS), 1 / CELLS),
        stack=empty_stack(CELLS, tags=tags, copies=copies),
        walker=start_walker(maze),
        pointer=zero,
        time=zero,
        reward=jnp.float32(0),
        changes=zero,
        wanted=zero,
        asked=zero,
    )


def live_step(key: jax.Array, life: Life, rule: Rule) -> Life:
    """Draws an instruction and its arguments, carries it out, and judges changes where it is time.

    Args:
      key: of the draws.
      life: before.
      rule: how the policy changes.
    """
    cells = (life.pointer + jnp.arange(3)) % CELLS
    op, first, second = draw(life.policy[cells], jax.random.uniform(key, (3,)))
    takes = jnp.asarray(ARGUMENTS)[op]
    blocked = touch(life.maze, life.walker)[0]
    jumps = (op == IF_BLOCKED) & blocked
    onward = (life.pointer + 1 + takes) % CELLS
    pointer = jnp.where(jumps, first, jnp.where(op == HOME, 0, onward))
    walker = walk(life.maze, life.walker, op)  # which stays for what is no action
    is_there = jnp.all(walker.place == life.maze.goal)
    home = start_walker(life.maze)
    walker = jax.tree.map(lambda x, y: jnp.where(is_there, x, y), home, walker)
    life = life._replace(
        walker=walker._replace(time=jnp.int32(0)),
        pointer=pointer,
        time=life.time + 1 + takes,
        reward=life.reward + is_there,
    )
    if not rule.modifies:
        return life
    life = modify(life, op, first, second, rule)
    return judge(life, op, is_there, rule)


def draw(policy: jax.Array, lots: jax.Array) -> jax.Array:
    """Returns a number for each of the cells, [3] int32, by lots [3] from U[0, 1).

    Args:
      policy: [3, V] of the cells.
      lots: which decide.
    """
    ends = jnp.cumsum(policy, axis=1)[:, :-1]  # the last end is not asked: it may fall short of 1
    return jnp.sum(lots[:, None] >= ends, axis=1, dtype=jnp.int32)


def modify(life: Life, op: jax.Array, cell: jax.Array, number: jax.Array, rule: Rule) -> Life:
    """Carries out "increase" and "decrease" of the probability of a number in a cell.

    Args:
      life: before.
      op: int32 instruction.
      cell: int32, its first argument.
      number: int32, its second.
      rule: how far; while changes wait to be judged no others are made.
    """
    row = life.policy[cell]
    less = (1 - rule.rate) * row[number]
    rest = row * (1 - less) / (1 - row[number])
    decreased = jnp.where(jnp.arange(CELLS) == number, less, rest)
    new = jnp.where(op == INCREASE, adapt(row, number, rule.rate), decreased)
    is_change = (op == INCREASE) | (op == DECREASE)
    allowed = is_change & (life.wanted == 0) & jnp.all(new >= rule.least)
    if rule.undoes:
        stack, policy, does = change_row(life.stack, life.policy, cell, new, allowed)
    else:  # nothing has to be remembered
        policy = life.policy.at[cell].set(jnp.where(allowed, new, row))
        stack, does = life.stack, allowed
    return life._replace(stack=stack, policy=policy, changes=life.changes + does)


def judge(life: Life, op: jax.Array, is_there: jax.Array, rule: Rule) -> Life:
    """Waits for rewards after "evaluate self", and then calls the success story.

    Args:
      life: after the instruction.
      op: int32 instruction.
      is_there: whether it has led to the goal.
      rule: how many rewards, and how long.
    """
    asks = (op == EVALUATE) & (life.changes > 0) & (life.wanted == 0)
    waits = life.wanted > 0
    wanted = jnp.where(asks, rule.rewards, life.wanted - (waits & is_there))
    asked = jnp.where(asks, life.time, life.asked)
    is_late = life.time - asked >= rule.patience
    called = waits & ((wanted == 0) | is_late)
    if rule.undoes:
        stack, policy = call_success_story(life.stack, life.policy, life.time, life.reward, called)
    else:
        stack, policy = life.stack, life.policy
    return life._replace(
        policy=policy,
        stack=stack,
        changes=jnp.where(called, 0, life.changes),
        wanted=jnp.where(called, 0, wanted),
        asked=asked,
    )


def score_life(key: jax.Array, life: Life, *, steps: int) -> Metrics:
    """Measures the policy as it is, from a fresh start and without changes, beside a newborn's.

    Args:
      key: of the draws.
      life: whose policy and maze it is.
      steps: instructions.

    Returns:
      `reward_rate` and `newborn_rate`, goals per number drawn. Arrays: `path` [P, 2], the cells of
      the first instructions, and `free` [n, n], the maze.
    """
    still = Rule(modifies=False)
    newborn = begin_life(life.maze, tags=1, copies=1)

    def step(life: Life, key: Any) -> tuple[Life, jax.Array]:
        after = live_step(key, life, still)
        return after, after.walker.place

    def rate(policy):
        keys = jax.random.split(key, steps)
        ended, places = jax.lax.scan(step, newborn._replace(policy=policy), keys)
        return ended.reward / ended.time, places

    (own, uniform), (places, _) = jax.vmap(rate)(jnp.stack([life.policy, newborn.policy]))
    path = places[: min(PATH, steps)]
    return {"reward_rate": own, "newborn_rate": uniform, "path": path, "free": life.maze.free}
