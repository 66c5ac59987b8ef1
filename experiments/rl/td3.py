"""TD3: two critics of which the lesser is believed, and a policy that waits (Fujimoto et al. 2018).

Addressing Function Approximation Error in Actor-Critic Methods, arXiv 1802.09477, table 1: after a
million steps it earns 9637 on HalfCheetah, DDPG 3306, and 8577 with the authors' settings.

Measured: 343 of 1000 for the default seed alone, after 80,000 steps in 66 s (2 CPU cores). Returns
and over-estimation beside DDPG's: RESULTS.md.

    ./run td3                                       swing a pole up in MuJoCo's physics, on a CPU
    ./run td3 --preset=gpu --env=mjx/walker         many worlds, large batches, distributions
    ./run td3 --preset=paper --env=brax/hopper      table 3's hyper-parameters, one world
"""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Control, Exploration, OffPolicy, Optimizer, Worlds

ABOUT = About(
    title="TD3",
    paper="Fujimoto et al. 2018",
    arxiv="1802.09477",
    summary="A deterministic policy climbs the lesser of two critics, more slowly than they learn.",
    headline="eval/episode_return",
    yardstick="a swing-up of 1000 steps on mjx/cartpole:task=swingup earns at most 1000",
    samples="env steps",
    curves=("eval/episode_return", "episode_return", "value", "critic_loss"),
)


@dataclass(frozen=True)
class Config:
    """Which world is learned, by which nets, and how."""

    run: Run = Run(steps=100, steps_per_call=25)
    worlds: Worlds = Worlds(env="pendulum", num_envs=16, eval_steps=200)
    nets: Control = Control(hidden=(64, 64), layer_norm=True)
    optimizer: Optimizer = Optimizer(learning_rate=2e-3)
    replay: OffPolicy = OffPolicy(unroll=4, updates=12, batch_size=128, capacity=16_384)
    exploration: Exploration = Exploration()
    policy_delay: int = option(2, "d, updates of the critics for one of the policy", at_least=1)
    target_noise: float = option(0.2, "sigma of the noise on target actions", at_least=0)
    target_clip: float = option(0.5, "c, the largest such noise", at_least=0)


PRESETS = {
    "smoke": Config(),
    "cpu": Config(
        run=Run(steps=2500, steps_per_call=100, eval_every=500),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=32),
        nets=Control(hidden=(128, 128)),
        optimizer=Optimizer(learning_rate=1e-3),
        replay=OffPolicy(unroll=1, updates=8, batch_size=256, capacity=131_072),
        exploration=Exploration(noise_scale=0.05, last_scale=0.8),
    ),
    # FastTD3 (Seo et al. 2025): many worlds whose noise differs, batches of 32 768, distributions.
    "gpu": Config(
        run=Run(steps=50_000, steps_per_call=100, eval_every=2500, save_every=10_000),
        worlds=Worlds(env="mjx/cheetah", num_envs=128),
        nets=Control(
            hidden=(512, 256, 128),
            critic_hidden=(1024, 512, 256),
            layer_norm=True,
            atoms=101,
            least_return=0.0,
            normalize_observations=True,
        ),
        optimizer=Optimizer(learning_rate=3e-4),
        replay=OffPolicy(
            updates=2, batch_size=32_768, capacity=1_310_720, learning_starts=12_800, tau=0.1
        ),
        exploration=Exploration(noise_scale=0.001, last_scale=0.4),
    ),
    "paper": Config(  # table 3, and section 6.1: nets of 400 and 300, 1 M steps, noise of 0.1
        run=Run(steps=1_000_000, steps_per_call=1000, eval_every=5000, save_every=100_000),
        worlds=Worlds(env="brax/halfcheetah", num_envs=1, eval_envs=10),
        nets=Control(hidden=(400, 300)),
        replay=OffPolicy(batch_size=100, capacity=1_000_000, learning_starts=10_000),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.rl import control, td3

    def learn(env, nets, regime, noise):
        return td3(
            env,
            nets,
            regime,
            noise,
            policy_delay=config.policy_delay,
            target_noise=config.target_noise,
            target_clip=config.target_clip,
        )

    return control.deterministic_system("TD3", config, learn)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
