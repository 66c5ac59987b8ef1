"""How well conformers are told, what forces and a committee are worth, and whether energy lasts.

The rule of every claim was stated before anything was measured. Molecules are those of files below
JAXDL_DATA (energies by PBE); where there are none, nothing is measured but the springs of our own.
Held-out molecules are other conformers of the molecule that was learned, from another trajectory.
An interval is over seeds: nets begin differently and see the molecules in another order. What is
learned from is drawn once, except in rounds of selection, where each seed begins with others.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.science import _ani
from experiments.science.ani import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

MOST_ENERGY, MOST_FORCE = 1.0, 2.0  # kcal/mol and kcal/mol/Angstrom
MOST_DRIFT = 0.1  # kcal/mol/ps of nine atoms, whose kinetic energy is about 7 at 300 K
SMITH17, SMITH18 = "Smith et al. 2017, arXiv 1610.08935", "Smith et al. 2018, arXiv 1801.09319"


class Tier(NamedTuple):
    """How large the measurements are.

    Attributes:
      preset: of the launch file.
      settings: of runs on a fixed set.
      few: molecules of the comparison with energies alone.
      rounds: settings of selection.
    """

    preset: str
    settings: Mapping[str, Any]
    few: int
    rounds: Mapping[str, Any]


TIERS = {
    "smoke": Tier(
        "smoke",
        {"steps": 4, "num_seeds": 2, "hidden": (8,), "moments": 2},
        16,
        {"steps": 2, "num_seeds": 2, "rounds": 2, "first": 8, "hidden": (8,), "moments": 2},
    ),
    "cpu": Tier(
        "cpu",
        {"steps": 3000, "num_seeds": 3, "hidden": (96, 64), "test": 300},
        100,
        {
            "steps": 1500,
            "num_seeds": 3,
            "rounds": 5,
            "first": 16,
            "growth": 1.7,
            "hidden": (64, 48),
            "test": 300,
            "moments": 2,
        },
    ),
    "gpu": Tier(
        "cpu",
        {"steps": 20_000, "steps_per_call": 500, "num_seeds": 5, "batch_size": 32},
        100,
        {
            "steps": 5_000,
            "steps_per_call": 500,
            "num_seeds": 5,
            "rounds": 6,
            "first": 16,
            "growth": 1.7,
            "batch_size": 32,
            "moments": 2,
        },
    ),
}


def learn(tier: str, **settings: Any) -> "dict[str, np.ndarray]":
    """Learns a set of molecules; returns the final metrics [S] of the seeds by name."""
    return _learn(tier, tuple(sorted(settings.items())))


@cache
def _learn(tier: str, settings: tuple[tuple[str, Any], ...]) -> "dict[str, np.ndarray]":
    import numpy as np

    from jaxdl.launch import train

    size = TIERS[tier]
    config = configure("ani", PRESETS, size.preset, {**size.settings, **dict(settings)})
    with tempfile.TemporaryDirectory() as folder:
        run = replace(config.run, workdir=str(Path(folder, "run")))
        _, result = train(build, replace(config, run=run), ABOUT)
    return {name: np.array(x["values"]) for name, x in result["metrics"].items()}


@cache
def select(tier: str, data: str, rule: str) -> "np.ndarray":
    """Learns in rounds; returns labels and errors [S, K, 3]."""
    size = TIERS[tier]
    settings = {**size.rounds, "data": data, "rule": rule, "members": 3}
    config = configure("ani", PRESETS, size.preset, settings)
    with tempfile.TemporaryDirectory() as folder:
        run = replace(config.run, workdir=str(Path(folder, "run")))
        _, result = _ani.run_rounds(build, replace(config, run=run), ABOUT)
    return result["selection"]


def has_files() -> bool:
    """Whether the files of molecules are at hand."""
    return Path(os.environ.get("JAXDL_DATA", ""), "science/ani").is_dir()


def missing() -> Verdict:
    """Returns what is said where they are not."""
    return Verdict("undecided", "not measured: JAXDL_DATA has no science/ani", {})


def chemical_accuracy(tier: str, data: str) -> Verdict:
    """Decides by both errors' distances to what is allowed."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if data != "springs" and not has_files():
        return missing()
    found = learn(tier, data=data)
    energy, force = (interval(found[f"eval/{name}"]) for name in ("energy_mae", "force_mae"))
    gaps = (
        interval(MOST_ENERGY - found["eval/energy_mae"]),
        interval(MOST_FORCE - found["eval/force_mae"]),
    )
    spread = interval(found["eval/energy_spread"])
    summary = (
        f"mean absolute error of energies {show(energy)} kcal/mol (they deviate by "
        f"{show(spread)}), of forces {show(force)} kcal/mol/A"
    )
    numbers = {"energy MAE": energy, "force MAE": force, "spread of energies": spread}
    numbers |= {"energy gap": gaps[0], "force gap": gaps[1]}
    return Verdict(decide(*gaps), summary, numbers)


