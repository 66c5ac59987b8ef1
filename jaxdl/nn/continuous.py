"""The nets of learners of real actions: an actor, and critics of what it does.

Actions here are unit ones, within [-1, 1]; `jaxdl.nn.unit_to_env` maps them to a world's bounds.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Space
from jaxdl.nn.heads import Head, action_value_head, deterministic_head, squashed_gaussian_head
from jaxdl.nn.mlp import Activation, hidden_layers, initial, normed_mlp
from jaxdl.nn.torsos import Torso, make_torso


class Actor(NamedTuple):
    """A policy without memory.

    Attributes:
      init: key -> params.
      apply: params, obs [B, ...] -> unit actions [B, A], or a Gaussian of what tanh squashes.
      size: A.
    """

    init: Callable[[jax.Array], Any]
    apply: Callable[[Any, Any], Any]
    size: int


class Critics(NamedTuple):
    """K critics of observations and unit actions, stacked, so that they are one batched product.

    Attributes:
      init: key -> params; those of the critics are [K, ...].
      apply: params, obs [B, ...], unit actions [B, A] -> outputs, values [K, B] or logits
        [K, B, N] of a distribution over returns.
      values: outputs -> [K, B].
      first: params -> those of the first critic alone, with K of 1.
      support: [N] the returns that the logits are of; None for critics that put out values.
    """

    init: Callable[[jax.Array], Any]
    apply: Callable[[Any, Any, jax.Array], jax.Array]
    values: Callable[[jax.Array], jax.Array]
    first: Callable[[Any], Any]
    support: np.ndarray | None


def deterministic_actor(
    obs_space: Space,
    action_size: int,
    *,
    hidden: Sequence[int] = (256, 256),
    activation: Activation = jax.nn.relu,
    layer_norm: bool = False,
) -> Actor:
    """Makes a policy that puts out one unit action.

    Args:
      obs_space: of one world, any space.
      action_size: A.
      hidden: widths of the layers.
      activation: of these layers.
      layer_norm: each of them is normalized before its activation.
    """
    return _make_actor(deterministic_head, obs_space, action_size, hidden, activation, layer_norm)


def squashed_actor(
    obs_space: Space,
    action_size: int,
    *,
    hidden: Sequence[int] = (256, 256),
    activation: Activation = jax.nn.relu,
    layer_norm: bool = False,
) -> Actor:
    """Makes a policy of `tanh_gaussian`, whose deviations depend on the state.

    Args:
      obs_space: of one world, any space.
      action_size: A.
      hidden: widths of the layers.
      activation: of these layers.
      layer_norm: each of them is normalized before its activation.
    """
    return _make_actor(
        squashed_gaussian_head, obs_space, action_size, hidden, activation, layer_norm
    )


def stacked_critics(
    obs_space: Space,
    action_size: int,
    *,
    count: int = 2,
    hidden: Sequence[int] = (256, 256),
    activation: Activation = jax.nn.relu,
    layer_norm: bool = False,
    atoms: int = 0,
    value_range: tuple[float, float] = (-100.0, 100.0),
) -> Critics:
    """Makes K critics that differ in their first parameters; convolutions of pictures are shared.

    Args:
      obs_space: of one world, any space.
      action_size: A.
      count: K.
      hidden: widths of the layers that read observation and action.
      activation: of these layers.
      layer_norm: each of them is normalized before its activation.
      atoms: N, returns whose probabilities a critic puts out (Bellemare et al. 2017); 0 is a value.
      value_range: the least and the greatest of these returns.

    Raises:
      BadInput: a single atom, or a range that is none.
    """
    support = make_support(atoms, value_range)
    reader = make_torso(obs_space, hidden=())
    head = action_value_head(
        reader.size,
        action_size,
        hidden=hidden,
        activation=activation,
        layer_norm=layer_norm,
        outputs=atoms or None,
    )

    def init(key):
        params = initial(key, {"critics": [head.plan] * count} | _encoder_plan(reader))
        stacked = jax.tree.map(lambda *each: jnp.stack(each), *params["critics"])
        return params | {"critics": stacked}

    def apply(params, obs, action):
        features = reader.apply(params.get("encoder", ()), obs)
        return jax.vmap(head.apply, in_axes=(0, None, None))(params["critics"], features, action)

    def values(outputs):
        return outputs if support is None else jax.nn.softmax(outputs) @ support

    def first(params):
        return params | {"critics": jax.tree.map(lambda x: x[:1], params["critics"])}

    return Critics(init, apply, values, first, support)


def make_support(atoms: int, value_range: tuple[float, float]) -> np.ndarray | None:
    """Returns N evenly spaced returns; None if N is 0.

    Raises:
      BadInput: a single atom, or a range that is none.
    """
    low, high = value_range
    if not atoms:
        return None
    if atoms < 2 or low >= high:
        raise BadInput(
            f"atoms={atoms} from {low} to {high}: at least 2, and the least return first"
        )
    return np.linspace(low, high, atoms, dtype=np.float32)


def _make_actor(
    make_head: Callable[[int, int], Head],
    obs_space: Space,
    size: int,
    hidden: Sequence[int],
    activation: Activation,
    layer_norm: bool,
) -> Actor:
    reader = make_torso(obs_space, hidden=())
    head = make_head(hidden[-1] if hidden else reader.size, size)
    plan = {"hidden": hidden_layers(reader.size, hidden, layer_norm), "head": head.plan}

    def apply(params, obs):
        features = reader.apply(params.get("encoder", ()), obs)  # [B, D]
        features = normed_mlp(params["hidden"], features, activation=activation)
        return head.apply(params["head"], features)

    return Actor(lambda key: initial(key, plan | _encoder_plan(reader)), apply, size)


def _encoder_plan(reader: Torso) -> dict[str, Any]:
    """Plans what reads pictures; nothing for vectors, whose features are themselves."""
    return {"encoder": reader.plan} if reader.plan else {}
