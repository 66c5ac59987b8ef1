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

from jaxdl.core.learner import Learner, Mean, Metrics, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs.worlds import anywhere
from jaxdl.meta.hierarchy import Hierarchy, draw_groups, learn_master, normalized
from jaxdl.rl.minibatches import Batch, plan_minibatches
from jaxdl.rl.ppo import improve


class Extra(NamedTuple):
    """What is counted besides.

    Attributes:
      updates: int32, since the masters were drawn.
    """

    updates: jax.Array


def mlsh(
    hierarchy: Hierarchy,
    tx: optax.GradientTransformation,
    *,
    num_tasks: int,
    warmup_updates: int,
    joint_updates: int,
    minibatches: int = 4,
    new_tasks: int = 32,
    new_updates: int = 10,
) -> Learner:
    """Makes MLSH with PPO on both levels.

    Args:
      hierarchy: both levels, and how they practice, as `make_hierarchy` makes it.
      tx: the sub-policies' optimizer.
      num_tasks: G, groups that learn side by side.
      warmup_updates: W, updates of a fresh master alone.
      joint_updates: U, updates of both levels after them.
      minibatches: optimizer steps of the sub-policies in a pass; a master makes one.
      new_tasks: that `evaluate` draws, each with a fresh master.
      new_updates: of these masters there.

    Returns:
      A learner that makes its own data. Its `params` are phi, leaves [K, ...]; `actors` are Groups.
      `evaluate` returns what masters of new tasks earn, which learn with phi as it is, as
      `new_master_curve` tells: `episode_return` after their last update, `first_return` before the
      first, their mean over all `mean_return`, and the array `curve/MLSH`.

    Raises:
      BadInput: no joint update, or minibatches that cannot be cut.
    """
    if warmup_updates < 0 or joint_updates < 1:
        raise BadInput(
            f"warmup_updates={warmup_updates} should be at least 0, and "
            f"joint_updates={joint_updates} at least 1"
        )
    subs = hierarchy.subs
    num_worlds = num_tasks * hierarchy.num_envs
    plan = plan_minibatches(subs, num_worlds, hierarchy.unroll, minibatches, 1)
    draw = partial(draw_groups, hierarchy, number=num_tasks)

    def init(key):
        subs_key, groups_key = jax.random.split(key)
        phi = subs.init(subs_key)
        return TrainState(phi, tx.init(phi), draw(groups_key, phi), Extra(jnp.int32(0)))

    def improve_subs(key, state, batch):
        """Improves phi by the steps of all groups."""
        batch = batch._replace(adv=normalized(batch.adv, batch.obs.is_alive))
        step_loss = partial(hierarchy.loss, jnp.float32(0), net=subs)
        options = {"epochs": hierarchy.epochs, "normalize_advantages": False, "stop_kl": None}
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
