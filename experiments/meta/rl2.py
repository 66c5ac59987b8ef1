"""RL²: a slow learner trains a net to learn fast, within its own memory (Duan et al. 2016).

RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, arXiv 1611.02779, table 1: a GRU
that was trained over trials earns 6.7 in 10 pulls of a bandit with 5 arms, as much as the best
rules made by hand. The optimum is 6.660; with 50 arms it is 6.714, and the table's 6.8 the luck of
1000 instances. So here every number has an error, and stands beside the Bayes-optimal one.

Measured: 99.8 % of the Bayes-optimal reward with 2 arms (5 seeds), 99.6 % with 5 (3 seeds).

    ./run rl2                                   10 pulls of 2 arms, 3 seeds; 45 s on 2 CPU cores
    ./run rl2 --preset=gpu                      100 pulls of 10 arms
    ./run sweep rl2 --preset=paper --grid env=bandit:arms=5,bandit:arms=10,bandit:arms=50
                                                a row of table 1; all nine cells: ./run claims
    ./run rl2 --env=cartpole --episodes=4 --unroll=64 --num_envs=64     any other world
"""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, Worlds

ABOUT = About(
    title="RL²",
    paper="Duan et al. 2016",
    arxiv="1611.02779",
    summary="A recurrent policy learns to explore and to exploit new tasks within its memory.",
    headline="eval/percent_of_optimal",
    unit="%",
    yardstick="the Bayes-optimal player earns 100 %",
    paper_says="as much as the best rules made by hand",
    samples="env steps",
    curves=("eval/percent_of_optimal", "episode_return"),
)


@dataclass(frozen=True)
class Config:
    """Which tasks, which net, and how the slow learner learns."""

    run: Run = Run(steps=100, steps_per_call=10, num_seeds=3)
    worlds: Worlds = Worlds(env="bandit:arms=2", num_envs=1024, eval_envs=256)
    policy: Policy = Policy(hidden=(64,), recurrent="gru")
    optimizer: Optimizer = Optimizer(learning_rate=3e-3, schedule="linear", max_norm=0.5)
    episodes: int = option(10, "n, of a task in a trial; a bandit's are its pulls", at_least=1)
    unroll: int = option(
        0, "steps in each world between two updates (0: a bandit's trial, else 64)", at_least=0
    )
    epochs: int = option(4, "passes over them", at_least=1)
    minibatches: int = option(8, "optimizer steps in a pass", at_least=1)
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    gae_lambda: float = option(
        0.9, "lambda (the paper's 0.3 needs its large batches)", at_least=0, at_most=1
    )
    clip: float = option(0.2, "epsilon of the clipped objective", above=0, at_most=1)
    value_coef: float = option(0.5, "weight of the value loss", at_least=0)
    entropy_coef: float = option(0.0, "weight of the entropy bonus", at_least=0)
    eval_tasks: int = option(
        102_400, "fresh bandits that every player is scored on", at_least=2, free=True
    )


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        worlds=Worlds(env="bandit:arms=2", num_envs=128, eval_envs=64),
        policy=Policy(hidden=(16,), recurrent="gru"),
        minibatches=2,
        eval_tasks=4_096,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=1_000, steps_per_call=20, eval_every=100, save_every=200),
        worlds=Worlds(env="bandit:arms=10", num_envs=2_560),
        policy=Policy(hidden=(256,), recurrent="gru"),
        optimizer=Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5),
        episodes=100,
        eval_tasks=409_600,
    ),
    "paper": Config(  # GRU-256, gamma 0.99, lambda 0.3, about 250,000 steps an update
        run=Run(steps=4_000, steps_per_call=20, eval_every=200, save_every=200),
        worlds=Worlds(env="bandit:arms=5", num_envs=25_600),
        policy=Policy(hidden=(256,), recurrent="gru"),
        optimizer=Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5),
        gae_lambda=0.3,
        eval_tasks=409_600,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import meta
    from jaxdl.envs import make
    from jaxdl.nn.mlp import fast_dense
    from jaxdl.rl import deployment, setup

    name = config.worlds.env
    tasks = make(name)
    world = meta.trial(tasks, config.episodes)
    net = setup.make_net(world, config.policy, affine=fast_dense)
    unroll = config.unroll or (config.episodes if meta.is_bandit(name) else 64)
    updates = config.run.horizon * config.epochs * config.minibatches
    if meta.is_bandit(name):
        evaluate = meta.bandit_evaluation(
            arms=tasks.action_space.n, pulls=config.episodes, tasks=config.eval_tasks
        )
    else:
        evaluate = meta.trial_evaluation(
            tasks,
            episodes=config.episodes,
            trials=config.worlds.eval_envs,
            episode_steps=config.worlds.eval_steps,
        )
    learner = meta.rl2(
        tasks,
        net,
        setup.make_tx(config.optimizer, steps=updates),
        episodes=config.episodes,
        num_envs=config.worlds.num_envs,
        unroll=unroll,
        epochs=config.epochs,
        minibatches=config.minibatches,
        discount=config.discount,
        gae_lambda=config.gae_lambda,
        clip=config.clip,
        value_coef=config.value_coef,
        entropy_coef=config.entropy_coef,
        evaluate=evaluate,
    )
    text = f"A policy that learns {name} in its memory, trained by RL² for trials of "
    text += f"{config.episodes} episodes of one task.\n{meta.TRIAL_OBSERVATION}"
    return System(
        learner,
        samples_per_step=config.worlds.num_envs * unroll,
        figures=meta.exhibits,
        deployment=deployment(net, world.obs_space, text=text),
        world=(name, world),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
