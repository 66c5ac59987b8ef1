"""Scores of nets that learn mazes in their memory: steps to the target, episode by episode.

Beside them stand who knows the maze and takes the shortest way, and two who remember nothing: a
hand on the right wall, and chance. Walls form a tree, so that the hand finds every target.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Mean, Metrics
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, make
from jaxdl.envs.maze.layout import as_index, is_wall_ahead, turned
from jaxdl.envs.maze.paths import shortest_path
from jaxdl.envs.maze.world import FORWARD, LEFT, RIGHT, Task, maze_observed
from jaxdl.envs.names import parse_name
from jaxdl.envs.registry import settings_of_world
from jaxdl.envs.spaces import space_text
from jaxdl.meta.evaluation import Evaluation
from jaxdl.meta.trial import trial
from jaxdl.nn import ActorCritic
from jaxdl.rl.rollout import fold, likeliest_policy, start_rollout

SHORTEST = "shortest way"
RIGHT_HAND = "a hand on the right wall"
CHANCE = "chance"


class Walks(NamedTuple):
    """How B trials of n episodes went.

    Attributes:
      steps: [B, n] float32 steps of each episode.
      found: [B, n] bool; it ended at the target.
    """

    steps: jax.Array
    found: jax.Array


def is_maze(name: str) -> bool:
    """Says whether the world of that name, settings and all, has shortest ways as yardsticks."""
    return name.partition(":")[0] == "maze"


def maze_sizes(name: str) -> dict[str, int]:
    """Returns the settings `size` and `limit` of a maze's name, or their defaults."""
    settings = parse_name(name).settings
    known = settings_of_world(name)
    return {each: int(settings.get(each, known[each].default)) for each in ("size", "limit")}


def maze_evaluation(name: str, *, episodes: int, trials: int) -> Evaluation:
    """Makes the evaluation by trials in fresh mazes, always with the most likely action.

    A policy does not know how many episodes are to come, so that the first two of many are those of
    a trial of two.

    Args:
      name: of the maze, with its settings.
      episodes: n, in a trial, at least 2.
      trials: B, how many.

    Returns:
      key, net, params -> metrics: `steps_first`, `steps_second` and `steps_last`, in which an
      episode without success counts with all of its steps; `steps_found_first` and
      `steps_found_second`, of successful episodes alone; `found_first`, `found_second` and
      `found_last`, in percent of the trials; `improved`, the percent whose second episode was
      shorter; `percent_of_shortest_first`, `..._second` and `percent_of_shortest` (of the last),
      how long the shortest ways are by the steps that were taken; and the steps of `shortest`
      ways, of a `right_hand` on the wall and of `chance`. And arrays `steps/RL²` and `found/RL²`
      [n].
    """
    env = make(name)
    world = trial(env, episodes)
    sizes = maze_sizes(name)

    def evaluate(key, net, params):
        key, rule_key = jax.random.split(key)
        rollout = start_rollout(key, world, net.initial_carry(trials), episodes=trials)
        policy = likeliest_policy(net, params, lambda obs: obs)
        walks = walk(rollout, world, policy, episodes=episodes, limit=sizes["limit"])
        others = rule_steps(rule_key, rollout.task, **sizes)
        return score_walks(walks, others)

    return evaluate


def walk(rollout, world, policy, *, episodes: int, limit: int) -> Walks:
    """Plays trials [B] to their ends.

    Args:
      rollout: at their beginning.
      world: of trials.
      policy: that acts.
      episodes: n, of a trial.
      limit: of an episode, in steps.
    """
    trials = len(rollout.is_over)
    start = Walks(jnp.zeros((trials, episodes)), jnp.zeros((trials, episodes), bool))

    def update(walks, moment):
        episode = jax.nn.one_hot(moment.before.episodes, episodes) > 0  # [B, n]
        is_step = episode & moment.is_alive[:, None]
        # Only the target pays more than a step costs.
        return Walks(
            walks.steps + is_step, walks.found | is_step & (moment.step.reward > 0)[:, None]
        )

    return fold(rollout, world, policy, update, start, max_steps=episodes * limit)[1]


