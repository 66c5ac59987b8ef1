"""The pieces that launch files of DDPG, TD3 and SAC share, made from the groups of options."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Learner
from jaxdl.core.run import Run
from jaxdl.deploy import Deployment
from jaxdl.envs import Env, make
from jaxdl.envs.spaces import abstract
from jaxdl.launch import System
from jaxdl.launch.options import Control, Exploration, OffPolicy, Optimizer, Worlds
from jaxdl.nn import Actor, Gaussian, deterministic_actor, stacked_critics, unit_to_env
from jaxdl.ops.statistics import observation_normalizer
from jaxdl.rl import setup
from jaxdl.rl.continuous import Nets, check_actions
from jaxdl.rl.noise import Noise, gaussian_noise, ornstein_uhlenbeck
from jaxdl.rl.off_policy import Regime
from jaxdl.rl.value_error import value_error

_TEXT = """

`action` is the one that is taken without exploring, as the world takes it; `value` is the
discounted return that the critics expect of it, their mean. `mean` and `log_std`, of SAC, are the
parameters of the normal distribution of what tanh then squashes to the bounds."""


class Settings(Protocol):
    """The Config of a launch file: the groups of options that all three have."""

    run: Run
    worlds: Worlds
    nets: Control
    optimizer: Optimizer
    replay: OffPolicy


class DeterministicSettings(Settings, Protocol):
    """The same, of a policy that explores by noise."""

    exploration: Exploration


def make_nets(env: Env, config: Settings, make_actor: Callable[..., Actor]) -> Nets:
    """Builds actor and critics for a world's spaces, and their optimizers.

    Args:
      env: the family of worlds.
      config: the options.
      make_actor: `deterministic_actor` or `squashed_actor`.

    Raises:
      BadInput: the world's actions are not real or not bounded.
    """
    size = check_actions(env)
    options = config.nets
    actor = make_actor(env.obs_space, size, hidden=options.hidden, layer_norm=options.layer_norm)
    critics = stacked_critics(
        env.obs_space,
        size,
        count=options.critics,
        hidden=options.critic_hidden or options.hidden,
        layer_norm=options.layer_norm,
        atoms=options.atoms,
        value_range=(options.least_return, options.greatest_return),
    )
    actor_rate = config.optimizer.learning_rate * options.actor_rate
    actor_optimizer = replace(config.optimizer, learning_rate=actor_rate)
    steps = config.run.horizon * config.replay.updates
    return Nets(
        actor,
        critics,
        setup.make_tx(actor_optimizer, steps=steps),
        setup.make_tx(config.optimizer, steps=steps),
    )


def make_noise(options: Exploration, worlds: Worlds, nets: Nets) -> Noise | None:
    """Builds noise whose scales are evenly spaced from the first world to the last.

    Args:
      options: its kind and scales.
      worlds: how many there are.
      nets: of which the actor says how many actions there are.
    """
    num_envs, size = worlds.num_envs, nets.actor.size
    first = options.noise_scale
    last = first if options.last_scale is None else options.last_scale
    scales = np.linspace(first, last, num_envs, dtype=np.float32)
    if options.noise == "gaussian":
        return gaussian_noise(scales, size)
    return ornstein_uhlenbeck(scales, size) if options.noise != "none" else None


def deterministic_system(
    name: str,
    config: DeterministicSettings,
    make_learner: Callable[[Env, Nets, Regime, Noise | None], Learner],
) -> System:
    """Builds the system of a policy that puts out one action, for a launch file.

    Args:
      name: of the method.
      config: its options.
      make_learner: env, nets, regime, noise -> learner.
    """

    def learn(env, nets, regime):
        noise = make_noise(config.exploration, config.worlds, nets)
        learner = make_learner(env, nets, regime, noise)
        return compare_values(learner, env, nets, config.exploration, config.replay)

    return make_system(name, config, deterministic_actor, learn)


def make_system(
    name: str,
    config: Settings,
    make_actor: Callable[..., Actor],
    make_learner: Callable[[Env, Nets, Regime], Learner],
) -> System:
    """Builds the system of a method, for a launch file.

    Args:
      name: of the method.
      config: its options.
      make_actor: `deterministic_actor` or `squashed_actor`.
      make_learner: env, nets, regime -> learner.
    """
    world = config.worlds.env
    env = make(world)
    nets = make_nets(env, config, make_actor)
    regime = setup.make_regime(config.worlds, config.replay)
    regime = regime._replace(normalize_observations=config.nets.normalize_observations)
    return System(
        make_learner(env, nets, regime),
        samples_per_step=config.worlds.num_envs * config.replay.unroll,
        deployment=deployment(nets, env, text=f"A policy for {world}, trained by {name}."),
        world=(world, env),
    )


def deployment(nets: Nets, env: Env, *, text: str) -> Deployment:
    """Describes a policy and its critics for `./run export` and `./run watch`.

    Args:
      nets: actor and critics.
      env: the family of worlds.
      text: what the policy is for.

    Returns:
      A Deployment with the input `obs` and the outputs `action`, `value`, and for SAC `mean` and
      `log_std`.
    """
    to_env = unit_to_env(env.action_space)

    def apply(weights, inputs):
        obs = observation_normalizer(weights["obs_statistics"])(inputs["obs"])
        policy = nets.actor.apply(weights["actor"], obs)
        numbers = policy._asdict() if isinstance(policy, Gaussian) else {}
        unit = unit_action(policy)
        value = values(nets, weights["critics"], obs, unit)
        return {"action": to_env(unit), "value": value} | numbers

    def weights(state):
        return {
            "actor": state.params.actor,
            "critics": state.params.critics,
            "obs_statistics": state.extra.obs_statistics,
        }

    return Deployment(text + _TEXT, weights, apply, {"obs": abstract(env.obs_space)})


def unit_action(policy: Any) -> jax.Array:
    """Returns the unit actions [B, A] that are taken without exploring."""
    return jnp.tanh(policy.mean) if isinstance(policy, Gaussian) else policy


def values(nets: Nets, params: Any, obs: Any, action: jax.Array) -> jax.Array:
    """Returns the critics' mean values [B] of unit actions [B, A]."""
    critics = nets.critics
    return jnp.mean(critics.values(critics.apply(params, obs, action)), axis=0)


def compare_values(
    learner: Learner, env: Env, nets: Nets, options: Exploration, replay: OffPolicy
) -> Learner:
    """Adds the metrics of `value_error` to the evaluation; none for `eval_values` of 0.

    Args:
      learner: of a deterministic policy.
      env: the family of worlds.
      nets: actor and critics.
      options: how many worlds.
      replay: the discount.
    """
    if not options.eval_values:
        return learner
    to_env = unit_to_env(env.action_space)

    def evaluate(key, state):
        params = state.params
        normalize = observation_normalizer(state.extra.obs_statistics)

        def act(key, carry, obs, first):
            return carry, to_env(nets.actor.apply(params.actor, normalize(obs)))

        def value(obs):
            seen = normalize(obs)
            return values(nets, params.critics, seen, nets.actor.apply(params.actor, seen))

        return learner.evaluate(key, state) | value_error(
            jax.random.fold_in(key, 1),
            env,
            act,
            value,
            episodes=options.eval_values,
            discount=replay.discount,
        )

    return learner._replace(evaluate=evaluate)
