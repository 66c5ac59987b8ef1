"""Deep deterministic policy gradients: Lillicrap et al. 2016, algorithm 1.

A policy that puts out one action follows the gradient of a critic, which learns from replay what
actions are worth; both have targets that follow slowly.
"""

from jaxdl.core.learner import Learner
from jaxdl.envs import Env
from jaxdl.rl.continuous import (
    Nets,
    Regime,
    deterministic_learner,
    follow,
    improve_actor,
    improve_critics,
)
from jaxdl.rl.noise import Noise


def ddpg(env: Env, nets: Nets, regime: Regime, noise: Noise | None) -> Learner:
    """Makes DDPG for real actions within bounds.

    Args:
      env: the family of worlds.
      nets: a `deterministic_actor` and `stacked_critics`, one of them in the paper.
      regime: how it plays, remembers, learns, and is scored; tau is 0.001 in the paper.
      noise: by which it explores; None is none.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """

    def update(key, state, batch):
        """What follows the sampling of transitions in algorithm 1."""
        del key
        next_action = nets.actor.apply(state.extra.target.actor, batch.next_obs)
        state, critic_metrics, td_error = improve_critics(nets, state, batch, next_action)
        state, actor_metrics = improve_actor(nets, state, batch.obs)
        metrics = critic_metrics | actor_metrics
        return follow(state, tau=regime.tau), metrics, td_error

    return deterministic_learner(env, nets, regime, noise, update)
