"""How well a drone flies: collisions and meters, in corridors and looks that it has not seen."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Evaluate, Metrics
from jaxdl.envs import Box, Env
from jaxdl.envs.corridor import flight
from jaxdl.envs.corridor.world import Corridor, Task, observed
from jaxdl.rl.rollout import Moment, Policy, Rollout, fold, start_rollout
from jaxdl.sim2real.cad2rl import CollisionNet, advise

SHOWN = 2  # flights of which a report shows pictures
SIGHT = 5.0  # m, farther than which the geometric policy does not look
NEAR = 0.3  # m, from which on it minds how close it comes
ROUNDING = 1e-3  # m
PILOTS = ("straight", "random", "oracle")


class Flights(NamedTuple):
    """Holds how N flights have gone.

    Attributes:
      collided: [N] bool.
      reached: [N] bool; the flight came to the exit.
      meters: [N] m gained along the corridor.
    """

    collided: jax.Array
    reached: jax.Array
    meters: jax.Array


class Film(NamedTuple):
    """Holds T steps of M flights, as they were before each step.

    Attributes:
      position: [T, M, 3] m.
      heading: [T, M] rad.
      is_alive: [T, M] bool.
      picture: [T, M, H, W, 3] uint8.
      risk: [T, M, B] predicted probabilities of a collision.
    """

    position: jax.Array
    heading: jax.Array
    is_alive: jax.Array
    picture: jax.Array
    risk: jax.Array


class Path(NamedTuple):
    """Holds where the first M of the flights of P pilots were before each of T steps.

    Attributes:
      path: [T, P, M, 3] m.
      is_on: [T, P, M] bool; the flight goes on.
    """

    path: jax.Array
    is_on: jax.Array


Shoot = Callable[[Moment], Any]  # -> a frame, as the blank film has them but for the axis T


def flights_score(
    worlds: Mapping[str, Corridor],
    net: CollisionNet,
    *,
    episodes: int,
    max_steps: int,
    baselines: bool = True,
) -> Evaluate:
    """Makes an evaluation by fresh flights.

    Args:
      worlds: name -> corridors to fly in. Those of "" are filmed, and those who know the geometry,
        or nothing, fly in them too. The same key draws the same layouts for all of one family.
      net: that predicts.
      episodes: N, flights in each.
      max_steps: of a flight.
      baselines: fly straight, at random and by geometry too.

    Returns:
      An evaluation. Its metrics are, for each world, `collision_rate`, the share of flights that
      end in a collision, `reach_rate`, that of flights that reach the exit, and `meters` along the
      corridor; for other names than "" as `<name>_...`, and for the baselines, `straight_...`,
      `random_...` and `oracle_...`.
    """

    def evaluate(key, state):
        policy = net_policy(net, state.params)
        results: Metrics = {}
        for name, world in worlds.items():
            env = observed(world, world.see, picture_space(world))
            rollout = start_rollout(key, env, (), episodes=episodes)
            film = () if name else blank_film(world, net, max_steps)
            shoot = no_film if name else partial(shoot_film, world, net, state.params)
            flights, film = fly(rollout, env, policy, max_steps=max_steps, film=film, shoot=shoot)
            results |= summary(flights, name)
            if not name:
                results |= film._asdict() | corridors_of(rollout)
        if baselines:
            results |= fly_baselines(key, worlds[""], net, episodes=episodes, max_steps=max_steps)
        return results

    return evaluate


def no_film(moment: Moment) -> tuple[()]:
    """Keeps nothing of a step."""
    return ()


def fly(
    rollout: Rollout,
    env: Env,
    policy: Policy,
    *,
    max_steps: int,
    film: Any = (),
    shoot: Shoot = no_film,
) -> tuple[Flights, Any]:
    """Flies on until all N flights are over.

    Args:
      rollout: of N corridors.
      env: the corridors.
      policy: that flies.
      max_steps: of a flight.
      film: leaves [T, ...], blank.
      shoot: Moment -> its frame.

    Returns:
      The flights, and the film.
    """

    def update(kept, moment):
        time, flights, film = kept
        is_alive = moment.is_alive
        is_there = moment.after.progress >= jax.vmap(exit_of)(moment.task.layout)
        flights = Flights(
            flights.collided | (is_alive & moment.step.terminated),
            flights.reached | (is_alive & ~moment.step.terminated & is_there),
            flights.meters + moment.step.reward,
        )
        film = jax.tree.map(lambda x, frame: x.at[time].set(frame), film, shoot(moment))
        return time + 1, flights, film

    no = jnp.zeros(rollout.is_over.shape, bool)
    start = jnp.int32(0), Flights(no, no, jnp.zeros(no.shape)), film
    _, (_, flights, film) = fold(rollout, env, policy, update, start, max_steps=max_steps)
    return flights, film


def summary(flights: Flights, name: str) -> Metrics:
    """Returns the means over flights, of which the first is called "collision_rate"."""
    prefix = f"{name}_" if name else ""
    return {
        f"{prefix}collision_rate": jnp.mean(flights.collided),
        f"{prefix}reach_rate": jnp.mean(flights.reached),
        f"{prefix}meters": jnp.mean(flights.meters),
    }


def net_policy(net: CollisionNet, params: Any) -> Policy:
    """Flies in the direction of the least predicted probability of a collision."""

    def act(key, carry, obs, first):
        return carry, net.bins[advise(key, net.apply(params, obs))]

    return act


def fly_baselines(
    key: jax.Array, world: Corridor, net: CollisionNet, *, episodes: int, max_steps: int
) -> dict[str, jax.Array]:
    """Flies straight on, in a random direction in each step, and by geometry.

    All fly through the same corridors as a net's policy does with the same key. The geometric
    pilot is given what no picture tells, and has the same directions to choose from.

    Returns:
      Metrics as in `flights_score`, and the arrays `path` and `is_on` of a `Path`.
    """
    pilots = len(PILOTS)

    def act(key, carry, obs, first):
        count = len(obs) // pilots
        at_random = jax.random.randint(key, (count,), 0, len(net.bins))
        farthest = jnp.argmax(obs[-count:], axis=1)
        bins = jnp.concatenate([at_random, farthest])
        return carry, jnp.concatenate([jnp.zeros((count, 2)), net.bins[bins]])

    def look(state, task):
        return free_way(state, task, net.bins)

    def shoot(moment):
        def first(x):
            return x.reshape(pilots, -1, *x.shape[1:])[:, :SHOWN]

        return Path(first(moment.before.position), first(moment.is_alive))

    env = observed(world, look, Box((len(net.bins),)))
    one = start_rollout(key, env, (), episodes=episodes)
    repeat = lambda x: jnp.concatenate([x] * pilots)  # noqa: E731
    rows = jax.tree.map(repeat, (one.task, one.env_state, one.obs, one.is_over))
    all_ = one._replace(task=rows[0], env_state=rows[1], obs=rows[2], is_over=rows[3])
    shown = min(SHOWN, episodes)
    film = Path(
        jnp.zeros((max_steps, pilots, shown, 3)), jnp.zeros((max_steps, pilots, shown), bool)
    )
    flights, film = fly(all_, env, act, max_steps=max_steps, film=film, shoot=shoot)
    results = film._asdict()
    for place, name in enumerate(PILOTS):
        own = slice(place * episodes, (place + 1) * episodes)
        results |= summary(jax.tree.map(lambda x, own=own: x[own], flights), name)
    return results


def free_way(state: flight.State, task: Task, bins: jax.Array) -> jax.Array:
    """Scores directions [B] by how far the drone could fly on, as far as `SIGHT`.

    Where it would come nearer than `NEAR` to something within a step, each cm counts like so many
    m of the way; of equal ways the one nearest to straight on is the best. Left and right count
    the same.
    """
    directions = flight.flight_direction(state.heading, bins)
    way = flight.free_distance(task.layout, state.position, directions, flight.RADIUS)
    ahead = state.position + flight.SPEED * flight.SECONDS * directions
    clearance = flight.clearance(task.layout, ahead)
    nearness = jnp.maximum(NEAR - clearance, 0.0)
    return jnp.minimum(way, SIGHT) - 100.0 * nearness - 0.1 * jnp.sum(bins**2, axis=1)


def blank_film(world: Corridor, net: CollisionNet, max_steps: int) -> Film:
    """Returns a film [T, M, ...] of nothing."""
    shape = (max_steps, SHOWN)
    return Film(
        jnp.zeros((*shape, 3)),
        jnp.zeros(shape),
        jnp.zeros(shape, bool),
        jnp.zeros((*shape, world.side, world.side, 3), jnp.uint8),
        jnp.zeros((*shape, len(net.bins))),
    )


def shoot_film(world: Corridor, net: CollisionNet, params: Any, moment: Moment) -> Film:
    """Returns a frame [M, ...] of the first flights, with what the net predicts in it."""
    state, task, is_alive = jax.tree.map(
        lambda x: x[:SHOWN], (moment.before, moment.task, moment.is_alive)
    )
    picture = jax.vmap(world.see)(state, task)
    risk = jax.nn.sigmoid(net.apply(params, picture))
    return Film(state.position, state.heading, is_alive, picture, risk)


def corridors_of(rollout: Rollout) -> dict[str, jax.Array]:
    """Returns boxes and middle lines of the first corridors, [M, ...]."""
    layout = jax.tree.map(lambda x: x[:SHOWN], rollout.task.layout)
    return {"low": layout.low, "high": layout.high, "route": layout.route}


def picture_space(world: Corridor) -> Box:
    """Returns the space of the pictures of a world."""
    return Box((world.side, world.side, 3), 0, 255, jnp.uint8)


def exit_of(layout: Any) -> jax.Array:
    """Returns m of the way after which the exit is reached."""
    return flight.total_length(layout) - ROUNDING
