"""CURL for numbered actions: Q-learning from stacked pictures (Laskin et al. 2020).

The paper puts its contrastive loss beside Rainbow on Atari; here it stands beside (double) DQN.
Encoder, crops, contrastive loss and targets are those of `jaxdl.rl.curl`, and the relatives are the
same options: crops alone (RAD, Laskin et al. 2020b), and no crops, which is DQN from pixels.
"""

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.envs import Env
from jaxdl.losses.value import pick
from jaxdl.nn import Critics, QNetwork
from jaxdl.nn.pixel_encoder import Encoder
from jaxdl.rl.continuous import Nets
from jaxdl.rl.crops import Views, many_views
from jaxdl.rl.curl import initial_state
from jaxdl.rl.dqn import Schedule, draw_numbers, epsilon_greedy
from jaxdl.rl.off_policy import Method, Regime, off_policy
from jaxdl.rl.pixel_learning import Arm, PixelNets, update_of
from jaxdl.rl.replay import Transitions

CURL = Arm()


def curl_dqn(
    env: Env,
    encoder: Encoder,
    net: QNetwork,
    tx: optax.GradientTransformation,
    regime: Regime,
    views: Views,
    *,
    epsilon: Schedule,
    arm: Arm = CURL,
    double: bool = True,
) -> Learner:
    """Makes CURL for numbered actions. Targets follow as those of `curl` do.

    Args:
      env: the family of worlds, whose observations are single frames.
      encoder: what the values are read by.
      net: values of all actions, of codes z [B, D].
      tx: the optimizer of the values' loss and of the contrastive one, for each its own state.
      regime: how it plays, stacks frames, learns, and is scored; its `tau` is that of the values.
      views: crops of stacked frames.
      epsilon: gradient steps so far -> share of random actions.
      arm: which losses there are, and how fast targets follow.
      double: the online net chooses the action whose target value counts (van Hasselt et al. 2016).

    Returns:
      A learner that makes its own data; its `batch` is (). Its evaluation is the mean return.

    Raises:
      BadInput: sizes that do not fit one another.
    """
    nets = PixelNets(encoder, Nets((), value_of_taken(net), (), tx), contrast_tx=tx, alpha_tx=())

    def init(key):
        return initial_state(key, nets, arm.contrast, 1.0)

    def find_target(key, state, batch):
        return best_target(key, encoder, net, state, views, batch, arm.target_views, double)

    def act(key, state, shown):
        return state, {"epsilon": epsilon(state.extra.updates)}

    def exploit(params, obs):
        values = all_values(encoder, net, params.encoder, params.critics, views.fixed(obs))
        return jnp.argmax(values, axis=-1).astype(jnp.int32)

    method = Method(
        init,
        epsilon_greedy(exploit, net.num_actions, epsilon),
        exploit,
        update_of(nets, regime.tau, views, arm, find_target, act),
        to_env=lambda action: action,
        random=lambda key: draw_numbers(key, (), net.num_actions),
    )
    return off_policy(env, method, regime)


def best_target(
    key: jax.Array,
    encoder: Encoder,
    net: QNetwork,
    state: TrainState,
    views: Views,
    batch: Transitions,
    count: int,
    double: bool,
) -> jax.Array:
    """Computes r + discount Q'(s', argmax_a Q(s', a)), a mean over K crops of s': [B].

    Args:
      key: of crops.
      encoder: what the values are read by.
      net: the values.
      state: Q are its parameters, Q' its targets, which read by the key encoder.
      views: how s' is cropped.
      batch: B transitions.
      count: K.
      double: choose by Q; else by Q' itself.
    """
    seen = many_views(key, views, batch.next_obs, count)  # [K B, ...]
    slow = state.extra.target
    values = all_values(encoder, net, slow.encoder, slow.critics, seen)
    choice = values
    if double:
        choice = all_values(encoder, net, state.params.encoder, state.params.critics, seen)
    best = pick(values, jnp.argmax(choice, axis=-1)).reshape(count, -1)  # [K, B]
    return batch.reward + batch.discount * jnp.mean(best, axis=0)


def all_values(encoder: Encoder, net: QNetwork, layers, params, seen) -> jax.Array:
    """Returns the values [B, A] of all actions, without a gradient.

    Args:
      encoder: what the values are read by.
      net: the values.
      layers: parameters of the encoder.
      params: parameters of the values.
      seen: [B, ...] views.
    """
    features = encoder.fixed_features(layers, seen)
    return net.apply(params, encoder.latent(layers["latent"], features))


def value_of_taken(net: QNetwork) -> Critics:
    """Makes one critic of codes and numbered actions, as the loss of real actions has two."""
    return Critics(
        init=net.init,
        apply=lambda params, z, action: pick(net.apply(params, z), action)[None],  # [1, B]
        values=lambda outputs: outputs,
        first=lambda params: params,
        support=None,
    )
