"""RL²: a slow learner trains a net to learn fast, within its own memory (Duan et al. 2016).

RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, arXiv 1611.02779, table 1: a GRU
that was trained over trials earns 6.7 in 10 pulls of a bandit with 5 arms, as much as the best
rules made by hand. The optimum is 6.660; with 50 arms it is 6.714, and the table's 6.8 the luck of
1000 instances. So here every number has an error, and stands beside the Bayes-optimal one.

Measured: 99.84 ± 0.04 % of the Bayes-optimal reward with 2 arms (5 seeds), 99.78 ± 0.15 % with 5
(3 seeds). With 100 pulls of 5 arms, and gradients through 50 of them, RL² earns 97.7 ± 3.4 % of
what the index policy does; a net that this policy has taught earns 99.94 ± 0.25 % of it, and with
50 arms 98.8 ± 3.6 % (3 seeds each); `./run claims --only=rl2`.

    ./run rl2                                   10 pulls of 2 arms, 3 seeds; 45 s on 2 CPU cores
    ./run rl2 --preset=gpu                      100 pulls of 10 arms
    ./run sweep rl2 --preset=paper --grid env=bandit:arms=5,bandit:arms=10,bandit:arms=50
                                                a row of table 1; all nine cells: ./run claims
    ./run rl2 --env=bandit:arms=5 --episodes=100 --unroll=50 --truncate --arms_alike --test_arms=50
    ./run rl2 --env=cartpole --episodes=4 --unroll=64 --num_envs=64     any other world
"""

from dataclasses import dataclass
from typing import Literal

from jaxdl.core.run import BadInput, Run, option
from jaxdl.envs.names import parse_name
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

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
    update: PolicyUpdate = PolicyUpdate(unroll=10, minibatches=8, gae_lambda=0.9)
    episodes: int = option(10, "n, of a task in a trial; a bandit's are its pulls", at_least=1)
    eval_tasks: int = option(
        102_400, "fresh bandits that every player is scored on", at_least=2, free=True
    )
    truncate: bool = option(False, "gradients may reach through a part of a trial alone")
    arms_alike: bool = option(False, "a memory for each arm of a bandit, all alike: meta.arm_net")
    teacher: Literal["reward", "index"] = option("reward", "what the net learns bandits from")
    test_arms: int = option(
        0, "arms of other bandits that it is scored on too; 0 for none", at_least=0
    )

    def __post_init__(self):
        unroll, episodes = self.update.unroll, self.episodes
        is_bandit = self.worlds.env.startswith("bandit")
        if is_bandit and unroll % episodes and not self.truncate:
            raise BadInput(
                f"--unroll={unroll} should be a multiple of --episodes={episodes}, the pulls of a "
                "trial: gradients reach through whole trials, except with --truncate"
            )
        if is_bandit and unroll % episodes and episodes % unroll:
            raise BadInput(f"--unroll={unroll} should divide --episodes={episodes}, or be divided")
        if not is_bandit and (self.arms_alike or self.teacher == "index"):
            raise BadInput(f"{self.worlds.env} has no arms: --arms_alike and --teacher=index do")
        kind = parse_name(self.worlds.env).settings.get("kind", "independent")
        if self.teacher == "index" and kind != "independent":
            raise BadInput("--teacher=index is of independent arms: the indices know no other kind")
        if self.test_arms and not self.arms_alike:
            raise BadInput("--test_arms needs --arms_alike, a net for any number of arms")


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        worlds=Worlds(env="bandit:arms=2", num_envs=128, eval_envs=64),
        policy=Policy(hidden=(16,), recurrent="gru"),
        update=PolicyUpdate(unroll=10, minibatches=2, gae_lambda=0.9),
        eval_tasks=4_096,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=1_000, steps_per_call=20, eval_every=100, save_every=200),
        worlds=Worlds(env="bandit:arms=10", num_envs=2_560),
        policy=Policy(hidden=(256,), recurrent="gru"),
        optimizer=Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5),
        update=PolicyUpdate(unroll=100, minibatches=8, gae_lambda=0.9),
        episodes=100,
        eval_tasks=409_600,
    ),
    "paper": Config(  # GRU-256, gamma 0.99, lambda 0.3, about 250,000 steps an update
        run=Run(steps=4_000, steps_per_call=20, eval_every=200, save_every=200),
        worlds=Worlds(env="bandit:arms=5", num_envs=25_600),
        policy=Policy(hidden=(256,), recurrent="gru"),
        optimizer=Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5),
        update=PolicyUpdate(unroll=10, minibatches=8, gae_lambda=0.3),  # lambda 0.3 is the paper's
        eval_tasks=409_600,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import meta
    from jaxdl.rl.plain_ppo import make_ppo

    def arm_net_for(world):
        return meta.make_arm_net(world, config.policy)

    by_index = meta.taught_by_index(pulls=config.episodes)
    test_arms = config.test_arms
    return meta.trial_system(
        meta.rl2,
        by_index if config.teacher == "index" else make_ppo,
        config,
        net_for=arm_net_for if config.arms_alike else None,
        yardstick=meta.find_arm_yardstick(config, test_arms=test_arms) if test_arms else None,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
