"""CAD2RL: flight by predicted collisions, learned in random corridors (Sadeghi & Levine 2016).

arXiv 1611.04201. A net reads one picture and predicts for each direction of a grid that is laid
over it how probable a collision is, if the drone flies there first and then as the net advises.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Evaluate, Learner, TrainState, update
from jaxdl.core.mesh import spread
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, vectorize
from jaxdl.envs.corridor.flight import flight_direction, free_distance
from jaxdl.envs.corridor.world import Corridor, observed
from jaxdl.nn import fast_dense, initial
from jaxdl.nn.mlp import layers, mlp
from jaxdl.nn.torsos import Convolution, conv_torso
from jaxdl.rl.minibatches import mix_time

Params = Any
NOTHING = jnp.zeros(1)  # what worlds observe whose pictures are taken by themselves
NO_SCORE: Evaluate = lambda key, state: {}  # noqa: E731


class CollisionNet(NamedTuple):
    """Predicts collisions from a picture, for B directions.

    Attributes:
      init: key -> parameters.
      apply: parameters, pictures [..., H, W, 3] uint8 -> logits [..., B] of a collision.
      bins: [B, 2] places in the picture that are flown to, to the right and up, -1 .. 1.
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[[Params, jax.Array], jax.Array]
    bins: jax.Array


class Flown(NamedTuple):
    """T steps of E drones.

    Attributes:
      pictures: [T, E, H, W, 3] uint8.
      bins: [T, E] int32, the directions that were flown.
      hit: [T, E] bool; a collision ended the flight.
      cut: [T, E] bool; the flight ended otherwise, and is not known to the horizon.
    """

    pictures: jax.Array
    bins: jax.Array
    hit: jax.Array
    cut: jax.Array


class Samples(NamedTuple):
    """What is learned of L states of E drones.

    Attributes:
      pictures: [L, E, H, W, 3] uint8.
      bins: [L, E] int32, the directions that were flown.
      target: [L, E] discounted collisions.
      known: [L, E] bool; others are not learned.
    """

    pictures: jax.Array
    bins: jax.Array
    target: jax.Array
    known: jax.Array


def cad2rl(
    world: Corridor,
    net: CollisionNet,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    horizon: int = 8,
    learned: int = 8,
    discount: float = 0.9,
    temperature: float = 0.0,
    evaluate: Evaluate = NO_SCORE,
) -> Learner:
    """Learns probabilities of collision from rollouts, by supervised regression (section III).

    In each step E drones fly, and L updates follow. Every drone first flies in a random direction,
    from wherever the policy has brought it, and then follows the policy. Of the first `learned`
    states of this rollout the discounted collision within the horizon is what the net should have
    predicted for the direction that was flown. So each target is of an action, and of the current
    policy after it. The paper has a rollout for each of its samples; here one serves several.

    Args:
      world: the corridors that are learned in.
      net: that predicts.
      tx: the optimizer.
      num_envs: E, drones.
      horizon: H, steps in which a collision counts.
      learned: L, states of each rollout that are learned from; 1 is the random direction alone.
      discount: of a collision for each step that it is away.
      temperature: 0 flies where a collision is least probable, as the paper does; else directions
        are drawn, with odds that fall by e for each rise of the probability by so much.
      evaluate: scores the net.

    Returns:
      A learner that makes its own data. Its metrics are `loss`, `target`, the mean of the targets,
      and `collisions`, the share of steps that end in one.

    Raises:
      BadInput: a number is out of its bounds.
    """
    check_rollouts(num_envs, horizon, learned, discount, temperature)
    worlds = vectorize(observed(world, lambda state, task: NOTHING, Box((1,), 0.0, 0.0)), num_envs)

    def init(key):
        net_key, tx_key, world_key = jax.random.split(key, 3)
        params = net.init(net_key)
        return TrainState(params, tx.init(params), worlds.reset(world_key))

    def roll_out(key, params, actors):
        """Flies L + H - 1 steps, the first of them in a random direction."""
        tried_key, key = jax.random.split(key)
        tried = jax.random.randint(tried_key, (num_envs,), 0, len(net.bins))

        def fly(actors, moment):
            key, time = moment
            choice_key, world_key = jax.random.split(key)
            pictures = jax.vmap(world.see)(actors.env, actors.task)
            advised = advise(choice_key, net.apply(params, pictures), temperature)
            bins = jnp.where(time == 0, tried, advised)
            actors, out = worlds.step(world_key, actors, net.bins[bins])
            return actors, Flown(pictures, bins, out.terminated, out.truncated)

        steps = learned + horizon - 1
        return jax.lax.scan(fly, actors, (jax.random.split(key, steps), jnp.arange(steps)))

    def learn(state, flown):
        """Updates the net by one state of each drone."""

        def loss(params):
            return collision_loss(net.apply(params, flown.pictures), *flown[1:])

        value, gradient = jax.value_and_grad(loss)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": value} | norms

    def step(key, state, batch):
        del batch
        fly_key, mix_key = jax.random.split(key)
        actors, flown = roll_out(fly_key, state.params, state.actors)
        target, known = collision_returns(flown.hit, flown.cut, horizon=horizon, discount=discount)
        samples = Samples(flown.pictures[:learned], flown.bins[:learned], target, known)
        mixed = mix_time(mix_key, samples)
        state, metrics = jax.lax.scan(learn, state._replace(actors=actors), mixed)
        metrics = jax.tree.map(jnp.mean, metrics)
        return state, metrics | {"target": jnp.mean(target), "collisions": jnp.mean(flown.hit)}

    return Learner(init, step, evaluate)


