"""What the claims of DDPG, TD3 and SAC share: the tasks, and how a run is scored.

A run's score is the mean return of 64 fresh episodes (32 in MuJoCo's physics) of its last policy,
without exploring: 0 is random play, 1 the best run of a task. All learners have the same nets,
worlds and replay.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.rl.ppo_claims import normalize_scores, random_return
from jaxdl.launch import configure

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np

SMALL = {  # one gradient step on each env step
    "hidden": (64, 64),
    "critic_hidden": (),
    "layer_norm": False,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "actor_rate": 1.0,
    "num_envs": 8,
    "unroll": 1,
    "updates": 8,
    "batch_size": 128,
    "capacity": 65_536,
    "learning_starts": 1024,
    "discount": 0.99,
    "tau": 0.005,
    "eval_envs": 64,
}
PHYSICS = SMALL | {"num_envs": 32, "eval_envs": 32}  # fewer updates on a step, which costs more
LARGE = SMALL | {  # the nets and batches of Haarnoja et al. 2018b, in many worlds
    "hidden": (256, 256),
    "learning_rate": 3e-4,
    "num_envs": 64,
    "updates": 16,
    "batch_size": 256,
    "capacity": 1_048_576,
    "learning_starts": 8192,
}


class Task(NamedTuple):
    """A world, and how it is learned.

    Attributes:
      env: its name.
      steps: of the learner.
      settings: of its launch file.
    """

    env: str
    steps: int
    settings: Mapping[str, Any]


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      tasks: that are learned.
      seeds: runs of each learner on each task.
    """

    tasks: Sequence[Task]
    seeds: int


# Cheetah and walker, of 17 and 24 numbers and 6 actions, take MJX hours of two cores for five
# seeds, and ant no less: they are in the gpu tier alone.
TIERS = {
    "smoke": Tier([Task("pendulum", 10, SMALL)], 2),
    "cpu": Tier(
        [
            Task("pendulum", 1500, SMALL),
            Task("mjx/cartpole:task=swingup", 2500, PHYSICS),
            Task("mjx/reacher", 1500, PHYSICS),
        ],
        5,
    ),
    "gpu": Tier(
        [
            Task("pendulum", 2500, SMALL),
            Task("mjx/cartpole:task=swingup", 6000, PHYSICS),
            Task("mjx/reacher", 8000, LARGE),
            Task("mjx/cheetah", 16_000, LARGE),
            Task("mjx/walker", 16_000, LARGE),
            Task("brax/ant", 32_000, LARGE),
        ],
        10,
    ),
}

Metrics = dict[str, "np.ndarray"]  # name -> [S]


def train_on_all(module: "ModuleType", tier: Tier, **settings: Any) -> dict[str, Metrics]:
    """Trains a launch file's system on every task; returns task -> metrics [S] of its evaluation.

    Args:
      module: the launch file.
      tier: the tasks and seeds.
      settings: beside those of the task.
    """
    return {task.env: train_on(module, task, tier.seeds, settings) for task in tier.tasks}


def train_on(module: "ModuleType", task: Task, seeds: int, settings: Mapping[str, Any]) -> Metrics:
    """Trains on one task; returns metrics [S] of the evaluation at the end."""
    import numpy as np

    from jaxdl.launch import train

    run = {"env": task.env, "steps": task.steps, "num_seeds": seeds, "eval_steps": 1000}
    run["steps_per_call"] = max(task.steps // 6, 1)
    name = module.__name__.rpartition(".")[2]
    config = configure(name, module.PRESETS, "smoke", {**task.settings, **run, **settings})
    _, result = train(module.build, config, about=module.ABOUT)
    return {
        name.removeprefix("eval/"): np.asarray(metric["values"])
        for name, metric in result["metrics"].items()
        if name.startswith("eval/")
    }


def scores(runs: Mapping[Any, Mapping[str, Metrics]]) -> dict[Any, "np.ndarray"]:
    """Turns the returns of learners into scores [S], their means over tasks.

    Args:
      runs: learner -> task -> metrics.
    """
    returns = {
        learner: {env: metrics["episode_return"] for env, metrics in tasks.items()}
        for learner, tasks in runs.items()
    }
    envs = next(iter(returns.values()))
    return normalize_scores(returns, {env: random_return(env) for env in envs})


def size_text(tier: Tier) -> str:
    """Says on what and how long was trained."""
    parts = [f"{t.steps * t.settings['num_envs']:,} steps of {t.env}" for t in tier.tasks]
    return f"{tier.seeds} seeds, {', '.join(parts)}"
