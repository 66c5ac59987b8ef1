"""Some real data in simulated ones: error over the share of real labels (Richter et al. 2016).

Playing for Data, arXiv 1608.02192: pictures of a game beside a third of the real ones do better
than all real ones alone. Bousmalis et al. 2017 (arXiv 1709.07857) draw the curve over the share,
and repaint the simulated pictures first (`jaxdl.sim2real.refiner`). The nets of all shares and ways
are trained side by side, on labels that are drawn once and nested, all by as many steps.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, first_state, update
from jaxdl.core.run import Run
from jaxdl.data import as_floats
from jaxdl.losses import softmax_cross_entropy
from jaxdl.sim2real.columns import Column
from jaxdl.sim2real.domains import BothDomains
from jaxdl.sim2real.mixtures import (
    Mixture,
    check_shares,
    count_in_batch,
    count_real,
    place_real,
)
from jaxdl.sim2real.refiner import NOISE, repainting, show_pictures

Way = Literal["joint", "refined", "real", "fine_tuned"]
AT_ONCE = 100  # test images that all nets read at a time


class Recipe(NamedTuple):
    """How a net is trained.

    Attributes:
      way: "joint" mixes simulated and real pictures in every batch, "refined" the same with
        repainted ones, "real" has real pictures alone, and so has "fine_tuned", after simulated
        ones.
      place: of its share among all shares.
      real: [B] bool, which rows of a batch are real; none where the share is 0.
    """

    way: Way
    place: int
    real: np.ndarray


def mixing(
    net: Column,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    shares: Sequence[float],
    batch_size: int,
    batch_share: float = 50.0,
    ways: Sequence[Way] = ("joint", "real"),
    earlier: Sequence[Way] = (),
    generator: nn.Module | None = None,
    open_domains: Callable[[], BothDomains] | None = None,
) -> Learner:
    """Learns one classifier of real pictures for each way and share.

    Args:
      net: of each classifier.
      tx: the optimizer, of each net by itself.
      image_shape: (H, W, C).
      shares: percentages of the real training images that have labels, from 0 on, rising.
      batch_size: B.
      batch_share: percentage of a batch that is real in joint training.
      ways: of the nets that are trained; "real" has none of share 0.
      earlier: ways of nets that an earlier stage has trained, and that are evaluated beside them.
      generator: what repaints simulated pictures for "refined", never trained here.
      open_domains: () -> the data sets, on whose real test images all nets are judged.

    Returns:
      A learner of batches of `Mixture`. Parameters and optimizer state have leaves [M, ...], one
      net after the other, as `make_recipes` lists them. `extra` holds parameters that never change:
      those of the earlier nets, and of the "generator". Its metrics are means over nets: `loss` and
      `accuracy` of the first way, `<way>_loss` of each, and norms. Its evaluation is that of
      `judge_nets`.

    Raises:
      BadInput: the shares make no curve, or a batch cannot be divided so.
    """
    check_shares(shares)
    count = count_in_batch(batch_size, batch_share)
    recipes = make_recipes(ways, shares, batch_size, count)
    shown = recipes + make_recipes(earlier, shares, batch_size, count)
    repaint = repainting(generator) if generator else None

    def init(key):
        net_key, generator_key, earlier_key = jax.random.split(key, 3)
        images = jnp.zeros((1, *image_shape))
        make = jax.vmap(lambda key: net.init(key, images)["params"])
        params = make(jax.random.split(net_key, len(recipes)))
        extra: dict[str, Any] = {}
        if earlier:
            extra["earlier"] = make(jax.random.split(earlier_key, len(shown) - len(recipes)))
        if generator:
            noise = jnp.zeros((1, NOISE))
            extra["generator"] = generator.init(generator_key, images, noise)["params"]
        return TrainState(params, jax.vmap(tx.init)(params), extra=extra)

    def step(key, state, batch):
        repainted = None
        if "refined" in ways:
            repainted = repaint(key, state.extra["generator"], as_floats(batch.simulated_images))
        images, labels = mix(recipes, batch, repainted)
        train = jax.vmap(partial(learn, net, tx), in_axes=(0, 0, 1, 1))
        params, opt_state, metrics = train(state.params, state.opt_state, images, labels)
        return state._replace(params=params, opt_state=opt_state), by_way(recipes, metrics)

    def evaluate(key, state):
        both, params = open_domains(), state.params
        if earlier:
            join = lambda x, y: jnp.concatenate([x, y])  # noqa: E731
            params = jax.tree.map(join, params, state.extra["earlier"])
        results = judge_nets(net, params, shown, shares, both)
        if generator:
            results |= show_pictures(partial(repaint, key, state.extra["generator"]), both)
        return results

    return Learner(init, step, evaluate) if open_domains else Learner(init, step)


def mix(
    recipes: Sequence[Recipe], batch: Mixture, repainted: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Puts together what each of M nets sees.

    Args:
      recipes: M.
      batch: of B rows.
      repainted: [B, H, W, C], the simulated pictures of the batch as "refined" sees them.

    Returns:
      Pictures [B, M, H, W, C] in [0, 1], and labels [B, M].
    """
    is_real = np.stack([recipe.real for recipe in recipes], axis=1)  # [B, M]
    is_refined = np.array([[recipe.way == "refined" for recipe in recipes]])  # [1, M]
    places = np.array([max(recipe.place - 1, 0) for recipe in recipes])  # a batch has no share 0
    over_pixels = lambda x: x[..., None, None, None]  # noqa: E731
    simulated = as_floats(batch.simulated_images)[:, None]
    if repainted is not None:
        simulated = jnp.where(over_pixels(is_refined), repainted[:, None], simulated)
    real = as_floats(batch.real_images[:, places])
    labels = jnp.where(is_real, batch.real_labels[:, places], batch.simulated_labels[:, None])
    return jnp.where(over_pixels(is_real), real, simulated), labels


