"""The supervised baseline, and fine-tuning: a trunk and a classifier trained by labels."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.core.run import BadInput
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.vision.contrastive import init_on_views
from jaxdl.vision.scores import Score
from jaxdl.vision.supervised import (
    apply_in_training,
    apply_trained,
    descend,
    softmax_cross_entropy,
)


def supervised(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    *,
    image_shape: tuple[int, int, int],
    frozen: Sequence[str] = (),
    score: Score | None = None,
) -> Learner:
    """Learns to classify images by their labels, as the supervised baseline of SimCLR does.

    It fine-tunes where the run starts from another's parameters (Chen et al. 2020, appendix B.5).
    These do not hold the statistics of batch normalization: they are measured anew by the batches,
    those of frozen layers too.

    Args:
      net: module (views [B, h, w, C], train) -> logits [B, K], such as `jaxdl.nn.Classified`.
      tx: the optimizer.
      augment: key, images [B, H, W, C] in [0, 1] -> views.
      image_shape: (H, W, C) of the images in a batch.
      frozen: paths of parameters that stay as they begin, such as "trunk" or "trunk/Conv3x3_0".
      score: evaluates the logits, such as `jaxdl.vision.classifier_score`.

    Returns:
      A learner of batches of `jaxdl.data.Labelled`. Its metrics are the mean cross entropy and the
      accuracy on the batch, and norms; `state.extra` holds the statistics of batch normalization.

    Raises:
      BadInput: (when the state is made) a frozen path is none, or nothing is left to be learned.
    """
    tx = freeze(tx, frozen)

    def init(key):
        return init_on_views(key, net, tx, augment, image_shape)

    def step(key, state, batch):
        views = augment(key, as_floats(batch.images))

        def loss(params, statistics):
            logits, statistics = apply_in_training(net, hold(params, frozen), statistics, views)
            hits = jnp.argmax(logits, axis=1) == batch.labels
            value = softmax_cross_entropy(logits, batch.labels)
            return value, (statistics, {"accuracy": jnp.mean(hits)})

        return descend(loss, tx, state)

    if score is None:
        return Learner(init, step)
    return Learner(init, step, score(lambda state, images: apply_trained(net, state, images)))


def freeze(tx: optax.GradientTransformation, parts: Sequence[str]) -> optax.GradientTransformation:
    """Leaves some parameters to themselves: neither gradients nor decay move them.

    Args:
      tx: of the others.
      parts: paths, such as "trunk".

    Raises:
      BadInput: (when its state is made) a path is none, or nothing is left.
    """
    if not parts:
        return tx

    def label(params):
        check_parts(params, parts)
        frozen = _is_frozen(params, parts)
        return jax.tree.map(lambda stays: "frozen" if stays else "learned", frozen)

    return optax.multi_transform({"learned": tx, "frozen": optax.set_to_zero()}, label)


def hold(params: Any, parts: Sequence[str]) -> Any:
    """Returns the parameters, of which those of the parts receive no gradient."""
    stop = lambda x, stays: jax.lax.stop_gradient(x) if stays else x  # noqa: E731
    return jax.tree.map(stop, params, _is_frozen(params, parts))


def check_parts(params: Any, parts: Sequence[str]) -> None:
    """Refuses paths of parameters that are none, and such as leave nothing to be learned.

    Raises:
      BadInput: with the paths that there are.
    """
    paths = [_path(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    for part in parts:
        if not any(_within(path, part) for path in paths):
            known = sorted({path.rsplit("/", 1)[0] for path in paths})
            raise BadInput(f"--frozen={part}: should be a part of {', '.join(known)}")
    if all(any(_within(path, part) for part in parts) for path in paths):
        raise BadInput(f"--frozen={','.join(parts)} leaves nothing to be learned")


def _is_frozen(params: Any, parts: Sequence[str]) -> Any:
    """Whether each leaf lies in one of the parts."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: any(_within(_path(path), part) for part in parts), params
    )


def _path(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _within(path: str, part: str) -> bool:
    part = part.strip("/")
    return path == part or path.startswith(f"{part}/")
