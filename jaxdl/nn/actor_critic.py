"""The nets that policy-gradient methods train: a policy and a value for every observation."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Space, check_space
from jaxdl.nn.distributions import Distribution, action_distribution
from jaxdl.nn.heads import policy_head, value_head
from jaxdl.nn.mlp import Activation, Affine, Plan, dense, initial
from jaxdl.nn.recurrent import RECURRENT_LAYERS, RecurrentLayer
from jaxdl.nn.torsos import Torso, is_picture, make_torso


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
      keeps_past: whether the carry is a cache of all that was read, too large to be kept for each
        step of an unroll.
    """

    init: Callable[[jax.Array], Any]
    initial_carry: Callable[[int], Any]
    step: Callable[[Any, Any, Any, jax.Array], tuple[Any, Any, jax.Array]]
    unroll: Callable[[Any, Any, Any, jax.Array], tuple[Any, Any, jax.Array]]
    distribution: Distribution
    keeps_past: bool = False


class Trunk(NamedTuple):
    """A torso with the recurrent layer that follows it, if any.

    Attributes:
      plan: of the parameters.
      initial_carry: num_envs -> carry, leaves [E, ...].
      unroll: params, carry, obs [T, E, ...], first [T, E] -> carry, features [T, E, D].
      size: D.
    """

    plan: Plan
    initial_carry: Callable[[int], Any]
    unroll: Callable[[Any, Any, Any, jax.Array], tuple[Any, jax.Array]]
    size: int


def actor_critic(
    obs_space: Space,
    action_space: Space,
    *,
    hidden: Sequence[int] = (64, 64),
    recurrent: Literal["gru", "lstm"] | RecurrentLayer | None = None,
    squash: bool = False,
    activation: Activation = jnp.tanh,
    torso: Torso | nn.Module | None = None,
    shared: bool | None = None,
    affine: Affine = dense,
) -> ActorCritic:
    """Makes a net with a policy and a value head on one trunk, or on one trunk each.

    Args:
      obs_space: of one world, any space. Floats are read as they are, bytes within [0, 1], integers
        one-hot; parts of dicts and tuples side by side; pictures through convolutions.
      action_space: of one world, any space that `action_distribution` knows.
      hidden: widths of the dense layers; the last one is the recurrent layer's where there is one.
        With a torso of one's own there are no dense layers.
      recurrent: None, "gru", "lstm", or a layer of one's own.
      squash: real actions are squashed to the bounds by tanh rather than clipped.
      activation: of the dense layers.
      torso: any flax module (observations [N, ...] -> features [N, D]) or `jaxdl.nn.Torso` in the
        place of dense layers and convolutions.
      shared: one trunk for both heads. By default recurrent nets, nets for pictures, and torsos of
        one's own are shared, and dense layers are not.
      affine: applies dense layers; `jaxdl.nn.fast_dense` trains faster on CPUs, and has no
        forward-mode derivative.

    Raises:
      BadInput: what is asked for is not known, or does not fit the spaces.
    """
    check_space(obs_space)
    distribution = action_distribution(action_space, squash=squash)
    layer = _recurrent_layer(recurrent)
    if layer and not hidden:
        raise BadInput("hidden=() leaves no width for the recurrent layer")
    widths = hidden[:-1] if layer else hidden
    reader = make_torso(obs_space, torso=torso, hidden=widths, activation=activation, affine=affine)
    trunk = _remember(reader, layer, hidden[-1], affine) if layer else _without_memory(reader)
    if shared is None:
        pictures = any(is_picture(part) for part in jax.tree.leaves(obs_space))
        shared = layer is not None or torso is not None or pictures
    both = _share(trunk) if shared else _separate(trunk)
    policy = policy_head(trunk.size, distribution, affine)
    value = value_head(trunk.size, affine)

    def init(key):
        return initial(key, {**both.plan, **policy.plan, "value": value.plan})

    def unroll(params, carry, obs, first):
        carry, actor, critic = both.unroll(params, carry, obs, first)
        return carry, policy.apply(params, actor), value.apply(params["value"], critic)

    def step(params, carry, obs, first):
        sequence = jax.tree.map(lambda x: x[None], (obs, first))
        carry, policy, value = unroll(params, carry, *sequence)
        return carry, jax.tree.map(lambda x: x[0], policy), value[0]

    keeps_past = layer is not None and layer.keeps_past
    return ActorCritic(init, both.initial_carry, step, unroll, distribution, keeps_past)


class _Trunks(NamedTuple):
    """One or two trunks.

    Attributes:
      plan: dict of the parameters, beside those of the heads.
      initial_carry: num_envs -> carry.
      unroll: params, carry, obs, first -> carry, features of the actor, features of the critic.
    """

    plan: dict[str, Plan]
    initial_carry: Callable[[int], Any]
    unroll: Callable[[Any, Any, Any, jax.Array], tuple[Any, jax.Array, jax.Array]]


def _share(trunk: Trunk) -> _Trunks:
    plan = trunk.plan if isinstance(trunk.plan, dict) and "cell" in trunk.plan else None

    def unroll(params, carry, obs, first):
        own = params if plan else params["encoder"]
        carry, features = trunk.unroll(own, carry, obs, first)
        return carry, features, features

    return _Trunks(plan or {"encoder": trunk.plan}, trunk.initial_carry, unroll)


def _separate(trunk: Trunk) -> _Trunks:
    def initial_carry(num_envs):
        carry = trunk.initial_carry(num_envs)
        return (carry, carry) if jax.tree.leaves(carry) else ()

    def unroll(params, carry, obs, first):
        actor_carry, critic_carry = carry or ((), ())
        actor_carry, actor = trunk.unroll(params["actor"], actor_carry, obs, first)
        critic_carry, critic = trunk.unroll(params["critic"], critic_carry, obs, first)
        return ((actor_carry, critic_carry) if carry else ()), actor, critic

    return _Trunks({"actor": trunk.plan, "critic": trunk.plan}, initial_carry, unroll)


def _without_memory(torso: Torso) -> Trunk:
    def unroll(params, carry, obs, first):
        return carry, torso.apply(params, obs)

    return Trunk(torso.plan, lambda num_envs: (), unroll, torso.size)


def _remember(torso: Torso, layer: RecurrentLayer, width: int, affine: Affine) -> Trunk:
    def unroll(params, carry, obs, first):
        x = torso.apply(params["encoder"], obs)
        return layer.apply(params["cell"], carry, x, first, affine)

    plan = {"encoder": torso.plan, "cell": layer.plan(torso.size, width)}
    return Trunk(plan, lambda num_envs: layer.initial_carry(num_envs, width), unroll, width)


def _recurrent_layer(recurrent: str | RecurrentLayer | None) -> RecurrentLayer | None:
    if recurrent is None or isinstance(recurrent, RecurrentLayer):
        return recurrent
    if recurrent not in RECURRENT_LAYERS:
        names = ", ".join(RECURRENT_LAYERS)
        raise BadInput(f"recurrent={recurrent!r} should be None, {names} or a RecurrentLayer")
    return RECURRENT_LAYERS[recurrent]
