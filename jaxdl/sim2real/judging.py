"""How well a net crosses: accuracy in both domains, and how far apart its features keep them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics, TrainState
from jaxdl.ops import minimize
from jaxdl.sim2real.columns import Layers
from jaxdl.sim2real.domains import BothDomains
from jaxdl.sim2real.transfer import Read, Score

AT_ONCE = 500  # images that are read at a time
POINTS = 250  # features of each domain that a report shows
SAMPLES = 10  # images of each domain, likewise
PENALTY = 1e-3  # of the classifier of domains, in nats a squared weight


class Linear(NamedTuple):
    """A linear classifier of two classes, of features that it centers and scales.

    Attributes:
      center: [F].
      scale: [F].
      weights: [F].
      bias: scalar.
    """

    center: jax.Array
    scale: jax.Array
    weights: jax.Array
    bias: jax.Array


def crossing_score(open_domains: Callable[[], BothDomains]) -> Score:
    """Makes an evaluation by the test images of both domains, which are never trained on.

    Args:
      open_domains: () -> the data sets; called when the evaluation is traced.

    Returns:
      readers -> evaluation. Its metrics are, of the net that is called "", `accuracy` on the
      target, `source_accuracy`, and `a_distance`, and those of any other as `<name>_...`. Its
      arrays are `<name>_points` [2, P, 2], features of the source and of the target in two
      dimensions, `<name>_predictions` [2, P], their `point_labels` [2, P], and the first of these
      images, `samples` [2, S, H, W, C].
    """

    def score(readers: Mapping[str, Read]):
        def evaluate(key, state):
            del key
            both = open_domains()
            images = [jnp.asarray(domain.test_images) for domain in both]
            labels = [jnp.asarray(domain.test_labels) for domain in both]
            count = min(POINTS, *map(len, labels))
            results: Metrics = {
                "point_labels": jnp.stack([each[:count] for each in labels]),
                "samples": jnp.stack([each[: min(SAMPLES, count)] for each in images]),
            }
            whole = jnp.concatenate(images)
            # One program for all nets, which are alike: it is compiled once.
            seen = [read_all(read, state, whole) for read in readers.values()]
            stacked = jax.tree.map(lambda *x: jnp.stack(x), *seen)
            found = jax.lax.map(lambda layers: judge(layers, labels, count), stacked)
            for place, name in enumerate(readers):
                prefix = f"{name}_" if name else ""
                results |= {f"{prefix}{what}": values[place] for what, values in found.items()}
            return results

        return evaluate

    return score


def judge(seen: Layers, labels: list[jax.Array], count: int) -> Metrics:
    """Scores one net by what it sees on the test images of the source, then of the target.

    Args:
      seen: features [N + M, F] and logits [N + M, K].
      labels: [N] and [M].
      count: P, points that are kept of each domain.
    """
    border = len(labels[0])
    guesses = jnp.argmax(seen.logits, axis=1).astype(jnp.int32)
    source, target = guesses[:border], guesses[border:]
    features = seen.features[:border], seen.features[border:]
    return {
        "accuracy": jnp.mean(target == labels[1]),
        "source_accuracy": jnp.mean(source == labels[0]),
        "a_distance": proxy_a_distance(*features),
        "points": principal_plane(*(each[:count] for each in features)),
        "predictions": jnp.stack([source[:count], target[:count]]),
    }


def read_all(read: Read, state: TrainState, images: jax.Array) -> Layers:
    """Applies a net to images [N, H, W, C], so many at a time; maps are left out."""

    def one(image):
        layers = read(state, image[None])
        return Layers((), layers.features[0], layers.logits[0])

    return jax.lax.map(one, images, batch_size=min(AT_ONCE, len(images)))


def proxy_a_distance(source: jax.Array, target: jax.Array) -> jax.Array:
    """Computes the proxy A-distance of two samples, 2 (1 - 2 err).

    Ben-David et al. 2007; 2010; Ganin et al. 2016, section 3.2. err is the error of a linear
    classifier that is fitted to every second row of both and asked about the others; of unequal
    samples each counts for a half. 2 where they are told apart without error, 0 where it is as good
    as guessing, and below 0 where it is worse by chance.

    Args:
      source: [N, F], N at least 2.
      target: [M, F], M at least 2.

    Returns:
      A float32 scalar.
    """
    chex.assert_rank([source, target], 2)
    fitted = fit_domains(source[0::2], target[0::2])
    wrong_source = jnp.mean(answer(fitted, source[1::2]) > 0)
    wrong_target = jnp.mean(answer(fitted, target[1::2]) <= 0)
    return 2.0 * (1.0 - (wrong_source + wrong_target))


def fit_domains(source: jax.Array, target: jax.Array, *, penalty: float = PENALTY) -> Linear:
    """Fits logistic regression of standardized features: the target's answers are above 0.

    It minimizes the mean of both domains' mean losses + penalty / 2 |weights|^2, the bias is free.

    Args:
      source: [N, F].
      target: [M, F].
      penalty: of the weights.
    """
    both = jnp.concatenate([source, target])
    center = jnp.mean(both, axis=0)
    scale = jnp.std(both, axis=0)
    scale = jnp.where(scale > 1e-6, scale, 1.0)  # a feature that never changes says nothing
    xs, xt = ((rows - center) / scale for rows in (source, target))

    def loss(flat):
        weights, bias = flat[:-1], flat[-1]
        of_source = jnp.mean(jax.nn.softplus(xs @ weights + bias))
        of_target = jnp.mean(jax.nn.softplus(-(xt @ weights + bias)))
        return (of_source + of_target) / 2 + penalty / 2 * jnp.sum(weights**2)

    start = jnp.zeros(source.shape[1] + 1, both.dtype)
    flat = minimize(jax.value_and_grad(loss), start).x
    return Linear(center, scale, flat[:-1], flat[-1])


def answer(linear: Linear, features: jax.Array) -> jax.Array:
    """Returns the log odds [N] that features [N, F] are of the target."""
    return (features - linear.center) / linear.scale @ linear.weights + linear.bias


def principal_plane(source: jax.Array, target: jax.Array) -> jax.Array:
    """Projects features on the two directions in which both domains together vary most.

    Args:
      source: [P, F].
      target: [P, F].

    Returns:
      [2, P, 2].
    """
    both = jnp.stack([source, target])
    centered = both - jnp.mean(both, axis=(0, 1))
    _, directions = jnp.linalg.eigh(jnp.einsum("dpf,dpg->fg", centered, centered))
    return centered @ directions[:, :-3:-1]
