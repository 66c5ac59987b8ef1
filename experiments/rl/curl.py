"""CURL: a policy from pictures, whose encoder learns to tell crops apart (Laskin et al. 2020).

CURL, arXiv 2004.04136, table 1: after 500,000 steps of dm_control's cartpole it earns 841 of 1000.
The paper says that it nearly matches what is learned from states; later ones found that the random
crops alone do as much. The claims beside this file ask both again.

Measured (five seeds, 32,768 frames of `swingup` in pictures of 28 x 28, 2 CPU cores): CURL earns
119 ± 56 of 1000, crops alone 178 ± 63, no crops 180 ± 15, states 493 ± 190. After 24,576
frames of Breakout in 30 x 30: 4.6 ± 3.6, 1.8 ± 0.9, 5.5 ± 1.2, and from its planes 3.3 ± 0.5.

    ./run curl                                       swing a pole up from pictures, on a CPU
    ./run curl --contrast=false                      RAD, crops alone
    ./run curl --contrast=false --crop=false         SAC from pixels
    ./run curl --contrast=false --target_views=2 --update_views=2      DrQ's averages
    ./run curl --states                              SAC from states, the upper line
    ./run curl --env=gymnax/Breakout-MinAtar --picture=44 --side=40 --eval_steps=1000    by DQN
    ./run curl --preset=gpu --env=mjx/cheetah --lr=2e-4 --num_seeds=5
"""

from dataclasses import dataclass

from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import OffPolicy, Optimizer, Pictures, Worlds

ABOUT = About(
    title="CURL",
    paper="Laskin et al. 2020",
    arxiv="2004.04136",
    summary="A policy learns from pictures whose crops its encoder learns to tell apart.",
    headline="eval/episode_return",
    yardstick="at most 1000 can be earned on mjx/cartpole:task=swingup and swingup",
    samples="actions",
    curves=("eval/episode_return", "episode_return", "contrast_loss", "value"),
)


@dataclass(frozen=True)
class Config:
    """Which world is seen, how, and by which of CURL and its relatives it is learned."""

    run: Run = Run(steps=10, steps_per_call=5)
    worlds: Worlds = Worlds(env="swingup", num_envs=32, eval_envs=8, eval_steps=125)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    replay: OffPolicy = OffPolicy(tau=0.01, capacity=100_000)
    pictures: Pictures = Pictures()
    states: bool = option(
        False, "learn from the world's numbers, as worlds without a camera always are"
    )
    crop: bool = option(True, "crop at random in training, rather than in the middle")
    contrast: bool = option(True, "train the encoder to tell crops apart")
    target_views: int = option(1, "K of DrQ, crops that a target is averaged over", at_least=1)
    update_views: int = option(1, "M of DrQ, crops that a loss is averaged over", at_least=1)
    channels: int = option(32, "of every convolution", at_least=1)
    convolutions: int = option(4, "layers of 3 x 3, the first with stride 2", at_least=1)
    latent: int = option(50, "numbers of a code", at_least=1)
    hidden: tuple[int, ...] = option((1024, 1024), "widths of policy and critics", at_least=1)
    initial_alpha: float = option(0.1, "the first temperature", above=0)
    alpha_rate: float = option(0.1, "its learning rate over the others'", above=0)
    encoder_tau: float = option(0.05, "share by which the key encoder follows", above=0, at_most=1)
    actor_every: int = option(2, "updates of the critics for one of the policy", at_least=1)
    target_every: int = option(2, "updates between two moves of the targets", at_least=1)
    epsilon: float = option(0.05, "last share of random moves in games", at_least=0, at_most=1)
    exploration_share: float = option(
        0.3, "share of the horizon in which it falls from 1", at_least=0, at_most=1
    )

    def __post_init__(self):
        averaged = max(self.target_views, self.update_views) > 1
        if not self.crop and (self.contrast or averaged):
            raise BadInput(
                "--crop=false makes all views of a picture the same: it goes with "
                "--contrast=false, --target_views=1 and --update_views=1"
            )
        side, least = self.pictures.side, 2 * self.convolutions + 1
        if side < least:
            raise BadInput(
                f"--side={side} should be at least {least}, for {self.convolutions} convolutions"
            )


SMALL = {"pictures": Pictures(28, 24), "channels": 8, "latent": 32, "hidden": (64, 64)}
PRESETS = {
    "smoke": Config(
        optimizer=Optimizer(learning_rate=3e-3),
        replay=OffPolicy(unroll=2, updates=12, batch_size=128, capacity=16_384, tau=0.01),
        convolutions=2,
        **SMALL,
    ),
    "cpu": Config(  # an update on each action, of four worlds
        run=Run(steps=4000, steps_per_call=100, eval_every=1000),
        worlds=Worlds(env="swingup", num_envs=4, eval_envs=16, eval_steps=125),
        replay=OffPolicy(updates=4, batch_size=64, capacity=32_768, tau=0.01),
        **SMALL | {"channels": 16, "hidden": (128, 128)},
    ),
    "gpu": Config(  # 100,000 steps of the world by an action repeat of 8
        run=Run(steps=11_500, steps_per_call=100, eval_every=2300, save_every=5000),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=1, eval_envs=10, eval_steps=125),
        replay=OffPolicy(batch_size=512, capacity=12_500, learning_starts=1000, tau=0.01),
    ),
    "paper": Config(  # table 3, 500,000 steps of the world
        run=Run(steps=61_500, steps_per_call=500, eval_every=12_300, save_every=12_300),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=1, eval_envs=10, eval_steps=125),
        replay=OffPolicy(batch_size=512, capacity=100_000, learning_starts=1000, tau=0.01),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from functools import partial

    import optax

    from jaxdl.rl import curl, curl_dqn, setup, sight, sight_film
    from jaxdl.rl.pixel_learning import Arm

    name = config.worlds.env
    seen = sight.make_sight(
        name, **vars(config.pictures), random_crops=config.crop, states=config.states
    )
    regime = setup.make_regime(config.worlds, config.replay, stack=seen.frames)
    arm = Arm(
        contrast=config.contrast and seen.side > 0,
        target_views=config.target_views,
        update_views=config.update_views,
        encoder_tau=config.encoder_tau,
        target_every=config.target_every,
    )
    if sight.is_numbered(seen):
        nets = sight.make_q_nets(seen, config)
        falling = max(round(config.exploration_share * sight.num_updates(config)), 1)
        epsilon = optax.linear_schedule(1.0, config.epsilon, falling)
        learner = curl_dqn(seen.env, *nets, regime, seen.views, epsilon=epsilon, arm=arm)
    else:
        nets = sight.make_nets(seen, config)
        learner = curl(
            seen.env,
            nets,
            regime,
            seen.views,
            initial_alpha=config.initial_alpha,
            actor_every=config.actor_every,
            **arm._asdict(),
        )
    deployed = sight.deployment(nets, seen, text=f"A policy for {name}, trained by CURL.")
    episodes, steps = config.worlds.eval_envs, config.worlds.eval_steps
    return System(
        sight_film.with_film(learner, seen, deployed, name, episodes=episodes, steps=steps),
        samples_per_step=config.worlds.num_envs * config.replay.unroll,
        figures=partial(sight_film.sight_exhibits, seen, name),
        deployment=deployed,
        world=(name, seen.env),
        action_repeat=seen.repeat,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