def free_space(
    world: Corridor,
    net: CollisionNet,
    tx: optax.GradientTransformation,
    *,
    batch_size: int,
    distance: float = 1.0,
    evaluate: Evaluate = NO_SCORE,
) -> Learner:
    """Learns whether something is met within a distance, in each direction (section III-C).

    These labels need no flights: rays of the simulator tell them. They know nothing of the drone's
    size, nor of what comes after.

    Args:
      world: the corridors that are learned in.
      net: that predicts.
      tx: the optimizer.
      batch_size: B, pictures of a step, each of another corridor.
      distance: m.
      evaluate: scores the net.

    Returns:
      A learner that makes its own data. Its metrics are `loss`, and `blocked`, the share of
      directions in which something is met.

    Raises:
      BadInput: the distance is not positive.
    """
    if not distance > 0:
        raise BadInput(f"free space within {distance} m: should be above 0")

    def init(key):
        params = net.init(key)
        return TrainState(params, tx.init(params))

    def draw(key):
        task_key, start_key = jax.random.split(key)
        task = world.sample_task(task_key)
        state = world.start(start_key, task)
        directions = flight_direction(state.heading, net.bins)
        free = free_distance(task.layout, state.position, directions)
        return world.see(state, task), free < distance

    def step(key, state, batch):
        del batch
        keys = spread(jax.random.split(key, batch_size))
        pictures, blocked = jax.vmap(draw)(keys)

        def loss(params):
            return jnp.mean(bernoulli_loss(net.apply(params, pictures), blocked))

        value, gradient = jax.value_and_grad(loss)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": value, "blocked": jnp.mean(blocked)} | norms

    return Learner(init, step, evaluate)


def collision_returns(
    hit: jax.Array, cut: jax.Array, *, horizon: int, discount: float
) -> tuple[jax.Array, jax.Array]:
    """Sums discounted collisions over the horizon of each state (eq. 2), until a flight ends.

    Args:
      hit: [T, E] bool; the flight ended in a collision.
      cut: [T, E] bool; it ended otherwise.
      horizon: H.
      discount: gamma.

    Returns:
      [T - H + 1, E] gamma^k where the collision comes after k steps, else 0; and [T - H + 1, E]
      bool, false where a flight was cut first, so that this is not known.
    """
    chex.assert_rank([hit, cut], 2)
    chex.assert_equal_shape([hit, cut])
    count = len(hit) - horizon + 1

    def add(moment, k):
        total, known, is_alive = moment
        hits, cuts = (jax.lax.dynamic_slice_in_dim(x, k, count) for x in (hit, cut))
        total = total + jnp.where(is_alive & hits, discount ** jnp.float32(k), 0.0)
        known = known & ~(is_alive & cuts)
        return (total, known, is_alive & ~hits & ~cuts), ()

    start = jnp.zeros((count, hit.shape[1])), *(jnp.ones((count, hit.shape[1]), bool),) * 2
    (total, known, _), _ = jax.lax.scan(add, start, jnp.arange(horizon))
    return total, known


