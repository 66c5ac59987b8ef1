"""What Schulman et al. 2016 state in figure 2 about lambda, measured on our cart-poles."""

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.rl import ppo_claims
from experiments.rl.gae import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

LAMBDAS = (0.0, 0.5, 0.9, 0.95, 0.99, 1.0)
BETWEEN = slice(2, 5)  # of them, those that are claimed to be better than the ends


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      envs: the tasks.
      updates: of each run, of 4096 env steps each.
      seeds: runs of each lambda on each task.
    """

    envs: Sequence[str]
    updates: int
    seeds: int


TIERS = {
    "smoke": Tier(("cartpole",), 2, 2),
    "cpu": Tier(("cartpole", "mjx/cartpole"), 20, 5),
    "gpu": Tier(("cartpole", "mjx/cartpole", "brax/inverted_double_pendulum"), 20, 20),
}


@cache
def measured_scores(tier: str, learner: str) -> "np.ndarray":
    """Returns scores [S, K] after as many updates as figure 2 shows: 0 is random play.

    1 is a task's best run of any lambda; scores are means over tasks.
    """
    import numpy as np

    size = TIERS[tier]
    scores = []
    for env in size.envs:
        random = ppo_claims.random_return(env)
        returns = train_returns(env, learner, size)
        scores.append((returns - random) / (returns.max() - random))
    return np.mean(scores, axis=0)


def train_returns(env: str, learner: str, size: Tier) -> "np.ndarray":
    """Trains on one task; returns mean returns [S, K] of the last policies in fresh episodes."""
    import numpy as np

    from jaxdl.launch import train

    settings = {
        "env": env,
        "learner": learner,
        "lambdas": LAMBDAS,
        "steps": size.updates,
        "steps_per_call": max(size.updates // 4, 1),
        "num_seeds": size.seeds,
        "eval_envs": ppo_claims.EPISODES,
    }
    config = configure("gae", PRESETS, "cpu", settings)
    _, result = train(build, config, about=ABOUT)
    names = [f"eval/episode_return/{value:g}" for value in LAMBDAS]
    return np.stack([result["metrics"][name]["values"] for name in names], axis=1)


def compare_lambdas(learner: str, tier: str) -> Verdict:
    """Decides whether the mean of 0.9, 0.95 and 0.99 scores higher than 0, and than 1."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    scores = measured_scores(tier, learner)
    between = scores[:, BETWEEN].mean(axis=1)
    gaps = {f"lead over {LAMBDAS[end]:g}": interval(between - scores[:, end]) for end in (0, -1)}
    numbers = {f"lambda {value:g}": interval(scores[:, i]) for i, value in enumerate(LAMBDAS)}
    size = TIERS[tier]
    listed = ", ".join(f"{name.split()[1]}: {show(number)}" for name, number in numbers.items())
    leads = ", ".join(f"{name} {show(gap)}" for name, gap in gaps.items())
    summary = (
        f"{listed}; {leads}; {size.seeds} seeds, {4096 * size.updates:,} steps of "
        f"{', '.join(size.envs)}"
    )
    return Verdict(decide(*gaps.values()), summary, gaps | numbers)


CLAIMS = [
    Claim(
        "intermediate_lambda_trpo",
        "TRPO learns a cart-pole faster with lambda within 0.9 and 0.99 than with 0 or 1",
        "Schulman et al. 2016, figure 2",
        partial(compare_lambdas, "trpo"),
    ),
    Claim(
        "intermediate_lambda_ppo",
        "So does PPO, whose values are fitted to targets of the same lambda",
        "Schulman et al. 2016, figure 2, by another learner",
        partial(compare_lambdas, "ppo"),
    ),
]
