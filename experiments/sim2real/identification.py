"""System identification: the simulation's masses, dampings and friction become the world's.

The world is MuJoCo in C, whose constants are drawn and hidden, or a file of recorded trajectories.
The simulation is one of our worlds in JAX. `--method` names how its constants are fitted: by the
gradient of what it mispredicts ("gradient"), by Gauss-Newton steps, by CMA-ES (Hansen 2016, arXiv
1604.00772), or by chance.

    ./run identification                                   a cartpole by its equations
    ./run identification --method=cma_es --noise=0.01
    ./run identification --env=mjx/cheetah --fit=mass,friction
    ./run identification --env=mjx/reacher --record=<folder>/dmc_traj.npz   of dm_control
    ./run identification --record=mine.npz                 qpos, qvel [E, T + 1, Q], ctrl [E, T, A]

Without springs, masses, dampings and the motors' strength times one number move alike, so that the
strength is not fitted unless `--fit` names it; the report shows what a record tells of which
constants.

Measured: the constants of eight machines to 1.0 % on average, and held-out trajectories predicted
3,400 times better than by the nominal ones, in 9 CPU-seconds; by `--method=gauss_newton` to 3e-5 %.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from experiments.sim2real import _machines
from experiments.sim2real._options import Recording
from jaxdl.core.run import Run, check_options, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="System identification",
    paper="Hansen 2016",
    arxiv="1604.00772",
    summary="Fits the physics constants of a simulation to recorded trajectories.",
    headline="eval/held_out_error",
    better="lower",
    scale=100,
    unit="% of the coordinates' deviation",
    yardstick="the nominal constants {eval/nominal_error}",
    samples="simulated steps",
    curves=("loss",),
    number="times better on held-out trajectories",
)


@dataclass(frozen=True)
class Config:
    """Which world and record, what is fitted, and how."""

    run: Run = Run(steps=300, steps_per_call=10)
    recording: Recording = Recording()
    optimizer: Optimizer = Optimizer("adam", 3e-2, "cosine")
    method: Literal["gradient", "gauss_newton", "cma_es", "random"] = option(
        "gradient", "how the constants are fitted"
    )
    derivative: Literal["forward", "reverse"] = option(
        "forward", "how a gradient is taken (reverse: not through solvers that loop)"
    )
    fit: tuple[str, ...] = option((), "constants that are unknown (none: the world's usual ones)")
    window: int = option(10, "steps that are predicted from a recorded state", at_least=1)
    batch_size: int = option(32, "windows of a step", at_least=1)
    population: int = option(0, "points of cma_es or random (0: the usual number)", at_least=0)
    step_size: float = option(0.3, "of cma_es at first, sigma of the logarithms", above=0)

    def __post_init__(self):
        check_options(self)


ROBOTS = Config(
    run=Run(steps=300, steps_per_call=10),
    recording=Recording("mjx/cheetah", machines=8, episodes=32),
    window=5,
    batch_size=128,
)
PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        recording=Recording(machines=2, episodes=4, length=40, ahead=20),
        window=5,
        batch_size=16,
    ),
    "cpu": Config(),
    "gpu": ROBOTS,
    "paper": Config(method="cma_es", run=Run(steps=500, steps_per_call=50)),
}


def build(config: Config) -> System:
    """Builds the learner; nothing is recorded or read."""
    from jaxdl import sim2real

    task = _machines.open_task(config.recording, config.fit, config.window)
    search = _machines.search(config, task.machine, len(task.names))
    score = sim2real.identification_score(
        task.machine, names=task.names, start=task.start, read=task.truth
    )
    learner = sim2real.identification(
        task.machine, search, names=task.names, start=task.start, score=score
    )
    simulated = config.recording.machines * config.batch_size * config.window
    return System(
        learner,
        partial(task.data, config.batch_size),
        simulated * search.simulations(len(task.names)),
        partial(sim2real.identified_exhibits, machine=task.machine, names=task.names),
        _machines.deployment(task),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
