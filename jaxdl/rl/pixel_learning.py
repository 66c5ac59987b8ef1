"""What learners from pictures share: an encoder that values and a contrastive loss train."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl import losses
from jaxdl.core.learner import Metrics, TrainState
from jaxdl.nn.pixel_encoder import Encoder
from jaxdl.rl.continuous import Nets, improve_part
from jaxdl.rl.crops import Views, many_views
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


class Arm(NamedTuple):
    """Which of CURL's relatives learns.

    Attributes:
      contrast: train the encoder by the contrastive loss too.
      target_views: K of DrQ, crops over which a target is averaged (its algorithm 1).
      update_views: M of DrQ, crops over which the values' loss is averaged (its algorithm 1).
      encoder_tau: share by which the key encoder follows, 1 - m of section 4.
      target_every: updates between two moves of the targets.
    """

    contrast: bool = True
    target_views: int = 1
    update_views: int = 1
    encoder_tau: float = 0.05
    target_every: int = 2


FindTarget = Callable[[jax.Array, TrainState, Transitions], jax.Array]
Act = Callable[[jax.Array, TrainState, Any], tuple[TrainState, Metrics]]


def update_of(
    nets: PixelNets, tau: float, views: Views, arm: Arm, find_target: FindTarget, act: Act
) -> Callable[[jax.Array, TrainState, Transitions], tuple[TrainState, Metrics, jax.Array]]:
    """Makes an update as `Method` has it: one gradient step of each loss, in the paper's order.

    Args:
      nets: encoder and critics.
      tau: share by which the targets of the critics follow.
      views: how pictures are cropped.
      arm: which losses there are.
      find_target: key, state, batch -> targets [B] of the critics.
      act: key, state, what a policy reads -> state, metrics. That is views, or where the
        contrastive loss has read them already by the same encoder, their features.
    """

    def learn(key, state, batch):
        view_key, target_key, act_key, contrast_key = jax.random.split(key, 4)
        seen = many_views(view_key, views, batch.obs, arm.update_views)  # [M B, ...]
        first = jax.tree.map(lambda x: x[: len(batch.reward)], seen)
        target = find_target(target_key, state, batch)
        state, metrics, td_error = improve_critics(nets, state, seen, batch, target)
        reading = read(nets, state, first) if arm.contrast else None
        state, more = act(act_key, state, reading.features if reading else first)
        metrics |= more
        is_turn = (state.extra.updates + 1) % arm.target_every == 0
        state = follow(state, is_turn, tau, arm.encoder_tau)
        if reading:
            positive = views.drawn(contrast_key, batch.obs)
            state, more = improve_by_keys(nets, state, reading, positive)
            metrics |= more
        return state, metrics, td_error

    return learn


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
