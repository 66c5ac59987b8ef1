"""A policy without a value, for learners whose baseline is no net."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from jaxdl.envs.spaces import Space
from jaxdl.nn.distributions import Distribution, action_distribution
from jaxdl.nn.heads import policy_head
from jaxdl.nn.mlp import Activation, initial
from jaxdl.nn.torsos import make_torso


class PolicyNet(NamedTuple):
    """A policy without memory.

    Attributes:
      init: key -> params.
      apply: params, obs [..., *O] -> policy, leaves [..., A].
      distribution: over actions, given a policy.
    """

    init: Callable[[jax.Array], Any]
    apply: Callable[[Any, Any], Any]
    distribution: Distribution


def policy_net(
    obs_space: Space,
    action_space: Space,
    *,
    hidden: Sequence[int] = (100, 100),
    activation: Activation = jax.nn.relu,
) -> PolicyNet:
    """Makes a policy of dense layers, by default those of Finn et al. 2017, section 5.3.

    Args:
      obs_space: of one world, any space, as `actor_critic` reads it.
      action_space: of one world, any space that `action_distribution` knows.
      hidden: widths of the layers.
      activation: of these layers.

    Raises:
      BadInput: a space is not known.
    """
    distribution = action_distribution(action_space)
    torso = make_torso(obs_space, hidden=hidden, activation=activation)
    head = policy_head(torso.size, distribution)

    def init(key):
        return initial(key, {"hidden": torso.plan, **head.plan})

    def apply(params, obs):
        return head.apply(params, torso.apply(params["hidden"], obs))

    return PolicyNet(init, apply, distribution)
