"""Few-shot learning: tasks with little to learn from, drawn on the device.

A task of classification is N classes ("ways") out of many, K images ("shots") of each to learn
from, its support set, and Q other images of each to be told apart, its query set (Vinyals et al.
2016, arXiv 1606.04080). Labels 0 .. N - 1 are given out anew in each task, so that nothing but the
support set tells what they mean.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput


class Characters(NamedTuple):
    """Classes of equally many images each, divided by class: no class is in two parts.

    Attributes:
      train: [C, S, H, W] uint8, ink 255.
      validation: [V, S, H, W] uint8; may be empty.
      test: [T, S, H, W] uint8.
      name: of the set, with the way it was divided.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    name: str


class FewShot(NamedTuple):
    """Tasks: what is to be learned from, and what is asked afterwards.

    Of images they are N classes with K images each to learn from and Q others to be told: x are
    [M, N * K, H, W, 1] and [M, N * Q, H, W, 1] float32 in [0, 1], class by class (K of class 0,
    then K of class 1), and y are int32.

    Attributes:
      support_x: [M, S, ...] of M tasks.
      support_y: [M, S, ...].
      query_x: [M, R, ...].
      query_y: [M, R, ...].
    """

    support_x: jax.Array
    support_y: jax.Array
    query_x: jax.Array
    query_y: jax.Array


def sample_tasks(
    key: jax.Array,
    images: jax.Array,
    *,
    ways: int,
    shots: int,
    queries: int,
    tasks: int,
    rotations: bool = False,
) -> FewShot:
    """Draws tasks: classes without replacement, and of each class images without replacement.

    Args:
      key: of the draw.
      images: [C, S, H, W] uint8, on the device.
      ways: N, classes of a task.
      shots: K, images of a class to learn from.
      queries: Q, other images of it to be told.
      tasks: M.
      rotations: a class turned by 90, 180 or 270 degrees is one more class: 4 C in all.

    Raises:
      BadInput: there are fewer classes than ways, or fewer images than shots and queries.
    """
    check_sizes(images.shape, ways=ways, shots=shots, queries=queries, rotations=rotations)
    turned = 4 if rotations else 1
    classes, samples = images.shape[:2]
    class_key, sample_key = jax.random.split(key)
    chosen = _draw(class_key, (tasks,), turned * classes, ways)  # [M, N]
    rows = _draw(sample_key, (tasks, ways), samples, shots + queries)  # [M, N, K + Q]
    drawings = images[chosen[..., None] % classes, rows]  # [M, N, K + Q, H, W]
    if rotations:
        drawings = _turn(drawings, chosen // classes)
    drawings = drawings[..., None].astype(jnp.float32) / 255
    labels = jnp.broadcast_to(jnp.arange(ways, dtype=jnp.int32)[:, None], rows.shape)
    parts = []
    for part in (slice(shots), slice(shots, None)):
        for x in (drawings, labels):
            parts.append(x[:, :, part].reshape(tasks, -1, *x.shape[3:]))
    return FewShot(*parts)


def check_sizes(
    shape: tuple[int, ...], *, ways: int, shots: int, queries: int, rotations: bool = False
) -> None:
    """Refuses tasks that cannot be drawn of images [C, S, H, W]; arguments as in `sample_tasks`.

    Raises:
      BadInput: there are fewer classes than ways, or fewer images than shots and queries.
    """
    classes = shape[0] * (4 if rotations else 1)
    if ways > classes:
        raise BadInput(f"--ways={ways} should be at most {classes}, the classes there are")
    if shots + queries > shape[1]:
        raise BadInput(
            f"--shots={shots} and --queries={queries} should be at most {shape[1]} together, the "
            "images of a class"
        )


def _draw(key: jax.Array, shape: tuple[int, ...], n: int, k: int) -> jax.Array:
    """Draws k of n numbers without replacement, in random order: [..., k] int32."""
    return jax.lax.top_k(jax.random.uniform(key, (*shape, n)), k)[1]


def _turn(x: jax.Array, quarters: jax.Array) -> jax.Array:
    """Turns the images [M, N, S, H, W] of each class by quarters [M, N] of a circle."""
    if x.shape[-1] != x.shape[-2]:
        raise BadInput(f"images of {x.shape[-2]} x {x.shape[-1]} pixels are no squares to turn")
    quarters = quarters[..., None, None, None]
    turned = [jnp.rot90(x, quarter, (3, 4)) for quarter in range(4)]
    return jnp.select([quarters == quarter for quarter in range(4)], turned)
