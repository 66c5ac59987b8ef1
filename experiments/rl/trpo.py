"""TRPO: a step of the natural gradient that is never too long (Schulman et al. 2015).

Trust Region Policy Optimization, arXiv 1502.05477, section 8.1: a constraint on the divergence of
each step makes robots of MuJoCo walk that a fixed penalty (the natural gradient) does not. Steps
are valued by generalized advantages (Schulman et al. 2016, arXiv 1506.02438).

Measured (5 seeds on 2 CPU cores, by its claims): all of 750 updates stayed within the bound on the
divergence and made nothing worse; without the line search 95.9 ± 3.1 % of them stayed within.

    ./run trpo                                      balance a pole in MuJoCo's physics, on a CPU
    ./run trpo --preset=gpu                         an ant, 4096 worlds
    ./run trpo --preset=paper                       a hopper, with the sizes of table 2
    ./run trpo --preset=smoke --line_search=false   the natural gradient, for comparison
"""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, TrustRegionUpdate, Worlds

ABOUT = About(
    title="TRPO",
    paper="Schulman et al. 2015",
    arxiv="1502.05477",
    summary="A policy moves by natural gradients, each shortened until it is known to be safe.",
    headline="eval/episode_return",
    yardstick="a perfect policy earns 1000 on mjx/cartpole and 500 on cartpole; kl {kl} an update",
    samples="env steps",
    curves=("eval/episode_return", "episode_return", "kl", "step_fraction"),
)


@dataclass(frozen=True)
class Config:
    """Which world is learned, how far each update goes, and how values are fitted."""

    run: Run = Run(steps=40, steps_per_call=8)
    worlds: Worlds = Worlds()
    policy: Policy = Policy()
    optimizer: Optimizer = Optimizer(learning_rate=5e-3, schedule="linear", max_norm=0.5)
    update: TrustRegionUpdate = TrustRegionUpdate()
    eval_sampled: int = option(0, "fresh worlds with sampled actions", at_least=0, free=True)


PRESETS = {
    "smoke": Config(),
    "cpu": Config(run=Run(steps=60, steps_per_call=5), worlds=Worlds(env="mjx/cartpole")),
    "gpu": Config(  # as many steps as PPO's preset; a larger region, since batches are large
        run=Run(steps=150, steps_per_call=10, eval_every=30, save_every=50),
        worlds=Worlds(env="brax/ant", num_envs=4096),
        policy=Policy(hidden=(256, 256)),
        optimizer=Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5),
        update=TrustRegionUpdate(
            unroll=80, minibatches=10, discount=0.97, max_kl=0.02, normalize_observations=True
        ),
    ),
    "paper": Config(  # table 2, hopper: a million steps an update, 50 units, delta 0.01
        run=Run(steps=200, steps_per_call=2, eval_every=20, save_every=50),
        worlds=Worlds(env="brax/hopper", num_envs=1000),
        policy=Policy(hidden=(50,)),
        optimizer=Optimizer(learning_rate=1e-3, max_norm=0.5),
        update=TrustRegionUpdate(
            unroll=1000, gae_lambda=1.0, minibatches=50, normalize_observations=True
        ),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.envs import make
    from jaxdl.rl import deployment, setup, trpo

    world = config.worlds
    update = config.update
    env = make(world.env)
    net = setup.make_net(env, config.policy, shared=False)  # values are fitted apart
    fits = config.run.horizon * update.epochs * update.minibatches
    learner = trpo(
        env,
        net,
        setup.make_tx(config.optimizer, steps=fits),
        num_envs=world.num_envs,
        **vars(update),
        eval_envs=world.eval_envs,
        eval_steps=world.eval_steps,
        eval_sampled=config.eval_sampled,
    )
    return System(
        learner,
        samples_per_step=world.num_envs * update.unroll,
        deployment=deployment(net, env.obs_space, text=f"A policy for {world.env}, by TRPO."),
        world=(world.env, env),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
