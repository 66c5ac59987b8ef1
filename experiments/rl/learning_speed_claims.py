"""How much play deep reinforcement learning needs, where people need a quarter of an hour.

Minutes of play are frames at 60 Hz, up to where the mean return of the last episodes in training
first reaches the game's fixed score. A run that does not reach it counts with all the play that it
had, so that what is compared with a person is never too long.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.rl.learning_speed import ABOUT, FRAMES, METHODS, PRESETS, SCORES, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

PERSON = 15.0  # minutes, as the lecture has them from Tsividis et al. 2017
DOUBLE_DQN = 115 * 60.0  # likewise


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      games: that are played.
      steps: of each run, of 2048 frames each.
      seeds: runs of each method on each game.
    """

    games: tuple[str, ...]
    steps: int
    seeds: int


TIERS = {
    "smoke": Tier(("breakout",), 4, 2),
    "cpu": Tier(tuple(SCORES), 64, 5),
    "gpu": Tier(tuple(SCORES), 10_000, 10),
}


class Play(NamedTuple):
    """Runs of one method on one game.

    Attributes:
      minutes: [S] of play until the score, or of all play.
      reached: [S] 1 where the score was reached, else 0.
    """

    minutes: "np.ndarray"
    reached: "np.ndarray"


@cache
def measured_play(tier: str, method: str, game: str) -> Play:
    """Trains one method on one game."""
    import numpy as np

    from jaxdl.launch import train

    size = TIERS[tier]
    settings = {
        "method": method,
        "game": game,
        "steps": size.steps,
        "steps_per_call": max(size.steps // 8, 1),
        "num_seeds": size.seeds,
        "eval_every": 0,
        "save_every": 0,
    }
    _, result = train(build, configure("learning_speed", PRESETS, "cpu", settings), about=ABOUT)
    names = ("eval/minutes_to_score", "eval/reached")
    return Play(*(np.asarray(result["metrics"][name]["values"]) for name in names))


def compare_with_people(method: str, tier: str) -> Verdict:
    """Decides whether a method needs longer than a person on each game."""
    from jaxdl.core.logs import interval

    size = TIERS[tier]
    plays = {game: measured_play(tier, method, game) for game in size.games}
    gaps = [interval(play.minutes - PERSON) for play in plays.values()]
    numbers = {f"{game}, minutes": interval(play.minutes) for game, play in plays.items()}
    each = "; ".join(f"{game} {describe(tier, play)}" for game, play in plays.items())
    summary = (
        f"{method}: {each}; people {PERSON:g} min, Double DQN on Atari {DOUBLE_DQN / 60:g} h; "
        f"{size.seeds} seeds"
    )
    return Verdict(decide(*gaps), summary, numbers)


def compare_methods(better: str, other: str, tier: str) -> Verdict:
    """Decides whether one method needs less play than another, over the games."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    size = TIERS[tier]
    minutes = {
        name: np.mean([measured_play(tier, name, game).minutes for game in size.games], axis=0)
        for name in (better, other)
    }
    gap = interval(minutes[other] - minutes[better])
    shares = {
        name: np.mean([measured_play(tier, name, game).reached for game in size.games])
        for name in minutes
    }
    each = ", ".join(
        f"{name} {show(interval(x))} min ({100 * shares[name]:.0f} % of runs reach the score)"
        for name, x in minutes.items()
    )
    summary = (
        f"{each}; difference {show(gap)}; {size.seeds} seeds, {_budget(tier):.0f} min at most of "
        f"{', '.join(size.games)}"
    )
    return Verdict(decide(gap), summary, {n: interval(x) for n, x in minutes.items()})


def describe(tier: str, play: Play) -> str:
    """Writes the minutes of a method on a game, and how many runs they are a lower bound of."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if not play.reached.any():
        return f"not within {_budget(tier):.0f} min"
    missed = len(play.reached) - int(play.reached.sum())
    text = f"{show(interval(play.minutes))} min"
    return f"{text}, {missed} runs never" if missed else text


def _budget(tier: str) -> float:
    """Minutes of play of a run."""
    return TIERS[tier].steps * FRAMES / 3600


CLAIMS = [
    *(
        Claim(
            f"{method}_needs_longer_than_people",
            "A net needs hours of play (115 for Double DQN) where people need 15 minutes",
            "Tsividis et al. 2017, as the lecture quotes it",
            partial(compare_with_people, method),
        )
        for method in METHODS
    ),
    Claim(
        "options_shorten_it",
        "Double DQN, dueling, prioritized replay and several steps together need less play",
        "Hessel et al. 2018, figure 1",
        partial(compare_methods, "all_options", "dqn"),
    ),
]
