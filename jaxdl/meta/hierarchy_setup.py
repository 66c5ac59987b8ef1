"""How launch files build policies of two levels, and plain ones beside them, for new tasks."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Evaluate, Learner, Metrics
from jaxdl.deploy import Deployment
from jaxdl.envs import Discrete, Env, make
from jaxdl.envs.spaces import abstract
from jaxdl.launch.options import Optimizer
from jaxdl.launch.system import System
from jaxdl.meta.hierarchy import make_hierarchy
from jaxdl.meta.hierarchy_settings import Settings
from jaxdl.meta.mlsh import mlsh, summarize_curve
from jaxdl.meta.mlsh_exhibits import mlsh_exhibits
from jaxdl.meta.new_tasks import (
    find_yardstick_of_tasks,
    plain_curve,
    record_paths,
    score_fixed_choices,
)
from jaxdl.nn import ActorCritic
from jaxdl.rl.plain_ppo import make_ppo
from jaxdl.rl.setup import make_net, make_tx

PATHS = 6  # episodes whose ways are drawn


def hierarchy_system(config: Settings) -> System:
    """Builds MLSH, and plain policies that learn the same new tasks from scratch."""
    env = make(config.env)
    net = make_net(env, config.policy)
    update = config.update
    cycle = config.warmup_updates + config.joint_updates
    joint_steps = round(config.run.horizon * config.joint_updates / cycle)
    steps = max(joint_steps, 1) * update.epochs * update.minibatches
    practice = vars(update).copy()
    cuts = {"minibatches": practice.pop("minibatches")}
    master = make_net(env._replace(action_space=Discrete(config.sub_policies)), config.policy)
    master_tx = _constant_tx(config.optimizer, config.master_rate)
    sizes = {"num_envs": config.num_envs, "macro_steps": config.macro_steps}
    hierarchy = make_hierarchy(env, net, master, master_tx, **sizes, **practice)
    learner = mlsh(
        hierarchy,
        make_tx(config.optimizer, steps=steps),
        num_tasks=config.num_tasks,
        warmup_updates=config.warmup_updates,
        joint_updates=config.joint_updates,
        new_tasks=config.new_tasks,
        new_updates=config.new_updates,
        **cuts,
    )
    beside: list[Evaluate] = []
    if config.baselines:
        beside.append(partial(_from_scratch, config, env, net))
    yardstick = find_yardstick_of_tasks(config.env)
    if yardstick and config.baselines:
        steps = yardstick.horizon

        def see_sub_policies(key, state):
            score_key, path_key = jax.random.split(key)
            given = (env, net, state.params, yardstick)
            paths = record_paths(path_key, *given, episodes=PATHS, steps=steps)
            return score_fixed_choices(score_key, *given, tasks=config.new_tasks) | paths

        beside.append(see_sub_policies)
    return System(
        judge(learner, config, beside),
        samples_per_step=config.num_tasks * config.num_envs * update.unroll,
        figures=mlsh_exhibits,
        deployment=deploy_sub_policies(net, env, config.env),
    )


def plain_system(config: Settings) -> System:
    """Builds one plain policy for all tasks, which new tasks are learned from."""
    env = make(config.env)
    net = make_net(env, config.policy)
    num_envs = config.num_tasks * config.num_envs
    steps = config.run.horizon
    learner = make_ppo(env, net, config.optimizer, config.update, num_envs=num_envs, steps=steps)

    def evaluate(key, state):
        curve = _plain(config, key, env, net, params=state.params)
        return summarize_curve(curve) | {"curve/one policy for all, fine-tuned": curve}

    beside = [partial(_from_scratch, config, env, net)] if config.baselines else []
    return System(
        judge(learner._replace(evaluate=evaluate), config, beside),
        samples_per_step=num_envs * config.update.unroll,
        figures=mlsh_exhibits,
    )


def judge(learner: Learner, config: Settings, beside: list[Evaluate]) -> Learner:
    """Sets other evaluations beside a learner's own, and the best return of the new tasks.

    Args:
      learner: its evaluation has `episode_return` and `mean_return` in new tasks.
      config: of the system.
      beside: evaluations whose metrics are added.

    Returns:
      A learner whose evaluation has, where the best return is known, `best_return`, and its shares
      `percent_of_optimal` and `mean_percent`.
    """
    yardstick = find_yardstick_of_tasks(config.env)

    def evaluate(key, state):
        own_key, *keys = jax.random.split(key, 1 + len(beside)) if beside else [key]
        metrics: Metrics = {**learner.evaluate(own_key, state)}
        for other, other_key in zip(beside, keys, strict=True):
            metrics |= other(other_key, state)
        if yardstick:
            best = yardstick.best_return
            metrics["best_return"] = jnp.float32(best)
            metrics["percent_of_optimal"] = 100 * metrics["episode_return"] / best
            metrics["mean_percent"] = 100 * metrics["mean_return"] / best
        return metrics

    return learner._replace(evaluate=evaluate)


def deploy_sub_policies(net: ActorCritic, env: Env, name: str) -> Deployment:
    """Describes the sub-policies for `./run export`: what each of them would do.

    Args:
      net: of one.
      env: the family of tasks.
      name: of it.
    """
    text = f"The sub-policies of {name}, among which a master chooses; there is none here, since "
    text += "each task has its own.\n\n`action` [K] is what each of them most likely does, `value` "
    text += "[K] the discounted return that it expects, `numbers` the parameters of its policy."

    def apply(weights, inputs):
        obs = inputs["obs"]
        first = jnp.zeros(jax.tree.leaves(obs)[0].shape[0], bool)
        each = jax.vmap(net.step, in_axes=(0, None, None, None), out_axes=(None, 1, 1))
        _, policy, value = each(weights, (), obs, first)
        action = net.distribution.to_env(net.distribution.mode(policy))
        return {"action": action, "value": value, "numbers": tuple(jax.tree.leaves(policy))}

    return Deployment(text, lambda state: state.params, apply, {"obs": abstract(env.obs_space)})


def _constant_tx(options: Optimizer, rate: float) -> Any:
    return make_tx(replace(options, learning_rate=rate, schedule="constant", warmup=0.0), steps=1)


def _from_scratch(config, env, net, key, state):
    del state
    curve = _plain(config, key, env, net)
    summary = {f"scratch_{name}": x for name, x in summarize_curve(curve).items()}
    return summary | {"curve/from scratch": curve}


def _plain(config: Settings, key: jax.Array, env: Env, net: ActorCritic, params: Any = None) -> Any:
    """Returns the curve of plain policies in new tasks, with as many steps as a master has."""
    tx = _constant_tx(config.optimizer, config.new_rate)
    sizes = {"tasks": config.new_tasks, "updates": config.new_updates}
    settings = vars(config.update) | {"num_envs": config.num_envs}
    return plain_curve(key, env, net, tx, params=params, **sizes, **settings)
