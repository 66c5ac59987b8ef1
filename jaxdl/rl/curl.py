"""CURL: contrastive unsupervised representations for RL (Laskin et al. 2020, arXiv 2004.04136).

Soft actor-critic from stacked pictures. One encoder is trained by the critics and by a contrastive
loss between random crops of the same pictures; the policy reads its features and does not train it.
Its relatives are options: without the contrastive loss it is RAD (Laskin et al. 2020b, arXiv
2004.14990), without crops too SAC from pixels, with values averaged over several crops DrQ
(Kostrikov et al. 2020, arXiv 2004.13649), and from states plain SAC.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl import losses
from jaxdl.core.learner import Learner, Mean, Metrics, TrainState
from jaxdl.envs import Env
from jaxdl.envs.worlds import anywhere
from jaxdl.nn import tanh_gaussian
from jaxdl.nn.pixel_encoder import Encoder
from jaxdl.rl.continuous import (
    Nets,
    Regime,
    as_learner,
    check_actions,
    draw_action,
    improve_part,
)
from jaxdl.rl.crops import Views, many_views
from jaxdl.rl.crops import crop_views as crop_views
from jaxdl.rl.off_policy import Extra
from jaxdl.rl.replay import Transitions


class PixelNets(NamedTuple):
    """What is trained, and by which optimizers.

    Attributes:
      encoder: what policy and critics read by.
      control: policy and critics of codes z [B, D]; the critics' optimizer is the encoder's too.
      contrast_tx: the optimizer of the contrastive loss, for encoder and W.
      alpha_tx: that of the temperature.

    Where actions are numbered (`jaxdl.rl.curl_dqn`) nothing of a policy is trained: () stands in
    its place, here and among the parameters.
    """

    encoder: Encoder
    control: Nets
    contrast_tx: optax.GradientTransformation
    alpha_tx: optax.GradientTransformation


class PixelParts(NamedTuple):
    """Parameters.

    Attributes:
      encoder: {"convolutions", "latent"}, theta_q of the paper.
      critics: of both critics.
      actor: {"latent", "policy"}.
      contrast: [D, D], W of the similarity q^T W k; () without the contrastive loss.
      log_alpha: float32 scalar.
    """

    encoder: Any
    critics: Any
    actor: Any
    contrast: jax.Array | tuple[()]
    log_alpha: jax.Array


class Slots(NamedTuple):
    """The optimizers' states: of encoder and critics, of encoder and W, and of the rest."""

    critics: Any
    contrast: Any
    actor: Any
    log_alpha: Any


class Target(NamedTuple):
    """What follows slowly: the key encoder theta_k, which the target critics read by, and these."""

    encoder: Any
    critics: Any


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

    def move_policy(key, state, shown):
        improve = improve_reader if contrast else improve_policy
        return improve(key, nets, state, shown, target_entropy)

    def learn(key, state, batch):
        """One gradient step of each loss, in the order of the paper's code."""
        view_key, target_key, policy_key, contrast_key = jax.random.split(key, 4)
        seen = many_views(view_key, views, batch.obs, update_views)  # [M B, ...]
        first = jax.tree.map(lambda x: x[: len(batch.reward)], seen)
        target = soft_target(target_key, nets, state, views, batch, target_views)
        state, metrics, td_error = improve_critics(nets, state, seen, batch, target)
        count = state.extra.updates + 1
        # All seeds of a run are at the same update, so that one turn is for all of them.
        is_turn = anywhere(count % actor_every == 0)
        # Policy and contrastive loss read the same pictures by the same encoder: once will do.
        reading = read(nets, state, first) if contrast else None
        turn = policy_key, state, reading.features if reading else first
        state, (actor_loss, entropy) = jax.lax.cond(is_turn, move_policy, keep_policy, *turn)
        state = follow(state, count % target_every == 0, regime.tau, encoder_tau)
        metrics |= {"actor_loss": actor_loss, "entropy": entropy}
        if contrast:
            positive = views.drawn(contrast_key, batch.obs)
            state, more = improve_by_keys(nets, state, reading, positive)
            metrics |= more
        return state, metrics | {"alpha": jnp.exp(state.params.log_alpha)}, td_error

    def explore(key, state, obs):
        features = encoder.fixed_features(state.params.encoder, views.fixed(obs))
        return draw(key, nets, state.params.actor, features)[0]

    def exploit(params, obs):
        features = encoder.fixed_features(params.encoder, views.fixed(obs))
        return jnp.tanh(policy_of(nets, params.actor, features).mean)

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


