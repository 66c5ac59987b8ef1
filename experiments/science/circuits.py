"""Circuits: sizes of an amplifier that meet its specification, after few simulations.

BagNet (Hakhamaneshi et al. 2019, arXiv 1907.10515) lets a net that compares designs choose which
are simulated, and says that it needs two orders of magnitude fewer simulations than evolution. The
simulator is ours, batched and differentiable, with level-1 transistors; ngspice is the judge of
every final design, where it is installed.

Measured, simulations until the first feasible design (medians of 24 seeds, judged by ngspice, CPU):
see RESULTS.md; gradient descent 158, each gradient counted as four, evolution 136, cross-entropy
80, random search 216, PPO 512.

    ./run circuits                              BagNet; eight seeds
    ./run circuits --method=gradient            down the gradient of what is missing
    ./run circuits --method=cem                 or evolution, random, ppo
    ./run circuits --gain=500 --current=1e-4    a harder specification: V/V, A
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxdl.core.run import Run, check_options, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

if TYPE_CHECKING:
    from jaxdl.core import Learner
    from jaxdl.science.circuits import SizingTask
    from jaxdl.science.circuits.searches import Search

ABOUT = About(
    title="Circuits",
    paper="Hakhamaneshi et al. 2019",
    arxiv="1907.10515",
    summary="Sizes the transistors of an amplifier so that it meets its specification.",
    headline="eval/simulations",
    better="lower",
    yardstick="random search needs one over the share of feasible designs, about 400",
    paper_says="two orders of magnitude fewer simulations than evolution",
    samples="simulations",
    curves=("best_shortfall", "feasible"),
)


@dataclass(frozen=True)
class Specification:
    """What the amplifier should do."""

    group: ClassVar[str] = "specification"

    gain: float = option(300.0, "V/V at 1 Hz, at least", above=0)
    bandwidth: float = option(1e7, "Hz where the gain is 1, at least", above=0)
    phase_margin: float = option(60.0, "degrees, at least", above=0)
    current: float = option(2e-4, "A of the supply, at most", above=0)


@dataclass(frozen=True)
class Config:
    """What is asked of the amplifier, and how its sizes are searched for."""

    run: Run = Run(steps=40, steps_per_call=5, num_seeds=8)
    specification: Specification = Specification()
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    method: Literal["bagnet", "evolution", "cem", "random", "gradient", "ppo"] = option(
        "bagnet", "how sizes are searched for"
    )
    first: int = option(100, "designs that bagnet and evolution begin with", at_least=2)
    offspring: int = option(5, "designs that they simulate in a step", at_least=1)
    pool: int = option(256, "children that bagnet's net looks at, a multiple of 8", at_least=8)
    updates: int = option(50, "of bagnet's net in a step", at_least=1)
    population: int = option(16, "designs of a step of cem and random", at_least=4)
    chains: int = option(4, "designs that follow their gradients side by side", at_least=1)
    gradient_lr: float = option(0.05, "of a range, by which gradient moves a size", above=0)
    patience: int = option(30, "steps after which a chain begins anew", at_least=1)
    num_envs: int = option(8, "benches of ppo", at_least=1)
    unroll: int = option(8, "steps at each of them in a step of ppo", at_least=4)

    def __post_init__(self):
        check_options(self)


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        first=16,
        offspring=8,
        pool=64,
        updates=4,
    ),
    "cpu": Config(),
    "gpu": Config(run=Run(steps=200, steps_per_call=20, num_seeds=256)),
    "paper": Config(run=Run(steps=50, steps_per_call=10, num_seeds=3)),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.science import circuits

    asked = config.specification
    task = circuits.opamp_task(
        gain=asked.gain,
        bandwidth=asked.bandwidth,
        phase_margin=asked.phase_margin,
        current=asked.current,
    )
    if config.method == "ppo":
        learner, simulations = _ppo(config, task), config.num_envs * config.unroll
    else:
        search, simulations = _search(config, task)
        learner = circuits.sizing(task, search)
    figures = partial(circuits.sizing_exhibits, task=task)
    return System(learner, samples_per_step=simulations, figures=figures)


def _search(config: Config, task: "SizingTask") -> "tuple[Search, int]":
    """The search, and the simulations of a step of it."""
    import optax

    from jaxdl.rl import setup
    from jaxdl.science import circuits

    size = len(task.names)
    own = {"first": config.first, "offspring": config.offspring}
    if config.method == "bagnet":
        net = circuits.Comparator(len(task.requirements))
        tx = setup.make_tx(config.optimizer, steps=config.run.horizon * config.updates)
        more = {"pool": config.pool, "updates": config.updates}
        return circuits.bagnet_search(size, net, tx, **own, **more), config.offspring
    if config.method == "evolution":
        return circuits.evolution_search(size, **own), config.offspring
    if config.method == "gradient":
        search = circuits.gradient_search(
            size, optax.adam(config.gradient_lr), chains=config.chains, patience=config.patience
        )
        return search, search.cost * config.chains
    make = {"cem": circuits.cem_search, "random": circuits.random_search}[config.method]
    return make(size, population=config.population), config.population


def _ppo(config: Config, task: "SizingTask") -> "Learner":
    """PPO, whose learning rate is three times that of BagNet's net."""
    from jaxdl.launch.options import Policy
    from jaxdl.rl import setup
    from jaxdl.science import circuits

    net = setup.make_net(circuits.sizing_world(task), Policy())
    tx = setup.make_tx(config.optimizer, steps=config.run.horizon * 40)
    return circuits.sizing_ppo(task, net, tx, num_envs=config.num_envs, unroll=config.unroll)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
