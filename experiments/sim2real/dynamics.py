"""Dynamics randomization: from one physics to all that may be met (Peng et al. 2018).

Sim-to-Real Transfer of Robotic Control with Dynamics Randomization, arXiv 1710.06537: a policy that
was trained in one simulation fails where masses, damping or gains differ, one that was trained in
many does not, and memory lets it find out which physics it is in. Three policies are trained side
by side, by the same number of steps: in "nominal" physics, in "randomized" ones, and with a GRU
("recurrent"); all see their last action. They are tested in physics that none was trained in.

Measured (5 seeds, 1.2 M actions of each policy): with one parameter outside of training's ranges
the randomized policy earns 426 ± 36, the nominal one 318 ± 34, the recurrent one 408 ± 17. With
such physics in MuJoCo's C program they earn 398 ± 40, 295 ± 23 and 391 ± 22. So randomization pays,
and at this budget memory does not.

    ./run dynamics                                      a pole's swing-up, its equations, on a CPU
    ./run dynamics --ranges=force=0.3:3,gravity=0.5:2 --beyond=force=0.2:4,gravity=0.3:3
    ./run dynamics --preset=gpu                         the swing-up in MuJoCo's physics
    ./run dynamics --env=pendulum --ranges=all=0.5:2 --beyond=all=0.3:3 --action_repeat=1

The paper's robot pushes a puck, and is trained by recurrent DDPG with hindsight; here PPO learns.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from experiments.sim2real import _physics
from experiments.sim2real._physics import CPU, GPU, PAPER, SMOKE, Training, describe
from jaxdl.core.run import BadInput, option
from jaxdl.launch import System, launch

ABOUT = describe(
    title="Dynamics randomization",
    paper="Peng et al. 2018",
    arxiv="1710.06537",
    summary="Policies learn in physics that differ from episode to episode, with and without "
    "memory, and are tested in others.",
    curves=("episode_return", "eval/outside_return", "entropy"),
)


@dataclass(frozen=True)
class Config(Training):
    """Which policies are trained, in which world and physics."""

    arms: tuple[Literal["nominal", "randomized", "recurrent"], ...] = option(
        ("nominal", "randomized", "recurrent"), "policies to train; the run is about the last one"
    )

    def __post_init__(self):
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise BadInput(f"--arms={','.join(self.arms)} should name different policies")
        if self.policy.recurrent != "no":
            raise BadInput(f"--recurrent={self.policy.recurrent}: the arm `recurrent` has a GRU")


PRESETS = {
    "smoke": Config(**SMOKE, arms=("recurrent",)),
    "cpu": Config(**CPU),
    "gpu": Config(**GPU),
    "paper": Config(**PAPER),  # the world is ours, so its sizes are too
}


def build(config: Config) -> System:
    """Builds the learners of all arms as one, and what belongs to it."""
    from jaxdl import sim2real
    from jaxdl.envs import vectorize
    from jaxdl.sim2real.dynamics import Arm, part
    from jaxdl.sim2real.physics import uniform, with_physics
    from jaxdl.sim2real.physics_exhibits import physics_exhibits

    place = _physics.make_place(config.worlds, config.physics)
    ranges = place.ranges
    varied = with_physics(place.env, ranges.names, uniform(ranges))

    def make_arm(arm: str) -> Arm:
        world = place.env if arm == "nominal" else varied
        net = _physics.make_arm_net(world, config.policy, arm)
        return Arm(_physics.make_slow(config, net)(world, vectorize), net)

    arms = {arm: make_arm(arm) for arm in config.arms}
    kept = config.arms[-1]
    return _physics.make_system(
        config,
        place,
        sim2real.dynamics(arms, place.test, kept=kept),
        arms[kept].net,
        of_policy=lambda state: part(state, kept),
        drawn=ranges,
        figures=partial(physics_exhibits, ranges, place.beyond, kept),
        by=f"PPO ({kept})",
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
