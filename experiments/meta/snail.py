"""SNAIL: causal convolutions and attention look the past of a trial up (Mishra et al. 2018).

A Simple Neural Attentive Meta-Learner, arXiv 1707.03141. In trials (section 5.2) it stands in the
place of RL²'s GRU: of 10 pulls of 5 arms it is said to earn 6.6, RL² 6.7, where the optimum is
6.660 and each number the mean of 1000 instances; in 10 episodes of decision processes 159.1, RL²
156.2. Of Omniglot's characters (section 5.1) it is said to tell 99.07 % with 5 ways and 1 shot,
97.64 % with 20 ways.

Measured: 99.6 ± 0.3 % of the Bayes-optimal reward with 2 arms after 512,000 env steps (one TC
block, 5 seeds), where RL² has 99.8 ± 0.1 %; `./run claims --only=snail`. Of Omniglot, 5 ways and 1
shot, 75 ± 22 % after 12,000 tasks (2 seeds, 73.7 and 77.1 %); the paper's sizes have not run.

    ./run snail                                 10 pulls of 2 arms, 3 seeds
    ./run snail --env=tabular_mdp --unroll=100 --num_envs=256       10 episodes of 10 steps
    ./run snail --preset=gpu --env=bandit:arms=50                   100 pulls of 50 arms
    ./run snail --tasks=drawn --steps=1000 --num_seeds=1            characters drawn at random
    ./run snail --preset=paper                  Omniglot, 20 ways, 1 shot; files below JAXDL_DATA
"""

from dataclasses import dataclass, replace
from typing import Literal

from experiments.meta.rl2 import PRESETS as RL2
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, PolicyUpdate, Worlds

SMOKE, CPU, GPU = (RL2[name] for name in ("smoke", "cpu", "gpu"))  # the same trials and updates

ABOUT = About(
    title="SNAIL",
    paper="Mishra et al. 2018",
    arxiv="1707.03141",
    summary="A net of causal convolutions and attention learns new tasks by looking up its past.",
    headline="eval/percent_of_optimal",
    unit="%",
    yardstick="the Bayes-optimal player earns 100 %",
    paper_says="said to be 6.6 of 10 pulls of 5 arms, RL² 6.7",
    samples="env steps",
    curves=("eval/percent_of_optimal", "episode_return", "eval/accuracy", "accuracy"),
)


@dataclass(frozen=True)
class Net:
    """Which blocks there are, and how wide."""

    group = "net"

    width: int = option(32, "of the dense layers before and behind the blocks", at_least=1)
    filters: int = option(16, "of each dense block; attention is in proportion", at_least=4)
    temporal: int = option(2, "TC blocks before the attention, in trials", at_least=1)
    memory: int = option(
        0, "steps of a trial that it looks back over (0: all, or --unroll)", at_least=0
    )
    reader: int = option(16, "filters of the convolutions that read characters", at_least=1)


@dataclass(frozen=True)
class Characters:
    """Which few-shot tasks there are, with --tasks=drawn or omniglot."""

    group = "characters"

    ways: int = option(5, "N, classes of a task", at_least=2)
    shots: int = option(1, "K, labelled images of a class", at_least=1)
    queries: int = option(3, "images of a class that are to be told", at_least=1)
    meta_batch: int = option(16, "tasks a step", at_least=1)
    data_dir: str = option("", "where Omniglot's files lie ('': meta/ below JAXDL_DATA)", free=True)


@dataclass(frozen=True)
class Config:
    """Which tasks, which net, and how it learns; worlds and updates are those of trials."""

    run: Run = CPU.run
    tasks: Literal["trials", "drawn", "omniglot"] = option(
        "trials", "of a world, or few-shot: characters drawn at random, or Omniglot's"
    )
    worlds: Worlds = CPU.worlds
    net: Net = Net()
    optimizer: Optimizer = CPU.optimizer
    update: PolicyUpdate = CPU.update
    characters: Characters = Characters()
    episodes: int = option(CPU.episodes, "n, of one task; in a bandit each is a pull", at_least=1)
    eval_tasks: int = option(
        CPU.eval_tasks, "fresh bandits or processes that are played (at most 2,000 of characters)",
        at_least=16, free=True,
    )  # fmt: skip
    reward_scale: float = option(
        0.1, "factor on rewards, less their mean, for the slow learner in tabular_mdp", above=0
    )


PRESETS = {
    "smoke": Config(
        SMOKE.run,
        worlds=SMOKE.worlds,
        net=Net(width=8, filters=4, temporal=1),
        update=replace(SMOKE.update, unroll=4),
        episodes=4,
        eval_tasks=SMOKE.eval_tasks,
    ),
    "cpu": Config(),
    "gpu": Config(
        GPU.run,
        worlds=GPU.worlds,
        net=Net(filters=32),
        optimizer=GPU.optimizer,
        update=GPU.update,
        episodes=GPU.episodes,
        eval_tasks=GPU.eval_tasks,
    ),
    "paper": Config(  # the sizes that public re-implementations have; their number of steps differs
        Run(steps=100_000, steps_per_call=200, eval_every=10_000, save_every=10_000),
        tasks="omniglot",
        net=Net(width=128, filters=128, reader=64),
        optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", max_norm=1.0),
        characters=Characters(ways=20, queries=1, meta_batch=32),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it; no file is read."""
    from jaxdl import meta

    net, worlds = config.net, config.worlds
    if config.tasks != "trials":
        return meta.few_shot_system(config)
    from jaxdl.rl.plain_ppo import make_ppo

    make_slow = meta.scale_tabular(make_ppo, name=worlds.env, scale=config.reward_scale)
    return meta.snail_trial_system(
        make_slow,
        config,
        meta.trial_blocks(filters=net.filters, temporal=net.temporal),
        width=net.width,
        memory=net.memory,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
