"""Domain randomization: an object is found in pictures, by looks that are never the same.

Tobin et al. 2017 (arXiv 1703.06907). A convolutional net regresses the position of an object from
one picture. It is trained by simulated pictures alone, whose textures, lights, camera and noise are
drawn anew for each, so that reality looks like one more variation. Pictures are drawn
on the device, in the step that learns from them: none is seen twice.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Evaluate, Learner, TrainState, first_state, update
from jaxdl.core.mesh import spread
from jaxdl.core.run import Run
from jaxdl.data import as_floats
from jaxdl.deploy import Deployment
from jaxdl.sim2real.detector import UNIT
from jaxdl.sim2real.simulated import Randomization, simulated
from jaxdl.sim2real.tables import Pictures, Table, draw_pictures


class Regime(NamedTuple):
    """What training draws from. It is part of the state, so that one program serves all of them.

    Attributes:
      randomization: of looks; its numbers are float32 scalars.
      distractors: int32, at most so many objects beside the one that is looked for.
    """

    randomization: Randomization
    distractors: Any


Draw = Callable[[jax.Array, Any], Pictures]  # keys [B], Regime -> pictures
Read = Callable[[Any, jax.Array], jax.Array]  # parameters, images [B, H, W, 3] -> [B, K, 3] m
Score = Callable[[Read], Evaluate]


def tobin(
    net: nn.Module,
    tx: optax.GradientTransformation,
    draw: Draw,
    regime: Regime,
    *,
    image_shape: tuple[int, int, int],
    batch_size: int = 64,
    score: Score | None = None,
) -> Learner:
    """Learns to find an object in simulated pictures.

    Args:
      net: module images [B, H, W, 3] in [0, 1] -> positions [B, K, 3] m, such as
        `jaxdl.sim2real.Detector`.
      tx: the optimizer.
      draw: keys [B], regime -> pictures, such as `table_pictures`.
      regime: what they are drawn from; each seed has a pool of textures of its own.
      image_shape: (H, W, 3).
      batch_size: B.
      score: evaluates the net.

    Returns:
      A learner that makes its own data; its `batch` is (). Its metrics are `loss`, that of
      `position_loss`, `error_cm`, the mean distance, and norms. Since no picture is seen twice,
      this is how far off it is in new pictures of the simulation.
    """

    def init(key):
        net_key, pool_key = jax.random.split(key)
        params = net.init(net_key, jnp.zeros((1, *image_shape)))["params"]
        return TrainState(params, tx.init(params), extra=as_state(regime, pool_key))

    def step(key, state, batch):
        del batch
        pictures = draw(spread(jax.random.split(key, batch_size)), state.extra)
        images = as_floats(pictures.images)

        def loss(params):
            found = net.apply({"params": params}, images)
            return position_loss(found, pictures.positions, pictures.kinds)

        (value, error), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": value, "error_cm": 100 * error} | norms

    if score is None:
        return Learner(init, step)
    return Learner(init, step, score(lambda params, images: find(net, params, images)))


def position_loss(
    found: jax.Array, positions: jax.Array, kinds: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes the mean square of what the coordinates are off, in units of `UNIT`.

    Only the row of the kind that is looked for counts.

    Args:
      found: [B, K, 3] m.
      positions: [B, 3] m.
      kinds: [B] int32.

    Returns:
      The loss and the mean distance in m, scalars.
    """
    chex.assert_rank([found, positions, kinds], [3, 2, 1])
    off = chosen(found, kinds) - positions
    distance = jnp.linalg.norm(jax.lax.stop_gradient(off), axis=1)
    return jnp.mean((off / UNIT) ** 2), jnp.mean(distance)


def chosen(found: jax.Array, kinds: jax.Array) -> jax.Array:
    """Returns the rows [B, 3] of positions [B, K, 3] that kinds [B] name."""
    return jnp.take_along_axis(found, kinds[:, None, None], axis=1)[:, 0]


def table_pictures(table: Table) -> Draw:
    """Makes the function that draws simulated pictures of a table."""

    def draw(keys, regime):
        return draw_pictures(
            keys, table, simulated(table, regime.randomization), regime.distractors
        )

    return draw


def as_state(regime: Regime, key: jax.Array) -> Regime:
    """Returns a regime of arrays, with a pool of textures of its own."""
    random = regime.randomization
    ranges = jax.tree.map(jnp.float32, random.ranges)
    pool = jax.random.bits(key)
    random = Randomization(ranges, jnp.int32(random.textures), pool)
    return Regime(random, jnp.int32(regime.distractors))


def find(net: nn.Module, params: Any, images: jax.Array) -> jax.Array:
    """Finds objects in images [B, H, W, 3] of bytes or in [0, 1], as positions [B, K, 3] m."""
    return net.apply({"params": params}, as_floats(images))


def detector_deployment(
    net: nn.Module, image_shape: tuple[int, int, int], objects: Sequence[str]
) -> Deployment:
    """Keeps a detector: images of bytes [b, H, W, 3] -> positions [b, K, 3] m.

    Args:
      net: of `tobin`.
      image_shape: (H, W, 3).
      objects: names of the K kinds.
    """
    return Deployment(
        f"Finds {', '.join(objects)} on a table: images of 0 to 255 -> positions in m of each "
        "kind, x to the right, y away from the camera, z up from the middle of the table's top.",
        lambda state: state.params,
        lambda weights, inputs: {"positions": find(net, weights, inputs["images"])},
        {"images": jax.ShapeDtypeStruct(image_shape, "uint8")},
    )


def start_after(learner: Learner, trunk: Any, run: Run) -> TrainState:
    """Makes the state in which `tobin` begins with a trunk that was trained before.

    Args:
      learner: of `tobin`.
      trunk: parameters of the convolutions, leaves [S, ...] for S > 1 seeds.
      run: its seeds.
    """
    state = first_state(learner, run)
    return state._replace(params={**state.params, "trunk": trunk})
