"""PPO: policy gradients that stay near the policy that acted (Schulman et al. 2017).

Proximal Policy Optimization Algorithms, arXiv 1707.06347, table 1: on seven MuJoCo tasks, clipping
scores 0.82 where the best run is 1 and random play 0; a fixed KL penalty 0.72; neither, -0.39.

Measured: 981 of 1000 for the default seed alone, 997 ± 4 for six seeds side by side (2 CPU cores).
What clipping scores in table 1's terms, beside no clipping and a tuned penalty: RESULTS.md.

    ./run ppo                                       balance a pole in MuJoCo's physics, on a CPU
    ./run ppo --preset=gpu                          an ant, 4096 worlds
    ./run ppo --preset=paper --env=brax/hopper      figure 3: 1 M steps, hyper-parameters of table 3
    ./run ppo --preset=smoke --env=pixels/swingup:side=36 --steps=100 --eval_steps=125   by pictures
    ./run ppo --preset=gpu --env=pixels/mjx/cartpole:task=swingup --num_envs=1024 --unroll=32
"""

from dataclasses import dataclass
from typing import Literal

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

ABOUT = About(
    title="PPO",
    paper="Schulman et al. 2017",
    arxiv="1707.06347",
    summary="A policy learns from its own steps, in many worlds side by side.",
    headline="eval/episode_return",
    yardstick="a perfect policy earns 1000 on mjx/cartpole and 500 on cartpole",
    samples="env steps",
    curves=("eval/episode_return", "episode_return", "episode_length"),
)


@dataclass(frozen=True)
class Config:
    """Which world is learned, by which net, and how."""

    run: Run = Run(steps=40, steps_per_call=10)
    worlds: Worlds = Worlds()
    policy: Policy = Policy()
    optimizer: Optimizer = Optimizer(max_norm=0.5)
    update: PolicyUpdate = PolicyUpdate()
    microbatches: int = option(1, "parts of a minibatch whose gradients are summed", at_least=1)
    objective: Literal["clip", "none", "kl", "adaptive_kl"] = option("clip", "eq. 7, 6, 8, 8")
    kl_coef: float = option(1.0, "beta of `kl`, and the first one of `adaptive_kl`", at_least=0)
    target_kl: float = option(0.01, "divergence that `adaptive_kl` aims at", above=0)
    stop_kl: float | None = option(
        None, "an update ends where the divergence exceeds this", at_least=0
    )
    value_clip: float | None = option(
        None, "how far values may gain by moving in one update", above=0
    )
    normalize_advantages: bool = option(True, "to mean 0, deviation 1 over each minibatch")
    normalize_observations: bool = option(False, "by mean and deviation of all earlier ones")
    eval_sampled: int = option(
        0, "fresh worlds that are scored with sampled actions too", at_least=0, free=True
    )


PRESETS = {
    "smoke": Config(
        optimizer=Optimizer(learning_rate=5e-3, schedule="linear", max_norm=0.5),
        update=PolicyUpdate(entropy_coef=0.01),
        microbatches=4,
    ),
    "cpu": Config(
        run=Run(steps=60, steps_per_call=5),
        worlds=Worlds(env="mjx/cartpole"),
        optimizer=Optimizer(learning_rate=2e-3, schedule="linear", max_norm=0.5),
        update=PolicyUpdate(epochs=10),
    ),
    "gpu": Config(  # the sizes of brax's own trainer for its ant, but for the net
        run=Run(steps=150, steps_per_call=10, eval_every=10, save_every=50),
        worlds=Worlds(env="brax/ant", num_envs=4096),
        policy=Policy(hidden=(256, 256), squash=True),
        update=PolicyUpdate(unroll=80, minibatches=32, discount=0.97, entropy_coef=0.01),
        normalize_observations=True,
    ),
    "paper": Config(  # table 3; observations are normalized as in the authors' own code
        run=Run(steps=488, steps_per_call=8, eval_every=40, save_every=120, num_seeds=3, devices=1),
        worlds=Worlds(env="brax/halfcheetah", num_envs=1),
        update=PolicyUpdate(unroll=2048, epochs=10, minibatches=32),
        normalize_observations=True,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.envs import make
    from jaxdl.rl import deployment, ppo, setup

    name = config.worlds.env
    env = make(name)
    net = setup.make_net(env, config.policy)
    updates = config.run.horizon * config.update.epochs * config.update.minibatches
    learner = ppo(
        env,
        net,
        setup.make_tx(config.optimizer, steps=updates),
        num_envs=config.worlds.num_envs,
        unroll=config.update.unroll,
        epochs=config.update.epochs,
        minibatches=config.update.minibatches,
        microbatches=config.microbatches,
        discount=config.update.discount,
        gae_lambda=config.update.gae_lambda,
        objective=config.objective,
        clip=config.update.clip,
        kl_coef=config.kl_coef,
        target_kl=config.target_kl,
        stop_kl=config.stop_kl,
        value_coef=config.update.value_coef,
        value_clip=config.value_clip,
        entropy_coef=config.update.entropy_coef,
        normalize_advantages=config.normalize_advantages,
        normalize_observations=config.normalize_observations,
        eval_envs=config.worlds.eval_envs,
        eval_steps=config.worlds.eval_steps,
        eval_sampled=config.eval_sampled,
    )
    return System(
        learner,
        samples_per_step=config.worlds.num_envs * config.update.unroll,
        deployment=deployment(net, env.obs_space, text=f"A policy for {name}, trained by PPO."),
        world=(name, env),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
