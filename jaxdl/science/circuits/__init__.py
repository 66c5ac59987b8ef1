"""Circuits: netlists as data, a differentiable simulator, searches for sizes, ngspice as judge."""

from jaxdl.science.circuits.bagnet import bagnet_search
from jaxdl.science.circuits.comparator import Comparator
from jaxdl.science.circuits.exhibits import sizing_exhibits
from jaxdl.science.circuits.netlist import Netlist, read_netlist
from jaxdl.science.circuits.ngspice import Judged, find_ngspice, judge
from jaxdl.science.circuits.opamp import (
    FREQUENCIES,
    OPAMP,
    OPAMP_TEXT,
    SIZES,
    Performance,
    measure_opamp,
    simulate_opamp,
)
from jaxdl.science.circuits.operating_point import OperatingPoint, operating_point
from jaxdl.science.circuits.searches import (
    cem_search,
    evolution_search,
    gradient_search,
    random_search,
)
from jaxdl.science.circuits.sizing import sizing
from jaxdl.science.circuits.small_signal import ac, noise
from jaxdl.science.circuits.task import Requirement, SizingTask, Trial, opamp_task
from jaxdl.science.circuits.verdicts import judge_opamps
from jaxdl.science.circuits.world import sizing_ppo, sizing_world

__all__ = [
    "FREQUENCIES",
    "OPAMP",
    "OPAMP_TEXT",
    "SIZES",
    "Comparator",
    "Judged",
    "Netlist",
    "OperatingPoint",
    "Performance",
    "Requirement",
    "SizingTask",
    "Trial",
    "ac",
    "bagnet_search",
    "cem_search",
    "evolution_search",
    "find_ngspice",
    "gradient_search",
    "judge",
    "judge_opamps",
    "measure_opamp",
    "noise",
    "opamp_task",
    "operating_point",
    "random_search",
    "read_netlist",
    "simulate_opamp",
    "sizing",
    "sizing_exhibits",
    "sizing_ppo",
    "sizing_world",
]