def learn(
    net: Column,
    tx: optax.GradientTransformation,
    params: Any,
    opt_state: Any,
    images: jax.Array,
    labels: jax.Array,
) -> tuple[Any, Any, Metrics]:
    """Takes one step of one net on pictures [B, H, W, C] and labels [B]."""

    def loss(params):
        logits = net.apply({"params": params}, images).logits
        hits = jnp.argmax(logits, axis=1) == labels
        return softmax_cross_entropy(logits, labels), jnp.mean(hits)

    (value, accuracy), gradient = jax.value_and_grad(loss, has_aux=True)(params)
    after, norms = update(tx, TrainState(params, opt_state), gradient)
    return after.params, after.opt_state, {"loss": value, "accuracy": accuracy} | norms


def by_way(recipes: Sequence[Recipe], metrics: Metrics) -> Metrics:
    """Returns means over the nets of metrics [M], and over those of each way by themselves."""
    means = jax.tree.map(jnp.mean, metrics)
    for way in dict.fromkeys(recipe.way for recipe in reversed(recipes)):
        mine = np.array([recipe.way == way for recipe in recipes])
        means |= {name: jnp.mean(metrics[name][mine]) for name in ("loss", "accuracy")}
        means[f"{way}_loss"] = means["loss"]
    return means  # `loss` and `accuracy` are those of the first way


def make_recipes(
    ways: Sequence[Way], shares: Sequence[float], batch_size: int, count: int
) -> list[Recipe]:
    """Lists the nets of each way, by rising share.

    Args:
      ways: in order.
      shares: percentages.
      batch_size: B.
      count: real pictures of a batch of joint training.
    """
    recipes = []
    for way in ways:
        for place, share in enumerate(shares):
            rows = count if way in ("joint", "refined") else batch_size
            if share or way != "real":
                recipes.append(Recipe(way, place, place_real(batch_size, rows if share else 0)))
    return recipes


def judge_nets(
    net: Column,
    params: Any,
    recipes: Sequence[Recipe],
    shares: Sequence[float],
    both: BothDomains,
) -> dict[str, jax.Array]:
    """Measures the errors of M nets on the real test images.

    Args:
      net: of each.
      params: leaves [M, ...].
      recipes: M.
      shares: percentages.
      both: the data sets.

    Returns:
      `<way>_error_<share>` of each net; `error`, of joint training at the smallest share above 0;
      where there are refined pictures, `refiner_worth`, how many real labels beside raw simulated
      pictures do as well as refined ones with none.
    """
    images, labels = jnp.asarray(both.target.test_images), jnp.asarray(both.target.test_labels)

    def classify(image):
        one = lambda params: net.apply({"params": params}, as_floats(image[None])).logits[0]  # noqa: E731
        return jnp.argmax(jax.vmap(one)(params), axis=-1)

    guesses = jax.lax.map(classify, images, batch_size=min(AT_ONCE, len(images)))  # [N, M]
    errors = jnp.mean(guesses != labels[:, None], axis=0)
    found: dict[str, list[jax.Array]] = {}
    results = {}
    for recipe, error in zip(recipes, errors, strict=True):
        results[f"{recipe.way}_error_{shares[recipe.place]:g}"] = error
        found.setdefault(recipe.way, []).append(error)
    if "joint" in found:
        results["error"] = found["joint"][1]
    if "refined" in found:
        counts = jnp.array(count_real(shares, len(both.target.train_labels)))
        curve = jnp.stack(found["joint"])
        results["refiner_worth"] = labels_worth(counts, curve, found["refined"][0])
    return results


def labels_worth(counts: jax.Array, errors: jax.Array, error: jax.Array) -> jax.Array:
    """Tells how many labels it takes to come down to an error.

    The curve is read between its points on an axis of log(1 + labels). It is not looked at outside
    of what was measured: the answer is 0 for an error above the curve, and the largest of the
    counts for one below it. A curve that rises somewhere counts as level there.

    Args:
      counts: [L] numbers of labels, rising.
      errors: [L] at each of them.
      error: scalar.
    """
    falling = jax.lax.cummin(errors) - 1e-6 * jnp.arange(len(errors))
    return jnp.expm1(jnp.interp(-error, -falling, jnp.log1p(counts.astype(jnp.float32))))


def start_after(learner: Learner, column: Any, run: Run) -> TrainState:
    """Makes the state in which all nets begin with what was learned from simulated pictures.

    Args:
      learner: of `mixing`.
      column: parameters that `source_only` has learned, leaves [S, ...] for S > 1 seeds.
      run: its seeds.

    Returns:
      A first state, leaves [S, M, ...] or [M, ...].
    """
    state = first_state(learner, run)
    axis = int(run.num_seeds > 1)
    repeat = lambda x, first: jnp.broadcast_to(jnp.expand_dims(x, axis), first.shape)  # noqa: E731
    return state._replace(params=jax.tree.map(repeat, column, state.params))


def start_beside(learner: Learner, kept: dict[str, Any], run: Run) -> TrainState:
    """Makes the state in which `mixing` begins beside what earlier stages have learned.

    Args:
      learner: of `mixing`.
      kept: "earlier" and "generator" -> parameters, leaves [S, ...] for S > 1 seeds.
      run: its seeds.
    """
    state = first_state(learner, run)
    return state._replace(extra=state.extra | kept)