def bernoulli_loss(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Computes cross entropies of probabilities with targets within [0, 1], elementwise.

    Args:
      logits: [...].
      target: [...].
    """
    chex.assert_equal_shape([logits, target])
    return jax.nn.softplus(logits) - target * logits


def collision_loss(
    logits: jax.Array, bins: jax.Array, target: jax.Array, known: jax.Array
) -> jax.Array:
    """Computes the mean cross entropy of the directions that were flown.

    Args:
      logits: [E, B].
      bins: [E] int32.
      target: [E] within [0, 1].
      known: [E] bool; others do not count.
    """
    chex.assert_rank([logits, bins, target, known], [2, 1, 1, 1])
    chosen = jnp.take_along_axis(logits, bins[:, None], axis=1)[:, 0]
    losses = jnp.where(known, bernoulli_loss(chosen, target), 0.0)
    return jnp.sum(losses) / jnp.maximum(jnp.sum(known), 1)


def advise(key: jax.Array, logits: jax.Array, temperature: float = 0.0) -> jax.Array:
    """Chooses directions [E] by logits of collisions [E, B], as in `cad2rl`."""
    if not temperature:
        return jnp.argmin(logits, axis=-1)
    return jax.random.categorical(key, -jax.nn.sigmoid(logits) / temperature)


def collision_net(
    *, side: int, rows: int = 3, columns: int = 5, channels: int = 24, hidden: int = 64
) -> CollisionNet:
    """Makes a small convolutional net; the paper's has VGG's layers, and a map of 41 x 41 bins.

    Args:
      side: of the pictures, pixels.
      rows: of the grid of directions.
      columns: likewise.
      channels: of the first convolution.
      hidden: width of the layer before the last.

    Raises:
      BadInput: there is no direction, or the pictures are smaller than the convolutions.
    """
    if rows < 1 or columns < 1:
        raise BadInput(f"a grid of {rows} x {columns} directions: should be at least 1 x 1")
    first = max(side // 8, 1)  # pixels, so that maps of 8 x 8 are left
    torso = conv_torso(
        Box((side, side, 3), 0, 255, jnp.uint8),
        [Convolution(first, first, channels), *[Convolution(3, 1, 4 * channels // 3)] * 2],
        affine=fast_dense,
    )
    plan = {"torso": torso.plan, "hidden": layers(torso.size, (hidden,), 2**0.5),
            "last": layers(hidden, (rows * columns,), 0.1)}  # fmt: skip

    def apply(params, pictures):
        features = torso.apply(params["torso"], pictures)
        features = mlp(params["hidden"], features, activation=jax.nn.relu, affine=fast_dense)
        return fast_dense(params["last"][0], features)

    return CollisionNet(lambda key: initial(key, plan), apply, grid_of(rows, columns))


def grid_of(rows: int, columns: int) -> jax.Array:
    """Returns the middles [rows * columns, 2] of a grid's bins, right and up, row by row."""
    up = 1 - (2 * jnp.arange(rows) + 1) / rows
    right = (2 * jnp.arange(columns) + 1) / columns - 1
    return jnp.stack([jnp.tile(right, rows), jnp.repeat(up, columns)], axis=1)


def check_rollouts(
    num_envs: int, horizon: int, learned: int, discount: float, temperature: float
) -> None:
    """Checks the numbers that `cad2rl` takes.

    Raises:
      BadInput: one is out of its bounds.
    """
    counts = {"num_envs": num_envs, "horizon": horizon, "learned": learned}
    for name, count in counts.items():
        if count < 1:
            raise BadInput(f"cad2rl: {name}={count} should be at least 1")
    if not 0 < discount <= 1:
        raise BadInput(f"cad2rl: discount={discount} should be above 0 and at most 1")
    if not temperature >= 0:
        raise BadInput(f"cad2rl: temperature={temperature} should be at least 0")
