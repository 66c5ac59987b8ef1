"""From simulation to reality: what is learned in one domain, and asked for in another.

`jaxdl.sim2real.dann` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.sim2real.alignment import gradient_reversal, mmd
from jaxdl.sim2real.columns import Column, Layers
from jaxdl.sim2real.confusion import confusion, confusion_loss
from jaxdl.sim2real.dann import dann, reversal_schedule
from jaxdl.sim2real.detector import Detector, Recognizer, Trunk
from jaxdl.sim2real.domains import Crossing, crossing_training, few_labels, open_pair, turned_around
from jaxdl.sim2real.exhibits import crossing_exhibits
from jaxdl.sim2real.judging import crossing_score, proxy_a_distance
from jaxdl.sim2real.localization import Trial, localization_score
from jaxdl.sim2real.progressive import progressive
from jaxdl.sim2real.reality import held_out
from jaxdl.sim2real.simulated import FIXED, Randomization, check_ranges, simulated
from jaxdl.sim2real.table_exhibits import localization_exhibits
from jaxdl.sim2real.tables import Pictures, Table, draw_pictures, make_pictures, open_table
from jaxdl.sim2real.tobin import Regime, detector_deployment, table_pictures, tobin
from jaxdl.sim2real.transfer import source_only

__all__ = [
    "FIXED",
    "Column",
    "Crossing",
    "Detector",
    "Layers",
    "Pictures",
    "Randomization",
    "Recognizer",
    "Regime",
    "Table",
    "Trial",
    "Trunk",
    "check_ranges",
    "confusion",
    "confusion_loss",
    "crossing_exhibits",
    "crossing_score",
    "crossing_training",
    "dann",
    "detector_deployment",
    "draw_pictures",
    "few_labels",
    "gradient_reversal",
    "held_out",
    "localization_exhibits",
    "localization_score",
    "make_pictures",
    "mmd",
    "open_pair",
    "open_table",
    "progressive",
    "proxy_a_distance",
    "reversal_schedule",
    "simulated",
    "source_only",
    "table_pictures",
    "tobin",
    "turned_around",
]
