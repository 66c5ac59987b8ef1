"""ADR: physics that become as varied as the policy can bear (OpenAI et al. 2019).

Solving Rubik's Cube with a Robot Hand, arXiv 1910.07113, section 5 and algorithm 1: randomization
begins narrow, and each of its bounds moves outwards where the policy does well at it, inwards where
it does badly. The paper's policies transfer to the real hand the better the greater the entropy of
what they were trained on, and better than with ranges set by hand.

Measured (5 seeds, 1.2 M actions): a nat of entropy brings 32 ± 16 of return in held-out physics.
Free bounds earn 440 ± 69, ranges set by hand 426 ± 36, which decides nothing.

    ./run adr                                   a pole's swing-up, its equations, on a CPU
    ./run adr --recurrent=gru                   the paper's policies have memory (an LSTM)
    ./run adr --limits=all=0.8:1.25             bounds that stay near
    ./run adr --preset=gpu                      the swing-up in MuJoCo's physics

`--ranges` are the hand-set ones of `./run dynamics`, which the tests are laid out by; ADR itself
knows only `--limits`. Thresholds are returns of an episode with sampled actions.
"""

from dataclasses import dataclass
from functools import partial

from experiments.sim2real import _physics
from experiments.sim2real._physics import (
    BEYOND,
    CPU,
    GPU,
    PAPER,
    SMOKE,
    Training,
    describe,
    read_ranges,
)
from jaxdl.core.run import BadInput, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Policy

ABOUT = describe(
    title="ADR",
    paper="OpenAI et al. 2019",
    arxiv="1910.07113",
    summary="The range of each physics parameter widens as the policy masters its bounds.",
    curves=("bounds_entropy", "episode_return", "eval/outside_return"),
)


@dataclass(frozen=True)
class Config(Training):
    """How the bounds move, and in which world the policy learns."""

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
    "smoke": Config(**SMOKE, limits=("all=0.3:3",), low_threshold=10.0, high_threshold=20.0),
    "cpu": Config(**CPU),
    "gpu": Config(**GPU | {"policy": Policy((128, 128), "gru")}, buffer=100),
    "paper": Config(  # 2048 units and an LSTM of 1024; its hand comes with the robots
        **PAPER | {"policy": Policy((2048, 1024), "lstm")}, buffer=100
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import sim2real
    from jaxdl.rl import setup
    from jaxdl.sim2real.adr import make_rule
    from jaxdl.sim2real.physics import make_ranges
    from jaxdl.sim2real.physics_exhibits import adr_exhibits

    place = _physics.make_place(config.worlds, config.physics)
    limits = make_ranges(place.env, read_ranges("limits", config.limits))
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
    return _physics.make_system(
        config,
        place,
        learner._replace(evaluate=lambda key, state: place.test(key, net, state.params)),
        net,
        of_policy=lambda state: state._replace(extra=state.extra.inner),
        drawn=limits,
        figures=partial(adr_exhibits, place.ranges, limits, "ADR"),
        by="PPO with ADR",
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
