"""What the launch files of contrastive learners share. No JAX at import."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.vision import _setup
from experiments.vision._options import Projection, Trunk

if TYPE_CHECKING:
    from jaxdl.data import ImageSource
    from jaxdl.launch import Exhibit, Outcome
    from jaxdl.nn import Projected


def nets(
    trunk: Trunk, head: Projection, images: "ImageSource", *, groups: int = 1, norm: bool = True
) -> "tuple[Projected, Projected]":
    """Makes the net that is trained, and the same in float32, as exports have it.

    Args:
      trunk: its options.
      head: those of the projection.
      images: what it will see.
      groups: parts of a batch with batch statistics of their own.
      norm: the head's hidden layer is normalized over the batch.
    """
    from jaxdl.nn import Projected

    trained = _setup.trunk(trunk, images, groups=groups)
    exact = _setup.exact_trunk(trunk, images)
    return tuple(
        Projected(each, head.hidden, head.features, head.head, norm) for each in (trained, exact)
    )


def figures(
    outcome: "Outcome", images: "ImageSource", *, learned: str, per_class: int
) -> "Sequence[Exhibit]":
    """Shows the pairs that were learned from, the probes, and nearest neighbors."""
    from jaxdl import vision

    return [
        *vision.pairs_exhibit(outcome),
        *vision.probe_exhibit(outcome, learned=learned, per_class=per_class),
        *vision.neighbors_exhibit(outcome, lambda rows: images.probe().read(rows)),
    ]
