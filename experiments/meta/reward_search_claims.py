"""What Singh, Lewis & Barto and Niekum et al. state of rewards, measured with intervals.

The rules were stated before anything was measured. All rewards are scored by the same fresh lives,
of tasks that no search has seen; an interval is over seeds, each a search of its own, and
differences are taken within a seed. The fitness is the percentage of a life's steps without hunger.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.meta.reward_search import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

SINGH = "Singh et al. 2009, curves only"
NIEKUM = "Niekum et al. 2010; Singh et al. 2009"
WORLDS = ("boxes", "hungry_thirsty")
FEW = {"population": 32, "steps": 4}  # of the 25 tables that see hunger alone


class Tier(NamedTuple):
    """How large the measurements are.

    Attributes:
      preset: of the launch file.
      seeds: searches.
      settings: world -> changes to the preset.
    """

    preset: str
    seeds: int
    settings: Mapping[str, Mapping[str, Any]]


BOXES = {"lifetimes": (1000, 2000, 8000), "lives": 8, "steps": 12}
TIERS = {
    "smoke": Tier("smoke", 2, {world: {} for world in WORLDS}),
    "cpu": Tier("cpu", 5, {"boxes": BOXES, "hungry_thirsty": {}}),
    "gpu": Tier("gpu", 5, {world: {} for world in WORLDS}),
}


class Scores(NamedTuple):
    """What S searches of one kind came to in one world.

    Attributes:
      lifetimes: L numbers of steps.
      found: [L, S] fitness with the reward that was found for that lifetime.
      own: [L, S] fitness with the task's own reward, in the same lives.
    """

    lifetimes: Sequence[int]
    found: "np.ndarray"
    own: "np.ndarray"


@cache
def search(tier: str, world: str, kind: str) -> Scores:
    """Searches in one world among rewards of one kind, and scores what was found."""
    import numpy as np

    from jaxdl.launch import train

    size = TIERS[tier]
    values = {"env": world, "rewards": kind, "num_seeds": size.seeds, **size.settings[world]}
    if kind == "hunger":
        values |= FEW
    config = configure("reward_search", PRESETS, size.preset, values)
    metrics = train(build, config, about=ABOUT)[1]["metrics"]

    def by_lifetime(name):
        rows = [metrics[f"eval/{name}/{steps}"]["values"] for steps in config.lifetimes]
        return 100 * np.array(rows)

    return Scores(config.lifetimes, by_lifetime("fitness"), by_lifetime("own_fitness"))


def beats_fitness(tier: str, world: str) -> Verdict:
    """Decides whether the searched table leads fitness as the reward, at every lifetime."""
    scores = search(tier, world, "tables")
    return _compare(scores.lifetimes, ("searched", scores.found), ("fitness", scores.own))


def beats_hunger(tier: str, world: str) -> Verdict:
    """Decides whether it leads the best reward that sees hunger alone, at every lifetime."""
    scores, blind = search(tier, world, "tables"), search(tier, world, "hunger")
    other = ("best reward by hunger alone", blind.found)
    return _compare(scores.lifetimes, ("searched", scores.found), other)


def expressions_lead(tier: str, world: str) -> Verdict:
    """Decides whether evolved expressions lead tables at the lifetime that they were bred for."""
    evolved, tables = search(tier, world, "expressions"), search(tier, world, "tables")
    pair = ("evolved", evolved.found[-1:]), ("tables", tables.found[-1:])
    return _compare(tables.lifetimes[-1:], *pair)


def margin_grows(tier: str, world: str) -> Verdict:
    """Decides whether the share of the searched reward's fitness that fitness as the reward lacks

    falls with the lifetime: by the slope of each seed over the lifetime's doublings.
    """
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    scores = search(tier, world, "tables")
    lacks = 100 * (1 - scores.own / np.maximum(scores.found, 1e-9))
    slope = np.polyfit(np.log2(scores.lifetimes), lacks, 1)[0]
    numbers = {
        f"lacks at {steps}, %": interval(row)
        for steps, row in zip(scores.lifetimes, lacks, strict=True)
    }
    numbers["slope"] = interval(slope)
    texts = [f"{steps:,} steps: {show(interval(row))} %" for steps, row in
             zip(scores.lifetimes, lacks, strict=True)]  # fmt: skip
    summary = (
        f"fitness as the reward lacks of the searched one's fitness: {'; '.join(texts)}; "
        f"with each doubling {show(numbers['slope'])} points"
    )
    return Verdict(decide(interval(-slope)), summary, numbers)


def _compare(
    lifetimes: Sequence[int],
    one: "tuple[str, np.ndarray]",
    other: "tuple[str, np.ndarray]",
) -> Verdict:
    """Decides whether one's fitness [L, S] leads the other's at every lifetime."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    numbers, gaps, texts = {}, [], []
    for place, steps in enumerate(lifetimes):
        both = {name: interval(values[place]) for name, values in (one, other)}
        gaps.append(interval(one[1][place] - other[1][place]))
        numbers |= {f"{name}, {steps} steps": value for name, value in both.items()}
        numbers[f"lead, {steps} steps"] = gaps[-1]
        parts = ", ".join(f"{name} {show(value)}" for name, value in both.items())
        texts.append(f"{steps:,} steps: {parts}, lead {show(gaps[-1])}")
    return Verdict(decide(*gaps), f"% of a life without hunger. {'; '.join(texts)}", numbers)


def _claims(world: str) -> list[Claim]:
    """Returns the claims about one world."""
    title = world.replace("_", "-")
    return [
        Claim(
            f"beats_fitness_{world}",
            f"{title}: learning from a searched reward makes fitter than learning from fitness",
            SINGH,
            lambda tier: beats_fitness(tier, world),
        ),
        Claim(
            f"beats_hunger_{world}",
            f"{title}: it makes fitter than the best reward that depends on hunger alone",
            SINGH,
            lambda tier: beats_hunger(tier, world),
        ),
        Claim(
            f"margin_grows_{world}",
            f"{title}: the shorter the life, the larger the share that fitness as reward lacks",
            "Singh et al. 2010; Niekum et al. 2010",
            lambda tier: margin_grows(tier, world),
        ),
        Claim(
            f"expressions_lead_{world}",
            f"{title}: evolved expressions make fitter than tables tried by turns, after as many",
            NIEKUM,
            lambda tier: expressions_lead(tier, world),
        ),
    ]


CLAIMS = [claim for world in WORLDS for claim in _claims(world)]
