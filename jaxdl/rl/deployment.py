"""What is kept of a trained policy: its weights, its likeliest action, and how to call it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.deploy import Deployment
from jaxdl.envs.spaces import Space, abstract
from jaxdl.nn import ActorCritic, Distribution, PolicyNet, QNetwork
from jaxdl.ops.statistics import observation_normalizer
from jaxdl.rl.frames import push_frame, read_frames, start_frames
from jaxdl.rl.rollout import Policy

_OUTPUTS = """

`action` is the most likely one, as the world takes it; `logits`, or `mean` and `log_std`, are the
parameters of the distribution that actions are drawn from in training (where actions are bounded,
`mean` is from before the bounds)."""
_VALUE = """ `value` is the discounted return that is expected."""
_MEMORY = """

`carry` is the memory: hand back what comes out. Set `first` where an episode begins, and the memory
is cleared before `obs` is read, so that zeros will do for the first one."""


def deployment(net: ActorCritic, obs_space: Space, *, text: str) -> Deployment:
    """Describes a policy for `./run export` and `./run watch`.

    Args:
      net: the policy. The learner's `extra.obs_statistics`, if it has them, normalize observations.
      obs_space: of one world.
      text: what the policy is for, and what its observations are.

    Returns:
      A Deployment with the input `obs`, and for nets with memory `first` and `carry`; with the
      outputs `action`, `value`, the parameters of the distribution, and the next `carry`.
    """
    carry = jax.eval_shape(lambda: net.initial_carry(1))
    carry = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), carry)
    is_recurrent = bool(jax.tree.leaves(carry))
    inputs = {"obs": abstract(obs_space)}
    if is_recurrent:
        inputs |= {"first": jax.ShapeDtypeStruct((), jnp.bool_), "carry": carry}

    def apply(weights, inputs):
        obs = inputs["obs"]
        rows = jax.tree.leaves(obs)[0].shape[0]
        first = inputs.get("first", jnp.zeros(rows, bool))
        normalize_obs = observation_normalizer(weights["obs_statistics"])
        carry, policy, value = net.step(
            weights["params"], inputs.get("carry", ()), normalize_obs(obs), first
        )
        outputs = _act(net.distribution, policy) | {"value": value}
        return outputs | ({"carry": carry} if is_recurrent else {})

    def weights(state):
        return {
            "params": state.params,
            "obs_statistics": getattr(state.extra, "obs_statistics", ()),
        }

    return Deployment(
        text + _OUTPUTS + _VALUE + (_MEMORY if is_recurrent else ""), weights, apply, inputs
    )


def policy_deployment(net: PolicyNet, obs_space: Space, *, text: str) -> Deployment:
    """Describes a policy without a value for `./run export` and `./run watch`.

    Args:
      net: the policy.
      obs_space: of one world.
      text: what the policy is for, and what its observations are.

    Returns:
      A Deployment with the input `obs`, and with the outputs `action` and the parameters of the
      distribution.
    """

    def apply(weights, inputs):
        return _act(net.distribution, net.apply(weights, inputs["obs"]))

    inputs = {"obs": abstract(obs_space)}
    return Deployment(text + _OUTPUTS, lambda state: state.params, apply, inputs)


def _act(family: Distribution, policy: Any) -> dict[str, Any]:
    """Returns the likeliest action, and the parameters of the policy."""
    numbers = policy._asdict() if hasattr(policy, "_asdict") else {"logits": policy}
    return {"action": family.to_env(family.mode(policy))} | numbers


_VALUES = """

`q` is the discounted return that is expected of each action, `action` the one of the highest,
`value` what it is worth."""
_FRAMES = """

`carry` holds the last observations, the newest last: hand back what comes out. Set `first` where an
episode begins, and they are cleared before `obs` is read, so that zeros will do for the first."""


def q_deployment(net: QNetwork, obs_space: Space, *, stack: int = 1, text: str) -> Deployment:
    """Describes a net of action values for `./run export` and `./run watch`.

    Args:
      net: reads K frames, joined along their last axis.
      obs_space: of one world, a single frame.
      stack: K.
      text: what the net is for, and what its observations are.

    Returns:
      A Deployment with the input `obs`, and for more than one frame `first` and `carry`; with the
      outputs `action`, `value`, `q` and the next `carry`.
    """
    inputs = {"obs": abstract(obs_space)}
    if stack > 1:
        frames = jax.eval_shape(lambda: start_frames(obs_space, 1, stack))
        carry = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), frames)
        inputs |= {"first": jax.ShapeDtypeStruct((), jnp.bool_), "carry": carry}

    def apply(weights, inputs):
        obs = inputs["obs"]
        carry = push_frame(inputs["carry"], obs, inputs["first"]) if stack > 1 else ()
        q = net.apply(weights, read_frames(carry, obs))
        action = jnp.argmax(q, axis=-1).astype(jnp.int32)
        outputs = {"action": action, "value": jnp.max(q, axis=-1), "q": q}
        return outputs | ({"carry": carry} if stack > 1 else {})

    notes = _VALUES + (_FRAMES if stack > 1 else "")
    return Deployment(text + notes, lambda state: state.params, apply, inputs)


Player = Callable[[dict[str, Any]], dict[str, Any]]  # inputs -> outputs of a policy's Deployment


def deployed_policy(player: Player) -> Policy:
    """Makes a policy for a rollout of a deployment's function with its weights, or of an export."""

    def act(key, carry, obs, first):
        outputs = player({"obs": obs, "first": first, "carry": carry})
        return outputs.get("carry", ()), outputs["action"]

    return act


def initial_carry(inputs: Mapping[str, Any], episodes: int) -> Any:
    """Returns zeros [N, ...] in the place of a deployed policy's memory; () without one."""
    return jax.tree.map(lambda x: jnp.zeros((episodes, *x.shape), x.dtype), inputs.get("carry", ()))
