"""What CURL and its relatives state of learning from pictures, and what of it the crops do alone.

All arms have the same worlds, pictures, net, replay and updates; without random crops the middle of
each picture is read. A run's score is the mean return of fresh episodes of its last policy, without
exploring; 1000 can be earned at most. The worlds are ours, not dm_control's, so no number here
belongs in a column with the paper's. How far they are apart is a claim of its own, which needs the
recorded trajectories below `JAXDL_DATA`; docs/worlds.md has all of it.

What decides: an arm leads another where the 95 % interval of their difference over seeds, and over
tasks where there are several, lies above 0.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.rl.curl import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

NEAR_POSITION = 1e-3  # m or rad after a step
NEAR_REWARD = 1e-4  # of 1 at most
NEARLY = 0.9  # of what states earn: pictures that earn more "nearly match" them
SHARES = (8, 4, 2, 1)  # states are learned for these parts of the steps, too
ARMS: dict[str, Mapping[str, Any]] = {
    "CURL": {},
    "crops alone": {"contrast": False},
    "no crops": {"contrast": False, "crop": False},
    "states": {"contrast": False, "states": True},
}


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      tasks: names of worlds.
      frames: steps of a world in a run, each of which an action repeats.
      seeds: runs of each arm on each task.
      preset: whose options hold, but for the settings.
      settings: of the launch file.
    """

    tasks: Sequence[str]
    frames: int
    seeds: int
    preset: str
    settings: Mapping[str, Any]


SIX = (  # of table 1
    "mjx/finger",
    "mjx/cartpole:task=swingup",
    "mjx/reacher",
    "mjx/cheetah",
    "mjx/walker",
    "mjx/ball_in_cup",
)
SMALL = {  # an update on every second action
    "channels": 8,
    "convolutions": 3,
    "updates": 2,
    "learning_starts": 512,
}
TIERS = {
    "smoke": Tier(["swingup"], 2048, 2, "smoke", {"updates": 2, "eval_envs": 2}),
    "cpu": Tier(["swingup"], 32_768, 5, "cpu", SMALL),
    "gpu": Tier(SIX, 100_000, 5, "gpu", {}),
}


