"""The nets of Q-learning, which give the value of every action."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Discrete, Space, check_space, space_text
from jaxdl.nn.heads import Head
from jaxdl.nn.mlp import Activation, Affine, Layer, dense, initial, layers, mlp
from jaxdl.nn.torsos import Torso, make_torso


class QNetwork(NamedTuple):
    """The values of all actions in a state.

    Attributes:
      init: key -> params.
      apply: params, obs [..., D] -> values [..., A].
      num_actions: A.
    """

    init: Callable[[jax.Array], Any]
    apply: Callable[[Any, Any], jax.Array]
    num_actions: int


def q_network(
    obs_space: Space,
    action_space: Space,
    *,
    hidden: Sequence[int] = (64, 64),
    dueling: bool = False,
    torso: Torso | nn.Module | None = None,
    activation: Activation = jax.nn.relu,
    affine: Affine = dense,
) -> QNetwork:
    """Makes a net that reads an observation and values every action.

    Args:
      obs_space: of one world; pictures and boards pass through convolutions, all else is flattened.
      action_space: of one world, a number of actions.
      hidden: widths of the dense layers. A dueling net has the last one twice, once in each stream.
      dueling: the net puts out the value of the state and the advantages of actions apart.
      torso: any flax module (observations [N, ...] -> features [N, D]) or `jaxdl.nn.Torso` in the
        place of convolutions and dense layers, but for the last ones of a dueling net.
      activation: of the dense layers.
      affine: applies dense layers; `jaxdl.nn.fast_dense` trains faster on CPUs.

    Raises:
      BadInput: the actions are not numbered, or the torso is of an unknown kind.
    """
    check_space(obs_space)
    if not isinstance(action_space, Discrete):
        raise BadInput(
            f"Q-learning values each of a number of actions; {space_text(action_space)} is no such "
            "space: take an env with integer actions, or a learner for real ones (ddpg, td3, sac)"
        )
    shared = hidden[:-1] if dueling else hidden
    settings = {"activation": activation, "affine": affine}
    reader = make_torso(obs_space, torso=torso, hidden=shared, **settings)
    own = hidden[-1:] if dueling else ()
    stream = partial(_stream, reader.size, own, activation, affine)
    q = stream(action_space.n)
    value = stream(1)
    plan = {"encoder": reader.plan, "q": q.plan} | ({"value": value.plan} if dueling else {})

    def apply(params, obs):
        features = reader.apply(params["encoder"], obs)
        values = q.apply(params["q"], features)  # [..., A]
        if not dueling:
            return values
        v = value.apply(params["value"], features)  # [..., 1]
        return v + values - jnp.mean(values, axis=-1, keepdims=True)  # Wang et al. 2016, eq. 9

    return QNetwork(lambda key: initial(key, plan), apply, action_space.n)


def _stream(
    inputs: int, hidden: Sequence[int], activation: Activation, affine: Affine, outputs: int
) -> Head:
    """Makes dense layers of its own and a last affine one, [..., D] -> [..., outputs]."""
    last = hidden[-1] if hidden else inputs
    plan = {"hidden": layers(inputs, hidden), "out": Layer(last, outputs)}

    def apply(params, features):
        return affine(
            params["out"], mlp(params["hidden"], features, activation=activation, affine=affine)
        )

    return Head(plan, apply)
