"""Options of systems whose physics are drawn, and what is made of them. No JAX at import."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

if TYPE_CHECKING:
    from jaxdl.core import Learner, TrainState
    from jaxdl.envs import Env
    from jaxdl.launch.system import Figures
    from jaxdl.nn import ActorCritic
    from jaxdl.rl.ppo import MakeWorlds
    from jaxdl.sim2real.adr import SlowLearner
    from jaxdl.sim2real.physics import Ranges
    from jaxdl.sim2real.physics_trials import PolicyTest

SWINGUP = (  # what a swing-up depends on; standard damping is too little to be felt
    "cart_mass=0.5:2",
    "pole_mass=0.5:2",
    "pole_length=0.5:2",
    "force=0.5:2",
    "gravity=0.5:2",
)
# Half an episode; the values of returns of hundreds would else be most of the clipped gradient.
UPDATE = PolicyUpdate(unroll=125, value_coef=0.005)
BEYOND = tuple(text.replace("0.5:2", "0.3:3") for text in SWINGUP)


def read_ranges(flag: str, texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Reads ranges that are written as parameter=low:high.

    Raises:
      BadInput: one is written otherwise, is inverted, or is given twice.
    """
    ranges: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, _, numbers = text.partition("=")
        try:
            low, high = map(float, numbers.split(":"))
        except ValueError:
            raise BadInput(
                f"--{flag}: {text!r} should be parameter=low:high, such as pole_length=0.5:2"
            ) from None
        if not low <= high:
            raise BadInput(f"--{flag}: {text} is inverted, did you mean {name}={high:g}:{low:g}?")
        if name in ranges:
            raise BadInput(f"--{flag}: {name} is given twice")
        ranges[name] = low, high
    return ranges


@dataclass(frozen=True)
class Physics:
    """Which physics are trained in, and which are held out; factors of the world's own."""

    group: ClassVar[str] = "physics"

    ranges: tuple[str, ...] = option(
        ("all=0.5:2",), "factors in training, parameter=low:high or all=low:high"
    )
    beyond: tuple[str, ...] = option(
        ("all=0.3:3",), "of the same parameters; what lies between is held out"
    )
    action_repeat: int = option(1, "steps of the world in each action", at_least=1)
    change_at: int = option(
        100, "actions until the physics of a tested episode change", at_least=1, free=True
    )
    part: int = option(
        40, "actions after the change, and at the end, that count apart", at_least=1, free=True
    )
    points: int = option(7, "factors on each curve of the report", at_least=2, free=True)

    def __post_init__(self):
        read_ranges("ranges", self.ranges)
        read_ranges("beyond", self.beyond)


