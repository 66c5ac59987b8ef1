"""The pieces that launch files of policy learners share, made from the groups of options."""

import optax

from jaxdl.envs.env import Env
from jaxdl.launch.options import Optimizer, Policy
from jaxdl.nn import ActorCritic, actor_critic, fast_dense
from jaxdl.ops import make_optimizer


def make_net(env: Env, policy: Policy) -> ActorCritic:
    """Builds policy and value for a world's spaces."""
    return actor_critic(
        env.obs_space,
        env.action_space,
        hidden=policy.hidden,
        recurrent=None if policy.recurrent == "no" else policy.recurrent,
        squash=policy.squash,
        affine=fast_dense,
    )


def make_tx(options: Optimizer, *, steps: int) -> optax.GradientTransformation:
    """Builds the optimizer of a policy whose schedule is laid out for this many optimizer steps."""
    return make_optimizer(
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        steps=steps,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        max_norm=options.max_norm,
        eps=1e-5,
        flat=True,
    )
