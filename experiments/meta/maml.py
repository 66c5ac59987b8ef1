"""MAML: parameters from which a few steps of gradient descent learn a task (Finn et al. 2017).

Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks, arXiv 1703.03400. On sinusoids
(section 5.1; figures, no table) a net that was trained on all tasks at once cannot learn a curve
from 10 points, and MAML's does in one step. On Omniglot (table 1) it reaches 98.7 % with 5 ways and
1 shot, 95.8 % with 20 ways; other implementations had 91.0 and 92.8 % there.

Measured (`./run claims --only=maml`, CPU): a sinusoid's mean square error is 0.59 ± 0.08 after one
step and 0.27 ± 0.05 after five, of a pretrained net 2.33 and 1.79 (5 seeds, 5,000 steps); Omniglot,
5 ways, 1 shot, 87.8 ± 0.9 % after 800 steps with 32 filters (3 seeds). Nets are normalized by the
statistics of each set, so that a query is told with the others in view ("transductive").

    ./run maml                                  sinusoids, 3 seeds
    ./run maml --method=joint                   the net that is trained on all tasks at once
    ./run maml --preset=gpu                     Omniglot, 20 ways, 1 shot; files below JAXDL_DATA
    ./run maml --preset=paper                   Omniglot, 5 ways, 1 shot, as in the paper
    ./run maml --preset=paper --split=alphabets the same, tested by Lake's runs within an alphabet
    ./run maml --preset=paper --tasks=drawn --steps=800 --filters=32 --meta_batch=16 --lr=3e-3
                                                characters drawn at random, without any file
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from experiments.meta._few_shot import FewShot, open_tasks
from jaxdl.core.run import BadInput, Run, horizon, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

if TYPE_CHECKING:
    from flax.linen import Module

ABOUT = About(
    title="MAML",
    paper="Finn et al. 2017",
    arxiv="1703.03400",
    summary="Learns parameters from which a few steps of gradient descent learn a new task.",
    headline="eval/error",
    better="lower",
    yardstick="before the first step {eval/error_after_0}",
    paper_says="figures of sinusoids; Omniglot 98.7 % right (5 ways, 1 shot), 95.8 % (20 ways)",
    samples="tasks",
    curves=("eval/error", "loss"),
)


@dataclass(frozen=True)
class Descent:
    """How a net learns within a task, and how it comes to do so well."""

    group: ClassVar[str] = "adaptation"

    method: Literal["maml", "reptile", "joint"] = option(
        "maml", "what is learned over tasks; joint: one net for all, which knows no task"
    )
    order: int = option(2, "of maml's derivatives; 1 is FOMAML", at_least=1, at_most=2)
    inner_lr: float = option(0.01, "alpha, the rate within a task", above=0)
    inner_steps: int = option(1, "of descent within a task", at_least=1)
    test_steps: int = option(10, "of descent in tests", at_least=1, free=True)
    learn_rates: bool = option(False, "maml learns a rate for each array of the net too")

    def __post_init__(self):
        if self.learn_rates and self.method != "maml":
            raise BadInput(f"--learn_rates is of --method=maml, not of {self.method}")


@dataclass(frozen=True)
class Net:
    """Which net learns."""

    group: ClassVar[str] = "net"

    hidden: tuple[int, ...] = option((40, 40), "widths of layers, for sinusoids", at_least=1)
    filters: int = option(64, "channels of a block, for characters", at_least=1)
    blocks: int = option(4, "convolutions, for characters", at_least=1)


@dataclass(frozen=True)
class Config:
    """Which tasks, which net, and how it learns them."""

    run: Run = Run(steps=10_000, steps_per_call=500, num_seeds=3)
    few_shot: FewShot = FewShot(shots=10, queries=10)
    descent: Descent = Descent()
    net: Net = Net()
    optimizer: Optimizer = Optimizer(learning_rate=3e-3, schedule="linear")
    meta_batch: int = option(25, "tasks of a step", at_least=1)
    eval_tasks: int = option(1000, "fresh tasks that are tested", at_least=2, free=True)


OMNIGLOT = Config(  # cbfinn/maml: 60,000 steps of 32 tasks, alpha 0.4, one step of descent
    run=Run(steps=60_000, steps_per_call=200, save_every=10_000),
    few_shot=FewShot("omniglot", ways=5, shots=1, queries=1),
    descent=Descent(inner_lr=0.4, test_steps=3),
    optimizer=Optimizer(learning_rate=1e-3),
    meta_batch=32,
)
PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        few_shot=FewShot(shots=5, queries=5),
        descent=Descent(test_steps=2),
        net=Net(hidden=(16,)),
        meta_batch=8,
        eval_tasks=40,
    ),
    "cpu": Config(),
    "gpu": replace(  # cbfinn/maml: 16 tasks, alpha 0.1, five steps of descent
        OMNIGLOT,
        few_shot=FewShot("omniglot", ways=20, shots=1, queries=1),
        descent=Descent(inner_lr=0.1, inner_steps=5, test_steps=5),
        meta_batch=16,
    ),
    "paper": OMNIGLOT,
}


def make_net(config: Config) -> "Module":
    """Makes the net for the family of tasks."""
    from jaxdl import nn

    if config.few_shot.tasks == "sinusoid":
        return nn.Regressor(config.net.hidden)
    return nn.CharacterNet(config.few_shot.ways, config.net.filters, config.net.blocks)


def build(config: Config) -> System:
    """Builds the learner and what belongs to it; no file is read."""
    from jaxdl import meta
    from jaxdl.ops import make_optimizer

    chosen, descent = config.few_shot, config.descent
    tasks, net = open_tasks(chosen), make_net(config)
    tx = make_optimizer(**asdict(config.optimizer), steps=horizon(config.run))
    sizes: dict = {"test_steps": descent.test_steps, "eval_tasks": config.eval_tasks}
    sizes |= {"inner_lr": descent.inner_lr, "inner_steps": descent.inner_steps}
    if descent.method == "reptile":
        learner = meta.reptile(net, tx, tasks, **sizes)
    else:
        sizes |= {"inner_steps": 0} if descent.method == "joint" else {}
        sizes |= {"order": descent.order, "learn_rates": descent.learn_rates}
        learner = meta.maml(net, tx, tasks, **sizes)
    text = f"A net that learns a task ({chosen.tasks}) by descent on its support set, then answers."
    return System(
        learner,
        lambda: meta.task_data(tasks, config.meta_batch),
        config.meta_batch,
        meta.adaptation_exhibits,
        meta.maml_deployment(
            meta.Descent(net, tasks.loss, descent.inner_lr, descent.test_steps),
            tasks,
            support=chosen.support,
            queries=chosen.asked,
            text=text,
        ),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
