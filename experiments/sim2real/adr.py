"""ADR: physics that become as varied as the policy can bear (OpenAI et al. 2019).

Solving Rubik's Cube with a Robot Hand, arXiv 1910.07113, section 5 and algorithm 1: randomization
begins narrow, and each of its bounds moves outwards where the policy does well at it, inwards where
it does badly. The paper's policies transfer to the real hand the better the greater the entropy of
what they were trained on, and better than with ranges set by hand.

    ./run adr                                   a pole's swing-up, its equations, on a CPU
    ./run adr --recurrent=gru                   the paper's policies have memory (an LSTM)
    ./run adr --limits=all=0.8:1.25             bounds that stay near
    ./run adr --preset=gpu                      the swing-up in MuJoCo's physics

`--ranges` are the hand-set ones of `./run dynamics`, which the tests are laid out by; ADR itself
knows only `--limits`. Thresholds are returns of an episode with sampled actions.
"""

from dataclasses import dataclass, replace
from functools import partial

from experiments.sim2real import _physics
from experiments.sim2real._physics import BEYOND, SWINGUP, UPDATE, Physics, read_ranges
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

ABOUT = About(
    title="ADR",
    paper="OpenAI et al. 2019",
    arxiv="1910.07113",
    summary="The range of each physics parameter widens as the policy masters its bounds.",
    headline="eval/outside_return",
    yardstick="in nominal physics the same policy earns {eval/nominal_return}",
    samples="env steps",
    curves=("bounds_entropy", "episode_return", "eval/outside_return"),
)


@dataclass(frozen=True)
class Config:
    """Which world and physics, how bounds move, and how the policy learns."""

    run: Run = Run(steps=150, steps_per_call=5)
    worlds: Worlds = Worlds(env="swingup:impact=true", eval_envs=128)
    physics: Physics = Physics(SWINGUP, BEYOND, action_repeat=4)
    policy: Policy = Policy()
    optimizer: Optimizer = Optimizer(learning_rate=2e-3, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = UPDATE
    limits: tuple[str, ...] = option(
        BEYOND, "of the bounds, parameter=low:high or all=low:high, around 1"
    )
    start: float = option(0.05, "half the width of the first ranges", above=0, below=1)
    delta: float = option(0.1, "how far a bound moves at once", above=0)
    buffer: int = option(10, "m, episodes at a bound that are averaged", at_least=1)
    boundary_probability: float = option(
        0.5, "p_b, share of the episodes at a bound", at_least=0, at_most=1
    )
    low_threshold: float = option(200.0, "t_L, average return that narrows")
    high_threshold: float = option(400.0, "t_H, average return that widens")

    def __post_init__(self):
        read_ranges("limits", self.limits)
        if not self.low_threshold < self.high_threshold:
            raise BadInput(
                f"--low_threshold={self.low_threshold:g} should be below "
                f"--high_threshold={self.high_threshold:g}"
            )


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        worlds=Worlds(eval_envs=16),
        physics=Physics(change_at=30, part=15, points=3),
        policy=Policy(hidden=(32,)),
        optimizer=Optimizer(learning_rate=5e-3, schedule="linear", max_norm=0.5),
        update=PolicyUpdate(entropy_coef=0.01),
        limits=("all=0.3:3",),
        low_threshold=10.0,
        high_threshold=20.0,
    ),
    "cpu": Config(run=Run(steps=150, steps_per_call=5, num_seeds=5)),
    "gpu": Config(
        run=Run(steps=300, steps_per_call=10, eval_every=50, save_every=100, num_seeds=3),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=1024, eval_envs=512),
        policy=Policy(hidden=(128, 128), recurrent="gru"),
        update=replace(UPDATE, minibatches=8),
        buffer=100,
    ),
    "paper": Config(  # 2048 units and an LSTM of 1024; its hand comes with the robots
        run=Run(steps=1000, steps_per_call=10, eval_every=100, save_every=100, num_seeds=5),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=1024, eval_envs=1024),
        policy=Policy(hidden=(2048, 1024), recurrent="lstm"),
        update=replace(UPDATE, minibatches=8),
        buffer=240,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import sim2real
    from jaxdl.rl import deployment, setup
    from jaxdl.sim2real import physics
    from jaxdl.sim2real.adr import make_rule
    from jaxdl.sim2real.last_action import OBSERVATION
    from jaxdl.sim2real.physics_exhibits import adr_exhibits

    place = _physics.make_place(config.worlds, config.physics)
    limits = physics.make_ranges(place.env, read_ranges("limits", config.limits))
    net = setup.make_net(place.env, config.policy, shared=False)
    rule = make_rule(
        limits,
        low_threshold=config.low_threshold,
        high_threshold=config.high_threshold,
        buffer=config.buffer,
        delta=config.delta,
        start=config.start,
    )
    learner = sim2real.adr(
        place.env,
        _physics.make_slow(config, net),
        limits.names,
        rule,
        boundary_probability=config.boundary_probability,
    )
    name = config.worlds.env
    text = f"A policy for {name} whose physics vary, trained by PPO with ADR.\n{OBSERVATION}"
    whole = deployment(net, place.env.obs_space, text=text)
    return System(
        learner._replace(evaluate=lambda key, state: place.test(key, net, state.params)),
        samples_per_step=config.worlds.num_envs * config.update.unroll,
        figures=partial(adr_exhibits, place.ranges, limits, "ADR"),
        deployment=whole._replace(
            weights=lambda state: whole.weights(state._replace(extra=state.extra.inner))
        ),
        world=(name, physics.with_physics(place.env, limits.names, physics.uniform(limits))),
        action_repeat=config.physics.action_repeat,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
