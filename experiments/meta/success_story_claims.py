"""What Schmidhuber et al. 1997 state of the success story, measured with intervals.

The rules were stated before anything was measured. An interval is over seeds, each of several lives
in mazes of their own; the lives of a seed are in the same mazes whatever may change in them, and
differences are taken within a seed. Time is counted in numbers drawn, or in steps of searches.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.meta.success_story import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

PAPER = "Schmidhuber et al. 1997, Machine Learning 28, sections 3 and 4"
SEEDS = {"smoke": ("smoke", 2), "cpu": ("cpu", 5), "gpu": ("gpu", 5)}  # preset, seeds
MAZES = {"smoke": 2, "cpu": 16, "gpu": 32}  # that a search solves one after the other
KEPT, FREE, BORN = "success story", "changes are never undone", "random programs"
WAYS = {KEPT: {}, FREE: {"undo": False}, BORN: {"modify": False}}


class Lives(NamedTuple):
    """What S seeds of one way came to.

    Attributes:
      last: [S] goals per 1,000 units of time, in the last tenth of life.
      whole: [S] the same, in all of life.
      time: [S] units of all of life, on average over the lives of a seed.
      solved: [S] rewards of all of life.
    """

    last: "np.ndarray"
    whole: "np.ndarray"
    time: "np.ndarray"
    solved: "np.ndarray"


@cache
def live(tier: str, **settings: Any) -> Lives:
    """Lets the lives of all seeds go by."""
    import numpy as np

    from jaxdl.launch import train

    preset, seeds = SEEDS[tier]
    values = {"num_seeds": seeds, **settings}
    config = configure("success_story", PRESETS, preset, values)
    state, result = train(build, config, about=ABOUT)
    time, reward = (np.asarray(x, np.float64) for x in (state.actors.time, state.actors.reward))
    return Lives(
        last=1000 * np.array(result["metrics"]["reward_rate"]["values"]),
        whole=1000 * (reward / time).mean(axis=1),
        time=time.mean(axis=1),
        solved=reward.mean(axis=1),
    )


def leads(tier: str, other: str) -> Verdict:
    """Decides whether the last tenth of life brings more reward than that of another way."""
    scores = {name: live(tier, **settings).last for name, settings in WAYS.items()}
    return decide_lead(scores, KEPT, other, "goals in 1,000 units of time, last tenth of life")


def rises(tier: str) -> Verdict:
    """Decides whether the last tenth of life brings more reward per time than all of it."""
    lives = live(tier)
    scores = {"last tenth": lives.last, "all of life": lives.whole}
    return decide_lead(scores, "last tenth", "all of life", "goals in 1,000 units of time")


def adapts(tier: str) -> Verdict:
    """Decides whether a sequence of mazes takes an adaptive search fewer steps than a plain one."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    mazes = MAZES[tier]
    options = {"way": "levin", "steps": mazes, "steps_per_call": 1, "maze_size": 7, "lives": 2}
    ways = {"adaptive": {}, "adaptive, never undone": {"undo": False}, "plain": {"rate": 0.0}}
    lives = {name: live(tier, **options, **settings) for name, settings in ways.items()}
    gain = interval(np.log2(lives["plain"].time / lives["adaptive"].time))
    numbers = {f"{name}: steps a maze": interval(x.time / mazes) for name, x in lives.items()}
    numbers |= {f"{name}: solved": interval(x.solved) for name, x in lives.items()}
    numbers["log2 of plain over adaptive"] = gain
    texts = [f"{name} {show(numbers[f'{name}: steps a maze'])}" for name in lives]
    summary = (
        f"steps a maze of {mazes} in turn: {', '.join(texts)}; plain takes "
        f"2^({show(gain)}) times as many"
    )
    return Verdict(decide(gain), summary, numbers)


CLAIMS = [
    Claim(
        "rises",
        "Policies that change themselves under the success-story criterion earn reward faster and "
        "faster: more per time in the last tenth of life than in all of it",
        PAPER,
        rises,
    ),
    Claim(
        "beats_random",
        "They earn more per time than programs drawn at random",
        PAPER,
        lambda tier: leads(tier, BORN),
    ),
    Claim(
        "beats_never_undone",
        "They earn more per time than policies whose changes are never undone",
        PAPER,
        lambda tier: leads(tier, FREE),
    ),
    Claim(
        "adapts",
        "Adaptive Levin search solves a sequence of mazes that share structure in fewer steps than "
        "plain Levin search",
        PAPER,
        adapts,
    ),
]
