"""The options of flights, and what is made of them. No JAX at import."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxdl.core.run import BadInput, horizon, option

if TYPE_CHECKING:
    import optax

    from experiments.sim2real.cad2rl import Config
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


@dataclass(frozen=True)
class Flight:
    """What the drone sees, where it may fly, and how it is judged."""

    group: ClassVar[str] = "flight"

    looks: Literal["random", "fixed"] = option("random", "how training's corridors look")
    side: int = option(32, "of the pictures, pixels, an even number", at_least=8)
    rows: int = option(3, "of the grid of directions", at_least=1)
    columns: int = option(5, "likewise", at_least=1)
    channels: int = option(24, "of the first convolution", at_least=3)
    hidden: int = option(64, "width of the layer before the last", at_least=1)
    eval_flights: int = option(
        64, "fresh flights in each family of corridors", at_least=2, free=True
    )
    baselines: bool = option(True, "fly straight, at random and by geometry too", free=True)


def net(flight: Flight) -> "CollisionNet":
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


def training(flight: Flight) -> "Corridor":
    """Describes the corridors that are learned in."""
    from jaxdl.envs.corridor.world import corridor_world

    return corridor_world(looks=flight.looks, start="anywhere", side=flight.side)


def tested(flight: Flight) -> "tuple[str, Env]":
    """Returns the name of the worlds that the headline is of, and what the policy plays."""
    from jaxdl.envs import make

    settings = ",".join(f"{name}={value}" for name, value in TESTED.items())
    name = f"corridor:{settings},side={flight.side}"
    return name, make(name)


def score(flight: Flight, net: "CollisionNet") -> "Evaluate":
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
