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
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

SOURCE = "Sadeghi & Levine 2016, arXiv 1611.04201"
BLIND = ("straight", "random")  # pilots who see nothing
NEAR = 20.0  # points of the collision rate: who is nearer to the geometric pilot is "near" it


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      preset: whose options hold, but for the settings.
      seeds: runs of each arm.
      settings: of the launch file.
      alone: steps of the first stage alone, in which it learns from as many pictures as both
        stages of the other arms do.
    """

    preset: str
    seeds: int
    settings: Mapping[str, Any]
    alone: int


TIERS = {
    "smoke": Tier("smoke", 2, {}, 8),
    "cpu": Tier("cpu", 5, {}, 2120),
    "gpu": Tier("gpu", 5, {}, 58_000),
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


def judge(
    gaps: "Mapping[str, np.ndarray]", unit: str, numbers: "Mapping[str, tuple[np.ndarray, str]]"
) -> Verdict:
    """Decides by the intervals of gaps [seeds], and tells the numbers [seeds] in their units."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    found = {name: interval(values) for name, values in gaps.items()}
    kept = {name: interval(values) for name, (values, _) in numbers.items()}
    gap_texts = [f"{name}: {show(gap)} {unit}" for name, gap in found.items()]
    texts = [f"{name} {show(kept[name])} {own}" for name, (_, own) in numbers.items()]
    summary = f"{', '.join(gap_texts)} ({'; '.join(texts)})"
    return Verdict(decide(*found.values()), summary, kept | found)


def both_numbers(
    scores: "Mapping[str, np.ndarray]", prefix: str, title: str
) -> "dict[str, tuple[np.ndarray, str]]":
    """Returns collision rate and way of one pilot, with their units."""
    return {
        f"{title} collides": (100 * scores[f"{prefix}collision_rate"], "%"),
        f"{title} flies": (scores[f"{prefix}meters"], "m"),
    }


def compare_arms(tier: str, other: str, where: str) -> Verdict:
    """Compares the collision rates of CAD2RL and another arm, in points."""
    own, their = (train_seeds(tier, arm) for arm in ("CAD2RL", other))
    gap = 100 * (their[f"{where}collision_rate"] - own[f"{where}collision_rate"])
    numbers = both_numbers(own, where, "CAD2RL") | both_numbers(their, where, other)
    return judge({f"fewer than {other}": gap}, "points", numbers)


def compare_blind(tier: str, measure: str, unit: str) -> Verdict:
    """Compares CAD2RL with straight and random flight, by collisions or by m along the way."""
    own = train_seeds(tier, "CAD2RL")
    sign = -100 if measure == "collision_rate" else 1
    gaps = {
        f"ahead of {pilot}": sign * (own[measure] - own[f"{pilot}_{measure}"]) for pilot in BLIND
    }
    numbers = both_numbers(own, "", "CAD2RL")
    for pilot in BLIND:
        numbers |= both_numbers(own, f"{pilot}_", pilot)
    return judge(gaps, unit, numbers)


def compare_oracle(tier: str) -> Verdict:
    """Decides whether CAD2RL collides less than `NEAR` points more often than true geometry."""
    own = train_seeds(tier, "CAD2RL")
    more = 100 * (own["collision_rate"] - own["oracle_collision_rate"])
    numbers = both_numbers(own, "", "CAD2RL") | both_numbers(own, "oracle_", "geometry")
    return judge({f"within {NEAR:g} points by": NEAR - more}, "points", numbers)


CLAIMS = [
    Claim(
        "collisions",
        "flights by CAD2RL through unseen corridors of unseen looks end in a collision less often "
        "than straight flight and than flight at random",
        f"{SOURCE}, section VI, of baselines that fly straight",
        partial(compare_blind, measure="collision_rate", unit="points"),
    ),
    Claim(
        "meters",
        "CAD2RL flies farther through unseen corridors of unseen looks than straight flight and "
        "than flight at random",
        f"{SOURCE}, section VI",
        partial(compare_blind, measure="meters", unit="m"),
    ),
    Claim(
        "monte_carlo",
        "Monte-Carlo returns improve on free space: in unseen corridors fewer flights collide than "
        "after the first stage alone, of as many pictures",
        f"{SOURCE}, section III",
        partial(compare_arms, other="free space alone", where="corridors_"),
    ),
    Claim(
        "monte_carlo_familiar",
        "Monte-Carlo returns improve on free space: in fresh corridors of training's own family "
        "fewer flights collide than after the first stage alone, of as many pictures",
        f"{SOURCE}, section III",
        partial(compare_arms, other="free space alone", where="seen_"),
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
