"""SAC: as much reward as possible, as randomly as possible (Haarnoja et al. 2018).

Soft Actor-Critic, arXiv 1801.01290, figure 1: on six MuJoCo tasks it learns at least as fast as
DDPG, TD3 and PPO. The temperature adapts itself as in arXiv 1812.05905, section 5.

Measured: 562 of 1000 for the default seed alone, after 128,000 steps in 95 s (2 CPU cores).

    ./run sac                                        swing a pole up in MuJoCo's physics, on a CPU
    ./run sac --preset=gpu                           a walker in many worlds side by side
    ./run sac --preset=paper --env=brax/ant          table 1's hyper-parameters, one world
    ./run sac --alpha=0.2                            a temperature that stays
"""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Control, OffPolicy, Optimizer, Worlds

ABOUT = About(
    title="SAC",
    paper="Haarnoja et al. 2018",
    arxiv="1801.01290",
    summary="A random policy learns from replay to earn much and to stay as random as it can.",
    headline="eval/episode_return",
    yardstick="at most 1000 can be earned on mjx/cartpole:task=swingup, in 1000 steps",
    samples="env steps",
    curves=("eval/episode_return", "episode_return", "alpha", "entropy"),
)


@dataclass(frozen=True)
class Config:
    """Which world is learned, by which nets, and how."""

    run: Run = Run(steps=100, steps_per_call=50)
    worlds: Worlds = Worlds(env="pendulum", num_envs=32, eval_steps=200)
    nets: Control = Control()
    optimizer: Optimizer = Optimizer()
    replay: OffPolicy = OffPolicy(unroll=2, updates=12, batch_size=128, capacity=16_384)
    alpha: float | None = option(None, "the temperature (None: it adapts)", at_least=0)
    initial_alpha: float = option(1.0, "the first one that adapts", above=0)
    target_entropy: float | None = option(
        None, "nats that it adapts to, of actions within [-1, 1] (None: less one for each)"
    )


PRESETS = {
    "smoke": Config(
        nets=Control(hidden=(64, 64), layer_norm=True), optimizer=Optimizer(learning_rate=3e-3)
    ),
    "cpu": Config(
        run=Run(steps=2000, steps_per_call=100, eval_every=500),
        worlds=Worlds(env="mjx/cartpole:task=swingup"),
        nets=Control(hidden=(128, 128)),
        optimizer=Optimizer(learning_rate=1e-3),
        replay=OffPolicy(updates=16, capacity=131_072),
    ),
    "gpu": Config(  # worlds and updates of MuJoCo Playground's SAC (Zakka et al. 2025)
        run=Run(steps=40_000, steps_per_call=200, eval_every=4000, save_every=10_000),
        worlds=Worlds(env="mjx/walker", num_envs=128),
        nets=Control(layer_norm=True),
        replay=OffPolicy(updates=8, batch_size=512, capacity=1_048_576, learning_starts=8192),
    ),
    "paper": Config(  # table 1 of 2018b: nets of 256 and 256, rates of 3e-4, batches of 256
        run=Run(steps=3_000_000, steps_per_call=1000, eval_every=10_000, save_every=250_000),
        worlds=Worlds(env="brax/hopper", num_envs=1, eval_envs=10),
        replay=OffPolicy(capacity=1_000_000, learning_starts=10_000),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.nn import squashed_actor
    from jaxdl.rl import control, sac

    def learn(env, nets, regime):
        return sac(
            env,
            nets,
            regime,
            alpha=config.alpha,
            initial_alpha=config.initial_alpha,
            target_entropy=config.target_entropy,
        )

    return control.make_system("SAC", config, squashed_actor, learn)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
