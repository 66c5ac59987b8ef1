"""MLSH: sub-policies that a fresh master learns to use soon (Frans et al. 2018, arXiv 1710.09767).

A policy has two levels. K sub-policies, with the parameters phi, are shared by all tasks. A master,
theta, is drawn anew for each task, and chooses one of them every N steps. In the paper's algorithm
1 a task begins with a warm-up, in which theta alone is learned, so that masters come near their
best for the phi there is; then both are learned for a while, and the next task is drawn. What phi
is trained for is thus not to solve one task, but to let a new master solve its task soon.

Both levels learn by PPO (Schulman et al. 2017). The paper's cores are G groups here, each with a
task, a master and E worlds of its own; the gradient of phi is the mean over all of them. Unlike the
paper's, which begin one after the other, all groups are in the same phase: so the sub-policies'
update is computed only where it is used.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Mean, Metrics, TrainState, update
from jaxdl.core.mesh import spread
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, Worlds, episode_metrics, start_window, vectorize
from jaxdl.envs.episodes import EpisodeStats, count_step
from jaxdl.envs.worlds import anywhere
from jaxdl.meta.options import Record, Seen, check_no_memory, macro_world, pick, sub_policies
from jaxdl.nn import ActorCritic
from jaxdl.ops.returns import gae
from jaxdl.rl.experience import Actors, Trajectory, estimate, make_batch, start_actors
from jaxdl.rl.minibatches import Batch, plan_minibatches
from jaxdl.rl.ppo import improve, ppo_loss


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


class Extra(NamedTuple):
    """What is counted besides.

    Attributes:
      updates: int32, since the masters were drawn.
    """

    updates: jax.Array


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


def mlsh(
    env: Env,
    net: ActorCritic,
    master: ActorCritic,
    tx: optax.GradientTransformation,
    master_tx: optax.GradientTransformation,
    *,
    num_tasks: int,
    num_envs: int,
    unroll: int,
    macro_steps: int,
    warmup_updates: int,
    joint_updates: int,
    epochs: int = 4,
    minibatches: int = 4,
    discount: float = 0.99,
    gae_lambda: float = 0.95,
    clip: float = 0.2,
    value_coef: float = 0.5,
    entropy_coef: float = 0.0,
    new_tasks: int = 32,
    new_updates: int = 10,
) -> Learner:
    """Makes MLSH with PPO on both levels.

    Args:
      env: the family of tasks; its observation is one array.
      net: of one sub-policy, without memory.
      master: a policy without memory over K options, for the same observations.
      tx: the sub-policies' optimizer.
      master_tx: the masters'.
      num_tasks: G, groups that learn side by side.
      num_envs: E, worlds of each.
      unroll: T, steps in each world between two updates.
      macro_steps: N.
      warmup_updates: W, updates of a fresh master alone.
      joint_updates: U, updates of both after them.
      epochs: K of PPO, passes over the steps of an update, on both levels.
      minibatches: optimizer steps of the sub-policies in a pass; a master makes one.
      discount: gamma, of a step of the world.
      gae_lambda: lambda, of a step on either level.
      clip: epsilon.
      value_coef: weight of the value loss.
      entropy_coef: weight of the entropy bonus, on both levels.
      new_tasks: that `evaluate` draws, each with a fresh master.
      new_updates: of these masters there.

    Returns:
      A learner that makes its own data. Its `params` are phi, leaves [K, ...]; `actors` are Groups.
      `evaluate` returns what masters of new tasks earn, which learn with phi as it is, as
      `new_master_curve` tells: `episode_return` after their last update, `first_return` before the
      first, their mean over all `mean_return`, and the array `curve/MLSH`.

    Raises:
      BadInput: N does not divide T, no master is ever trained with its sub-policies, or a net has
        memory.
    """
    if macro_steps < 1 or unroll % macro_steps:
        raise BadInput(f"macro_steps={macro_steps} must divide unroll={unroll}")
    if warmup_updates < 0 or joint_updates < 1:
        raise BadInput(
            f"warmup_updates={warmup_updates} should be at least 0, and "
            f"joint_updates={joint_updates} at least 1"
        )
    check_no_memory(master, "a master")
    subs = sub_policies(net, master.distribution.num_outputs)
    loss = partial(
        ppo_loss,
        objective="clip",
        clip=clip,
        value_coef=value_coef,
        value_clip=None,
        entropy_coef=entropy_coef,
    )
    hierarchy = Hierarchy(
        env=env,
        net=net,
        subs=subs,
        master=master,
        tx=master_tx,
        num_envs=num_envs,
        unroll=unroll,
        macro_steps=macro_steps,
        discount=discount,
        gae_lambda=gae_lambda,
        epochs=epochs,
        loss=loss,
    )
    plan = plan_minibatches(subs, num_tasks * num_envs, unroll, minibatches, 1)
    draw = partial(draw_groups, hierarchy, number=num_tasks)

    def init(key):
        subs_key, groups_key = jax.random.split(key)
        phi = subs.init(subs_key)
        return TrainState(phi, tx.init(phi), draw(groups_key, phi), Extra(jnp.int32(0)))

    def improve_subs(key, state, batch):
        """Improves phi by the steps of all groups."""
        batch = batch._replace(adv=normalized(batch.adv, batch.obs.is_alive))
        step_loss = partial(loss, jnp.float32(0), net=subs)
        options = {"epochs": epochs, "normalize_advantages": False, "stop_kl": None}
        return improve(key, step_loss, tx, plan, state, batch, **options)

    def step(key, state, batch):
        del batch
        master_key, subs_key, task_key = jax.random.split(key, 3)
        keys = jax.random.split(master_key, num_tasks)
        learn = partial(learn_master, hierarchy, state.params)
        groups, batches, metrics = jax.vmap(learn)(keys, state.actors)
        is_joint = state.extra.updates >= warmup_updates
        learned = state._replace(actors=(), extra=())
        better = partial(improve_subs, subs_key, batch=merge_groups(batches))
        learned, sub_metrics = run_where(is_joint, better, learned)
        updates = state.extra.updates + 1
        is_over = updates >= warmup_updates + joint_updates  # each group begins with another task
        redraw = lambda _: (draw(task_key, learned.params), {})  # noqa: E731
        groups, _ = run_where(is_over, redraw, groups)
        extra = Extra(jnp.where(is_over, 0, updates))
        return learned._replace(actors=groups, extra=extra), over_groups(metrics) | sub_metrics

    def evaluate(key, state):
        size = {"tasks": new_tasks, "updates": new_updates}
        curve = new_master_curve(key, hierarchy, state.params, **size)
        return summarize_curve(curve) | {"curve/MLSH": curve}

    return Learner(init, step, evaluate)


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
        transition = Trajectory(
            obs=obs,
            first=actors.first,
            carry=(),
            action=option,
            logp=master.distribution.logp(policy, option),
            policy=policy,
            reward=out.reward,
            discount=out.discount,
            terminated=out.terminated,
            truncated=out.truncated,
            next_obs=out.obs,
            next_carry=(),
        )
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


def merge_groups(batch: Batch) -> Batch:
    """Puts the worlds of all groups side by side, leaves [G, T, E, ...] -> [T, G E, ...]."""

    def merge(x):
        x = jnp.moveaxis(x, 0, 1)
        return x.reshape(x.shape[0], -1, *x.shape[3:])

    return jax.tree.map(merge, batch)


def run_where(
    condition: jax.Array, change: Callable[[Any], tuple[Any, Metrics]], tree: Any
) -> tuple[Any, dict[str, Mean]]:
    """Changes a pytree where a condition holds, and computes nothing where it does not.

    Args:
      condition: bool scalar.
      change: tree -> the same structure, and scalars.
      tree: any.

    Returns:
      The tree, and the scalars as means over the steps in which there was a change.
    """
    shapes = jax.eval_shape(change, tree)[1]
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    changed, metrics = jax.lax.cond(anywhere(condition), change, lambda tree: (tree, nothing), tree)
    kept = jax.tree.map(partial(jnp.where, condition), changed, tree)
    count = condition.astype(jnp.int32)
    return kept, {name: Mean(jnp.where(condition, x, 0.0), count) for name, x in metrics.items()}


def over_groups(metrics: Metrics) -> Metrics:
    """Joins the metrics of G groups: sums of what is a Mean, means of the others."""

    def join(x):
        return Mean(*map(jnp.sum, x)) if isinstance(x, Mean) else jnp.mean(x)

    return {name: join(x) for name, x in metrics.items()}


def new_master_curve(
    key: jax.Array, hierarchy: Hierarchy, phi: Any, *, tasks: int, updates: int
) -> jax.Array:
    """Returns what fresh masters of fresh tasks earn as they learn, over sub-policies as they are.

    Args:
      key: of all chance; with the same key the tasks are the same.
      hierarchy: both levels.
      phi: of the sub-policies.
      tasks: how many.
      updates: U of each master.

    Returns:
      [U + 1] mean return of the episodes that ended in the practice before each update, and after
      the last one; 0 where none ended.
    """
    draw_key, learn_key = jax.random.split(key)
    groups = draw_groups(hierarchy, draw_key, phi, number=tasks)
    learn = partial(learn_master, hierarchy, phi)

    def step(groups, key):
        groups, _, metrics = jax.vmap(learn)(jax.random.split(key, tasks), groups)
        return groups, over_groups(metrics)["episode_return"]

    _, returns = jax.lax.scan(step, groups, jax.random.split(learn_key, updates + 1))
    return returns.total / jnp.maximum(returns.count, 1)


def summarize_curve(curve: jax.Array) -> Metrics:
    """Returns `episode_return`, the last of [U + 1], its `first_return` and `mean_return`."""
    return {
        "episode_return": curve[-1],
        "first_return": curve[0],
        "mean_return": jnp.mean(curve),
    }


def _as_it_is(obs: Any) -> Any:
    return obs