def forces_help(tier: str) -> Verdict:
    """Decides whether energies are nearer after learning forces, too, by the log of errors."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if not has_files():
        return missing()
    train = TIERS[tier].few
    runs = {
        "energies and forces": learn(tier, data="ethanol", train=train),
        "energies alone": learn(tier, data="ethanol", train=train, force_weight=0.0),
    }
    errors = {name: found["eval/energy_mae"] for name, found in runs.items()}
    ratio = interval(np.log2(errors["energies alone"] / errors["energies and forces"]))
    numbers = {f"energy MAE, {name}": interval(x) for name, x in errors.items()}
    numbers |= {f"force MAE, {n}": interval(found["eval/force_mae"]) for n, found in runs.items()}
    texts = [f"{name} {show(numbers[f'energy MAE, {name}'])}" for name in errors]
    summary = (
        f"energy error after {train} molecules: {', '.join(texts)} kcal/mol; "
        f"2^{ratio['mean']:.2f} ± {ratio['ci95']:.2f} times"
    )
    return Verdict(decide(ratio), summary, numbers | {"log2 of the ratio": ratio})


def committee_saves_labels(tier: str, data: str) -> Verdict:
    """Decides whether the committee needs fewer labels for random's last force error."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show
    from jaxdl.science.ani import label_factor

    if not has_files():
        return missing()
    curves = {rule: select(tier, data, rule) for rule in ("committee", "random")}
    numbers, texts, logs = {}, [], {}
    for column, what in ((2, "force"), (1, "energy")):
        pairs = {rule: curve[:, :, [0, column]] for rule, curve in curves.items()}
        factor, reached = label_factor(pairs, "committee", "random")
        logs[what] = interval(np.log2(factor))
        numbers[f"log2 of the factor, {what} error"] = logs[what]
        texts.append(
            f"by the {what} error 2^{logs[what]['mean']:.2f} ± {logs[what]['ci95']:.2f} times "
            f"fewer (reached in {reached.sum()} of {len(reached)} seeds)"
        )
        for rule, curve in curves.items():
            for i, labels in enumerate(curve[0, :, 0]):
                numbers[f"{what} MAE, {rule}, {labels:.0f} labels"] = interval(curve[:, i, column])
    most = curves["random"][0, -1, 0]
    last = ", ".join(
        f"{rule} {show(numbers[f'force MAE, {rule}, {most:.0f} labels'])}" for rule in curves
    )
    summary = f"{'; '.join(texts)}; force error after {most:.0f} labels: {last} kcal/mol/A"
    return Verdict(decide(logs["force"]), summary, numbers)


def hot_from_cool(tier: str) -> Verdict:
    """Decides whether nets of 300 K keep to what is allowed at 600 K."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if not has_files():
        return missing()
    found = learn(tier, data="acac")
    numbers, texts = {}, []
    for kelvin in ("300K", "600K"):
        energy, force = (interval(found[f"eval/{kelvin}/{n}_mae"]) for n in ("energy", "force"))
        numbers |= {f"energy MAE, {kelvin}": energy, f"force MAE, {kelvin}": force}
        texts.append(f"{kelvin} {show(energy)} kcal/mol and {show(force)} kcal/mol/A")
    gaps = (
        interval(MOST_ENERGY - found["eval/600K/energy_mae"]),
        interval(MOST_FORCE - found["eval/600K/force_mae"]),
    )
    numbers |= {"energy gap": gaps[0], "force gap": gaps[1]}
    return Verdict(decide(*gaps), f"errors at {', at '.join(texts)}", numbers)


def energy_lasts(tier: str) -> Verdict:
    """Decides whether the total energy of a dynamics by the net drifts less than is allowed."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    found = learn(tier, data="ethanol" if has_files() else "springs")
    drift, ripple = (interval(found[f"eval/energy_{name}"]) for name in ("drift", "ripple"))
    gap = interval(MOST_DRIFT - found["eval/energy_drift"])
    summary = (
        f"the total drifts by {show(drift)} kcal/mol/ps and ripples by {show(ripple)} kcal/mol "
        "in 1 ps of steps of 0.5 fs"
    )
    return Verdict(decide(gap), summary, {"drift": drift, "ripple": ripple, "gap": gap})


CLAIMS = [
    Claim(
        "ethanol",
        f"Energies of held-out conformers of ethanol are told to {MOST_ENERGY:g} kcal/mol, forces "
        f"to {MOST_FORCE:g} kcal/mol/A, after 1,000 others",
        f"{SMITH17}: 0.56 kcal/mol RMSE, of other molecules",
        partial(chemical_accuracy, data="ethanol"),
    ),
    Claim(
        "springs",
        "So are those of springs, an analytic potential of our own, after 512 others",
        "our own, by the rule for Smith et al. 2017",
        partial(chemical_accuracy, data="springs"),
    ),
    Claim(
        "forces",
        "Forces in the loss make energies of held-out conformers nearer than energies alone do, "
        "after equally many molecules and steps",
        "Smith et al. 2020, arXiv 2006.10819, and others",
        forces_help,
    ),
    Claim(
        "committee",
        "A committee that chooses among ethanol and methanol needs fewer labels than chance for "
        "the force error that chance ends with",
        f"{SMITH18}: 10 to 25 % of the labels",
        partial(committee_saves_labels, data="ethanol_methanol"),
    ),
    Claim(
        "hot",
        "Nets that learned acetylacetone at 300 K tell its energies at 600 K to "
        f"{MOST_ENERGY:g} kcal/mol and forces to {MOST_FORCE:g} kcal/mol/A",
        "Batatia et al. 2022, arXiv 2205.06643, for equivariant nets",
        hot_from_cool,
    ),
    Claim(
        "dynamics",
        f"A molecule that moves by the net keeps its energy: the drift is below {MOST_DRIFT:g} "
        "kcal/mol/ps",
        SMITH17,
        energy_lasts,
    ),
]
