"""What new tasks bring to those who learn them, beside the most that they can bring.

For policies of two levels (`jaxdl.meta.mlsh`) and for plain ones, which learn from scratch or from
what they have learned of other tasks.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Metrics
from jaxdl.core.mesh import spread
from jaxdl.envs import Env, four_rooms, movement_bandit
from jaxdl.envs.names import parse_name
from jaxdl.nn import ActorCritic
from jaxdl.rl.ppo import ppo
from jaxdl.rl.rollout import fold, record, sampled_policy, start_rollout


class Yardstick(NamedTuple):
    """What is known of a family of tasks.

    Attributes:
      fewest_steps: state, task -> after how many steps from an episode's start one who knows the
        task is paid first.
      best_return: mean return of an episode of one who knows the task.
      place: state -> [2], where that is in a picture.
      horizon: steps of an episode.
    """

    fewest_steps: Callable[[Any, Any], jax.Array]
    best_return: float
    place: Callable[[Any], jax.Array]
    horizon: int


def find_yardstick_of_tasks(name: str) -> Yardstick | None:
    """Returns what is known of the world of that name, settings and all, or None."""
    world, settings = parse_name(name)
    modules = {"movement_bandit": movement_bandit, "four_rooms": four_rooms}
    if world not in modules or float(settings.get("slip", 0)):
        return None
    module = modules[world]
    horizon = int(settings.get("horizon", module.HORIZON))

    def place(state):
        if world == "movement_bandit":
            return movement_bandit.STRIDE / movement_bandit.DISTANCE * state.strides
        return jnp.asarray(four_rooms.CELLS, jnp.float32)[state.cell]

    best_return = module.mean_best_return(horizon=horizon)
    return Yardstick(module.fewest_steps, best_return, place, horizon)


def plain_curve(
    key: jax.Array,
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    params: Any = None,
    tasks: int,
    updates: int,
    **settings: Any,
) -> jax.Array:
    """Returns what a plain policy earns as PPO learns each of some fresh tasks by itself.

    Args:
      key: of all chance.
      env: the family of tasks.
      net: the policy.
      tx: its optimizer.
      params: it begins with; None draws them anew for each task.
      tasks: how many.
      updates: U.
      **settings: of `jaxdl.rl.ppo`.

    Returns:
      [U + 1] mean return of the episodes that ended in the practice before each update, and after
      the last one; 0 where none ended.
    """

    def learn(key):
        task_key, init_key, step_key = jax.random.split(key, 3)
        task = env.sample_task(task_key)
        learner = ppo(env._replace(sample_task=lambda key: task), net, tx, **settings)
        state = learner.init(init_key)
        if params is not None:
            state = state._replace(params=params)

        def step(state, key):
            state, metrics = learner.step(key, state, ())
            return state, metrics["episode_return"]

        return jax.lax.scan(step, state, jax.random.split(step_key, updates + 1))[1]

    returns = jax.vmap(learn)(spread(jax.random.split(key, tasks)))  # leaves [M, U + 1]
    count = jnp.sum(returns.count, axis=0)
    return jnp.sum(returns.total, axis=0) / jnp.maximum(count, 1)


class Arrival(NamedTuple):
    """How N episodes went.

    Attributes:
      steps: [N] int32 until the first reward, at most the horizon.
      is_paid: [N] bool; there was one.
    """

    steps: jax.Array
    is_paid: jax.Array


def score_fixed_choices(
    key: jax.Array,
    env: Env,
    net: ActorCritic,
    phi: Any,
    yardstick: Yardstick,
    *,
    tasks: int,
    episodes: int = 32,
) -> Metrics:
    """Measures how far each sub-policy alone leads, all through an episode, in each fresh task.

    A share is the shortest path to the first reward over the steps that were taken, the horizon
    where it was never reached; both are summed over a task's episodes. Which sub-policy is a task's
    best is found in one half of the episodes, and the other half scores it.

    Args:
      key: of all chance; all sub-policies have the same tasks and starts.
      env: the family of tasks.
      net: of one sub-policy.
      phi: of K of them, leaves [K, ...].
      yardstick: of the family.
      tasks: M.
      episodes: of each task and sub-policy, an even number.

    Returns:
      Percentages: `best_choice_path`, `other_choices_path` (the mean of the others; that of the
      only one where K is 1), and `choices_differ`, the share of tasks, in percent, whose best
      choice is not the most frequent one.
    """
    task_key, play_key = jax.random.split(key)
    task = jax.vmap(env.sample_task)(jax.random.split(task_key, tasks))
    task = jax.tree.map(lambda x: jnp.repeat(x, episodes, axis=0), task)
    start = start_rollout(play_key, env, (), episodes=tasks * episodes, task=task)
    fewest = jax.vmap(yardstick.fewest_steps)(start.env_state, task)

    def play(params):
        def update(arrival, moment):
            waits = moment.is_alive & ~arrival.is_paid
            is_paid = arrival.is_paid | (moment.step.reward > 0)
            return Arrival(arrival.steps + waits, is_paid)

        nothing = jnp.zeros_like(fewest)
        policy = sampled_policy(net, params, lambda obs: obs)
        arrival = Arrival(nothing, nothing > 0)
        horizon = yardstick.horizon
        _, arrival = fold(start, env, policy, update, arrival, max_steps=horizon)
        return jnp.where(arrival.is_paid, arrival.steps, horizon)

    taken = jax.lax.map(play, phi).reshape(-1, tasks, 2, episodes // 2).sum(-1)  # [K, M, 2]
    shortest = fewest.reshape(tasks, 2, episodes // 2).sum(-1)  # [M, 2]
    share = 100 * shortest / taken
    best = jnp.argmax(share[:, :, 0], axis=0)  # [M]
    scored = share[:, :, 1]
    is_best = jnp.arange(len(share))[:, None] == best
    others = jnp.sum(jnp.where(is_best, 0, scored), axis=0) / max(len(share) - 1, 1)
    frequent = jnp.max(jnp.bincount(best, length=len(share)))
    best_path = jnp.mean(jnp.sum(jnp.where(is_best, scored, 0), axis=0))
    return {
        "best_choice_path": best_path,
        "other_choices_path": jnp.mean(others) if len(share) > 1 else best_path,
        "choices_differ": 100 * (1 - frequent / tasks),
    }


def record_paths(
    key: jax.Array,
    env: Env,
    net: ActorCritic,
    phi: Any,
    yardstick: Yardstick,
    *,
    episodes: int,
    steps: int,
) -> dict[str, jax.Array]:
    """Returns the ways of each sub-policy alone from the same starts.

    Returns:
      `paths` [K, N, steps + 1, 2] places; and where the family has marks `marks` [N, k, 2], in
      radii of their circle.
    """
    start = start_rollout(key, env, (), episodes=episodes)
    place = jax.vmap(yardstick.place)
    first = place(start.env_state)

    def play(params):
        policy = sampled_policy(net, params, lambda obs: obs)
        keep = lambda moment: place(moment.after)  # noqa: E731
        after = record(start, env, policy, keep, steps=steps)[1]
        return jnp.swapaxes(jnp.concatenate([first[None], after]), 0, 1)

    paths = {"paths": jax.lax.map(play, phi)}
    if hasattr(start.env_state, "marks"):
        paths["marks"] = start.env_state.marks / movement_bandit.DISTANCE
    return paths
