"""From simulation to reality: what is learned in one domain, and asked for in another.

`jaxdl.sim2real.dann` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.sim2real.adr import adr
from jaxdl.sim2real.alignment import gradient_reversal, mmd
from jaxdl.sim2real.columns import Column, Layers
from jaxdl.sim2real.confusion import confusion, confusion_loss
from jaxdl.sim2real.dann import dann, reversal_schedule
from jaxdl.sim2real.domains import Crossing, crossing_training, few_labels, open_pair
from jaxdl.sim2real.dynamics import dynamics
from jaxdl.sim2real.exhibits import crossing_exhibits
from jaxdl.sim2real.identification import identification
from jaxdl.sim2real.identified import Truth, identification_score
from jaxdl.sim2real.identified_exhibits import identified_exhibits
from jaxdl.sim2real.judging import crossing_score, proxy_a_distance
from jaxdl.sim2real.machines import Machine, open_machine
from jaxdl.sim2real.progressive import progressive
from jaxdl.sim2real.records import Record, Windows
from jaxdl.sim2real.searches import (
    Search,
    evolution_search,
    gauss_newton_search,
    gradient_search,
    random_search,
)
from jaxdl.sim2real.transfer import source_only

__all__ = [
    "Column",
    "Crossing",
    "Layers",
    "Machine",
    "Record",
    "Search",
    "Truth",
    "Windows",
    "adr",
    "confusion",
    "confusion_loss",
    "crossing_exhibits",
    "crossing_score",
    "crossing_training",
    "dann",
    "dynamics",
    "evolution_search",
    "few_labels",
    "gauss_newton_search",
    "gradient_reversal",
    "gradient_search",
    "identification",
    "identification_score",
    "identified_exhibits",
    "mmd",
    "open_machine",
    "open_pair",
    "progressive",
    "proxy_a_distance",
    "random_search",
    "reversal_schedule",
    "source_only",
]
