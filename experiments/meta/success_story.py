"""The success story: changes stay if reward comes faster after them (Schmidhuber et al. 1997).

Shifting Inductive Bias with Success-Story Algorithm, Adaptive Levin Search, and Incremental
Self-Improvement, Machine Learning 28: in partially observable mazes, policies that change
themselves come to earn reward many times faster than at birth, and a Levin search whose bias
adapts solves a sequence of mazes in fewer steps. The success-story algorithm undoes what did not
pay. Both ways are here, with the walls beside the walker as all that it feels.

Measured (`./run claims --only=success_story`, 5 seeds of 8 lives): 3.24 ± 0.40 goals in 1,000 units
of time at last, where programs drawn at random reach 0.85 ± 0.12 and policies whose changes are
never undone 0.77 ± 0.20. Of 16 mazes in turn an adaptive search solves each in 5,310 steps on
average, a plain one in 40,000; without the criterion it takes 5,080, which is no fewer for sure.

    ./run success_story                         policies that change themselves
    ./run success_story --way=levin --steps=16 --steps_per_call=1
    ./run success_story --undo=false            changes are never undone
"""

from dataclasses import dataclass
from typing import Literal

from jaxdl.core.run import Run, check_options, option
from jaxdl.launch import About, System, launch

ABOUT = About(
    title="Success story",
    paper="Schmidhuber et al. 1997",
    arxiv="",
    summary="Lives keep only those changes of themselves after which reward came faster.",
    headline="eval/reward_rate",
    scale=1000,
    unit="goals in 1,000 units of time",
    yardstick="the policy at birth {eval/newborn_rate}",
    paper_says="many times the rate at birth",
    samples="instructions",
    curves=("reward_rate", "tags"),
)


@dataclass(frozen=True)
class Config:
    """Which mazes, what changes the policy, and when changes are judged."""

    run: Run = Run(steps=100, steps_per_call=5)
    way: Literal["self", "levin"] = option(
        "self", "policies that change themselves, or adaptive Levin search"
    )
    maze_size: int = option(5, "cells along a side", at_least=3)
    leg: int = option(3, "longest leg of a corridor, cells", at_least=2)
    lives: int = option(8, "side by side, a multiple of 8", at_least=1)
    life_steps: int = option(10_000, "instructions of a life in a step", at_least=1)
    modify: bool = option(True, "whether policies may change")
    undo: bool = option(True, "whether changes that did not pay are undone")
    rate: float = option(0.3, "gamma, by which probabilities change", at_least=0, below=1)
    least: float = option(0.01, "below which no probability of self falls", at_least=0, below=1)
    rewards: int = option(5, "that come before changes are judged", at_least=1)
    patience: int = option(5000, "steps after which they are judged anyhow", at_least=1)
    program_length: int = option(3, "instructions of a program of levin's", at_least=1, at_most=5)
    longest: int = option(100, "steps of a run of such a program", at_least=1)
    eval_steps: int = option(20_000, "instructions that score a policy", at_least=1, free=True)
    eval_mazes: int = option(4, "fresh ones that score levin's, a life", at_least=1, free=True)
    tags: int = option(128, "room on the stack for checkpoints", at_least=2)
    copies: int = option(1024, "room for what can be undone", at_least=2)

    def __post_init__(self):
        check_options(self)


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        maze_size=3,
        leg=2,
        life_steps=100,
        rewards=1,
        patience=100,
        eval_steps=100,
        tags=16,
        copies=32,
    ),
    "cpu": Config(),
    "gpu": Config(run=Run(steps=1000, steps_per_call=20), lives=64),
    "paper": Config(  # the size of its mazes is another
        run=Run(steps=2000, steps_per_call=20), maze_size=15, lives=8, tags=512, copies=4096
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import meta
    from jaxdl.envs import make

    env = make("dark_maze", size=config.maze_size, longest=config.leg)
    room = {"tags": config.tags, "copies": config.copies}
    if config.way == "levin":
        way = meta.levin_searching(
            env,
            program_length=config.program_length,
            longest=config.longest,
            rate=config.rate if config.modify else 0.0,
            eval_mazes=config.eval_mazes,
            undoes=config.undo,
            **room,
        )
    else:
        rule = meta.SelfRule(
            config.rate, config.least, config.rewards, config.patience, config.modify, config.undo
        )
        way = meta.self_modifying(
            env, rule, steps=config.life_steps, eval_steps=config.eval_steps, **room
        )
    learner = meta.success_story(way, lives=config.lives)
    items = config.lives * (config.life_steps if config.way == "self" else 1)
    return System(learner, samples_per_step=items, figures=meta.success_exhibits)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
