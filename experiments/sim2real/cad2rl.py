"""CAD2RL: flight through corridors that are only simulated (Sadeghi & Levine 2016).

CAD2RL: Real Single-Image Flight without a Single Real Image, arXiv 1611.04201. A net reads one
picture and predicts the probability of a collision for each direction of flight: first from rays of
the simulator, whether something is near ("free_space"), then from Monte-Carlo returns of its own
flights ("monte_carlo"). The drone flies where the prediction is least. All training is in corridors
whose looks are drawn at random; the tests are in corridors with more turns, narrower, and with
photographs on all surfaces.

Measured (`./run claims --only=cad2rl`, 5 seeds): 96 ± 1 % of the flights there end in a collision,
after 6.3 ± 0.9 m, straight flight's all, after 4.3 m. Monte-Carlo returns do worse in unseen
corridors than free space alone does (90 ± 5 and 73 ± 8 %).

    ./run cad2rl                                    both stages
    ./run cad2rl --looks=fixed                      one look, no randomization
    ./run cad2rl --method=free_space --steps=2000   the first stage alone
    ./run cad2rl --preset=gpu --num_seeds=5

Where this is not the paper: a grid of 3 x 5 directions and pictures of 32 x 32, where the paper is
said to have 41 x 41 bins and a deep net begun from ImageNet; a kinematic drone; corridors of boxes.
"""

from dataclasses import dataclass
from typing import Literal

from experiments.sim2real import _flights
from experiments.sim2real._flights import Flight
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch, train, train_stage
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="CAD2RL",
    paper="Sadeghi & Levine 2016",
    arxiv="1611.04201",
    summary="A drone learns in random corridors to fly where one picture predicts no collision.",
    headline="eval/collision_rate",
    better="lower",
    scale=100,
    unit="%",
    yardstick="straight on {eval/straight_collision_rate}, by true geometry "
    "{eval/oracle_collision_rate}",
    paper_says="flies a real drone through real corridors, by simulated pictures alone",
    samples="pictures",
    curves=("loss", "target", "collisions"),
)


@dataclass(frozen=True)
class Config:
    """What is flown through, and how collisions are learned."""

    run: Run = Run(steps=140, steps_per_call=10)
    flight: Flight = Flight()
    optimizer: Optimizer = Optimizer(learning_rate=5e-4, schedule="cosine")
    method: Literal["monte_carlo", "free_space"] = option(
        "monte_carlo", "free_space then monte_carlo, or the first of them alone"
    )
    free_steps: int = option(1000, "steps of the first stage", at_least=1)
    free_rate: float = option(2e-3, "its learning rate", above=0)
    free_batch: int = option(64, "pictures of a step of the first stage", at_least=1)
    free_distance: float = option(1.0, "m within which something is in the way", above=0)
    num_envs: int = option(64, "drones", at_least=1)
    look_ahead: int = option(8, "steps in which a collision counts", at_least=1)
    learned: int = option(8, "states of a rollout that are learned from", at_least=1)
    discount: float = option(0.9, "of a collision for each step to it", above=0, at_most=1)
    temperature: float = option(
        0.0, "of the drawn direction in training (0: the least collision)", at_least=0
    )


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        flight=Flight(side=16, channels=6, hidden=16, eval_flights=4),
        free_steps=4,
        free_batch=8,
        num_envs=8,
        look_ahead=4,
        learned=2,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=3_000, steps_per_call=100, save_every=1_000),
        flight=Flight(side=64, columns=11, channels=48, hidden=256, eval_flights=512),
        free_steps=10_000,
        free_batch=512,
        num_envs=1024,
        look_ahead=16,
    ),
    "paper": Config(  # the grid of its figures; batch and steps are ours
        run=Run(steps=20_000, steps_per_call=100, save_every=5_000),
        flight=Flight(side=64, rows=41, columns=41, channels=96, hidden=512, eval_flights=512),
        free_steps=20_000,
        free_batch=512,
        num_envs=1024,
        look_ahead=16,
        learned=1,
    ),
}


def build(config: Config, stage: str = "") -> System:
    """Builds the learner of a stage, by default the last one."""
    from functools import partial

    from jaxdl import sim2real

    net = _flights.net(config.flight)
    world = _flights.training(config.flight)
    score = _flights.score(config.flight, net)
    if (stage or config.method) == "free_space":
        learner = sim2real.free_space(
            world,
            net,
            _flights.optimizer(config, stage),
            batch_size=config.free_batch,
            distance=config.free_distance,
            evaluate=score,
        )
        samples = config.free_batch
    else:
        learner = sim2real.cad2rl(
            world,
            net,
            _flights.optimizer(config, stage),
            num_envs=config.num_envs,
            horizon=config.look_ahead,
            learned=config.learned,
            discount=config.discount,
            temperature=config.temperature,
            evaluate=score,
        )
        samples = config.num_envs * (config.learned + config.look_ahead - 1)
    name, env = _flights.tested(config.flight)
    return System(
        learner,
        samples_per_step=samples,
        figures=partial(sim2real.flight_exhibits, bins=net.bins, side=config.flight.side),
        deployment=sim2real.flight_deployment(net, config.flight.side),
        world=(name, env),
    )


def main(config: Config):
    """Trains in two stages, or in the first alone; returns state and result of the last one."""
    if config.method == "free_space":
        return train(build, config, ABOUT)
    from jaxdl.core.learner import first_state

    free, _ = train_stage(build, config, "free_space", config.free_steps, about=ABOUT)
    start = first_state(build(config).learner, config.run)._replace(params=free.params)
    return train_stage(build, config, "monte_carlo", config.run.steps, about=ABOUT, start=start)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
