"""Twin delayed deep deterministic policy gradients: Fujimoto et al. 2018, algorithm 1.

DDPG's critic learns from the value of the action that looks best to it, and believes its own
errors. Here the lesser of two critics is believed, for actions near the target policy's, and the
policy moves less often than they do.
"""

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Mean
from jaxdl.envs import Env
from jaxdl.envs.worlds import anywhere
from jaxdl.rl.continuous import (
    Nets,
    Regime,
    deterministic_learner,
    follow,
    improve_actor,
    improve_critics,
)
from jaxdl.rl.noise import Noise


def td3(
    env: Env,
    nets: Nets,
    regime: Regime,
    noise: Noise | None,
    *,
    policy_delay: int = 2,
    target_noise: float = 0.2,
    target_clip: float = 0.5,
) -> Learner:
    """Makes TD3 for real actions within bounds.

    Args:
      env: the family of worlds.
      nets: a `deterministic_actor` and `stacked_critics`, two of them in the paper.
      regime: how it plays, remembers, learns, and is scored. Targets follow when the policy moves.
      noise: by which it explores; None is none.
      policy_delay: d, updates of the critics for each one of the policy.
      target_noise: sigma of the noise on the target policy's actions.
      target_clip: c, the largest such noise.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """

    def update(key, state, batch):
        """The inner loop of algorithm 1, from the sampled transitions on."""
        action = nets.actor.apply(state.extra.target.actor, batch.next_obs)
        next_action = smooth(key, action, scale=target_noise, clip=target_clip)
        state, metrics, td_error = improve_critics(nets, state, batch, next_action)
        # All seeds of a run are at the same update, so that one turn is for all of them.
        is_turn = anywhere((state.extra.updates + 1) % policy_delay == 0)
        state, loss = jax.lax.cond(is_turn, move_policy, keep_policy, state, batch.obs)
        return state, metrics | {"actor_loss": loss}, td_error

    def move_policy(state, obs):
        state, metrics = improve_actor(nets, state, obs)
        return follow(state, tau=regime.tau), Mean(metrics["actor_loss"], jnp.int32(1))

    def keep_policy(state, obs):
        return state, Mean(jnp.float32(0.0), jnp.int32(0))

    return deterministic_learner(env, nets, regime, noise, update)


def smooth(key: jax.Array, action: jax.Array, *, scale: float, clip: float) -> jax.Array:
    """Adds clipped noise to target actions: Fujimoto et al. 2018, section 5.3.

    Args:
      key: of the noise.
      action: [B, A] unit actions.
      scale: sigma.
      clip: c.

    Returns:
      Unit actions [B, A].
    """
    noise = jnp.clip(scale * jax.random.normal(key, action.shape), -clip, clip)
    return jnp.clip(action + noise, -1.0, 1.0)
