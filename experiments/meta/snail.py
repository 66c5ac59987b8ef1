"""SNAIL: a meta-learner that looks up its past (Mishra et al. 2018)."""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, PolicyUpdate, Worlds

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
    curves=("eval/percent_of_optimal", "episode_return"),
)


@dataclass(frozen=True)
class Config:
    run: Run = Run(steps=100, steps_per_call=10, num_seeds=3)
    worlds: Worlds = Worlds(env="bandit:arms=2", num_envs=1024, eval_envs=256)
    optimizer: Optimizer = Optimizer(learning_rate=3e-3, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = PolicyUpdate(unroll=10, minibatches=8, gae_lambda=0.9)
    episodes: int = option(10, "n, of a task in a trial; a bandit's are its pulls", at_least=1)
    eval_tasks: int = option(102_400, "fresh tasks", at_least=16, free=True)
    width: int = option(32, "of the layers before and behind the blocks", at_least=1)
    filters: int = option(16, "of each dense block", at_least=1)
    keys: int = option(16, "numbers of a key", at_least=1)
    values: int = option(16, "numbers of a value", at_least=1)
    memory: int = option(0, "steps", at_least=0)
    reward_scale: float = option(0.1, "factor", above=0)


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        worlds=Worlds(env="bandit:arms=2", num_envs=128, eval_envs=64),
        update=PolicyUpdate(unroll=8, minibatches=2, gae_lambda=0.9),
        episodes=8,
        eval_tasks=4_096,
        width=8,
        filters=4,
        keys=4,
        values=4,
    ),
    "cpu": Config(),
    "gpu": Config(),
    "paper": Config(),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import meta
    from jaxdl.rl.plain_ppo import make_ppo

    blocks = meta.trial_blocks(filters=config.filters, keys=config.keys, values=config.values)
    make_slow = meta.scale_tabular(make_ppo, name=config.worlds.env, scale=config.reward_scale)
    return meta.snail_trial_system(
        make_slow, config, blocks, width=config.width, memory=config.memory
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
