"""ANI: potentials of molecules from nets of elements, committees, and molecular dynamics."""

from jaxdl.science.ani.aev import ANI1X, AEVParameters, aev
from jaxdl.science.ani.committee import (
    Labels,
    choose_rows,
    disagreement,
    label_factor,
    learn_labeled,
)
from jaxdl.science.ani.data_sets import SETS, SPRINGS, make_springs, open_set, places_of
from jaxdl.science.ani.dynamics import (
    Trajectory,
    energy_drift,
    thermal_velocities,
    velocity_verlet,
)
from jaxdl.science.ani.exhibits import ani_exhibits
from jaxdl.science.ani.extended_xyz import Frame, read_extended_xyz
from jaxdl.science.ani.film import ani_film
from jaxdl.science.ani.learner import Motion, ani, ani_loss, score
from jaxdl.science.ani.molecules import (
    Molecules,
    MoleculeSet,
    fit_self_energies,
    make_set,
    species_of,
    take,
)
from jaxdl.science.ani.neighbors import CellPlan, Neighbors, list_neighbors, plan_cells
from jaxdl.science.ani.network import (
    WIDTHS,
    committee_energy_and_forces,
    energy,
    energy_and_forces,
    init_networks,
    mean_energy_and_forces,
)
from jaxdl.science.ani.springs import sample_springs, spring_energy, spring_frames
from jaxdl.science.ani.units import KCAL_PER_MOL, MASSES

__all__ = [
    "ANI1X",
    "KCAL_PER_MOL",
    "MASSES",
    "SETS",
    "SPRINGS",
    "WIDTHS",
    "AEVParameters",
    "CellPlan",
    "Frame",
    "Labels",
    "MoleculeSet",
    "Molecules",
    "Motion",
    "Neighbors",
    "Trajectory",
    "aev",
    "ani",
    "ani_exhibits",
    "ani_film",
    "ani_loss",
    "choose_rows",
    "committee_energy_and_forces",
    "disagreement",
    "energy",
    "energy_and_forces",
    "energy_drift",
    "fit_self_energies",
    "init_networks",
    "label_factor",
    "learn_labeled",
    "list_neighbors",
    "make_set",
    "make_springs",
    "mean_energy_and_forces",
    "open_set",
    "places_of",
    "plan_cells",
    "read_extended_xyz",
    "sample_springs",
    "score",
    "species_of",
    "spring_energy",
    "spring_frames",
    "take",
    "thermal_velocities",
    "velocity_verlet",
]
