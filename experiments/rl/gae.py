"""GAE: how far ahead rewards are counted, and where values take over (Schulman et al. 2016).

High-Dimensional Continuous Control Using Generalized Advantage Estimation, arXiv 1506.02438,
figure 2: on a cart-pole, after 20 updates of TRPO, lambda within 0.92 and 0.98 has learned the
most. Below, the errors of the value function count; at 1, the chance in all rewards to come.

All lambdas are trained side by side in one program, each in as many worlds, from the same nets.

Measured (5 seeds, 81,920 steps of two cart-poles): with TRPO a lambda of 0.95 scores 0.65 ± 0.14,
0 scores 0.43 ± 0.12 and 1 scores 0.57 ± 0.20, where random play has 0 and the best run 1.

    ./run gae                                       seven lambdas, five seeds, on a CPU
    ./run gae --learner=ppo --lambdas=0,0.95,1      the same for PPO
    ./run gae --preset=paper                        figure 2 with the lambdas that it shows
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, Worlds

ABOUT = About(
    title="GAE",
    paper="Schulman et al. 2016",
    arxiv="1506.02438",
    summary="Policies learn from advantages of every lambda, side by side.",
    headline="eval/gain",
    yardstick="above 0: a lambda within 0.9 and 0.99 earns more than the smallest and the largest",
    paper_says="lambda within 0.92 and 0.98 learns a cart-pole fastest (figure 2)",
    samples="env steps",
    curves=("eval/gain", "eval/episode_return", "kl"),
    number="lambda 0.95",
)


@dataclass(frozen=True)
class Config:
    """Which lambdas are compared, in which world, and by which learner."""

    run: Run = Run(steps=20, steps_per_call=2, num_seeds=5)
    worlds: Worlds = Worlds(num_envs=32)
    policy: Policy = Policy()
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    learner: Literal["trpo", "ppo"] = option("trpo", "that learns by these advantages")
    lambdas: tuple[float, ...] = option(
        (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0), "to compare", at_least=0, at_most=1
    )
    kept: float = option(0.95, "lambda whose policy is exported", at_least=0, at_most=1)
    unroll: int = option(128, "steps in each world between two updates", at_least=1)
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    epochs: int = option(10, "passes over the steps of an update", at_least=1)
    minibatches: int = option(8, "optimizer steps in a pass", at_least=1)
    max_kl: float = option(0.01, "how far an update of TRPO goes", above=0)
    clip: float = option(0.2, "how far one of PPO gains", above=0, at_most=1)


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        optimizer=Optimizer(learning_rate=5e-3),
        lambdas=(0.0, 0.95, 1.0),
        unroll=32,
        epochs=4,
        minibatches=4,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=200, steps_per_call=10, eval_every=50, save_every=100, num_seeds=3),
        worlds=Worlds(env="brax/halfcheetah", num_envs=256),
        optimizer=Optimizer(learning_rate=3e-4),
        minibatches=16,
    ),
    "paper": Config(  # figure 2: the lambdas of its curves, 20 episodes of 1000 steps an update
        run=Run(steps=50, steps_per_call=5, eval_every=5, num_seeds=10),
        worlds=Worlds(env="mjx/cartpole", num_envs=20),
        policy=Policy(hidden=(20,)),
        lambdas=(0.0, 0.36, 0.64, 0.84, 0.92, 0.96, 0.98, 0.99, 1.0),
        unroll=1000,
        minibatches=20,
    ),
}


def build(config: Config) -> System:
    """Builds the learners of all lambdas as one, and what belongs to it."""
    from jaxdl import rl
    from jaxdl.envs import make
    from jaxdl.rl import exhibits, setup, tradeoff

    place = config.worlds
    world = make(place.env)
    net = setup.make_net(world, config.policy, shared=False)
    fits = config.run.horizon * config.epochs * config.minibatches
    family = partial(rl.ppo, clip=config.clip)
    if config.learner == "trpo":  # values are regressed on returns, eq. 28, whatever lambda is
        family = partial(rl.trpo, value_lambda=1.0, max_kl=config.max_kl)
    one = partial(
        family,
        world,
        net,
        setup.make_tx(config.optimizer, steps=fits),
        num_envs=place.num_envs,
        unroll=config.unroll,
        discount=config.discount,
        epochs=config.epochs,
        minibatches=config.minibatches,
        eval_envs=place.eval_envs,
        eval_steps=place.eval_steps,
    )
    learner = tradeoff.lambda_tradeoff(
        lambda value: one(gae_lambda=value), config.lambdas, kept=config.kept
    )
    text = f"A policy for {place.env}, by {config.learner.upper()} with lambda {config.kept:g}."
    whole = rl.deployment(net, world.obs_space, text=text)
    kept = tradeoff.nearest(config.lambdas, config.kept)
    return System(
        learner,
        samples_per_step=place.num_envs * config.unroll,  # of each lambda
        figures=exhibits.lambda_exhibits,
        deployment=whole._replace(
            weights=lambda state: whole.weights(tradeoff.keep_one(state, kept))
        ),
        world=(place.env, world),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
