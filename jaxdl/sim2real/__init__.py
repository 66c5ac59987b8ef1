"""From simulation to reality: what is learned in one domain, and asked for in another.

`jaxdl.sim2real.dann` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.sim2real.adr import adr
from jaxdl.sim2real.alignment import gradient_reversal, mmd
from jaxdl.sim2real.cad2rl import CollisionNet, cad2rl, collision_net, collision_returns, free_space
from jaxdl.sim2real.columns import Column, Layers
from jaxdl.sim2real.confusion import confusion, confusion_loss
from jaxdl.sim2real.dann import dann, reversal_schedule
from jaxdl.sim2real.detector import Detector, Recognizer, Trunk
from jaxdl.sim2real.domains import Crossing, crossing_training, few_labels, open_pair, turned_around
from jaxdl.sim2real.dynamics import dynamics
from jaxdl.sim2real.exhibits import crossing_exhibits
from jaxdl.sim2real.flight_exhibits import flight_deployment, flight_exhibits
from jaxdl.sim2real.flights import flights_score
from jaxdl.sim2real.identification import identification
from jaxdl.sim2real.identified import Truth, identification_score
from jaxdl.sim2real.identified_exhibits import identified_exhibits
from jaxdl.sim2real.judging import crossing_score, proxy_a_distance
from jaxdl.sim2real.localization import Trial, localization_score
from jaxdl.sim2real.machines import Machine, open_machine
from jaxdl.sim2real.mixing import labels_worth, mixing
from jaxdl.sim2real.mixing_exhibits import mixing_exhibits, repainted_exhibit
from jaxdl.sim2real.mixtures import Mixture, mixed_training
from jaxdl.sim2real.progressive import progressive
from jaxdl.sim2real.reality import held_out
from jaxdl.sim2real.records import Record, Windows
from jaxdl.sim2real.refiner import Players, Weights, ink, refiner, refiner_score
from jaxdl.sim2real.repainter import Critic, Repainter
from jaxdl.sim2real.searches import (
    Search,
    evolution_search,
    gauss_newton_search,
    gradient_search,
    random_search,
)
from jaxdl.sim2real.simulated import FIXED, Randomization, check_ranges, simulated
from jaxdl.sim2real.table_exhibits import localization_exhibits
from jaxdl.sim2real.tables import Pictures, Table, draw_pictures, make_pictures, open_table
from jaxdl.sim2real.tobin import Regime, detector_deployment, table_pictures, tobin
from jaxdl.sim2real.transfer import source_only

__all__ = [
    "FIXED",
    "CollisionNet",
    "Column",
    "Critic",
    "Crossing",
    "Detector",
    "Layers",
    "Machine",
    "Mixture",
    "Pictures",
    "Players",
    "Randomization",
    "Recognizer",
    "Record",
    "Regime",
    "Repainter",
    "Search",
    "Table",
    "Trial",
    "Trunk",
    "Truth",
    "Weights",
    "Windows",
    "adr",
    "cad2rl",
    "check_ranges",
    "collision_net",
    "collision_returns",
    "confusion",
    "confusion_loss",
    "crossing_exhibits",
    "crossing_score",
    "crossing_training",
    "dann",
    "detector_deployment",
    "draw_pictures",
    "dynamics",
    "evolution_search",
    "few_labels",
    "flight_deployment",
    "flight_exhibits",
    "flights_score",
    "free_space",
    "gauss_newton_search",
    "gradient_reversal",
    "gradient_search",
    "held_out",
    "identification",
    "identification_score",
    "identified_exhibits",
    "ink",
    "labels_worth",
    "localization_exhibits",
    "localization_score",
    "make_pictures",
    "mixed_training",
    "mixing",
    "mixing_exhibits",
    "mmd",
    "open_machine",
    "open_pair",
    "open_table",
    "progressive",
    "proxy_a_distance",
    "random_search",
    "refiner",
    "refiner_score",
    "repainted_exhibit",
    "reversal_schedule",
    "simulated",
    "source_only",
    "table_pictures",
    "tobin",
    "turned_around",
]
