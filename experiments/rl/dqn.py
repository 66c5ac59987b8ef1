"""DQN: action values learned from the score alone (Mnih et al. 2013, 2015).

Human-level control through deep reinforcement learning, Nature 518 (arXiv 1312.5602 for the first
version), table 1 and extended data table 2: on 49 Atari games it reaches more than 75 % of a human
tester's score in 29. Here the games are those of MinAtar (Young & Tian 2019) and classic control.

Measured: 10.0 on MinAtar's Breakout for the default seed alone, where random play earns 0.3, after
a million frames in 1.6 minutes (2 busy CPU cores).

    ./run dqn                                       MinAtar's Breakout, on a CPU
    ./run dqn --double --dueling --n_step=3 --prioritized          what Rainbow has of this file
    ./run dqn --preset=gpu --env=pgx/minatar-asterix --num_seeds=10
"""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import OffPolicy, Optimizer, Worlds

ABOUT = About(
    title="DQN",
    paper="Mnih et al. 2015",
    arxiv="1312.5602",
    summary="A net learns what every action is worth, from the score alone.",
    headline="eval/episode_return",
    yardstick="a perfect policy earns 500 on cartpole; random play 0.3 on MinAtar's Breakout",
    samples="env steps",
    curves=("eval/episode_return", "episode_return", "q_value"),
)


@dataclass(frozen=True)
class Config:
    """Which world is learned, by which net, and with which additions to DQN."""

    run: Run = Run(steps=100, steps_per_call=10)
    worlds: Worlds = Worlds()
    hidden: tuple[int, ...] = option((64, 64), "widths of the net's dense layers", at_least=1)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    replay: OffPolicy = OffPolicy(tau=1.0)
    target_every: int = option(250, "gradient steps between moves of the target net", at_least=1)
    epsilon: float = option(0.05, "last share of random actions", at_least=0, at_most=1)
    exploration_share: float = option(
        0.3, "share of the horizon in which epsilon falls from 1", at_least=0, at_most=1
    )
    stack: int = option(1, "frames that the net reads at once", at_least=1)
    double: bool = option(False, "Double DQN: van Hasselt et al. 2016")
    dueling: bool = option(False, "streams for value and advantages: Wang et al. 2016")
    prioritized: bool = option(False, "draw steps by their errors: Schaul et al. 2016")
    alpha: float = option(0.6, "exponent of the priorities", at_least=0)
    beta: float = option(0.4, "first exponent of the importance weights", at_least=0, at_most=1)


PRESETS = {
    "smoke": Config(replay=OffPolicy(unroll=4, updates=16, batch_size=128, tau=1.0)),
    "cpu": Config(  # an update of 32 transitions every 16 frames
        run=Run(steps=16_384, steps_per_call=512, eval_every=4096),
        worlds=Worlds(env="pgx/minatar-breakout"),
        hidden=(64,),
        optimizer=Optimizer(learning_rate=1e-3, schedule="linear"),
        replay=OffPolicy(updates=4, batch_size=32, capacity=131_072, learning_starts=4096, tau=1.0),
    ),
    "gpu": Config(
        run=Run(steps=80_000, steps_per_call=800, eval_every=8000, save_every=40_000),
        worlds=Worlds(env="pgx/minatar-breakout", num_envs=128),
        hidden=(128,),
        optimizer=Optimizer(learning_rate=2.5e-4),
        replay=OffPolicy(
            updates=16, batch_size=128, capacity=1_048_576, learning_starts=65_536, tau=1.0
        ),
        target_every=1000,
        double=True,
    ),
    "paper": Config(  # extended data table 1: an update every 4 steps, 1e6 transitions
        run=Run(
            steps=1_250_000, steps_per_call=5000, eval_every=125_000, save_every=250_000, devices=1
        ),
        worlds=Worlds(env="pgx/minatar-breakout", num_envs=1),
        hidden=(128,),
        optimizer=Optimizer(learning_rate=2.5e-4),
        replay=OffPolicy(
            unroll=4, batch_size=32, capacity=1_000_000, learning_starts=50_000, tau=1.0
        ),
        target_every=10_000,
        epsilon=0.1,
        exploration_share=0.2,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    import optax

    from jaxdl.envs import make
    from jaxdl.nn import fast_dense, q_network
    from jaxdl.rl import dqn, q_deployment, setup
    from jaxdl.rl.frames import stacked_space
    from jaxdl.rl.off_policy import Priorities

    name = config.worlds.env
    env = make(name)
    space = stacked_space(env.obs_space, config.stack)
    net = q_network(
        space, env.action_space, hidden=config.hidden, dueling=config.dueling, affine=fast_dense
    )
    updates = config.run.horizon * config.replay.updates
    falling = max(round(config.exploration_share * updates), 1)
    importance = optax.linear_schedule(config.beta, 1.0, updates)
    learner = dqn(
        env,
        net,
        setup.make_tx(config.optimizer, steps=updates),
        setup.make_regime(config.worlds, config.replay, stack=config.stack),
        epsilon=optax.linear_schedule(1.0, config.epsilon, falling),
        target_every=config.target_every,
        double=config.double,
        priorities=Priorities(config.alpha, importance) if config.prioritized else None,
    )
    return System(
        learner,
        samples_per_step=config.worlds.num_envs * config.replay.unroll,
        deployment=q_deployment(
            net, env.obs_space, stack=config.stack, text=f"Action values for {name}, by DQN."
        ),
        world=(name, env),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
