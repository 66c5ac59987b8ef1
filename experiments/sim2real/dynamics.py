"""Dynamics randomization: from one physics to all that may be met (Peng et al. 2018).

Sim-to-Real Transfer of Robotic Control with Dynamics Randomization, arXiv 1710.06537: a policy that
was trained in one simulation fails where masses, damping or gains differ, one that was trained in
many does not, and memory lets it find out which physics it is in. Three policies are trained side
by side, by the same number of steps: in "nominal" physics, in "randomized" ones, and with a GRU
("recurrent"); all see their last action. They are tested in physics that none was trained in.

    ./run dynamics                                      a pole's swing-up, its equations, on a CPU
    ./run dynamics --ranges=force=0.3:3,gravity=0.5:2 --beyond=force=0.2:4,gravity=0.3:3
    ./run dynamics --preset=gpu                         the swing-up in MuJoCo's physics
    ./run dynamics --env=pendulum --ranges=all=0.5:2 --beyond=all=0.3:3 --action_repeat=1

The paper's robot pushes a puck, and is trained by recurrent DDPG with hindsight; here PPO learns.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from experiments.sim2real import _physics
from experiments.sim2real._physics import BEYOND, SWINGUP, UPDATE, Physics
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

ABOUT = About(
    title="Dynamics randomization",
    paper="Peng et al. 2018",
    arxiv="1710.06537",
    summary="Policies learn in physics that differ from episode to episode, with and without "
    "memory, and are tested in others.",
    headline="eval/outside_return",
    yardstick="in nominal physics the same policy earns {eval/nominal_return}",
    samples="env steps",
    curves=("episode_return", "eval/outside_return", "entropy"),
)


@dataclass(frozen=True)
class Config:
    """Which world and physics, which policies, and how they learn."""

    run: Run = Run(steps=150, steps_per_call=10)
    worlds: Worlds = Worlds(env="swingup:impact=true", eval_envs=128)
    physics: Physics = Physics(SWINGUP, BEYOND, action_repeat=4)
    policy: Policy = Policy()
    optimizer: Optimizer = Optimizer(learning_rate=2e-3, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = UPDATE
    arms: tuple[Literal["nominal", "randomized", "recurrent"], ...] = option(
        ("nominal", "randomized", "recurrent"), "policies to train; the run is about the last one"
    )

    def __post_init__(self):
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise BadInput(f"--arms={','.join(self.arms)} should name different policies")
        if self.policy.recurrent != "no":
            raise BadInput(f"--recurrent={self.policy.recurrent}: the arm `recurrent` has a GRU")


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        worlds=Worlds(eval_envs=16),
        physics=Physics(change_at=30, part=15, points=3),
        policy=Policy(hidden=(32,)),
        optimizer=Optimizer(learning_rate=5e-3, schedule="linear", max_norm=0.5),
        update=PolicyUpdate(entropy_coef=0.01),
        arms=("recurrent",),
    ),
    "cpu": Config(run=Run(steps=150, steps_per_call=10, num_seeds=5)),
    "gpu": Config(
        run=Run(steps=300, steps_per_call=10, eval_every=100, save_every=100, num_seeds=3),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=1024, eval_envs=512),
        physics=Physics(SWINGUP, BEYOND, action_repeat=4),
        policy=Policy(hidden=(128, 128)),
        update=replace(UPDATE, minibatches=8),
    ),
    "paper": Config(  # the world is ours, so its sizes are too
        run=Run(steps=800, steps_per_call=10, eval_every=100, save_every=100, num_seeds=5),
        worlds=Worlds(env="mjx/cartpole:task=swingup", num_envs=1024, eval_envs=1024),
        policy=Policy(hidden=(128, 128)),
        update=replace(UPDATE, minibatches=8),
    ),
}


def build(config: Config) -> System:
    """Builds the learners of all arms as one, and what belongs to it."""
    from jaxdl import sim2real
    from jaxdl.envs import vectorize
    from jaxdl.rl import deployment
    from jaxdl.sim2real import physics
    from jaxdl.sim2real.dynamics import Arm, part
    from jaxdl.sim2real.last_action import OBSERVATION
    from jaxdl.sim2real.physics_exhibits import physics_exhibits

    place = _physics.make_place(config.worlds, config.physics)
    names = place.ranges.names
    varied = physics.with_physics(place.env, names, physics.uniform(place.ranges))

    def make_arm(arm: str) -> Arm:
        net = _physics.make_arm_net(place.env, config.policy, arm)
        slow = _physics.make_slow(config, net)
        return Arm(slow(place.env if arm == "nominal" else varied, vectorize), net)

    arms = {arm: make_arm(arm) for arm in config.arms}
    kept = config.arms[-1]
    name = config.worlds.env
    text = f"A policy for {name} whose physics vary ({kept}), trained by PPO.\n{OBSERVATION}"
    whole = deployment(arms[kept].net, place.env.obs_space, text=text)
    return System(
        sim2real.dynamics(arms, place.test, kept=kept),
        samples_per_step=config.worlds.num_envs * config.update.unroll,  # of each arm
        figures=partial(physics_exhibits, place.ranges, place.beyond, kept),
        deployment=whole._replace(weights=lambda state: whole.weights(part(state, kept))),
        world=(name, varied),
        action_repeat=config.physics.action_repeat,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
