"""From simulation to reality: what is learned in one domain, and asked for in another.

`jaxdl.sim2real.dann` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.sim2real.alignment import gradient_reversal, mmd
from jaxdl.sim2real.cad2rl import CollisionNet, cad2rl, collision_net, collision_returns, free_space
from jaxdl.sim2real.columns import Column, Layers
from jaxdl.sim2real.confusion import confusion, confusion_loss
from jaxdl.sim2real.dann import dann, reversal_schedule
from jaxdl.sim2real.domains import Crossing, crossing_training, few_labels, open_pair
from jaxdl.sim2real.exhibits import crossing_exhibits
from jaxdl.sim2real.flight_exhibits import flight_deployment, flight_exhibits
from jaxdl.sim2real.flights import flights_score
from jaxdl.sim2real.judging import crossing_score, proxy_a_distance
from jaxdl.sim2real.progressive import progressive
from jaxdl.sim2real.transfer import source_only

__all__ = [
    "CollisionNet",
    "Column",
    "Crossing",
    "Layers",
    "cad2rl",
    "collision_net",
    "collision_returns",
    "confusion",
    "confusion_loss",
    "crossing_exhibits",
    "crossing_score",
    "crossing_training",
    "dann",
    "few_labels",
    "flight_deployment",
    "flight_exhibits",
    "flights_score",
    "free_space",
    "gradient_reversal",
    "mmd",
    "open_pair",
    "progressive",
    "proxy_a_distance",
    "reversal_schedule",
    "source_only",
]
