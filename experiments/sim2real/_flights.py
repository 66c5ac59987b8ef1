"""Makes what flights consist of from their options. No JAX at import."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from jaxdl.core.run import BadInput, horizon

if TYPE_CHECKING:
    import optax

    from experiments.sim2real.cad2rl import Config, Flight
    from jaxdl.core.learner import Evaluate
    from jaxdl.envs import Env
    from jaxdl.envs.corridor.world import Corridor
    from jaxdl.sim2real import CollisionNet

# What no seed of training ever draws: other layouts, and photographs in the place of paint.
TESTED = {"layouts": "unseen", "looks": "held_out"}
FAMILIES: dict[str, dict[str, Any]] = {
    "": TESTED,
    "corridors": {"layouts": "unseen"},
    "seen": {},
}


def net(flight: "Flight") -> "CollisionNet":
    """Makes the net."""
    from jaxdl.sim2real import collision_net

    if flight.side % 2:
        raise BadInput(f"--side={flight.side} should be an even number")
    return collision_net(
        side=flight.side,
        rows=flight.rows,
        columns=flight.columns,
        channels=flight.channels,
        hidden=flight.hidden,
    )


def training(flight: "Flight") -> "Corridor":
    """Describes the corridors that are learned in."""
    from jaxdl.envs.corridor.world import corridor_world

    return corridor_world(looks=flight.looks, start="anywhere", side=flight.side)


def tested(flight: "Flight") -> "tuple[str, Env]":
    """Returns the name of the worlds that the headline is of, and what the policy plays."""
    from jaxdl.envs import make

    settings = ",".join(f"{name}={value}" for name, value in TESTED.items())
    name = f"corridor:{settings},side={flight.side}"
    return name, make(name)


def score(flight: "Flight", net: "CollisionNet") -> "Evaluate":
    """Makes the evaluation by fresh flights, in what is new and in what was seen."""
    from jaxdl.envs.corridor.world import MAX_STEPS, corridor_world
    from jaxdl.sim2real import flights_score

    return flights_score(
        {name: corridor_world(side=flight.side, **more) for name, more in FAMILIES.items()},
        net,
        episodes=flight.eval_flights,
        max_steps=MAX_STEPS,
        baselines=flight.baselines,
    )


def optimizer(config: "Config", stage: str) -> "optax.GradientTransformation":
    """Makes the optimizer of a stage, whose schedule is over that stage's updates."""
    from jaxdl.ops import make_optimizer

    if config.method == "free_space":
        return make_optimizer(**asdict(first_optimizer(config)), steps=horizon(config.run))
    if stage == "free_space":
        return make_optimizer(**asdict(first_optimizer(config)), steps=config.free_steps)
    updates = horizon(config.run) * config.learned
    return make_optimizer(**asdict(config.optimizer), steps=updates)


def first_optimizer(config: "Config") -> Any:
    """Returns the options of the first stage's optimizer."""
    return replace(config.optimizer, learning_rate=config.free_rate)
