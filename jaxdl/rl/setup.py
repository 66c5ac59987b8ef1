"""The pieces that launch files of policy learners share, made from the groups of options."""

import optax

from jaxdl.envs.env import Env
from jaxdl.launch.options import Optimizer, Policy
from jaxdl.nn import ActorCritic, actor_critic
from jaxdl.ops import make_optimizer


def make_net(env: Env, policy: Policy) -> ActorCritic:
    """Builds policy and value for a world's spaces."""
    return actor_critic(
        env.obs_space,
        env.action_space,
        hidden=policy.hidden,
        recurrent=None if policy.recurrent == "no" else policy.recurrent,
        squash=policy.squash,
    )


def make_tx(options: Optimizer, *, steps: int) -> optax.GradientTransformation:
    """Builds the optimizer of small nets.

    Args:
      options: the rule and its settings.
      steps: optimizer steps that the schedule is laid out for.

    Returns:
      The optimizer, on one flat vector where its rule does not look at the shapes of parameters,
      since the many small arrays of a policy cost more time than their arithmetic.
    """
    tx = make_optimizer(
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        steps=steps,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        max_norm=options.max_norm,
    )
    looks_at_shapes = options.optimizer == "lars" or options.weight_decay > 0
    return tx if looks_at_shapes else optax.flatten(tx)
