"""Vision: representations learned without labels, and how they are judged."""

from jaxdl.vision.classifier import supervised
from jaxdl.vision.context_encoder import context_encoder
from jaxdl.vision.contrastive import encoder
from jaxdl.vision.deployment import classifier_deployment, encoder_deployment
from jaxdl.vision.exhibits import (
    label_curve_exhibit,
    mistakes_exhibit,
    neighbors_exhibit,
    pairs_exhibit,
    probe_exhibit,
)
from jaxdl.vision.few_labels import sweep_labels
from jaxdl.vision.jigsaw import jigsaw
from jaxdl.vision.label_curve import curve_score
from jaxdl.vision.label_propagation import label_propagation, label_spreading
from jaxdl.vision.mae import mae
from jaxdl.vision.mae_figures import reconstruction_exhibit
from jaxdl.vision.moco import moco, query_encoder
from jaxdl.vision.multi_head import Pretext, apply_best, multi_head, task_one
from jaxdl.vision.noisy_student import noisy_student
from jaxdl.vision.permutations import permutations
from jaxdl.vision.pretext_exhibits import holes_exhibit, puzzles_exhibit, rotations_exhibit
from jaxdl.vision.probe import linear_probe, probe_accuracy
from jaxdl.vision.propagation_figures import sureness_exhibit
from jaxdl.vision.rotation import rotation
from jaxdl.vision.scores import classifier_score
from jaxdl.vision.simclr import simclr
from jaxdl.vision.supervised import init_net, softmax_cross_entropy, supervised_step

__all__ = [
    "Pretext",
    "apply_best",
    "classifier_deployment",
    "classifier_score",
    "context_encoder",
    "softmax_cross_entropy",
    "curve_score",
    "encoder",
    "encoder_deployment",
    "holes_exhibit",
    "init_net",
    "label_curve_exhibit",
    "jigsaw",
    "label_propagation",
    "label_spreading",
    "linear_probe",
    "mistakes_exhibit",
    "mae",
    "moco",
    "multi_head",
    "neighbors_exhibit",
    "pairs_exhibit",
    "permutations",
    "noisy_student",
    "probe_accuracy",
    "probe_exhibit",
    "puzzles_exhibit",
    "query_encoder",
    "reconstruction_exhibit",
    "rotation",
    "rotations_exhibit",
    "simclr",
    "supervised",
    "supervised_step",
    "task_one",
    "sureness_exhibit",
    "sweep_labels",
]
