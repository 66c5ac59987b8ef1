"""A task's practice on two levels: a master chooses sub-policies, and what it was worth to both.

The parts of MLSH (Frans et al. 2018, arXiv 1710.09767) that concern one task; `jaxdl.meta.mlsh` has
the algorithm. Lengths: B = T / N choices in T steps of E worlds.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Metrics, TrainState, update
from jaxdl.core.mesh import spread
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, Worlds, episode_metrics, start_window, vectorize
from jaxdl.envs.episodes import EpisodeStats, count_step
from jaxdl.meta.options import (
    Record,
    Seen,
    check_no_memory,
    macro_world,
    pick,
    sub_policies,
)
from jaxdl.nn import ActorCritic
from jaxdl.ops.returns import gae
from jaxdl.rl.experience import (
    Actors,
    Trajectory,
    estimate,
    make_batch,
    make_transition,
    start_actors,
)
from jaxdl.rl.minibatches import Batch
from jaxdl.rl.ppo import ppo_loss


class Group(NamedTuple):
    """A task, with the master that learns it; leaves [G, ...] in a state.

    Attributes:
      theta: the master's parameters.
      opt_state: of the master's optimizer.
      actors: E worlds, all with this task, whose steps are macro actions.
    """

    theta: Any
    opt_state: Any
    actors: Actors


class Hierarchy(NamedTuple):
    """Both levels, and how they practice.

    Attributes:
      env: the family of worlds.
      net: of one sub-policy.
      subs: of K of them, as `sub_policies` makes it.
      master: a policy over K options.
      tx: the master's optimizer.
      num_envs: E, worlds of a task.
      unroll: T, steps in each world between two updates.
      macro_steps: N.
      discount: gamma.
      gae_lambda: lambda.
      epochs: passes over the steps of an update.
      loss: of PPO: kl_coef, params, batch, net -> loss, metrics.
    """

    env: Env
    net: ActorCritic
    subs: ActorCritic
    master: ActorCritic
    tx: optax.GradientTransformation
    num_envs: int
    unroll: int
    macro_steps: int
    discount: float
    gae_lambda: float
    epochs: int
    loss: Callable[..., tuple[jax.Array, Metrics]]


class Practice(NamedTuple):
    """What a group has done between two updates.

    Attributes:
      group: with the next worlds.
      trajectory: T / N macro actions in each of E worlds, for the master.
      record: their steps, leaves [T / N, E, N, ...], for the sub-policies.
      metrics: means over the episodes that ended.
    """

    group: Group
    trajectory: Trajectory
    record: Record
    metrics: Metrics


def make_hierarchy(
    env: Env,
    net: ActorCritic,
    master: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    unroll: int,
    macro_steps: int,
    epochs: int = 4,
    discount: float = 0.99,
    gae_lambda: float = 0.95,
    clip: float = 0.2,
    value_coef: float = 0.5,
    entropy_coef: float = 0.0,
) -> Hierarchy:
    """Puts two levels together.

    Args:
      env: the family of tasks; its observation is one array.
      net: of one sub-policy, without memory.
      master: a policy without memory over K options, for the same observations.
      tx: the masters' optimizer.
      num_envs: E, worlds of each task.
      unroll: T, steps in each world between two updates.
      macro_steps: N.
      epochs: passes over the steps of an update, on both levels.
      discount: gamma, of a step of the world.
      gae_lambda: lambda, of a step on either level.
      clip: epsilon of PPO.
      value_coef: weight of the value loss.
      entropy_coef: weight of the entropy bonus, on both levels.

    Raises:
      BadInput: N does not divide T, or a net has memory.
    """
    if macro_steps < 1 or unroll % macro_steps:
        raise BadInput(f"macro_steps={macro_steps} must divide unroll={unroll}")
    check_no_memory(master, "a master")
    subs = sub_policies(net, master.distribution.num_outputs)
    weights = {"clip": clip, "value_coef": value_coef, "entropy_coef": entropy_coef}
    loss = partial(ppo_loss, objective="clip", value_clip=None, **weights)
    sizes = (num_envs, unroll, macro_steps)
    return Hierarchy(env, net, subs, master, tx, *sizes, discount, gae_lambda, epochs, loss)


def draw_groups(hierarchy: Hierarchy, key: jax.Array, phi: Any, *, number: int) -> Group:
    """Draws a task, a master and the beginnings of E episodes for each of G groups."""

    def draw(keys):
        task_key, master_key, worlds_key = keys
        worlds = worlds_of(hierarchy, phi, hierarchy.env.sample_task(task_key))
        theta = hierarchy.master.init(master_key)
        actors = start_actors(worlds_key, worlds, hierarchy.master)
        return Group(theta, hierarchy.tx.init(theta), actors)

    return spread(jax.vmap(draw)(jax.random.split(key, (number, 3))))


def worlds_of(hierarchy: Hierarchy, phi: Any, task: Any) -> Worlds:
    """Returns E worlds of one task, whose steps are macro actions of these sub-policies."""
    world = macro_world(
        hierarchy.env._replace(sample_task=lambda key: task),
        hierarchy.subs,
        phi,
        options=hierarchy.master.distribution.num_outputs,
        macro_steps=hierarchy.macro_steps,
        discount=hierarchy.discount,
    )
    return vectorize(world, hierarchy.num_envs)


def learn_master(
    hierarchy: Hierarchy, phi: Any, key: jax.Array, group: Group
) -> tuple[Group, Batch, Metrics]:
    """Practices a task and improves its master: a step of the warm-up, and half of a joint one.

    A pass over the master's choices is one optimizer step over all of them: they are few.

    Args:
      hierarchy: both levels.
      phi: of the sub-policies.
      key: of the practice.
      group: the task and its master.

    Returns:
      The group; the steps as the sub-policies learn from them, leaves [T, E, ...], with the
      master's choices for a part of the world; and metrics, those of the update as `master/...`.
    """
    group, trajectory, record, metrics = practice_task(hierarchy, phi, key, group)
    batch = make_master_batch(hierarchy, group, trajectory)
    sub_batch = make_sub_batch(hierarchy, phi, group.theta, trajectory, record)
    loss = partial(hierarchy.loss, jnp.float32(0), batch=batch, net=hierarchy.master)

    def descend(learned, _):
        gradient, metrics = jax.grad(loss, has_aux=True)(learned.params)
        learned, norms = update(hierarchy.tx, learned, gradient)
        return learned, metrics | norms

    learned = TrainState(group.theta, group.opt_state)
    learned, master_metrics = jax.lax.scan(descend, learned, length=hierarchy.epochs)
    group = group._replace(theta=learned.params, opt_state=learned.opt_state)
    named = {f"master/{name}": jnp.mean(x) for name, x in master_metrics.items()}
    return group, sub_batch, metrics | named


def make_master_batch(hierarchy: Hierarchy, group: Group, trajectory: Trajectory) -> Batch:
    """Estimates what each choice was worth, leaves [T / N, E, ...]; advantages are normalized."""
    estimates = estimate(
        hierarchy.master,
        group.theta,
        trajectory,
        group.actors,
        _as_it_is,
        discount=1.0,  # the macro world's own discount has gamma in it
        gae_lambda=hierarchy.gae_lambda,
    )
    batch = make_batch(trajectory, estimates, _as_it_is)._replace(policy=(), value=())
    return batch._replace(adv=normalized(batch.adv, jnp.ones_like(batch.first)))


def practice_task(hierarchy: Hierarchy, phi: Any, key: jax.Array, group: Group) -> Practice:
    """Lets the master choose T / N times in each of its E worlds."""
    master = hierarchy.master
    task = jax.tree.map(lambda x: x[0], group.actors.worlds.task)
    worlds = worlds_of(hierarchy, phi, task)

    def step(actors, keys):
        choice_key, world_key = keys
        obs = actors.worlds.obs
        _, policy, _ = master.step(group.theta, (), obs, actors.first)
        option = master.distribution.sample(choice_key, policy)
        after, out = worlds.step(world_key, actors.worlds, option)
        transition = make_transition(master, actors, policy, option, out, ())
        record = Record(**out.info)
        done = out.terminated | out.truncated
        stats = count_macro_action(actors.worlds.stats, record, done)
        return Actors(after._replace(stats=stats), (), done), (transition, record)

    actors = group.actors._replace(worlds=start_window(group.actors.worlds))
    keys = jax.random.split(key, (hierarchy.unroll // hierarchy.macro_steps, 2))
    actors, (trajectory, record) = jax.lax.scan(step, actors, keys)
    metrics: Metrics = {**episode_metrics(actors.worlds.stats)}
    return Practice(group._replace(actors=actors), trajectory, record, metrics)


def count_macro_action(stats: EpisodeStats, record: Record, done: jax.Array) -> EpisodeStats:
    """Adds the steps of a macro action of E worlds: lengths are steps, and returns undiscounted."""
    more = jnp.sum(record.is_alive, axis=1) - 1  # than the one that is counted anyway
    stats = stats._replace(running_length=stats.running_length + more)
    return count_step(stats, jnp.sum(record.reward, axis=1), done)


def make_sub_batch(
    hierarchy: Hierarchy, phi: Any, theta: Any, trajectory: Trajectory, record: Record
) -> Batch:
    """Estimates what each step was worth to its sub-policy; the master is part of its world.

    The value of where an option runs out is the mean of the sub-policies' values over the master's
    next choice, which is known but for its chance. Of where an episode is cut within an option it
    is the value of the same sub-policy.

    Args:
      hierarchy: both levels.
      phi: of the sub-policies that acted.
      theta: of the master that chose.
      trajectory: its B = T / N choices in each of E worlds.
      record: their steps, leaves [B, E, N, ...].

    Returns:
      Leaves [T, E, ...]; observations are `Seen`, and steps that are none have the advantage 0.
    """
    macro_steps = hierarchy.macro_steps
    option = jnp.repeat(trajectory.action, macro_steps, axis=0)  # [T, E]
    steps = jax.tree.map(_join_blocks, record)
    seen = Seen(steps.obs, option, steps.is_alive)
    first = jnp.zeros_like(steps.is_alive)
    _, _, values = hierarchy.subs.unroll(phi, (), seen, first)

    each = jax.vmap(hierarchy.net.unroll, in_axes=(0, None, None, None))
    ends = jnp.zeros_like(trajectory.first)
    _, _, all_values = each(phi, (), trajectory.next_obs, ends)  # [K, B, E]
    _, choice, _ = hierarchy.master.unroll(theta, (), trajectory.next_obs, ends)
    mean_value = jnp.sum(jnp.moveaxis(jax.nn.softmax(choice), -1, 0) * all_values, axis=0)
    has_run_out = record.is_alive[:, :, -1]
    end_value = jnp.where(has_run_out, mean_value, pick(trajectory.action, all_values))

    is_last = steps.is_alive & ~_next_alive(record.is_alive)
    following = jnp.concatenate([values[1:], jnp.zeros_like(values[:1])])
    next_values = jnp.where(is_last, jnp.repeat(end_value, macro_steps, axis=0), following)
    adv, target = gae(
        steps.reward,
        values,
        next_values,
        steps.terminated | ~steps.is_alive,  # nothing comes of a step that is none
        steps.truncated,
        discount=hierarchy.discount * steps.discount,
        gae_lambda=hierarchy.gae_lambda,
    )
    return Batch(
        carry=(),
        obs=seen,
        first=first,
        action=steps.action,
        logp=steps.logp,
        policy=(),
        value=(),
        adv=jnp.where(steps.is_alive, adv, 0.0),
        target=jnp.where(steps.is_alive, target, values),
    )


def _join_blocks(x: jax.Array) -> jax.Array:
    """Lays the steps of macro actions after one another, [B, E, N, ...] -> [B N, E, ...]."""
    x = jnp.swapaxes(x, 1, 2)
    return x.reshape(-1, *x.shape[2:])


def _next_alive(is_alive: jax.Array) -> jax.Array:
    """Whether the next step of the same macro action is one, [B, E, N] -> [B N, E] bool."""
    last = jnp.zeros_like(is_alive[:, :, :1])
    return _join_blocks(jnp.concatenate([is_alive[:, :, 1:], last], axis=2))


def normalized(adv: jax.Array, is_alive: jax.Array) -> jax.Array:
    """Brings advantages [T, E] to mean 0 and deviation 1 over what is alive; the rest is 0."""
    mean = jnp.mean(adv, where=is_alive)
    deviation = jnp.std(adv, where=is_alive)
    return jnp.where(is_alive, (adv - mean) / (deviation + 1e-8), 0.0)


def _as_it_is(obs: Any) -> Any:
    return obs
