"""What Schulman et al. 2017 state in table 1, measured on our worlds.

The paper averages the last 100 episodes of training; here a run's score is the mean return of 100
fresh episodes of its final policy, with actions sampled as in training, so that every score rests
on 100 different episodes of one policy however long the worlds' episodes are.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide_lead
from experiments.rl.ppo import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

EPISODES = 100  # that a run's score is the mean of


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      envs: the tasks.
      updates: of each run, of 2048 env steps each.
      seeds: runs of each objective on each task.
      betas: of the KL penalty, to choose from.
    """

    envs: Sequence[str]
    updates: int
    seeds: int
    betas: Sequence[float]


TIERS = {
    "smoke": Tier(("pendulum",), 4, 2, (1.0, 3.0)),
    "cpu": Tier(("cartpole", "pendulum", "mjx/cartpole"), 50, 5, (0.3, 1.0, 3.0, 10.0)),
    "gpu": Tier(
        ("cartpole", "pendulum", "mjx/cartpole", "brax/reacher"), 240, 10, (0.3, 1.0, 3.0, 10.0)
    ),
}
SETTINGS = {  # table 3: 2048 steps an update, 10 epochs, minibatches of 64
    "num_envs": 16,
    "unroll": 128,
    "epochs": 10,
    "minibatches": 32,
    "microbatches": 1,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "entropy_coef": 0.0,
    "eval_envs": 1,
    "eval_sampled": EPISODES,
}

Scores = Mapping[str, "np.ndarray"]  # task -> returns or scores [S] of one objective


@cache
def measured_scores(tier: str) -> dict[str, Any]:
    """Returns objective -> scores [S]: 0 is random play, 1 a task's best run; means over tasks.

    Beta is the one of the grid with the best mean score, on seeds of its own.
    """
    size = TIERS[tier]
    random = {env: random_return(env) for env in size.envs}
    tuning_seeds = max(size.seeds // 2, 2)
    tuning = {
        beta: train_on_all(size, tuning_seeds, objective="kl", kl_coef=beta, seed=1000)
        for beta in size.betas
    }
    tuned = normalize_scores(tuning, random)
    beta = max(size.betas, key=lambda beta: tuned[beta].mean())
    runs = {
        "clip": train_on_all(size, size.seeds, objective="clip"),
        "none": train_on_all(size, size.seeds, objective="none"),
        f"KL penalty, beta {beta:g}": train_on_all(size, size.seeds, objective="kl", kl_coef=beta),
    }
    return normalize_scores(runs, random)


def train_on_all(size: Tier, seeds: int, **settings: Any) -> Scores:
    """Trains on every task; returns task -> mean returns [S]."""
    return {env: train_returns(env, size.updates, seeds, **settings) for env in size.envs}


def train_returns(env: str, updates: int, seeds: int, **settings: Any) -> "np.ndarray":
    """Trains on one task; returns each final policy's mean return [S] over fresh episodes."""
    import numpy as np

    from jaxdl.launch import train

    run = {"steps": updates, "steps_per_call": max(updates // 6, 1), "num_seeds": seeds}
    config = configure("ppo", PRESETS, "smoke", SETTINGS | run | {"env": env} | settings)
    _, result = train(build, config, about=ABOUT)
    return np.asarray(result["metrics"]["eval/episode_return_sampled"]["values"])


def random_return(env: str) -> float:
    """Returns the mean return of 100 episodes of random actions."""
    import jax

    from jaxdl.envs import make
    from jaxdl.rl import evaluation, rollout

    world = make(env)
    policy = rollout.random_policy(world.action_space)
    measure = partial(
        evaluation.evaluate_policy, env=world, policy=policy, episodes=EPISODES, max_steps=1000
    )
    return float(jax.jit(measure)(jax.random.key(0))["episode_return"])


def normalize_scores(runs: Mapping[Any, Scores], random: Mapping[str, float]) -> dict[Any, Any]:
    """Turns returns into scores [S]: 0 is random play, 1 the best run of any objective."""
    import numpy as np

    best = {env: max(run[env].max() for run in runs.values()) for env in random}
    span = {env: best[env] - random[env] for env in random}
    return {
        name: np.mean([(run[env] - random[env]) / span[env] for env in random], axis=0)
        for name, run in runs.items()
    }


def compare_clipping(other: str, tier: str) -> Verdict:
    """Decides whether the interval of clipping's lead over another objective lies above 0."""
    scores = measured_scores(tier)
    name = next(name for name in scores if name.startswith(other))
    size = TIERS[tier]
    steps = f"{2048 * size.updates:,} steps of {', '.join(size.envs)}"
    return decide_lead(scores, "clip", name, f"{size.seeds} seeds, {steps}")


CLAIMS = [
    Claim(
        "clip_beats_none",
        "Clipping scores higher than neither clipping nor penalty (0.82 against -0.39)",
        "Schulman et al. 2017, table 1",
        partial(compare_clipping, "none"),
    ),
    Claim(
        "clip_beats_penalty",
        "Clipping scores higher than a KL penalty with tuned beta (0.82 against 0.72)",
        "Schulman et al. 2017, table 1",
        partial(compare_clipping, "KL penalty"),
    ),
]
