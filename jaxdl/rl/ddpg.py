"""Deep deterministic policy gradients: Lillicrap et al. 2016, algorithm 1.

A policy that puts out one action follows the gradient of a critic, which learns from replay what
actions are worth; both have targets that follow slowly.
"""

from jaxdl.core.learner import Learner
from jaxdl.envs import Env
from jaxdl.rl.continuous import (
    Nets,
    Regime,
    as_learner,
    check_actions,
    deterministic_method,
    follow,
    improve_actor,
    improve_critics,
)
from jaxdl.rl.noise import Noise


def ddpg(
    env: Env, nets: Nets, regime: Regime, noise: Noise | None, *, tau: float = 0.001
) -> Learner:
    """Makes DDPG for real actions within bounds.

    Args:
      env: the family of worlds.
      nets: a `deterministic_actor` and `stacked_critics`, one of them in the paper.
      regime: how it plays, remembers, and is scored.
      noise: by which it explores; None is none.
      tau: share by which the targets follow at each update.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """
    check_actions(env, "ddpg")

    def update(key, state, batch):
        """The last four lines of the inner loop of algorithm 1."""
        del key
        target = state.extra.target
        next_action = nets.actor.apply(target.actor, batch.next_obs)
        state, critic_metrics, td_error = improve_critics(nets, state, batch, next_action)
        state, actor_metrics = improve_actor(nets, state, batch.obs)
        target = follow(target, state.params, tau=tau)
        state = state._replace(extra=state.extra._replace(target=target))
        return state, critic_metrics | actor_metrics, td_error

    return as_learner(env, deterministic_method(env, nets, noise, update), regime)
