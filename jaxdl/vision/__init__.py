"""Vision: representations learned without labels, and how they are judged."""

from jaxdl.vision.deployment import encoder_deployment
from jaxdl.vision.exhibits import pairs_exhibit, probe_exhibit
from jaxdl.vision.noisy_student import noisy_student
from jaxdl.vision.probe import linear_probe, probe_accuracy
from jaxdl.vision.simclr import encoder, simclr
from jaxdl.vision.supervised import cross_entropy, init_net, supervised_step

__all__ = [
    "cross_entropy",
    "encoder",
    "encoder_deployment",
    "init_net",
    "linear_probe",
    "pairs_exhibit",
    "noisy_student",
    "probe_accuracy",
    "probe_exhibit",
    "simclr",
    "supervised_step",
]
