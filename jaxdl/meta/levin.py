"""Levin search for programs that solve a maze, and how its bias adapts (Levin 1973).

Schmidhuber, Zhao & Wiering 1997, section 3: in phases of doubling limits T every program q runs for
at most D(q) T steps, where D(q) is its probability; so programs are tried in the order of
Kt = -log D(q) + log t(q). Adaptive Levin search makes the instructions of what was found more
probable, and the success-story algorithm undoes this where it did not pay.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.dark_maze import FORWARD, LEFT, RIGHT, Maze, Walker, start_walker, touch, walk

# "Step forward until a side is blocked or free, then turn": instructions 1 to 8 of section 3.4.
FRONT, LEFT_SIDE, RIGHT_SIDE = range(3)
NO_TURN = -1
MOVES = (
    (FRONT, True, LEFT),
    (FRONT, True, RIGHT),
    (LEFT_SIDE, False, LEFT),
    (LEFT_SIDE, False, RIGHT),
    (LEFT_SIDE, False, NO_TURN),
    (RIGHT_SIDE, False, LEFT),
    (RIGHT_SIDE, False, RIGHT),
    (RIGHT_SIDE, False, NO_TURN),
)
JUMP = len(MOVES)  # instruction 9, to an earlier address, always
INSTRUCTIONS = JUMP + 1
PHASES = 26  # the last limit is 2^25 steps


class Programs(NamedTuple):
    """All programs of at most G instructions.

    Attributes:
      code: [Q, G] int32 instructions.
      address: [Q, G] int32 that a jump leads to; 0 elsewhere.
      length: [Q] int32.
      choices: [Q] float32 product of the numbers of addresses that its jumps could have had, times
        G for the length: what the uniform draws of these cost.
    """

    code: np.ndarray
    address: np.ndarray
    length: np.ndarray
    choices: np.ndarray


class Runs(NamedTuple):
    """What programs do in a maze.

    Attributes:
      steps: [Q] int32 until the goal or the end of the program; the longest time if neither comes.
      solves: [Q] bool.
    """

    steps: jax.Array
    solves: jax.Array


class Found(NamedTuple):
    """What a search comes to.

    Attributes:
      program: int32, the number of the program; 0 where none is found.
      is_found: bool.
      steps: float32 that the search has taken, of all programs in all phases.
    """

    program: jax.Array
    is_found: jax.Array
    steps: jax.Array


def all_programs(longest: int) -> Programs:
    """Enumerates the programs of 1 .. G instructions, in lexicographic order within a length.

    Args:
      longest: G.
    """
    rows: list[tuple] = []
    level: list[tuple] = [((), (), 1.0)]
    for place in range(longest):
        addresses = max(place, 1)  # a first instruction could only jump to itself
        moves = [(op, 0, 1) for op in range(JUMP)]
        jumps = [(JUMP, address, addresses) for address in range(addresses)]
        level = [
            ((*code, op), (*address, to), cost * ways)
            for code, address, cost in level
            for op, to, ways in moves + jumps
        ]
        rows += level
    pad = lambda values: (*values, *(0,) * (longest - len(values)))  # noqa: E731
    return Programs(
        code=np.array([pad(code) for code, _, _ in rows], np.int32),
        address=np.array([pad(address) for _, address, _ in rows], np.int32),
        length=np.array([len(code) for code, _, _ in rows], np.int32),
        choices=np.array([longest * cost for _, _, cost in rows], np.float32),
    )


def probabilities(programs: Programs, policy: jax.Array) -> jax.Array:
    """Returns D(q) [Q] under a policy [G, 9], the probability of each instruction at each place."""
    places = np.arange(programs.code.shape[1])
    chosen = policy[places, programs.code]  # [Q, G]
    is_there = places < programs.length[:, None]
    return jnp.prod(jnp.where(is_there, chosen, 1.0), axis=1) / programs.choices


def run_programs(programs: Programs, maze: Maze, *, longest: int) -> Runs:
    """Runs every program in a maze from its start, until the goal or its end.

    Args:
      programs: Q of them.
      maze: that they are to solve.
      longest: steps after which none goes on.
    """

    def run(code, address, length):
        def is_running(carry):
            execution, is_there, steps = carry
            return ~is_there & (execution.pointer < length) & (steps < longest)

        def step(carry):
            execution, _, steps = carry
            execution = execute(maze, execution, code, address)
            return execution, jnp.all(execution.walker.place == maze.goal), steps + 1

        begun = (begin(maze), jnp.bool_(False), jnp.int32(0))
        _, is_there, steps = jax.lax.while_loop(is_running, step, begun)
        return Runs(steps, is_there)

    return jax.vmap(run)(
        jnp.asarray(programs.code), jnp.asarray(programs.address), jnp.asarray(programs.length)
    )


class Execution(NamedTuple):
    """Where a program stands.

    Attributes:
      walker: in the maze.
      pointer: int32 address of the instruction that comes.
    """

    walker: Walker
    pointer: jax.Array


def begin(maze: Maze) -> Execution:
    """Returns the execution of a program that has not begun."""
    return Execution(start_walker(maze), jnp.int32(0))


def execute(maze: Maze, execution: Execution, code: jax.Array, address: jax.Array) -> Execution:
    """Takes one step of a program: a jump, or a step forward with the turn that may follow.

    Args:
      maze: that is walked in.
      execution: before.
      code: [G] int32 instructions.
      address: [G] int32 of jumps.
    """
    walker, pointer = execution
    op = code[pointer]
    side, until, turn = jnp.asarray(MOVES, jnp.int32)[jnp.minimum(op, JUMP - 1)]
    ahead = walk(maze, walker, jnp.int32(FORWARD))
    is_met = touch(maze, ahead)[side] == (until == 1)
    heading = jnp.where(turn == NO_TURN, ahead.heading, walk(maze, ahead, turn).heading)
    moved = ahead._replace(heading=jnp.where(is_met, heading, ahead.heading))
    is_jump = op == JUMP
    return Execution(
        jax.tree.map(lambda x, y: jnp.where(is_jump, x, y), walker, moved),
        jnp.where(is_jump, address[pointer], pointer + is_met),
    )


def levin_search(probability: jax.Array, runs: Runs) -> Found:
    """Searches in phases of limits T = 1, 2, 4 ...: each program runs for floor(D(q) T) steps.

    All runs are known beforehand, so that what the search would have taken is counted and not done.

    Args:
      probability: D(q) [Q].
      runs: of the programs, in the order in which they are tried in a phase.
    """

    def phase(found, number):
        limit = jnp.floor(probability * 2.0**number)
        takes = jnp.minimum(runs.steps, limit)
        solves = runs.solves & (runs.steps <= limit)
        any_solves = jnp.any(solves)
        first = jnp.argmax(solves)
        until = jnp.where(any_solves, jnp.cumsum(takes)[first], jnp.sum(takes))
        goes_on = ~found.is_found
        after = Found(
            program=jnp.where(goes_on & any_solves, first, found.program),
            is_found=found.is_found | any_solves,
            steps=found.steps + jnp.where(goes_on, until, 0.0),
        )
        return after, None

    nothing = Found(jnp.int32(0), jnp.bool_(False), jnp.float32(0))
    return jax.lax.scan(phase, nothing, jnp.arange(PHASES, dtype=jnp.float32))[0]


def adapt(row: jax.Array, instruction: jax.Array, rate: jax.Array | float) -> jax.Array:
    """Makes an instruction more probable: P + rate (1 - P) for it, (1 - rate) P for the others.

    Args:
      row: [V] probabilities.
      instruction: int32.
      rate: gamma, 0 .. 1.
    """
    return (1 - rate) * row + rate * (jnp.arange(row.shape[0]) == instruction)
