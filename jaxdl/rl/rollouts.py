"""Episodes of a player in fresh worlds, step by step: what is looked at, and learned from."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.env import Env

Player = Callable[[dict[str, Any]], dict[str, Any]]
Keep = Callable[[Any, Any, Any], Any]


class Stage(NamedTuple):
    """Where N episodes stand; every leaf but `key` and `time` is [N, ...].

    Attributes:
      key: of all chance to come.
      time: int32 scalar, steps so far.
      task: what each world plays.
      state: the env's own.
      obs: what is acted upon.
      carry: the player's memory; () without one.
      done: bool; the episode is over.
    """

    key: jax.Array
    time: jax.Array
    task: Any
    state: Any
    obs: Any
    carry: Any
    done: jax.Array


class Steps(NamedTuple):
    """T steps of N episodes; every leaf is [T, N, ...].

    Attributes:
      kept: of the state that a step led to.
      action: as the env takes it.
      reward: float32; 0 once the episode is over.
      alive: bool; the step was part of the episode.
    """

    kept: Any
    action: jax.Array
    reward: jax.Array
    alive: jax.Array


def begin(key: jax.Array, env: Env, keep: Keep, inputs: Any, *, episodes: int) -> tuple[Stage, Any]:
    """Fresh episodes of fresh tasks.

    Args:
      key: of all chance in them.
      env: the family of worlds.
      keep: state, task, obs -> what is recorded of them.
      inputs: of the player, as in a `Deployment`: a memory is cleared where an episode begins.
      episodes: N.

    Returns:
      The stage, and what is kept of the first states, leaves [N, ...].
    """
    task_key, reset_key, play_key = jax.random.split(key, 3)
    task = jax.vmap(env.sample_task)(jax.random.split(task_key, episodes))
    state, obs = jax.vmap(env.reset)(jax.random.split(reset_key, episodes), task)
    carry = jax.tree.map(
        lambda x: jnp.zeros((episodes, *x.shape), x.dtype), inputs.get("carry", ())
    )
    done = jnp.zeros(episodes, bool)
    stage = Stage(play_key, jnp.int32(0), task, state, obs, carry, done)
    return stage, jax.vmap(keep)(state, task, obs)


def proceed(
    stage: Stage, env: Env, player: Player, keep: Keep, *, steps: int
) -> tuple[Stage, Steps]:
    """Plays on, through the ends of episodes, after which nothing counts.

    Args:
      stage: where the episodes stand.
      env: the family of worlds.
      player: {obs, first, carry} -> {action, carry}, rows [N, ...], as a `Deployment` applies.
      keep: as for `begin`.
      steps: T.

    Returns:
      The next stage, and Steps.
    """

    def step(stage, _):
        count = stage.done.shape[0]
        first = jnp.full(count, stage.time == 0)
        outputs = player({"obs": stage.obs, "first": first, "carry": stage.carry})
        keys = jax.random.split(jax.random.fold_in(stage.key, stage.time), count)
        state, out = jax.vmap(env.step)(keys, stage.state, outputs["action"], stage.task)
        kept = jax.vmap(keep)(state, stage.task, out.obs)
        reward = jnp.where(stage.done, 0.0, out.reward)
        after = stage._replace(
            time=stage.time + 1,
            state=state,
            obs=out.obs,
            carry=outputs.get("carry", ()),
            done=stage.done | out.terminated | out.truncated,
        )
        return after, Steps(kept, outputs["action"], reward, ~stage.done)

    return jax.lax.scan(step, stage, length=steps)
