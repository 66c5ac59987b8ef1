"""The success story: learners that keep only the changes after which reward came faster.

Shifting Inductive Bias with Success-Story Algorithm, Adaptive Levin Search, and Incremental
Self-Improvement (Schmidhuber, Zhao & Wiering 1997, Machine Learning 28). The algorithm is in
`success_stack`; what changes the policy is plugged in: a policy that changes itself
(`self_modification`), or a search for programs (`levin`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.core.mesh import per_device, spread
from jaxdl.core.run import BadInput
from jaxdl.envs import Env
from jaxdl.envs.dark_maze import Maze
from jaxdl.meta import levin
from jaxdl.meta.self_modification import Rule, begin_life, live_step, score_life
from jaxdl.meta.success_stack import Stack, call_success_story, change_row, empty_stack


class Way(NamedTuple):
    """A way to change policies.

    Attributes:
      begin: key -> a life, which has the fields `policy`, `stack`, `time` and `reward`.
      live: key, life -> the life after some time.
      score: key, life -> metrics, and arrays as in `Learner.evaluate`.
    """

    begin: Callable[[jax.Array], Any]
    live: Callable[[jax.Array, Any], Any]
    score: Callable[[jax.Array, Any], Metrics]


class Searching(NamedTuple):
    """The life of an adaptive Levin search, that goes from maze to maze.

    Attributes:
      policy: [G, 9] probabilities of the instructions at each place of a program.
      stack: what can be undone.
      time: int32 steps of all searches.
      reward: float32 mazes solved.
    """

    policy: jax.Array
    stack: Stack
    time: jax.Array
    reward: jax.Array


def success_story(way: Way, *, lives: int) -> Learner:
    """Makes a learner of lives that go on side by side, each of its own.

    Args:
      way: to change policies.
      lives: N.

    Returns:
      A learner that takes no data. Its actors are the lives, its parameters {"policy"}
      [N, M, V], a copy of theirs. Metrics are means over lives: `reward_rate` of the step, reward
      per unit of time; `tags` and `copies` on the stacks; `overflows`, what had no room so far.

    Raises:
      BadInput: fewer than one life.
    """
    if lives < 1:
        raise BadInput(f"the success story needs at least 1 life, got lives={lives}")

    def init(key):
        every = jax.vmap(way.begin)(jax.random.split(key, lives))
        return TrainState({"policy": every.policy}, (), every)

    def step(key, state, batch):
        del batch
        keys = spread(jax.random.split(key, lives))
        before = state.actors
        # The stacks' loops end at different times: no device waits for another.
        after = per_device(lambda args: jax.vmap(way.live)(*args))((keys, before))
        passed = jnp.maximum(after.time - before.time, 1)
        metrics = {
            "reward_rate": jnp.mean((after.reward - before.reward) / passed),
            "tags": jnp.mean(after.stack.tags.astype(jnp.float32)),
            "copies": jnp.mean(after.stack.copies.astype(jnp.float32)),
            "overflows": jnp.mean(after.stack.overflows.astype(jnp.float32)),
        }
        return TrainState({"policy": after.policy}, (), after), metrics

    def evaluate(key, state):
        scores = jax.vmap(way.score)(jax.random.split(key, lives), state.actors)
        arrays = {name: x for name, x in scores.items() if x.ndim > 1}
        means = {name: jnp.mean(x) for name, x in scores.items() if x.ndim == 1}
        return means | arrays | {"policy": state.params["policy"]}

    return Learner(init, step, evaluate)


def self_modifying(
    env: Env, rule: Rule, *, steps: int, eval_steps: int, tags: int = 64, copies: int = 512
) -> Way:
    """Makes the way of policies that change themselves, each in a maze of its own.

    Args:
      env: `dark_maze`.
      rule: how policies change.
      steps: instructions of a step of the learner.
      eval_steps: instructions by which a policy is scored.
      tags: room for tags.
      copies: room for copies of changed cells.
    """

    def live(key, life):
        def step(life, key):
            return live_step(key, life, rule), None

        return jax.lax.scan(step, life, jax.random.split(key, steps))[0]

    return Way(
        begin=lambda key: begin_life(env.sample_task(key), tags=tags, copies=copies),
        live=live,
        score=lambda key, life: score_life(key, life, steps=eval_steps),
    )


def levin_searching(
    env: Env,
    *,
    program_length: int,
    longest: int,
    rate: float,
    eval_mazes: int,
    undoes: bool = True,
    tags: int = 64,
    copies: int = 512,
) -> Way:
    """Makes the way of adaptive Levin search: a step of the learner is a fresh maze.

    After each search the success story is called, before the instructions of the program that was
    found become more probable (section 3.3). A search that finds nothing takes its time and changes
    nothing.

    Args:
      env: `dark_maze`.
      program_length: G.
      longest: steps of a program's run.
      rate: gamma; with 0 it is plain Levin search.
      eval_mazes: fresh ones by which a policy is scored.
      undoes: whether changes that did not pay are undone.
      tags: room for tags.
      copies: room for copies of changed places.
    """
    programs = levin.all_programs(program_length)
    uniform = jnp.full((program_length, levin.INSTRUCTIONS), 1 / levin.INSTRUCTIONS)

    def search(maze, policy):
        runs = levin.run_programs(programs, maze, longest=longest)
        return levin.levin_search(levin.probabilities(programs, policy), runs)

    def begin(key):
        del key
        stack = empty_stack(levin.INSTRUCTIONS, tags=tags, copies=copies)
        return Searching(uniform, stack, jnp.int32(0), jnp.float32(0))

    def live(key, life):
        found = search(env.sample_task(key), life.policy)
        time = life.time + jnp.int32(found.steps)
        reward = life.reward + found.is_found
        stack, policy = call_success_story(life.stack, life.policy, time, reward, jnp.bool_(undoes))
        code = jnp.asarray(programs.code)[found.program]
        length = jnp.asarray(programs.length)[found.program]
        for place in range(program_length):
            new = levin.adapt(policy[place], code[place], rate)
            allowed = found.is_found & (place < length) & (rate > 0)
            stack, policy, _ = change_row(stack, policy, jnp.int32(place), new, allowed)
        return Searching(policy, stack, time, reward)

    def score(key, life):
        def both(key):
            maze = env.sample_task(key)
            runs = levin.run_programs(programs, maze, longest=longest)
            own, new = (
                levin.levin_search(levin.probabilities(programs, policy), runs)
                for policy in (life.policy, uniform)
            )
            return own, new, maze

        own, new, mazes = jax.vmap(both)(jax.random.split(key, eval_mazes))
        maze = jax.tree.map(lambda x: x[0], mazes)
        path = walk_path(maze, programs, own.program[0])
        rate_of = lambda found: jnp.sum(found.is_found) / jnp.sum(found.steps)  # noqa: E731
        return {
            "reward_rate": rate_of(own),
            "newborn_rate": rate_of(new),
            "path": path,
            "free": maze.free,
            "code": jnp.asarray(programs.code)[own.program[0]],
        }

    return Way(begin, live, score)


def walk_path(maze: Maze, programs: levin.Programs, program: jax.Array) -> jax.Array:
    """Returns the cells [P, 2] that a program comes to; it stays where it reaches the goal."""
    code, address = (jnp.asarray(x)[program] for x in (programs.code, programs.address))
    length = jnp.asarray(programs.length)[program]

    def step(execution, _):
        after = levin.execute(maze, execution, code, address)
        is_over = jnp.all(execution.walker.place == maze.goal) | (execution.pointer >= length)
        after = jax.tree.map(lambda x, y: jnp.where(is_over, x, y), execution, after)
        return after, after.walker.place

    cells = 4 * maze.free.shape[0]
    return jax.lax.scan(step, levin.begin(maze), None, length=cells)[1]
