"""Networks: the only rooms that import flax."""

from jaxdl.nn.actor_critic import ActorCritic, actor_critic
from jaxdl.nn.bert import BERT
from jaxdl.nn.board_net import BoardNet
from jaxdl.nn.continuous import (
    Actor,
    Critics,
    deterministic_actor,
    squashed_actor,
    stacked_critics,
)
from jaxdl.nn.convnet import ConvNet, Projected
from jaxdl.nn.distributions import (
    Distribution,
    Gaussian,
    action_distribution,
    categorical,
    gaussian,
    multi_categorical,
    tanh_gaussian,
    unit_to_env,
)
from jaxdl.nn.few_shot import CharacterNet, Regressor
from jaxdl.nn.gpt2 import GPT2
from jaxdl.nn.heads import (
    Head,
    action_value_head,
    deterministic_head,
    policy_head,
    q_head,
    squashed_gaussian_head,
    value_head,
)
from jaxdl.nn.masked_vit import MaskedAutoencoder
from jaxdl.nn.mlp import dense, fast_dense, initial
from jaxdl.nn.normalization import BatchNorm
from jaxdl.nn.policy_net import PolicyNet, policy_net
from jaxdl.nn.pretexts import Classified, Decoder, Inpainted, Puzzled, UpConv4x4
from jaxdl.nn.q_network import QNetwork, q_network
from jaxdl.nn.recurrent import RecurrentLayer
from jaxdl.nn.resnet import ResNet, resnet18, resnet50
from jaxdl.nn.torsos import Torso, conv_torso, flax_torso, make_torso, sequence_torso
from jaxdl.nn.transformer import Transformer
from jaxdl.nn.trunks import make_trunk
from jaxdl.nn.vit import ViT

__all__ = [
    "BERT",
    "GPT2",
    "Actor",
    "ActorCritic",
    "BatchNorm",
    "BoardNet",
    "CharacterNet",
    "Classified",
    "ConvNet",
    "Critics",
    "Decoder",
    "Distribution",
    "Gaussian",
    "Head",
    "Inpainted",
    "MaskedAutoencoder",
    "PolicyNet",
    "Projected",
    "Puzzled",
    "QNetwork",
    "RecurrentLayer",
    "Regressor",
    "ResNet",
    "Torso",
    "Transformer",
    "UpConv4x4",
    "ViT",
    "action_distribution",
    "action_value_head",
    "actor_critic",
    "categorical",
    "conv_torso",
    "dense",
    "deterministic_actor",
    "deterministic_head",
    "fast_dense",
    "flax_torso",
    "gaussian",
    "initial",
    "make_torso",
    "make_trunk",
    "multi_categorical",
    "policy_head",
    "policy_net",
    "q_head",
    "q_network",
    "resnet18",
    "resnet50",
    "sequence_torso",
    "squashed_actor",
    "squashed_gaussian_head",
    "stacked_critics",
    "tanh_gaussian",
    "unit_to_env",
    "value_head",
]
