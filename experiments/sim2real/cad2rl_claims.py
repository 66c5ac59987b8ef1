"""What CAD2RL states of flight in corridors that training never showed, and how it is measured.

All pilots are judged by the same rule, in fresh corridors that have more turns than those of
training and are narrower: the share of flights that end in a collision before the exit, by the last
policy. Layouts are the same for all pilots of a seed. The rules were stated before anything was
measured: a claim holds where the 95 % interval over seeds of the difference lies above 0.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.sim2real import cad2rl
from experiments.vision._verdicts import make_verdict
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

SOURCE = "Sadeghi & Levine 2016, arXiv 1611.04201"
NEAR = 20.0  # points of the collision rate: who is nearer to the geometric pilot is "near" it


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      preset: whose options hold, but for the settings.
      seeds: runs of each arm.
      settings: of the launch file.
      alone: steps of the first stage alone, in which it learns from as many pictures as both
        stages of the other arms see.
    """

    preset: str
    seeds: int
    settings: Mapping[str, Any]
    alone: int


TIERS = {
    "smoke": Tier("smoke", 2, {}, 8),
    "cpu": Tier("cpu", 5, {}, 2000),
    "gpu": Tier("gpu", 5, {}, 20_000),
}
ARMS: dict[str, Mapping[str, Any]] = {
    "CAD2RL": {},
    "free space alone": {"method": "free_space", "baselines": False},
    "one look": {"looks": "fixed", "baselines": False},
}


@cache
def train_seeds(tier: str, arm: str) -> "dict[str, np.ndarray]":
    """Trains an arm; returns metric of the evaluation -> values [seeds]."""
    import numpy as np

    size = TIERS[tier]
    values = {**size.settings, **ARMS[arm], "num_seeds": size.seeds}
    if arm == "free space alone":
        values["steps"] = size.alone
    config = configure("cad2rl", cad2rl.PRESETS, size.preset, values)
    _, result = cad2rl.main(config)
    return {
        name.removeprefix("eval/"): np.array(found["values"])
        for name, found in result["metrics"].items()
        if name.startswith("eval/")
    }


def compare_arms(tier: str, other: str, where: str) -> Verdict:
    """Compares collision rates of CAD2RL and another arm, in points."""
    own, their = (train_seeds(tier, arm) for arm in ("CAD2RL", other))
    rate, meters = f"{where}collision_rate", f"{where}meters"
    gap = 100 * (their[rate] - own[rate])
    numbers = {
        "CAD2RL": 100 * own[rate],
        other: 100 * their[rate],
        "CAD2RL, m": own[meters],
        f"{other}, m": their[meters],
    }
    return make_verdict({f"less than {other}:": gap}, numbers, "points of collisions")


def compare_straight(tier: str) -> Verdict:
    """Compares CAD2RL with straight and random flight, by collisions and by m along the way."""
    own = train_seeds(tier, "CAD2RL")
    gaps = {
        f"less than {pilot}:": 100 * (own[f"{pilot}_collision_rate"] - own["collision_rate"])
        for pilot in ("straight", "random")
    }
    numbers = {"CAD2RL": 100 * own["collision_rate"], "CAD2RL, m": own["meters"]}
    for pilot in ("straight", "random"):
        numbers |= {pilot: 100 * own[f"{pilot}_collision_rate"]}
        numbers |= {f"{pilot}, m": own[f"{pilot}_meters"]}
    return make_verdict(gaps, numbers, "points of collisions")


def compare_meters(tier: str) -> Verdict:
    """Compares how far CAD2RL and straight flight come along the corridor."""
    own = train_seeds(tier, "CAD2RL")
    gap = own["meters"] - own["straight_meters"]
    numbers = {"CAD2RL": own["meters"], "straight": own["straight_meters"]}
    return make_verdict({"farther than straight:": gap}, numbers, "m")


def compare_oracle(tier: str) -> Verdict:
    """Decides whether CAD2RL collides less than `NEAR` points more often than true geometry."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    own = train_seeds(tier, "CAD2RL")
    more = 100 * (own["collision_rate"] - own["oracle_collision_rate"])
    numbers = {
        "CAD2RL": interval(100 * own["collision_rate"]),
        "geometry": interval(100 * own["oracle_collision_rate"]),
        "more": interval(more),
    }
    text = (
        f"{show(numbers['CAD2RL'])} points of collisions, by geometry {show(numbers['geometry'])}, "
        f"more by {show(numbers['more'])}; near is less than {NEAR:g}"
    )
    return Verdict(decide(interval(NEAR - more)), text, numbers)


CLAIMS = [
    Claim(
        "collisions",
        "flights by CAD2RL through unseen corridors of unseen looks end in a collision less often "
        "than straight flight and than flight at random",
        f"{SOURCE}, section VI, of baselines that fly straight",
        compare_straight,
    ),
    Claim(
        "meters",
        "CAD2RL flies farther through unseen corridors of unseen looks than straight flight does",
        f"{SOURCE}, section VI",
        compare_meters,
    ),
    Claim(
        "monte_carlo",
        "Monte-Carlo returns improve on free space: in unseen corridors fewer flights collide than "
        "after the first stage alone, of as many pictures",
        f"{SOURCE}, section III",
        partial(compare_arms, other="free space alone", where="corridors_"),
    ),
    Claim(
        "randomization",
        "random looks carry over to looks that are held out better than one look does",
        f"{SOURCE}, section IV",
        partial(compare_arms, other="one look", where=""),
    ),
    Claim(
        "geometry",
        "one picture is nearly as good as the true geometry: in unseen corridors of unseen looks "
        f"CAD2RL collides less than {NEAR:g} points more often than a pilot that knows it",
        f"{SOURCE}, abstract, of flight without reconstructing geometry",
        compare_oracle,
    ),
]
