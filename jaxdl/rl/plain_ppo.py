"""PPO in its plain form, made from the groups of options, for the systems that are built on it."""

from jaxdl.core.learner import Learner
from jaxdl.envs.env import Env
from jaxdl.envs.worlds import vectorize
from jaxdl.launch.options import Optimizer, PolicyUpdate
from jaxdl.nn import ActorCritic
from jaxdl.rl.ppo import MakeWorlds, ppo
from jaxdl.rl.setup import make_tx


def make_ppo(
    env: Env,
    net: ActorCritic,
    optimizer: Optimizer,
    update: PolicyUpdate,
    *,
    num_envs: int,
    steps: int,
    make_worlds: MakeWorlds = vectorize,
) -> Learner:
    """Builds PPO in its plain form, as the inner learner of other systems.

    Args:
      env: the family of worlds.
      net: policy and value.
      optimizer: its options.
      update: options of an update.
      num_envs: worlds side by side.
      steps: learner steps that the optimizer's schedule is laid out for.
      make_worlds: puts the worlds side by side, as `ppo` has it.
    """
    return ppo(
        env,
        net,
        make_tx(optimizer, steps=steps * update.epochs * update.minibatches),
        num_envs=num_envs,
        unroll=update.unroll,
        epochs=update.epochs,
        minibatches=update.minibatches,
        discount=update.discount,
        gae_lambda=update.gae_lambda,
        clip=update.clip,
        value_coef=update.value_coef,
        entropy_coef=update.entropy_coef,
        make_worlds=make_worlds,
    )
