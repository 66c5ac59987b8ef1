"""What Duan et al. 2016 state in section 3.3, in unseen mazes, beside the shortest ways."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from experiments._claim import Claim, Verdict, decide
from experiments.meta.rl2_maze import ABOUT, PRESETS, build
from jaxdl.core.logs import interval
from jaxdl.launch import configure
from jaxdl.pages import show

# Cells along a side -> what the paper, and SNAIL's (Mishra et al. 2018), are said to have.
PAPERS = {
    5: "said to be 52.4 then 39.1 in the paper's small mazes, SNAIL 50.3 then 34.8",
    9: "said to be 180.1 then 150.6 in the paper's large mazes, SNAIL 140.5 then 105.9",
}
Metrics = Mapping[str, Mapping[str, Any]]
TIERS: dict[str, Sequence[tuple[str, Mapping[str, Any]]]] = {  # preset, changes to it
    "smoke": [("smoke", {"num_seeds": 2, "larger": "maze:size=3,width=8,height=8,limit=6"})],
    "cpu": [("cpu", {})],
    "gpu": [
        ("gpu", {"num_seeds": 3}),
        ("gpu", {"num_seeds": 3, "env": "maze:size=9", "larger": ""}),
    ],
}


@cache
def measured_mazes(tier: str) -> list[tuple[int, str, Metrics]]:
    """Trains in each size of a tier.

    Returns:
      Rows of what was measured: cells along a side, what kind of mazes they are, metrics without
      their prefix. Larger mazes than were trained in are rows of their own.
    """
    from jaxdl.launch import train
    from jaxdl.meta.maze_evaluation import maze_sizes

    rows = []
    for preset, changes in TIERS[tier]:
        config = configure("rl2_maze", PRESETS, preset, changes)
        _, result = train(build, config, about=ABOUT)
        metrics = result["metrics"]
        kinds = [("eval/", config.worlds.env, "as trained in")]
        kinds += [("eval/larger/", config.larger, "larger than trained in")] * bool(config.larger)
        for prefix, name, kind in kinds:
            named = {k.removeprefix(prefix): x for k, x in metrics.items() if k.startswith(prefix)}
            rows.append((maze_sizes(name)["size"], kind, named))
    return rows


def second_is_shorter(tier: str, kind: str) -> Verdict:
    """Decides whether the interval over seeds of the steps saved lies above 0."""
    numbers, gaps, parts = {}, [], []
    for size, metrics in _rows(tier, kind):
        title = f"{size} x {size} cells, {kind}"
        saved = _difference(metrics, "steps_first", "steps_second")
        gaps.append(saved)
        shown = ("steps_first", "steps_second", "steps_last", "percent_of_shortest_first",
                 "percent_of_shortest_second", "shortest", "found_second")  # fmt: skip
        numbers |= {f"{title}: {name}": metrics[name] for name in shown}
        numbers[f"{title}: steps saved"] = saved
        said = f" ({PAPERS[size]})" if size in PAPERS else ""
        parts.append(
            f"{title}: {show(metrics['steps_first'])} steps, then {show(metrics['steps_second'])}, "
            f"{show(saved)} fewer{said}; of the shortest way "
            f"{show(metrics['percent_of_shortest_first'])} %, then "
            f"{show(metrics['percent_of_shortest_second'])} %"
        )
    return Verdict(decide(*gaps) if gaps else "undecided", "; ".join(parts), numbers)


def beats_the_hand(tier: str) -> Verdict:
    """Decides whether the second episode lies below a hand on the wall, in every size."""
    numbers, gaps, parts = {}, [], []
    for size, kind, metrics in measured_mazes(tier):
        title = f"{size} x {size} cells, {kind}"
        lead = _difference(metrics, "right_hand", "steps_second")
        gaps.append(lead)
        names = ("right_hand", "steps_second", "steps_first", "chance", "shortest")
        numbers |= {f"{title}: {name}": metrics[name] for name in names}
        parts.append(
            f"{title}: RL² {show(metrics['steps_second'])} steps, a hand on the right wall "
            f"{show(metrics['right_hand'])}, chance {show(metrics['chance'])}, the shortest way "
            f"{show(metrics['shortest'])}"
        )
    return Verdict(decide(*gaps), "; ".join(parts), numbers)


def above(tier: str, name: str, least: float, what: str) -> Verdict:
    """Decides whether the interval of a percentage lies above the least, as trained in."""
    numbers, gaps, parts = {}, [], []
    for size, metrics in _rows(tier, "as trained in"):
        share = metrics[name]
        gaps.append({"mean": share["mean"] - least, "ci95": share["ci95"]})
        numbers[f"{size} x {size} cells: {name}"] = share
        parts.append(f"{size} x {size} cells: {show(share)} % {what}")
    return Verdict(decide(*gaps), "; ".join(parts), numbers)


def _rows(tier: str, kind: str) -> list[tuple[int, Metrics]]:
    """The sizes and metrics of one kind of mazes."""
    return [(size, metrics) for size, own, metrics in measured_mazes(tier) if own == kind]


def _difference(metrics: Metrics, one: str, other: str) -> dict[str, Any]:
    """The interval over seeds of a difference, paired by seed: both are of the same mazes."""
    pairs = zip(metrics[one]["values"], metrics[other]["values"], strict=True)
    return interval([a - b for a, b in pairs])


CLAIMS = [
    Claim(
        "second_is_shorter",
        "In unseen mazes RL²'s second episode is shorter than its first",
        "Duan et al. 2016, section 3.3",
        lambda tier: second_is_shorter(tier, "as trained in"),
    ),
    Claim(
        "shorter_in_larger",
        "So it is in larger mazes than RL² was trained in",
        "Duan et al. 2016, section 3.3, with larger mazes",
        lambda tier: second_is_shorter(tier, "larger than trained in"),
    ),
    Claim(
        "beats_the_hand",
        "RL²'s second episode is shorter than the way of a hand on the right wall",
        "Duan et al. 2016, section 3.3, beside a rule without memory",
        beats_the_hand,
    ),
    Claim(
        "finds_targets",
        "RL² finds more than 97 % of the targets in the first episode (said to be 99.3 %)",
        "Duan et al. 2016, section 3.3",
        lambda tier: above(tier, "found_first", 97.0, "of the targets found in the first episode"),
    ),
    Claim(
        "most_improve",
        "The second episode is shorter in more than half of the trials (said to be in 91.7 %)",
        "Duan et al. 2016, section 3.3",
        lambda tier: above(tier, "improved", 50.0, "of the trials improved"),
    ),
]
