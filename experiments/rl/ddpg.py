"""DDPG: Q-learning where actions are real numbers (Lillicrap et al. 2016).

Continuous Control with Deep Reinforcement Learning, arXiv 1509.02971, table 1: it solves most of
twenty simulated tasks with one set of hyper-parameters, in at most 2.5 million steps.

Measured: -154 for the default seed alone, after 25,600 steps in 16 s (2 CPU cores). Values beside
measured returns, slow targets beside none: RESULTS.md.

    ./run ddpg                                        swing a pendulum up, on a CPU
    ./run ddpg --noise=ornstein-uhlenbeck             exploring as in the paper
    ./run ddpg --preset=paper --env=brax/halfcheetah  section 7's hyper-parameters, one world
"""

from dataclasses import dataclass

from jaxdl.core.run import Run
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Control, Exploration, OffPolicy, Optimizer, Worlds

ABOUT = About(
    title="DDPG",
    paper="Lillicrap et al. 2016",
    arxiv="1509.02971",
    summary="A policy of real actions follows the gradient of what a critic says they are worth.",
    headline="eval/episode_return",
    yardstick="a pendulum that is swung up and held earns about -145 in 200 steps",
    samples="env steps",
    curves=("eval/episode_return", "episode_return", "value"),
)


@dataclass(frozen=True)
class Config:
    """Which world is learned, by which nets, and how."""

    run: Run = Run(steps=100, steps_per_call=20)
    worlds: Worlds = Worlds(env="pendulum", num_envs=8, eval_steps=200)
    nets: Control = Control(hidden=(64, 64), critics=1, layer_norm=True)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    replay: OffPolicy = OffPolicy(
        unroll=8, updates=12, batch_size=128, capacity=8192, learning_starts=512
    )
    exploration: Exploration = Exploration()


PRESETS = {
    "smoke": Config(),
    "cpu": Config(
        nets=Control(hidden=(64, 64), critics=1),
        run=Run(steps=400, steps_per_call=40, eval_every=80),
        replay=OffPolicy(unroll=8, updates=64, batch_size=256, capacity=32_768),
        exploration=Exploration(noise="ornstein-uhlenbeck", last_scale=0.3),
    ),
    "gpu": Config(
        run=Run(steps=20_000, steps_per_call=200, eval_every=2000, save_every=10_000),
        worlds=Worlds(env="mjx/cheetah", num_envs=256),
        nets=Control(hidden=(400, 300), critics=1, layer_norm=True),
        optimizer=Optimizer(learning_rate=5e-4),
        replay=OffPolicy(
            updates=4, batch_size=4096, capacity=2_097_152, learning_starts=12_800, n_step=3
        ),
        exploration=Exploration(noise_scale=0.01, last_scale=0.5),
    ),
    # Section 7, without its batch normalization, and with decay in the policy too.
    "paper": Config(
        run=Run(steps=2_500_000, steps_per_call=1000, eval_every=25_000, save_every=250_000),
        worlds=Worlds(env="brax/reacher", num_envs=1, eval_envs=10),
        nets=Control(hidden=(400, 300), critics=1, actor_rate=0.1),
        optimizer=Optimizer(learning_rate=1e-3, weight_decay=0.01),
        replay=OffPolicy(batch_size=64, capacity=1_000_000, learning_starts=1000, tau=0.001),
        exploration=Exploration(noise="ornstein-uhlenbeck", noise_scale=0.2),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.rl import control, ddpg

    return control.deterministic_system("DDPG", config, ddpg)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
