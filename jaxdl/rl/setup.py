"""The pieces that launch files of policy learners share, made from the groups of options."""

from collections.abc import Sequence

import optax

from jaxdl.envs.env import Env
from jaxdl.launch.options import OffPolicy, Optimizer, Policy, Worlds
from jaxdl.nn import ActorCritic, actor_critic, fast_dense
from jaxdl.nn.torsos import Convolution, default_torso
from jaxdl.ops import make_optimizer
from jaxdl.rl.frames import Frames
from jaxdl.rl.off_policy import Regime


def make_net(
    env: Env,
    policy: Policy,
    *,
    shared: bool | None = None,
    convolutions: Sequence[Convolution] | None = None,
) -> ActorCritic:
    """Builds policy and value for a world's spaces.

    Args:
      env: the family of worlds.
      policy: the net's options.
      shared: one trunk for both; None as `actor_critic` decides.
      convolutions: that pictures pass through; None as `conv_torso` has them.
    """
    widths = policy.hidden if policy.recurrent == "no" else policy.hidden[:-1]
    own = {"hidden": widths, "convolutions": convolutions, "affine": fast_dense}
    # It trains 1.6 times as fast on CPUs (`./run bench --only=ppo_cartpole`), and has no
    # forward-mode derivative, which policy gradients do not need.
    return actor_critic(
        env.obs_space,
        env.action_space,
        hidden=policy.hidden,
        recurrent=None if policy.recurrent == "no" else policy.recurrent,
        squash=policy.squash,
        torso=default_torso(env.obs_space, **own) if convolutions else None,
        shared=shared,
        affine=fast_dense,
    )


def make_tx(options: Optimizer, *, steps: int, b1: float = 0.9) -> optax.GradientTransformation:
    """Builds the optimizer of a policy whose schedule is laid out for this many optimizer steps."""
    return make_optimizer(
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        steps=steps,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        max_norm=options.max_norm,
        b1=b1,
        eps=1e-5,
        flat=True,
    )


def make_regime(worlds: Worlds, replay: OffPolicy, *, stack: int | Frames = 1) -> Regime:
    """Puts together how an off-policy learner plays, remembers, and is scored.

    Args:
      worlds: options of the worlds.
      replay: options of the ring and of the updates.
      stack: frames that the net reads at once, a number or Frames.
    """
    return Regime(
        num_envs=worlds.num_envs,
        unroll=replay.unroll,
        updates=replay.updates,
        batch_size=replay.batch_size,
        capacity=replay.capacity,
        learning_starts=replay.learning_starts,
        discount=replay.discount,
        n_step=replay.n_step,
        stack=stack,
        tau=replay.tau,
        eval_envs=worlds.eval_envs,
        eval_steps=worlds.eval_steps,
    )
