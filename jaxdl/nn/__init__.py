"""Networks: the only rooms that import flax."""

from jaxdl.nn.actor_critic import ActorCritic, actor_critic
from jaxdl.nn.distributions import Distribution, Gaussian, categorical, gaussian, tanh_gaussian
from jaxdl.nn.mlp import MLP

__all__ = [
    "ActorCritic",
    "Distribution",
    "Gaussian",
    "MLP",
    "actor_critic",
    "categorical",
    "gaussian",
    "tanh_gaussian",
]