@dataclass(frozen=True)
class Training:
    """What a policy learns in and how, in systems whose physics are drawn."""

    run: Run = Run(steps=150, steps_per_call=10)
    worlds: Worlds = Worlds(env="swingup:impact=true", eval_envs=128)
    physics: Physics = Physics(SWINGUP, BEYOND, action_repeat=4)
    policy: Policy = Policy()
    optimizer: Optimizer = Optimizer(learning_rate=2e-3, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = UPDATE


# What the presets of such systems share.
SMOKE: dict[str, Any] = {
    "run": Run(steps=4, steps_per_call=2),
    "worlds": Worlds(eval_envs=16),
    "physics": Physics(change_at=30, part=15, points=3),
    "policy": Policy(hidden=(32,)),
    "optimizer": Optimizer(learning_rate=5e-3, schedule="linear", max_norm=0.5),
    "update": PolicyUpdate(entropy_coef=0.01),
}
CPU: dict[str, Any] = {"run": Run(steps=150, steps_per_call=10, num_seeds=5)}
GPU: dict[str, Any] = {
    "run": Run(steps=300, steps_per_call=10, eval_every=100, save_every=100, num_seeds=3),
    "worlds": Worlds(env="mjx/cartpole:task=swingup", num_envs=1024, eval_envs=512),
    "policy": Policy(hidden=(128, 128)),
    "update": replace(UPDATE, minibatches=8),
}
PAPER: dict[str, Any] = GPU | {
    "run": Run(steps=1000, steps_per_call=10, eval_every=100, save_every=100, num_seeds=5),
    "worlds": replace(GPU["worlds"], eval_envs=1024),
}


# About systems whose policies are tested in physics that they were not trained in.
describe = partial(
    About,
    headline="eval/outside_return",
    yardstick="in nominal physics the same policy earns {eval/nominal_return}",
    samples="env steps",
)


class Place(NamedTuple):
    """Where policies are trained and tested.

    Attributes:
      env: the family of worlds with nominal physics, which shows the last action.
      ranges: of the physics in training.
      beyond: of all physics.
      test: of a policy.
    """

    env: "Env"
    ranges: "Ranges"
    beyond: "Ranges"
    test: "PolicyTest"


def make_place(worlds: Worlds, physics: Physics) -> Place:
    """Makes the world of an experiment, and the test of policies in it."""
    from jaxdl.envs import make
    from jaxdl.envs.repeat import repeat_actions
    from jaxdl.sim2real.last_action import show_last_action
    from jaxdl.sim2real.physics import make_ranges
    from jaxdl.sim2real.physics_trials import physics_test

    env = show_last_action(repeat_actions(make(worlds.env), physics.action_repeat))
    ranges = make_ranges(env, read_ranges("ranges", physics.ranges))
    beyond = make_ranges(env, read_ranges("beyond", physics.beyond))
    test = physics_test(
        env,
        ranges,
        beyond,
        episodes=worlds.eval_envs,
        points=physics.points,
        change_at=physics.change_at,
        part=physics.part,
        max_steps=worlds.eval_steps,
    )
    return Place(env, ranges, beyond, test)


def make_slow(config: Any, net: "ActorCritic") -> "SlowLearner":
    """Makes the learner of a family of worlds: PPO in its plain form."""
    from jaxdl.rl.plain_ppo import make_ppo

    def slow(env: "Env", make_worlds: "MakeWorlds"):
        return make_ppo(
            env,
            net,
            config.optimizer,
            config.update,
            num_envs=config.worlds.num_envs,
            steps=config.run.horizon,
            make_worlds=make_worlds,
        )

    return slow


def make_arm_net(env: "Env", policy: Policy, arm: str) -> "ActorCritic":
    """Builds policy and value of an arm, on a trunk each; the recurrent one ends in a GRU."""
    from jaxdl.rl import setup

    memory = "gru" if arm == "recurrent" else "no"
    return setup.make_net(env, replace(policy, recurrent=memory), shared=False)


def make_system(
    config: Training,
    place: Place,
    learner: "Learner",
    net: "ActorCritic",
    *,
    of_policy: "Callable[[TrainState], TrainState]",
    drawn: "Ranges",
    figures: "Figures",
    by: str,
) -> System:
    """Puts together a system whose policy plays in varied physics.

    Args:
      config: of the launch file.
      place: where it is trained.
      learner: what is trained.
      net: the policy that is exported.
      of_policy: the learner's state -> that of PPO alone, of this policy.
      drawn: the physics that are watched.
      figures: of the report.
      by: how it was trained, in words.
    """
    from jaxdl.rl import deployment
    from jaxdl.sim2real.last_action import OBSERVATION
    from jaxdl.sim2real.physics import uniform, with_physics

    name = config.worlds.env
    text = f"A policy for {name} whose physics vary, trained by {by}.\n{OBSERVATION}"
    whole = deployment(net, place.env.obs_space, text=text)
    return System(
        learner,
        samples_per_step=config.worlds.num_envs * config.update.unroll,
        figures=figures,
        deployment=whole._replace(weights=lambda state: whole.weights(of_policy(state))),
        world=(name, with_physics(place.env, drawn.names, uniform(drawn))),
        action_repeat=config.physics.action_repeat,
    )
