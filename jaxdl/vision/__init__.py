"""Vision: representations learned without labels, and how they are judged."""

from jaxdl.vision.deployment import encoder_deployment
from jaxdl.vision.exhibits import pairs_exhibit, probe_exhibit
from jaxdl.vision.few_labels import sweep_labels
from jaxdl.vision.label_propagation import label_propagation, label_spreading
from jaxdl.vision.mae import encode_whole, mae
from jaxdl.vision.mae_figures import reconstruction_exhibit
from jaxdl.vision.probe import linear_probe, probe_accuracy
from jaxdl.vision.propagation_figures import sureness_exhibit
from jaxdl.vision.simclr import encoder, simclr
from jaxdl.vision.supervised import cross_entropy, init_net, supervised_step

__all__ = [
    "cross_entropy",
    "encode_whole",
    "encoder",
    "encoder_deployment",
    "init_net",
    "label_propagation",
    "label_spreading",
    "linear_probe",
    "mae",
    "pairs_exhibit",
    "probe_accuracy",
    "probe_exhibit",
    "reconstruction_exhibit",
    "simclr",
    "supervised_step",
    "sureness_exhibit",
    "sweep_labels",
]
