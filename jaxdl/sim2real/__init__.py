"""From simulation to reality: what is learned in one domain, and asked for in another.

`jaxdl.sim2real.dann` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.sim2real.alignment import gradient_reversal, mmd
from jaxdl.sim2real.columns import Column, Layers
from jaxdl.sim2real.confusion import confusion, confusion_loss
from jaxdl.sim2real.dann import dann, reversal_schedule
from jaxdl.sim2real.domains import Crossing, crossing_training, few_labels, open_pair
from jaxdl.sim2real.exhibits import crossing_exhibits
from jaxdl.sim2real.judging import crossing_score, proxy_a_distance
from jaxdl.sim2real.mixing import labels_worth, mixing
from jaxdl.sim2real.mixing_exhibits import mixing_exhibits, repainted_exhibit
from jaxdl.sim2real.mixtures import Mixture, mixed_training
from jaxdl.sim2real.progressive import progressive
from jaxdl.sim2real.reality import held_out
from jaxdl.sim2real.refiner import Players, Weights, ink, refiner, refiner_score
from jaxdl.sim2real.repainter import Critic, Repainter
from jaxdl.sim2real.simulated import Randomization, simulated
from jaxdl.sim2real.tables import Pictures, Table, draw_pictures, make_pictures, open_table
from jaxdl.sim2real.transfer import source_only

__all__ = [
    "Column",
    "Critic",
    "Crossing",
    "Layers",
    "Mixture",
    "Pictures",
    "Players",
    "Randomization",
    "Repainter",
    "Table",
    "Weights",
    "confusion",
    "confusion_loss",
    "crossing_exhibits",
    "crossing_score",
    "crossing_training",
    "dann",
    "draw_pictures",
    "few_labels",
    "gradient_reversal",
    "held_out",
    "ink",
    "labels_worth",
    "make_pictures",
    "mixed_training",
    "mixing",
    "mixing_exhibits",
    "mmd",
    "open_pair",
    "open_table",
    "progressive",
    "proxy_a_distance",
    "refiner",
    "refiner_score",
    "repainted_exhibit",
    "reversal_schedule",
    "simulated",
    "source_only",
]