def rule_steps(key: jax.Array, task: Task, *, size: int, limit: int) -> dict[str, jax.Array]:
    """Counts the steps [B] that players without memory, and who knows the maze, take to targets.

    Args:
      key: of chance.
      task: leaves [B, ...].
      size: of the mazes.
      limit: after which steps are not counted on.
    """
    trials = len(task.heading)

    def see_walls(state, task):
        is_wall = partial(is_wall_ahead, task.maze, state.row, state.column)
        sides = jnp.stack([is_wall(state.heading), is_wall(turned(state.heading, 1))])
        return sides.astype(jnp.float32)

    env = maze_observed(see_walls, Box((2,), 0.0, 1.0), size=size, limit=limit)

    def act(key, just_turned, obs, first):
        """The first half has a hand on the wall, the second acts by chance."""
        is_ahead, is_right = obs[:, 0] > 0, obs[:, 1] > 0
        turns = ~is_right & ~just_turned
        onward = jnp.where(is_ahead, LEFT, FORWARD)
        by_hand = jnp.where(turns, RIGHT, onward)
        other = as_index(jax.random.uniform(key, (2 * trials,)), env.action_space.n)
        return turns, jnp.where(jnp.arange(2 * trials) < trials, by_hand, other)

    both = jax.tree.map(lambda x: jnp.concatenate([x, x]), task)
    nobody = jnp.zeros(2 * trials, bool)
    rollout = start_rollout(key, env, nobody, episodes=2 * trials, task=both)
    count = lambda steps, moment: steps + moment.is_alive  # noqa: E731
    steps = fold(rollout, env, act, count, jnp.zeros(2 * trials), max_steps=limit)[1]
    ways = jax.vmap(shortest_path)(task.maze, task.start, task.heading, task.target)
    shortest = jnp.minimum(ways, limit).astype(jnp.float32)
    return {SHORTEST: shortest, RIGHT_HAND: steps[:trials], CHANCE: steps[trials:]}


def score_walks(walks: Walks, others: dict[str, jax.Array]) -> Metrics:
    """Makes the metrics of `maze_evaluation` of the steps [B, n], and of those [B] of others."""
    steps, found = jnp.mean(walks.steps, axis=0), jnp.mean(walks.found, axis=0)  # [n]
    shortest = jnp.mean(others[SHORTEST])
    share = 100 * shortest / steps
    metrics = {"percent_of_shortest": share[-1]}
    for i, place in ((0, "first"), (1, "second"), (-1, "last")):
        metrics |= {f"steps_{place}": steps[i], f"found_{place}": 100 * found[i]}
    for i, place in ((0, "first"), (1, "second")):
        successes = walks.steps[:, i] * walks.found[:, i]
        count = jnp.sum(walks.found[:, i])
        metrics |= {
            f"percent_of_shortest_{place}": share[i],
            f"steps_found_{place}": Mean(jnp.sum(successes), count),
        }
    return metrics | {
        "improved": 100 * jnp.mean(walks.steps[:, 1] < walks.steps[:, 0]),
        "shortest": shortest,
        "right_hand": jnp.mean(others[RIGHT_HAND]),
        "chance": jnp.mean(others[CHANCE]),
        "steps/RL²": steps,
        "found/RL²": found,
    }


def also_in_larger(
    evaluation: Evaluation, name: str, larger: str, *, episodes: int, trials: int
) -> Evaluation:
    """Adds the scores in other mazes than the net was trained in, as `larger/...`.

    Args:
      evaluation: that is added to.
      name: of the maze that the net was trained in.
      larger: of the other one, whose pictures have the same size.
      episodes: as for `maze_evaluation`.
      trials: as there.

    Raises:
      BadInput: the other world is no maze, or its pictures have another size.
    """
    if not is_maze(larger):
        raise BadInput(f"--larger={larger} should be a maze, as {name}")
    here, there = (space_text(make(each).obs_space) for each in (name, larger))
    if here != there:
        raise BadInput(f"--larger={larger} shows {there}, but the net reads {here}, as in {name}")
    other = maze_evaluation(larger, episodes=episodes, trials=trials)

    def evaluate(key, net: ActorCritic, params):
        key, other_key = jax.random.split(key)
        larger = other(other_key, net, params)
        return evaluation(key, net, params) | {f"larger/{each}": x for each, x in larger.items()}

    return evaluate
