"""What DDPG, TD3 and SAC share beyond the frame: their parameters, and how each part is improved.

Actions are unit ones, within [-1, 1], until the world's bounds are put on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, update
from jaxdl.core.run import BadInput
from jaxdl.envs import Env
from jaxdl.envs.spaces import Box, bounds, space_text
from jaxdl.losses import control as losses
from jaxdl.nn import Actor, Critics, Distribution, unit_to_env
from jaxdl.rl.noise import Noise
from jaxdl.rl.off_policy import Extra, Method, Regime, off_policy
from jaxdl.rl.replay import Transitions


class Nets(NamedTuple):
    """What is trained, and by which optimizers.

    Attributes:
      actor: the policy.
      critics: what its actions are worth.
      actor_tx: the optimizer of the policy, and of a temperature.
      critic_tx: that of the critics.
    """

    actor: Actor
    critics: Critics
    actor_tx: optax.GradientTransformation
    critic_tx: optax.GradientTransformation


class Parts(NamedTuple):
    """Parameters, or the state of their optimizers, or the targets.

    Attributes:
      actor: of the policy; () among the targets of a learner whose policy has none.
      critics: of all critics.
      log_alpha: float32 scalar, of SAC's temperature; () where nothing is learned of it.
    """

    actor: Any
    critics: Any
    log_alpha: Any = ()


def check_actions(env: Env) -> int:
    """Returns A, how many real actions a world takes.

    Raises:
      BadInput: its actions are no box of floats, or lack a finite bound.
    """
    space = env.action_space
    if not isinstance(space, Box) or not np.issubdtype(space.dtype, np.floating):
        raise BadInput(
            f"actions of {space_text(space)}: DDPG, TD3 and SAC act by real numbers; dqn and ppo "
            "take integers"
        )
    low, high = bounds(space)
    if not (np.isfinite(low) & np.isfinite(high) & (low < high)).all():
        raise BadInput(f"actions of {space_text(space)}: two finite bounds are needed for each")
    return low.size


def as_learner(
    env: Env,
    regime: Regime,
    init: Callable[[jax.Array], TrainState],
    explore: Callable[[jax.Array, TrainState, Any], jax.Array],
    exploit: Callable[[Any, Any], jax.Array],
    update: Callable[[jax.Array, TrainState, Transitions], Any],
    noise: Noise | None = None,
) -> Learner:
    """Puts a method of real actions into the frame; arguments are as Method has them.

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """
    size = check_actions(env)

    def random(key):
        return jax.random.uniform(key, (size,), minval=-1.0)

    method = Method(init, explore, exploit, update, unit_to_env(env.action_space), random, noise)
    return off_policy(env, method, regime)


def draw_action(key: jax.Array, family: Distribution, policy: Any) -> tuple[jax.Array, jax.Array]:
    """Draws actions [B, A] of a policy, as the family has them, with the logs [B] of densities."""
    raw = family.sample(key, policy)
    return family.to_env(raw), family.logp(policy, raw)


def deterministic_learner(
    env: Env, nets: Nets, regime: Regime, noise: Noise | None, update: Callable[..., Any]
) -> Learner:
    """Makes a learner whose policy puts out one action, with targets of policy and critics.

    Args:
      env: the family of worlds.
      nets: actor and critics.
      regime: how it plays.
      noise: added to actions in training.
      update: as Method has it.

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """

    def init(key):
        state = initial_state(key, nets)
        return state._replace(extra=Extra(state.params, jnp.int32(0)))

    def explore(key, state, obs):
        return nets.actor.apply(state.params.actor, obs)

    def exploit(params, obs):
        return nets.actor.apply(params.actor, obs)

    return as_learner(env, regime, init, explore, exploit, update, noise)


def initial_state(key: jax.Array, nets: Nets) -> TrainState:
    """Draws the parameters of actor and critics; `extra` is for the method to fill."""
    actor_key, critic_key = jax.random.split(key)
    params = Parts(nets.actor.init(actor_key), nets.critics.init(critic_key))
    opt_state = Parts(nets.actor_tx.init(params.actor), nets.critic_tx.init(params.critics))
    return TrainState(params, opt_state)


def improve_critics(
    nets: Nets, state: TrainState, batch: Transitions, next_action: jax.Array
) -> tuple[TrainState, Metrics, jax.Array]:
    """Moves the critics towards r + discount min_k Q'_k(s', a'), or a distribution around it.

    Args:
      nets: actor and critics.
      state: its critics and their optimizer's state are replaced; Q' are its targets.
      batch: B transitions.
      next_action: [B, A] unit actions a' in `batch.next_obs`.

    Returns:
      The state, metrics, and TD errors [B].
    """
    critics = nets.critics
    next_outputs = critics.apply(state.extra.target.critics, batch.next_obs, next_action)

    def loss(params):
        outputs = critics.apply(params, batch.obs, batch.action)
        value, td_error = td_loss(critics, outputs, next_outputs, batch)
        return value, (jnp.mean(critics.values(outputs)), td_error)

    (loss_value, (value, td_error)), gradient = jax.value_and_grad(loss, has_aux=True)(
        state.params.critics
    )
    state, norms = improve_part(nets.critic_tx, state, "critics", gradient)
    return state, {"critic_loss": loss_value, "value": value} | norms, td_error


def td_loss(
    critics: Critics, outputs: jax.Array, next_outputs: jax.Array, batch: Transitions
) -> tuple[jax.Array, jax.Array]:
    """Computes the critics' loss and their TD errors [B].

    A distribution is compared with that of the target critic of the least mean, moved by reward and
    discount, as in FastTD3 (Seo et al. 2025).

    Args:
      critics: that put the outputs out.
      outputs: of K critics.
      next_outputs: of K target critics.
      batch: B transitions.
    """
    values = critics.values(outputs)
    next_values = critics.values(next_outputs)
    target = losses.pessimistic_target(batch.reward, batch.discount, next_values)
    loss, td_error = losses.squared_td_loss(values, target, batch.weight)
    if critics.support is None:
        return loss, td_error
    least = jnp.argmin(next_values, axis=0)  # [B]
    logits = jnp.take_along_axis(next_outputs, least[None, :, None], axis=0)[0]
    probs = losses.project(critics.support, jax.nn.softmax(logits), batch.reward, batch.discount)
    return losses.categorical_td_loss(outputs, probs, batch.weight), td_error


def improve_actor(nets: Nets, state: TrainState, obs: Any) -> tuple[TrainState, Metrics]:
    """Moves the policy up the first critic: Silver et al. 2014, the deterministic policy gradient.

    Args:
      nets: actor and critics.
      state: its actor and the optimizer's state are replaced.
      obs: [B, ...].
    """
    critic = nets.critics.first(state.params.critics)

    def loss(params):
        action = nets.actor.apply(params, obs)
        return -jnp.mean(nets.critics.values(nets.critics.apply(critic, obs, action)))

    loss_value, gradient = jax.value_and_grad(loss)(state.params.actor)
    state, norms = improve_part(nets.actor_tx, state, "actor", gradient)
    return state, {"actor_loss": loss_value} | norms


def improve_part(
    tx: optax.GradientTransformation, state: TrainState, part: str, gradient: Any
) -> tuple[TrainState, Metrics]:
    """Applies one optimizer step to a part of the parameters; its norms are named after it."""
    params, opt_state = getattr(state.params, part), getattr(state.opt_state, part)
    after, norms = update(tx, TrainState(params, opt_state), gradient)
    state = state._replace(
        params=state.params._replace(**{part: after.params}),
        opt_state=state.opt_state._replace(**{part: after.opt_state}),
    )
    return state, {f"{part}/{name}": norm for name, norm in norms.items()}


def follow(state: TrainState, *, tau: float) -> TrainState:
    """Moves the targets by a share tau towards the parameters: Lillicrap et al. 2016, algorithm 1.

    Args:
      state: its targets are Parts, () where a part has none.
      tau: 1 makes them equal.
    """
    target = state.extra.target

    def move(slow, params):
        return jax.tree.map(lambda x, y: x + tau * (y - x), slow, params) if slow != () else ()

    target = Parts(*(move(x, y) for x, y in zip(target, state.params, strict=True)))
    return state._replace(extra=state.extra._replace(target=target))
