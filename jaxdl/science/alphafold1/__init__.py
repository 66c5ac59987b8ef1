"""AlphaFold 1 (Senior et al. 2020): distograms from a dilated residual net, folding by descent."""

from jaxdl.science.alphafold1.annealing import Schedule, anneal
from jaxdl.science.alphafold1.backbone import Backbone, backbone_torsions, build_backbone
from jaxdl.science.alphafold1.descent import Descent, adam, lbfgs
from jaxdl.science.alphafold1.distogram import (
    bin_centers,
    by_separation,
    contact_probability,
    distances,
    distogram_loss,
    noisy_distogram,
    reference_distogram,
)
from jaxdl.science.alphafold1.examples import Crop, Examples, make_examples, random_crop
from jaxdl.science.alphafold1.exhibits import alphafold1_exhibits
from jaxdl.science.alphafold1.folding import Folded, fold, fold_by_annealing
from jaxdl.science.alphafold1.learner import (
    Effort,
    alphafold1,
    count_reference,
    fold_chain,
    folding_score,
    predict,
    predicted_potential,
)
from jaxdl.science.alphafold1.net import PAPER, DistanceNet
from jaxdl.science.alphafold1.potential import Potential, VonMises, energy, make_potential
from jaxdl.science.alphafold1.torsions import draw_torsions, marginals, torsion_loss, torsion_pool

__all__ = [
    "PAPER",
    "Backbone",
    "Crop",
    "Descent",
    "DistanceNet",
    "Effort",
    "Examples",
    "Folded",
    "Potential",
    "Schedule",
    "VonMises",
    "adam",
    "alphafold1",
    "alphafold1_exhibits",
    "anneal",
    "backbone_torsions",
    "bin_centers",
    "build_backbone",
    "by_separation",
    "contact_probability",
    "count_reference",
    "distances",
    "distogram_loss",
    "draw_torsions",
    "energy",
    "fold",
    "fold_by_annealing",
    "fold_chain",
    "folding_score",
    "lbfgs",
    "make_examples",
    "make_potential",
    "marginals",
    "noisy_distogram",
    "predict",
    "predicted_potential",
    "random_crop",
    "reference_distogram",
    "torsion_loss",
    "torsion_pool",
]
