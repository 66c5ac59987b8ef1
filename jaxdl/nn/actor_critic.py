"""The nets that policy-gradient methods train: a policy and a value for every observation."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.env import Box, Discrete
from jaxdl.nn.distributions import Distribution, Gaussian, categorical, gaussian, tanh_gaussian
from jaxdl.nn.mlp import MLP, Dense
from jaxdl.nn.recurrent import GRU, LSTM


class ActorCritic(NamedTuple):
    """A policy and a value function, recurrent or not, for E worlds at once.

    Attributes:
      init: key -> params.
      initial_carry: num_envs -> carry, leaves [E, ...]; () for a net without memory.
      step: params, carry, obs [E, ...], first [E] bool -> carry, policy [E, A], value [E]. Where
        `first` is true an episode begins, and the carry is reset before the observation is read.
      unroll: params, carry, obs [T, E, ...], first [T, E] -> carry, policy [T, E, A], value [T, E].
        The same as T steps.
      distribution: over actions, given a policy.
    """

    init: Callable[[jax.Array], Any]
    initial_carry: Callable[[int], Any]
    step: Callable[[Any, Any, Any, jax.Array], tuple[Any, Any, jax.Array]]
    unroll: Callable[[Any, Any, Any, jax.Array], tuple[Any, Any, jax.Array]]
    distribution: Distribution


def actor_critic(
    obs_space: Box | Discrete,
    action_space: Box | Discrete,
    *,
    hidden: Sequence[int] = (64, 64),
    recurrent: Literal["gru", "lstm"] | None = None,
    squash: bool = False,
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh,
) -> ActorCritic:
    """MLPs for actor and critic, apart; or one recurrent trunk with a head for each.

    Args:
      obs_space: of one world; arrays are flattened, integers made one-hot.
      action_space: of one world. Real actions are normal with a standard deviation that does not
        depend on the state (Schulman et al. 2017, section 6.1), and clipped to the bounds.
      hidden: widths of the layers; the last one is the recurrent layer's where there is one.
      recurrent: None, "gru" or "lstm".
      squash: real actions are squashed to the bounds by tanh rather than clipped.
      activation: of the dense layers.

    Returns:
      ActorCritic.
    """
    distribution = action_distribution(action_space, squash=squash)
    real = isinstance(action_space, Box)
    net = _Net(distribution.num_outputs, real, tuple(hidden), recurrent, activation)
    is_discrete = isinstance(obs_space, Discrete)
    rank = 0 if is_discrete else len(obs_space.shape)

    def flat(obs):
        if is_discrete:
            return jax.nn.one_hot(obs, obs_space.n)
        return obs.reshape(*obs.shape[: obs.ndim - rank], -1).astype(jnp.float32)

    def unroll(params, carry, obs, first):
        return net.apply(params, carry, flat(obs), first)

    def step(params, carry, obs, first):
        carry, policy, value = unroll(
            params, carry, jax.tree.map(lambda x: x[None], obs), first[None]
        )
        return carry, jax.tree.map(lambda x: x[0], policy), value[0]

    def init(key):
        size = obs_space.n if is_discrete else int(np.prod(obs_space.shape))
        obs, first = jnp.zeros((1, 1, size)), jnp.zeros((1, 1), bool)
        return net.init(key, initial_carry(1), obs, first)

    def initial_carry(num_envs):
        return _CELLS[recurrent](hidden[-1]).initial_carry(num_envs) if recurrent else ()

    return ActorCritic(init, initial_carry, step, unroll, distribution)


def action_distribution(space: Box | Discrete, *, squash: bool = False) -> Distribution:
    """The family of distributions that fits an action space of integers or of vectors [A]."""
    if isinstance(space, Discrete):
        return categorical(space.n)
    (num_actions,) = space.shape
    return (tanh_gaussian if squash else gaussian)(num_actions, space.low, space.high)


_CELLS = {"gru": GRU, "lstm": LSTM}


class _Net(nn.Module):
    num_outputs: int
    real: bool
    hidden: tuple[int, ...]
    recurrent: str | None
    activation: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, carry, x, first):
        if self.recurrent:
            x = MLP(self.hidden[:-1], self.activation)(x)
            carry, x = _CELLS[self.recurrent](self.hidden[-1])(carry, x, first)
            actor, critic = x, x
        else:
            actor = MLP(self.hidden, self.activation, name="actor")(x)
            critic = MLP(self.hidden, self.activation, name="critic")(x)
        # A small last layer: the first policy hardly depends on the state (Andrychowicz et al.
        # 2021, section 3.2).
        output = Dense(self.num_outputs, scale=0.01, name="policy")(actor)
        policy = output
        if self.real:
            log_std = self.param("log_std", nn.initializers.zeros, (self.num_outputs,))
            policy = Gaussian(output, jnp.broadcast_to(log_std, output.shape))
        value = Dense(1, scale=1.0, name="value")(critic)
        return carry, policy, value[..., 0]
