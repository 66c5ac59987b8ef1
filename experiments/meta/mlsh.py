"""MLSH: sub-policies with which a fresh master learns new tasks soon (Frans et al. 2018).

Meta Learning Shared Hierarchies, arXiv 1710.09767. On 2D moving bandits (two marks, of which one
pays) and in mazes, a master that chooses among the sub-policies is said to learn a new task while a
single policy learns next to nothing: on an obstacle course for an ant it earns 193, and that 0. The
paper has curves, and no table of these.

Measured (5 seeds, `--num_tasks=8 --num_envs=8 --steps=96`, 307,200 env steps): after ten updates in
a new task a fresh master earns 25.5 ± 10.3 of at most 42.8, a plain policy from scratch 2.2 ± 0.7;
in some seeds the sub-policies have not parted. `./run claims --only=mlsh`.

    ./run mlsh                                  two marks, on a CPU
    ./run mlsh --method=plain                   one policy for all tasks, fine-tuned on new ones
    ./run mlsh --warmup_updates=0                  masters that are not warmed up
    ./run mlsh --env=four_rooms --sub_policies=4 --macro_steps=5 --unroll=100

A new task is learned by a fresh master alone (`--new_updates`, each by `--num_envs` worlds of
`--unroll` steps); beside it by a plain policy from scratch, with its own rate, `--new_rate`.
"""

from dataclasses import dataclass
from typing import Literal

from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate

ABOUT = About(
    title="MLSH",
    paper="Frans et al. 2018",
    arxiv="1710.09767",
    summary="Sub-policies are shared by all tasks, and a fresh master learns to choose among them.",
    headline="eval/percent_of_optimal",
    unit="%",
    yardstick="one who knows the task earns 100 %",
    samples="env steps",
    curves=("eval/percent_of_optimal", "eval/mean_percent", "episode_return"),
)


@dataclass(frozen=True)
class Config:
    """Which tasks, which nets on both levels, and how they learn."""

    run: Run = Run(steps=144, steps_per_call=12)
    method: Literal["mlsh", "plain"] = option(
        "mlsh", "two levels, or one plain policy for all tasks that new ones are learned from"
    )
    # No group `worlds`: it would promise one policy for all tasks.
    env: str = option(
        "movement_bandit",
        "name of the family of tasks; ./run envs lists them",
        check="jaxdl.envs.names:check_name",
    )
    num_tasks: int = option(12, "G, tasks that are learned side by side", at_least=1)
    num_envs: int = option(6, "E, worlds of each task", at_least=1)
    policy: Policy = Policy(hidden=(32, 32))
    optimizer: Optimizer = Optimizer(learning_rate=0.01, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = PolicyUpdate(unroll=50, minibatches=5, entropy_coef=0.01)
    sub_policies: int = option(2, "K", at_least=1)
    macro_steps: int = option(25, "N, steps for which a sub-policy acts", at_least=1)
    warmup_updates: int = option(6, "W, updates of a fresh master alone", at_least=0)
    joint_updates: int = option(6, "U, updates of both levels after them", at_least=1)
    master_rate: float = option(0.01, "the masters' learning rate", above=0)
    new_tasks: int = option(32, "that are learned in an evaluation", at_least=1, free=True)
    new_updates: int = option(10, "of the learner of each of them", at_least=1, free=True)
    new_rate: float = option(
        0.01, "learning rate of plain policies in new tasks", above=0, free=True
    )
    baselines: bool = option(
        True,
        "plain policies learn new tasks, and sub-policies act alone, for comparison",
        free=True,
    )

    def __post_init__(self):
        if self.update.unroll % self.macro_steps:
            raise BadInput(
                f"--macro_steps={self.macro_steps} must divide --unroll={self.update.unroll}"
            )


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        num_tasks=8,
        num_envs=2,
        policy=Policy(hidden=(8,)),
        update=PolicyUpdate(unroll=20, epochs=1, minibatches=2),
        macro_steps=10,
        warmup_updates=1,
        joint_updates=1,
        new_tasks=8,
        new_updates=1,
        baselines=False,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=2_400, steps_per_call=24, eval_every=480, num_seeds=5),
        env="four_rooms",
        num_tasks=256,
        num_envs=16,
        policy=Policy(hidden=(64, 64)),
        update=PolicyUpdate(unroll=100, minibatches=10, entropy_coef=0.01),
        sub_policies=4,
        macro_steps=5,
        warmup_updates=18,
        joint_updates=6,
        new_tasks=128,
        new_updates=30,
    ),
    # Said to be the paper's: two hidden layers of 64, rates 0.01 (master) and 3e-4.
    "paper": Config(
        run=Run(steps=6_100, steps_per_call=61, eval_every=610),
        num_tasks=16,
        num_envs=40,
        policy=Policy(hidden=(64, 64)),
        optimizer=Optimizer(learning_rate=3e-4),
        update=PolicyUpdate(unroll=50, minibatches=5, epochs=10),
        warmup_updates=60,
        joint_updates=1,
        new_updates=60,
    ),
}


def build(config: Config) -> System:
    """Builds the learner of the method and what belongs to it."""
    from jaxdl.meta.hierarchy_setup import hierarchy_system, plain_system

    return hierarchy_system(config) if config.method == "mlsh" else plain_system(config)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
