"""The nets that policy-gradient methods train: a policy and a value for every observation."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.spaces import Box, Discrete
from jaxdl.nn.distributions import Distribution, Gaussian, categorical, gaussian, tanh_gaussian
from jaxdl.nn.mlp import Layer, dense, initial, layers, mlp
from jaxdl.nn.recurrent import gru, gru_carry, gru_plan, lstm, lstm_carry, lstm_plan


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
    integers = isinstance(obs_space, Discrete)
    rank = 0 if integers else len(obs_space.shape)
    size = obs_space.n if integers else math.prod(obs_space.shape)
    *widths, last = hidden
    plan_cell, zero_carry, run_cell = _CELLS[recurrent]

    def init(key):
        heads = {
            # A small last layer: the first policy hardly depends on the state (Andrychowicz et al.
            # 2021, section 3.2).
            "policy": Layer(last, distribution.num_outputs, scale=0.01),
            "value": Layer(last, 1),
        }
        if recurrent:
            cell = plan_cell(widths[-1] if widths else size, last)
            params = initial(key, {"encoder": layers(size, widths), "cell": cell, **heads})
        else:
            trunks = {"actor": layers(size, hidden), "critic": layers(size, hidden)}
            params = initial(key, {**trunks, **heads})
        return params | {"log_std": jnp.zeros(distribution.num_outputs)} if real else params

    def unroll(params, carry, obs, first):
        if integers:
            x = jax.nn.one_hot(obs, size)
        else:
            x = obs.reshape(*obs.shape[: obs.ndim - rank], size).astype(jnp.float32)
        if recurrent:
            x = mlp(params["encoder"], x, activation=activation)
            carry, actor = run_cell(params["cell"], carry, x, first)
            critic = actor
        else:
            actor = mlp(params["actor"], x, activation=activation)
            critic = mlp(params["critic"], x, activation=activation)
        policy = dense(params["policy"], actor)
        if real:
            policy = Gaussian(policy, jnp.broadcast_to(params["log_std"], policy.shape))
        return carry, policy, dense(params["value"], critic)[..., 0]

    def step(params, carry, obs, first):
        sequence = jax.tree.map(lambda x: x[None], (obs, first))
        carry, policy, value = unroll(params, carry, *sequence)
        return carry, jax.tree.map(lambda x: x[0], policy), value[0]

    def initial_carry(num_envs):
        return zero_carry(num_envs, last)

    return ActorCritic(init, initial_carry, step, unroll, distribution)


def action_distribution(space: Box | Discrete, *, squash: bool = False) -> Distribution:
    """The family of distributions that fits an action space of integers or of vectors [A]."""
    if isinstance(space, Discrete):
        return categorical(space.n)
    (num_actions,) = space.shape
    return (tanh_gaussian if squash else gaussian)(num_actions, space.low, space.high)


_CELLS = {
    None: (None, lambda num_envs, width: (), None),
    "gru": (gru_plan, gru_carry, gru),
    "lstm": (lstm_plan, lstm_carry, lstm),
}
