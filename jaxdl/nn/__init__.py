"""Networks: the only rooms that import flax."""

from jaxdl.nn.actor_critic import ActorCritic, actor_critic
from jaxdl.nn.convnet import ConvNet, Projected
from jaxdl.nn.distributions import Distribution, Gaussian, categorical, gaussian, tanh_gaussian
from jaxdl.nn.resnet import ResNet, resnet18, resnet50
from jaxdl.nn.trunks import make_trunk

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
    "make_trunk",
    "resnet18",
    "resnet50",
    "tanh_gaussian",
]
