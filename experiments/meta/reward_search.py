"""Reward search: the reward that makes a limited learner fittest (Singh, Lewis & Barto 2009).

Where Do Rewards Come From?: an animal that learns in its life from a reward which was searched for
becomes fitter than one that learns from its fitness. Rewards are tables that are tried one after
the other, as there, or expressions that evolve (Niekum, Barto & Spector 2010).

Measured (`./run claims --only=reward_search`, 5 seeds): in boxes 3.1 ± 0.4 % of a life of 1,000
steps is without hunger, 1.0 ± 0.1 % with fitness as the reward, and 6.4 ± 0.9 % of 8,000 steps
beside 5.4 ± 0.2 %; in hungry-thirsty 2.3 ± 0.5 % of 16,000 steps beside 0.003 %. In long lives the
best reward that sees hunger alone does as well. Expressions do worse after as many evaluations.

    ./run reward_search                             hungry-thirsty, tables of 5 levels
    ./run reward_search --env=boxes --rewards=expressions
    ./run reward_search --rewards=hunger            the papers' fitness-based rewards
    ./run ppo --env=boxes                           another learner in the same world
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from jaxdl.core.run import BadInput, Run, check_options, option
from jaxdl.launch import About, System, launch

ABOUT = About(
    title="Reward search",
    paper="Singh et al. 2009",
    arxiv="",
    summary="Searches for the reward that makes a learner of limited life fittest.",
    headline="eval/fitness",
    scale=100,
    unit="% of a life without hunger",
    yardstick="fitness as the reward {eval/own_fitness}",
    paper_says="better than fitness as the reward (curves only)",
    samples="steps of lives",
    curves=("generation_fitness", "generation_best"),
)


@dataclass(frozen=True)
class Config:
    """Which world, which rewards are tried, and how animals learn."""

    run: Run = Run(steps=8, steps_per_call=2)
    env: str = option(
        "hungry_thirsty", "boxes or hungry_thirsty", check="jaxdl.envs.names:check_name"
    )
    rewards: Literal["tables", "hunger", "expressions"] = option(
        "tables", "a number for each need, two for hunger alone, or expressions that evolve"
    )
    levels: tuple[float, ...] = option((-1.0, -0.5, -0.05, 0.0, 1.0), "that tables are made of")
    lifetimes: tuple[int, ...] = option((4000, 8000, 16_000), "steps of lives", at_least=1)
    population: int = option(64, "rewards of a generation, a multiple of 8", at_least=8)
    lives: int = option(6, "of each reward in a generation", at_least=2)
    eval_lives: int = option(256, "fresh ones that rewards are scored by", at_least=2, free=True)
    program_length: int = option(16, "tokens of an expression", at_least=1)
    tournament: int = option(4, "expressions that compete to be a parent", at_least=1)
    mutation: float = option(0.1, "chance that a token is replaced", at_least=0, at_most=1)
    rate: float = option(0.3, "alpha of Q-learning", above=0, at_most=1)
    discount: float = option(0.99, "gamma", at_least=0, below=1)
    exploration: float = option(0.1, "epsilon, share of random actions", at_least=0, at_most=1)

    def __post_init__(self):
        check_options(self)
        if self.population % 8:
            raise BadInput(f"--population={self.population} should be a multiple of 8")


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        env="boxes",
        lifetimes=(20, 40),
        population=256,
        lives=2,
        eval_lives=8,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=100, steps_per_call=5, eval_every=20),
        lifetimes=(4000, 8000, 16_000, 64_000),
        population=1024,
        lives=16,
        eval_lives=1024,
    ),
    "paper": Config(  # 54,000 rewards, said to be; lives of 10,000 steps
        run=Run(steps=54, steps_per_call=2),
        env="boxes",
        lifetimes=(1000, 10_000),
        population=1000,
        lives=200,
        eval_lives=1000,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jax import ShapeDtypeStruct

    from jaxdl import meta
    from jaxdl.deploy import Deployment
    from jaxdl.envs import make
    from jaxdl.envs.needs import senses_of

    senses = senses_of(config.env)
    learner = meta.reward_search(
        make(config.env),
        meta.reward_space(
            senses,
            config.rewards,
            number=config.population,
            levels=config.levels,
            length=config.program_length,
            tournament=config.tournament,
            mutation=config.mutation,
        ),
        own=meta.fitness_reward(senses),
        learning=meta.QLearning(config.rate, config.discount, config.exploration),
        lifetimes=config.lifetimes,
        lives=config.lives,
        eval_lives=config.eval_lives,
    )
    deployment = Deployment(
        f"The reward that a state of {config.env} pays on arrival, for the longest of the lives "
        f"of {config.lifetimes} steps: the state's number `obs` -> `reward`.",
        weights=lambda state: state.params,
        apply=lambda weights, inputs: {"reward": weights["reward"][-1][inputs["obs"]]},
        inputs={"obs": ShapeDtypeStruct((), "int32")},
    )
    figures = partial(
        meta.reward_exhibits,
        senses=senses,
        lifetimes=config.lifetimes,
        evolved=config.rewards == "expressions",
    )
    samples = config.population * config.lives * config.lifetimes[-1]
    return System(learner, samples_per_step=samples, figures=figures, deployment=deployment)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
