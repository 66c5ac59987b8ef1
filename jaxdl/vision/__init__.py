"""Vision: representations learned without labels, and how they are judged."""

from jaxdl.vision.classifier import supervised
from jaxdl.vision.deployment import classifier_deployment, encoder_deployment
from jaxdl.vision.exhibits import (
    mistakes_exhibit,
    neighbors_exhibit,
    pairs_exhibit,
    probe_exhibit,
)
from jaxdl.vision.probe import linear_probe, probe_accuracy
from jaxdl.vision.scores import classifier_score
from jaxdl.vision.simclr import encoder, simclr
from jaxdl.vision.supervised import cross_entropy, init_net, supervised_step

__all__ = [
    "classifier_deployment",
    "classifier_score",
    "cross_entropy",
    "encoder",
    "encoder_deployment",
    "init_net",
    "linear_probe",
    "mistakes_exhibit",
    "neighbors_exhibit",
    "pairs_exhibit",
    "probe_accuracy",
    "probe_exhibit",
    "simclr",
    "supervised",
    "supervised_step",
]