def improve_critics(
    nets: PixelNets, state: TrainState, seen: Any, batch: Transitions, target: jax.Array
) -> tuple[TrainState, Metrics, jax.Array]:
    """Moves critics and encoder towards the target (eq. 1), over M crops of each observation.

    Args:
      nets: encoder and critics.
      state: these are replaced.
      seen: [M B, ...] views of `batch.obs`.
      batch: B transitions.
      target: [B].

    Returns:
      The state, metrics, and TD errors [B].
    """
    count = jax.tree.leaves(seen)[0].shape[0] // len(target)
    action = jnp.concatenate([batch.action] * count)
    target, weight = (jnp.tile(x, count) for x in (target, batch.weight))

    def loss(params):
        encoder, critics = params
        values = judge(nets, encoder, critics, nets.encoder.features(encoder, seen), action)
        value, error = losses.squared_td_loss(values, target, weight)
        return value, (jnp.mean(values), error)

    trained = state.params.encoder, state.params.critics
    (value, (mean, error)), gradient = jax.value_and_grad(loss, has_aux=True)(trained)
    state, norms = improve_both(nets.control.critic_tx, state, "critics", gradient)
    error = jnp.mean(error.reshape(count, -1), axis=0)
    return state, {"critic_loss": value, "value": mean} | norms, error


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


class Reading(NamedTuple):
    """What the encoder made of views.

    Attributes:
      features: [B, F].
      back: slopes [B, F] of the features -> those of the encoder.
    """

    features: jax.Array
    back: Callable[[jax.Array], Any]


def read(nets: PixelNets, state: TrainState, seen: Any) -> Reading:
    """Reads views [B, ...] by the encoder that is trained."""
    features, back = jax.vjp(lambda x: nets.encoder.features(x, seen), state.params.encoder)
    return Reading(features, lambda slope: back(slope)[0])


def improve_contrast(
    nets: PixelNets, state: TrainState, anchor: Any, positive: Any
) -> tuple[TrainState, Metrics]:
    """Moves encoder and W to tell which crops are of the same pictures (section 4, eq. 4).

    Args:
      nets: the encoder.
      state: encoder and W are replaced; the key encoder is its target's and gets no gradient.
      anchor: [B, ...] views, the queries.
      positive: [B, ...] other views of the same observations, the keys.
    """
    return improve_by_keys(nets, state, read(nets, state, anchor), positive)


def improve_by_keys(
    nets: PixelNets, state: TrainState, reading: Reading, positive: Any
) -> tuple[TrainState, Metrics]:
    """Does what `improve_contrast` does, of queries that have been read."""
    encoder, slow = state.params.encoder, state.extra.target.encoder
    keys = nets.encoder.latent(slow["latent"], nets.encoder.fixed_features(slow, positive))

    def loss(latent, weights, features):
        return losses.bilinear_nce(nets.encoder.latent(latent, features), keys, weights)

    parts = encoder["latent"], state.params.contrast, reading.features
    value, slopes = jax.value_and_grad(loss, argnums=(0, 1, 2))(*parts)
    latent, weights, features = slopes
    gradient = reading.back(features) | {"latent": latent}, weights
    state, norms = improve_both(nets.contrast_tx, state, "contrast", gradient)
    return state, {"contrast_loss": value} | norms


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


def judge(
    nets: PixelNets, encoder: Any, critics: Any, features: jax.Array, action: jax.Array
) -> jax.Array:
    """Returns the critics' values [2, B] of features [B, F] and unit actions [B, A]."""
    z = nets.encoder.latent(encoder["latent"], features)
    return nets.control.critics.values(nets.control.critics.apply(critics, z, action))


def improve_both(
    tx: optax.GradientTransformation, state: TrainState, part: str, gradient: Any
) -> tuple[TrainState, Metrics]:
    """Applies one optimizer step to the encoder together with another part, named after it."""
    both = state.params.encoder, getattr(state.params, part)
    joined = state._replace(params=state.params._replace(**{part: both}))
    moved, norms = improve_part(tx, joined, part, gradient)
    encoder, other = getattr(moved.params, part)
    return moved._replace(params=moved.params._replace(encoder=encoder, **{part: other})), norms


def follow(state: TrainState, is_turn: jax.Array, tau: float, encoder_tau: float) -> TrainState:
    """Moves the targets towards the parameters where it is their turn (section 4)."""
    slow = state.extra.target
    encoder = optax.incremental_update(
        state.params.encoder, slow.encoder, jnp.where(is_turn, encoder_tau, 0.0)
    )
    critics = optax.incremental_update(
        state.params.critics, slow.critics, jnp.where(is_turn, tau, 0.0)
    )
    return state._replace(extra=state.extra._replace(target=Target(encoder, critics)))
