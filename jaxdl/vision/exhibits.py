"""What the report of an image learner shows."""

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.vision import figures


def pairs_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows a few images above two views of each, where the evaluation has returned them.

    Args:
      outcome: whose arrays hold `pictures` [(S,) P, H, W, C] bytes and `views` [(S,) 2P, h, w, C].
    """
    if "views" not in outcome.arrays:
        return []
    pictures = of_first_seed(outcome, "pictures")
    views = of_first_seed(outcome, "views")
    figure = figures.pairs_figure(as_shown(pictures), as_shown(views))
    caption = (
        "The first images, and below each the two views of it that the loss has to find as a pair."
    )
    return [Exhibit("pairs", figure, caption)]


def probe_exhibit(outcome: Outcome, *, learned: str, per_class: int) -> list[Exhibit]:
    """Compares the probed features with the baselines, where there was a probe.

    Args:
      outcome: whose metrics are those of `jaxdl.vision.linear_probe`.
      learned: name of what was learned, such as "SimCLR".
      per_class: labels of each class that the probe with few labels has.
    """
    names = {"probe": learned, "random_feature": "random features", "raw_pixel": "raw pixels"}
    titles = {"": "all labels", "_few": f"{per_class} labels a class"}
    groups = {}
    for suffix, title in titles.items():
        found = {
            text: outcome.metrics[f"eval/{name}_accuracy{suffix}"]
            for name, text in names.items()
            if f"eval/{name}_accuracy{suffix}" in outcome.metrics
        }
        if found:
            groups[title] = found
    if not groups:
        return []
    caption = (
        "Test accuracy of a linear classifier on frozen features. Those of an untrained net and "
        "the pixels themselves are what learning has to beat."
    )
    return [Exhibit("probe", figures.probe_figure(groups), caption)]


def of_first_seed(outcome: Outcome, name: str) -> np.ndarray:
    """Returns an array of the outcome, of the first seed where there are several."""
    array = outcome.arrays[name]
    return array[0] if outcome.num_seeds > 1 else array


def as_shown(images: np.ndarray) -> np.ndarray:
    """Returns images [N, H, W, C] gray or colored; of other channels the mean."""
    if images.shape[-1] in (1, 3):
        return images
    return images.mean(axis=-1, keepdims=True).astype(images.dtype)
