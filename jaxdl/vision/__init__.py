"""Vision: representations learned without labels, and how they are judged."""

from jaxdl.vision.contrastive import encoder
from jaxdl.vision.deployment import encoder_deployment
from jaxdl.vision.exhibits import neighbors_exhibit, pairs_exhibit, probe_exhibit
from jaxdl.vision.moco import moco, query_encoder
from jaxdl.vision.probe import linear_probe, probe_accuracy
from jaxdl.vision.simclr import simclr
from jaxdl.vision.supervised import cross_entropy, init_net, supervised_step

__all__ = [
    "cross_entropy",
    "encoder",
    "encoder_deployment",
    "init_net",
    "linear_probe",
    "moco",
    "neighbors_exhibit",
    "pairs_exhibit",
    "probe_accuracy",
    "probe_exhibit",
    "query_encoder",
    "simclr",
    "supervised_step",
]
