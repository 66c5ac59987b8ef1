"""CURL: contrastive unsupervised representations for RL (Laskin et al. 2020, arXiv 2004.04136).

Soft actor-critic from stacked pictures. One encoder is trained by the critics and by a contrastive
loss between random crops of the same pictures; the policy reads its features and does not train it.
Its relatives are options: without the contrastive loss it is RAD (Laskin et al. 2020b, arXiv
2004.14990), without crops too SAC from pixels, with values averaged over several crops DrQ
(Kostrikov et al. 2020, arXiv 2004.13649), and from states plain SAC.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses
from jaxdl.core.learner import Learner, Mean, TrainState
from jaxdl.envs import Env
from jaxdl.envs.worlds import anywhere
from jaxdl.nn import tanh_gaussian
from jaxdl.rl.continuous import (
    Regime,
    as_learner,
    check_actions,
    draw_action,
    improve_part,
)
from jaxdl.rl.crops import Views, many_views
from jaxdl.rl.crops import crop_views as crop_views
from jaxdl.rl.off_policy import Extra
from jaxdl.rl.pixel_learning import Arm, PixelNets, PixelParts, Slots, Target, judge, update_of
from jaxdl.rl.pixel_learning import follow as follow
from jaxdl.rl.pixel_learning import improve_contrast as improve_contrast
from jaxdl.rl.pixel_learning import improve_critics as improve_critics
from jaxdl.rl.replay import Transitions


def curl(
    env: Env,
    nets: PixelNets,
    regime: Regime,
    views: Views,
    *,
    contrast: bool = True,
    target_views: int = 1,
    update_views: int = 1,
    initial_alpha: float = 0.1,
    encoder_tau: float = 0.05,
    actor_every: int = 2,
    target_every: int = 2,
) -> Learner:
    """Makes CURL for real actions within bounds. Defaults are those of its table 3.

    Args:
      env: the family of worlds, whose observations are single frames.
      nets: encoder, policy, and two critics in the paper.
      regime: how it plays, stacks frames, learns, and is scored; its `tau` is the critics'.
      views: crops of stacked frames.
      contrast: train the encoder by the contrastive loss too.
      target_views: K of DrQ, crops over which a target is averaged (its algorithm 1).
      update_views: M of DrQ, crops over which the critics' loss is averaged (its algorithm 1).
      initial_alpha: the first temperature, which adapts to an entropy of -A.
      encoder_tau: share by which the key encoder follows, 1 - m of section 4.
      actor_every: updates of the critics for each one of policy and temperature.
      target_every: updates between two moves of the targets.

    Returns:
      A learner that makes its own data; its `batch` is (). Its evaluation is the mean return.

    Raises:
      BadInput: the world's actions are not real or not bounded, or sizes do not fit.
    """
    target_entropy = -float(check_actions(env))
    encoder = nets.encoder

    def init(key):
        return initial_state(key, nets, contrast, initial_alpha)

    arm = Arm(contrast, target_views, update_views, encoder_tau, target_every)

    def find_target(key, state, batch):
        return soft_target(key, nets, state, views, batch, target_views)

    def move_policy(key, state, shown):
        improve = improve_reader if contrast else improve_policy
        return improve(key, nets, state, shown, target_entropy)

    def act(key, state, shown):
        # All seeds of a run are at the same update, so that one turn is for all of them.
        is_turn = anywhere((state.extra.updates + 1) % actor_every == 0)
        state, (loss, entropy) = jax.lax.cond(is_turn, move_policy, keep_policy, key, state, shown)
        alpha = jnp.exp(state.params.log_alpha)
        return state, {"actor_loss": loss, "entropy": entropy, "alpha": alpha}

    def explore(key, state, obs):
        features = encoder.fixed_features(state.params.encoder, views.fixed(obs))
        return draw(key, nets, state.params.actor, features)[0]

    def exploit(params, obs):
        features = encoder.fixed_features(params.encoder, views.fixed(obs))
        return jnp.tanh(policy_of(nets, params.actor, features).mean)

    learn = update_of(nets, regime.tau, views, arm, find_target, act)
    return as_learner(env, regime, init, explore, exploit, learn)


def soft_target(
    key: jax.Array, nets: PixelNets, state: TrainState, views: Views, batch: Transitions, count: int
) -> jax.Array:
    """Computes r + discount (min_k Q'_k(s', a') - alpha log pi(a'|s')), eq. 2: [B].

    It is a mean over K crops of s', each with its own action (Kostrikov et al. 2020, algorithm 1).

    Args:
      key: of crops and actions.
      nets: encoder, actor and critics.
      state: Q' are its targets, which read by the key encoder.
      views: how s' is cropped.
      batch: B transitions.
      count: K.
    """
    view_key, action_key = jax.random.split(key)
    seen = many_views(view_key, views, batch.next_obs, count)  # [K B, ...]
    features = nets.encoder.fixed_features(state.params.encoder, seen)
    action, logp = draw(action_key, nets, state.params.actor, features)
    slow = state.extra.target
    features = nets.encoder.fixed_features(slow.encoder, seen)
    values = judge(nets, slow.encoder, slow.critics, features, action)
    reward, discount = (jnp.tile(x, count) for x in (batch.reward, batch.discount))
    soft = reward - discount * jnp.exp(state.params.log_alpha) * logp
    target = losses.pessimistic_target(soft, discount, values)
    return jnp.mean(target.reshape(count, -1), axis=0)


def improve_policy(
    key: jax.Array, nets: PixelNets, state: TrainState, seen: Any, target_entropy: float
) -> tuple[TrainState, tuple[Mean, Mean]]:
    """Moves policy (eq. 3) and temperature; the encoder gets no gradient of them.

    Args:
      key: of the actions.
      nets: encoder, actor and critics.
      state: its actor and temperature are replaced.
      seen: [B, ...] views.
      target_entropy: in nats.

    Returns:
      The state, and the loss and the policy's entropy as metrics of this update.
    """
    features = nets.encoder.fixed_features(state.params.encoder, seen)
    return improve_reader(key, nets, state, features, target_entropy)


def improve_reader(
    key: jax.Array, nets: PixelNets, state: TrainState, features: jax.Array, target_entropy: float
) -> tuple[TrainState, tuple[Mean, Mean]]:
    """Does what `improve_policy` does, of features [B, F] that are known."""
    params = state.params
    features = jax.lax.stop_gradient(features)

    def loss(actor):
        action, logp = draw(key, nets, actor, features)
        values = judge(nets, params.encoder, params.critics, features, action)
        return losses.soft_policy_loss(logp, values, jnp.exp(params.log_alpha)), logp

    (value, logp), gradient = jax.value_and_grad(loss, has_aux=True)(params.actor)
    state, _ = improve_part(nets.control.actor_tx, state, "actor", gradient)
    slope = jax.grad(losses.temperature_loss)(params.log_alpha, logp, target_entropy)
    state, _ = improve_part(nets.alpha_tx, state, "log_alpha", slope)
    once = jnp.int32(1)
    return state, (Mean(value, once), Mean(-jnp.mean(logp), once))


def keep_policy(key: jax.Array, state: TrainState, seen: Any) -> tuple[TrainState, Any]:
    """Leaves everything, and counts nothing."""
    del key, seen
    nothing = Mean(jnp.float32(0.0), jnp.int32(0))
    return state, (nothing, nothing)


def draw(key: jax.Array, nets: PixelNets, actor: Any, features: jax.Array) -> tuple[Any, jax.Array]:
    """Draws unit actions [B, A] of features [B, F], with the logs [B] of their densities."""
    family = tanh_gaussian(nets.control.actor.size, -1.0, 1.0)
    return draw_action(key, family, policy_of(nets, actor, features))


def initial_parts(
    key: jax.Array, nets: PixelNets, contrast: bool, initial_alpha: float
) -> PixelParts:
    """Draws all parameters; W is uniform within [0, 1), as in the paper's code."""
    keys = jax.random.split(key, 5)
    size = nets.encoder.size
    parts = PixelParts(
        encoder=nets.encoder.init(keys[0]),
        critics=nets.control.critics.init(keys[1]),
        actor=(),
        contrast=jax.random.uniform(keys[4], (size, size)) if contrast else (),
        log_alpha=(),
    )
    if not nets.control.actor:
        return parts
    layers = nets.encoder.init_latent(keys[2]), nets.control.actor.init(keys[3])
    actor = dict(zip(("latent", "policy"), layers, strict=True))
    return parts._replace(actor=actor, log_alpha=jnp.log(jnp.float32(initial_alpha)))


def initial_state(
    key: jax.Array, nets: PixelNets, contrast: bool, initial_alpha: float
) -> TrainState:
    """Begins training; targets are the parameters."""
    params = initial_parts(key, nets, contrast, initial_alpha)
    control = nets.control
    opt_state = Slots(
        control.critic_tx.init((params.encoder, params.critics)),
        nets.contrast_tx.init((params.encoder, params.contrast)) if contrast else (),
        control.actor_tx.init(params.actor) if control.actor else (),
        nets.alpha_tx.init(params.log_alpha) if control.actor else (),
    )
    extra = Extra(Target(params.encoder, params.critics), jnp.int32(0))
    return TrainState(params, opt_state, extra=extra)


def policy_of(nets: PixelNets, actor: Any, features: jax.Array) -> Any:
    """Returns the Gaussian of what tanh squashes, of features [B, F]."""
    return nets.control.actor.apply(actor["policy"], nets.encoder.latent(actor["latent"], features))
