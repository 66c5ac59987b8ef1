"""Soft actor-critic: Haarnoja et al. 2018, with the temperature of Haarnoja et al. 2018b.

The policy maximizes reward plus alpha times its entropy; what an action is worth counts the entropy
of all later ones. Two critics are learned from replay, and the lesser of their values is believed.
"""

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, TrainState
from jaxdl.envs import Env
from jaxdl.losses import control as losses
from jaxdl.nn import tanh_gaussian
from jaxdl.rl.continuous import (
    Nets,
    Regime,
    as_learner,
    check_actions,
    draw_action,
    follow,
    improve_critics,
    improve_part,
    initial_state,
)
from jaxdl.rl.off_policy import Extra


def sac(
    env: Env,
    nets: Nets,
    regime: Regime,
    *,
    alpha: float | None = None,
    initial_alpha: float = 1.0,
    target_entropy: float | None = None,
) -> Learner:
    """Makes soft actor-critic for real actions within bounds.

    Args:
      env: the family of worlds.
      nets: a `squashed_actor` and `stacked_critics`, two of them in the paper.
      regime: how it plays, remembers, learns, and is scored.
      alpha: the temperature, fixed; None adapts it to the entropy (section 5 of 2018b).
      initial_alpha: the first one that is adapted.
      target_entropy: in nats, of unit actions; None is -A (2018b, table 1).

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """
    size = check_actions(env)
    family = tanh_gaussian(size, -1.0, 1.0)
    aim = -float(size) if target_entropy is None else target_entropy

    def init(key):
        state = initial_state(key, nets)
        params, opt_state = state.params, state.opt_state
        if alpha is None:
            log_alpha = jnp.log(jnp.float32(initial_alpha))
            params = params._replace(log_alpha=log_alpha)
            opt_state = opt_state._replace(log_alpha=nets.actor_tx.init(log_alpha))
        target = params._replace(actor=(), log_alpha=())
        return TrainState(params, opt_state, (), Extra(target, jnp.int32(0)))

    def draw(key, params, obs):
        """Draws unit actions [B, A] with the logs [B] of their densities."""
        return draw_action(key, family, nets.actor.apply(params, obs))

    def temperature(state):
        return alpha if alpha is not None else jnp.exp(state.params.log_alpha)

    def update(key, state, batch):
        """One gradient step of algorithm 1 of 2018b."""
        next_key, key = jax.random.split(key)
        next_action, next_logp = draw(next_key, state.params.actor, batch.next_obs)
        bonus = -batch.discount * temperature(state) * next_logp  # of the soft value, eq. 3
        soft = batch._replace(reward=batch.reward + bonus)
        state, critic_metrics, td_error = improve_critics(nets, state, soft, next_action)
        state, actor_metrics, logp = improve_soft_actor(key, state, batch.obs)
        metrics = critic_metrics | actor_metrics | {"entropy": -jnp.mean(logp)}
        metrics["alpha"] = jnp.float32(temperature(state))
        if alpha is None:
            loss = losses.temperature_loss
            slope = jax.grad(loss)(state.params.log_alpha, logp, aim)
            state, _ = improve_part(nets.actor_tx, state, "log_alpha", slope)
        return follow(state, tau=regime.tau), metrics, td_error

    def improve_soft_actor(key, state, obs):
        """Moves the policy towards the softmax of the critics; returns the logs [B] too."""

        def loss(params):
            action, logp = draw(key, params, obs)
            values = nets.critics.values(nets.critics.apply(state.params.critics, obs, action))
            return losses.soft_policy_loss(logp, values, temperature(state)), logp

        (value, logp), gradient = jax.value_and_grad(loss, has_aux=True)(state.params.actor)
        state, norms = improve_part(nets.actor_tx, state, "actor", gradient)
        return state, {"actor_loss": value} | norms, logp

    def explore(key, state, obs):
        return draw(key, state.params.actor, obs)[0]

    def exploit(params, obs):
        return family.to_env(family.mode(nets.actor.apply(params.actor, obs)))

    return as_learner(env, regime, init, explore, exploit, update)
