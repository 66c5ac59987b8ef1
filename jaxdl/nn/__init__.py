"""Networks: the only rooms that import flax."""

from jaxdl.nn.actor_critic import ActorCritic, actor_critic
from jaxdl.nn.convnet import ConvNet, Projected
from jaxdl.nn.distributions import Distribution, Gaussian, categorical, gaussian, tanh_gaussian
from jaxdl.nn.resnet import ResNet, resnet18, resnet50

__all__ = [
    "ActorCritic",
    "ConvNet",
    "Distribution",
    "Gaussian",
    "Projected",
    "ResNet",
    "actor_critic",
    "categorical",
    "gaussian",
    "resnet18",
    "resnet50",
    "tanh_gaussian",
]
