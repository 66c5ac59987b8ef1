"""RL² on tabular decision processes: it learns to explore states too (Duan et al. 2016).

RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, arXiv 1611.02779, sec. 3.2: in 10
episodes of 10 steps of a random decision process of 10 states and 5 actions a GRU earns 156.2, the
best rule made by hand 150.2. Rewards have the means N(1, 1), but the paper's rules expect 0 of
actions that they have not tried. So here every rule is there twice, with that prior and with the
one that the tasks are drawn from, tuned on other tasks, beside the player who knows the task (V*).
SNAIL (Mishra et al. 2018) is said to earn 159.1.

Measured: 116.9 ± 0.8 after 3 million env steps (cpu preset, 5 seeds), behind every rule but random
play. With the true prior BEB earns 157.0, greedy 154.5 and PSRL 133.6; with the paper's 151.0,
136.0 and 137.6, as its table says; `./run claims --only=rl2_mdp`.

    ./run rl2_mdp                               10 episodes, 3 seeds
    ./run rl2_mdp --preset=gpu --episodes=25 --unroll=250 --num_envs=1024
    ./run sweep rl2_mdp --preset=paper --grid episodes=10,25,50,75,100      a row of its table
"""

from dataclasses import dataclass

from experiments.meta.rl2 import ABOUT as BANDITS
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

ABOUT = BANDITS._replace(
    title="RL², tabular MDPs",
    summary="A recurrent policy learns to find its way in unknown decision processes.",
    headline="eval/percent_of_informed",
    yardstick="one who knows the task earns 100 %",
    paper_says="156.2 in 10 episodes, the best rule made by hand 150.2",
    curves=("eval/percent_of_informed", "eval/percent_between", "episode_return"),
)


@dataclass(frozen=True)
class Config:
    """Which tasks, which net, and how the slow learner learns."""

    run: Run = Run(steps=120, steps_per_call=10, num_seeds=3)
    worlds: Worlds = Worlds(env="tabular_mdp", num_envs=256, eval_envs=256)
    policy: Policy = Policy(hidden=(64,), recurrent="gru")
    optimizer: Optimizer = Optimizer(learning_rate=3e-3, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = PolicyUpdate(unroll=100, minibatches=8, gae_lambda=0.9)
    episodes: int = option(10, "n, of a task in a trial", at_least=1)
    eval_tasks: int = option(
        4_096, "fresh tasks that every player is scored on", at_least=16, free=True
    )

    reward_scale: float = option(
        0.1, "factor on rewards, less their mean, for the slow learner in tabular_mdp", above=0
    )

    def __post_init__(self):
        if self.worlds.env == "tabular_mdp" and self.update.unroll % (10 * self.episodes):
            problem = f"--unroll={self.update.unroll} should be a multiple of {10 * self.episodes}"
            reason = f"the steps of {self.episodes} episodes: gradients reach through whole trials"
            raise BadInput(f"{problem}, {reason}")


WIDE = Policy(hidden=(256,), recurrent="gru")  # the paper's
MANY = Worlds(env="tabular_mdp", num_envs=2_560)  # 256,000 steps an update; the paper has 250,000
PRESETS = {
    "smoke": Config(
        Run(steps=4, steps_per_call=2),
        Worlds(env="tabular_mdp:states=3,actions=2,horizon=4", num_envs=32, eval_envs=64),
        Policy(hidden=(16,), recurrent="gru"),
        update=PolicyUpdate(unroll=16, minibatches=2, gae_lambda=0.9),
        episodes=2,
        eval_tasks=128,
    ),
    "cpu": Config(),
    "gpu": Config(
        Run(steps=600, steps_per_call=10, eval_every=100, save_every=100, num_seeds=5),
        MANY,
        WIDE,
        Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5),
        PolicyUpdate(unroll=100, minibatches=16, gae_lambda=0.9),
        eval_tasks=32_768,
    ),
    "paper": Config(  # gamma 0.99, lambda 0.3
        Run(steps=10_000, steps_per_call=10, eval_every=500, save_every=200),
        MANY,
        WIDE,
        Optimizer(learning_rate=3e-4, schedule="linear", max_norm=0.5),
        PolicyUpdate(unroll=100, minibatches=8, gae_lambda=0.3),
        eval_tasks=32_768,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import meta
    from jaxdl.rl.plain_ppo import make_ppo

    make_slow = meta.scale_tabular(make_ppo, name=config.worlds.env, scale=config.reward_scale)
    return meta.trial_system(meta.rl2, make_slow, config)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