@cache
def trained(tier: str, arm: str, task: str, share: int) -> "np.ndarray":
    """Trains one arm on one task for a part of the frames; returns the scores [S] of its seeds."""
    import numpy as np

    from jaxdl.launch import train
    from jaxdl.render.seen import usual_repeat

    size = TIERS[tier]
    repeat = usual_repeat(task)
    base = configure("curl", PRESETS, size.preset, size.settings)
    actions = size.frames // share // repeat - base.replay.learning_starts
    steps = max(actions // (base.worlds.num_envs * base.replay.unroll), 1)
    run = {
        "env": task,
        "steps": steps,
        "steps_per_call": max(steps // 4, 1),
        "num_seeds": size.seeds,
        "eval_every": 0,
        "save_every": 0,
        "eval_steps": -(-1000 // repeat),
    }
    if task == "mjx/cheetah":
        run["learning_rate"] = 2e-4  # Laskin et al. 2020, table 3
    config = configure("curl", PRESETS, size.preset, {**size.settings, **run, **ARMS[arm]})
    _, result = train(build, config, about=ABOUT)
    return np.asarray(result["metrics"]["eval/episode_return"]["values"])


def scores(tier: str, arm: str, share: int = 1) -> "np.ndarray":
    """Returns the scores [S] of an arm, means over the tasks."""
    import numpy as np

    return np.mean([trained(tier, arm, task, share) for task in TIERS[tier].tasks], axis=0)


def compare(better: str, other: str, tier: str) -> Verdict:
    """Decides whether one arm leads another."""
    import numpy as np

    from jaxdl.core.logs import interval

    both = {arm: scores(tier, arm) for arm in (better, other)}
    verdict = decide_lead(both, better, other, size_text(tier))
    leads = {
        f"{task}: difference": interval(np.subtract(*(trained(tier, arm, task, 1) for arm in both)))
        for task in TIERS[tier].tasks
    }
    return verdict._replace(numbers=verdict.numbers | leads)


def compare_with_states(tier: str) -> Verdict:
    """Decides whether CURL earns 0.9 of what states do; tells how many more frames it needs.

    That is by the least part of the frames after which states have earned as much as CURL has.
    """
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    seen = scores(tier, "CURL")
    known = {share: scores(tier, "states", share) for share in SHARES}
    gap = interval(seen - NEARLY * known[1])
    numbers = {"CURL": interval(seen)}
    numbers |= {f"states, frames / {share}": interval(x) for share, x in known.items()}
    enough = [share for share, x in known.items() if x.mean() >= seen.mean()]
    factor = f"1/{max(enough)}" if enough else "more than all"
    summary = (
        f"CURL {show(numbers['CURL'])}, states {show(numbers['states, frames / 1'])}; CURL less "
        f"{NEARLY:g} of states {show(gap)}; from states the return of CURL takes {factor} of the "
        f"frames (of parts 1/{', 1/'.join(map(str, SHARES))}); {size_text(tier)}"
    )
    return Verdict(decide(gap), summary, numbers | {"difference": gap})


def size_text(tier: str) -> str:
    """Says on what and how long was trained."""
    size = TIERS[tier]
    return f"{size.seeds} seeds, {size.frames:,} frames of {', '.join(size.tasks)}"


def crops_help(tier: str) -> Verdict:
    """Decides whether crops alone lead SAC from pixels."""
    return compare("crops alone", "no crops", tier)


def contrast_adds(tier: str) -> Verdict:
    """Decides whether the contrastive loss adds anything to the crops."""
    return compare("CURL", "crops alone", tier)


def curl_beats_pixels(tier: str) -> Verdict:
    """Decides whether CURL leads SAC from pixels."""
    return compare("CURL", "no crops", tier)


def worlds_are_near(tier: str) -> Verdict:
    """Decides whether a step from every recorded state of dm_control's leads where it did."""
    from experiments import _distance
    from jaxdl.core.logs import interval

    path = Path(os.environ.get("JAXDL_DATA", ""), "mjcf/dmc_traj.npz")
    if not path.is_file():
        return Verdict("undecided", "not measured: JAXDL_DATA has no mjcf/dmc_traj.npz", {})
    worlds = list(_distance.RECORDED)[:1] if tier == "smoke" else list(_distance.RECORDED)
    rows = [row for row in _distance.measure(str(path), worlds) if row.physics != _distance.C_LABEL]
    numbers, texts, is_near = {}, [], True
    for row in rows:
        parts = {"positions": row.qpos, "speeds": row.qvel, "reward": row.rew}
        parts |= {"positions, 10 steps": row.some_qpos}
        numbers |= {f"{row.world}, {name}": interval(values) for name, values in parts.items()}
        both = [
            f"{name} {median(values):.0e} ({max(values):.0e})" for name, values in parts.items()
        ]
        texts.append(f"{row.world}: {', '.join(both)}")
        is_near &= max(row.qpos) < NEAR_POSITION and max(row.rew) < NEAR_REWARD
    return Verdict("holds" if is_near else "fails", "; ".join(texts), numbers)


CLAIMS = [
    Claim(
        "near_dm_control",
        "The worlds' dynamics are dm_control's: a step from each of 60 recorded states leads to "
        f"positions that differ by less than {NEAR_POSITION:g} (m, rad) and to rewards that differ "
        f"by less than {NEAR_REWARD:g}; median (greatest) of each world",
        "Tassa et al. 2018, arXiv 1801.00690, by recordings of dm_control 1.0.50",
        worlds_are_near,
    ),
    Claim(
        "crops_help",
        "Random crops alone make SAC learn from pictures that it hardly learns from without",
        "Laskin et al. 2020b (RAD, arXiv 2004.14990), table 1; Kostrikov et al. 2020, figure 2",
        crops_help,
    ),
    Claim(
        "contrast_adds",
        "The contrastive loss makes the encoder learn more than the crops do alone (the question "
        "that curl#27 asks, and that RAD answers with no)",
        "Laskin et al. 2020, section 1",
        contrast_adds,
    ),
    Claim(
        "curl_beats_pixels",
        "CURL earns more than SAC from pixels (841 of 1000 on cartpole after 500,000 frames)",
        "Laskin et al. 2020, table 1",
        curl_beats_pixels,
    ),
    Claim(
        "nearly_matches_states",
        "From pictures nearly as much is earned as from states after equally many frames: here 0.9 "
        "of it or more",
        "Laskin et al. 2020, abstract",
        compare_with_states,
    ),
]
