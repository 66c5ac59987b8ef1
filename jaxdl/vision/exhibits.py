"""What the report of an image learner shows."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxdl.data.source import ProbeImages
from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import score_over_labels
from jaxdl.pages.exhibit import of_first_seed
from jaxdl.vision import figures
from jaxdl.vision.probe import CLASSIFIERS

MOST_CLASSES = 20  # of a confusion matrix that can be read


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


def neighbors_exhibit(
    outcome: Outcome, open_probe: Callable[[], ProbeImages], *, learned: str
) -> list[Exhibit]:
    """Shows test images above the training images that lie nearest to them in feature space.

    Args:
      outcome: whose arrays hold `neighbor_rows` [(S,) Q, k], as `jaxdl.vision.linear_probe` returns
        them; without them nothing is shown.
      open_probe: () -> the images that were probed; those that are shown are read.
      learned: name of what was learned, such as "SimCLR".
    """
    if "neighbor_rows" not in outcome.arrays:
        return []
    nearest = of_first_seed(outcome, "neighbor_rows")  # [Q, k]
    data = open_probe()
    queries = len(data.train_labels) + np.arange(len(nearest))
    shown = np.concatenate([queries[:, None], nearest], axis=1)  # [Q, 1 + k]
    pictures = [np.concatenate([data.read(range(i, i + 1)) for i in rows]) for rows in shown]
    images = np.stack([as_shown(rows) for rows in pictures])
    same = data.train_labels[nearest] == data.test_labels[: len(nearest), None]
    figure = figures.neighbors_figure(images[:, 0], images[:, 1:], same)
    caption = (
        f"The first test images, and below each the training images that lie nearest to it by the "
        f"cosine of the features of {learned}: {np.mean(same):.0%} are of its class (green), which "
        "nobody has told the learner."
    )
    return [Exhibit("neighbors", figure, caption)]


def probe_exhibit(outcome: Outcome, *, learned: str, per_class: int) -> list[Exhibit]:
    """Compares the probed features with the baselines, where there was a probe.

    Args:
      outcome: whose metrics are those of `jaxdl.vision.linear_probe`.
      learned: name of what was learned, such as "SimCLR".
      per_class: labels of each class that the probe with few labels has.
    """
    names = {"probe": learned, "random_feature": "random features", "raw_pixel": "raw pixels"}
    titles = {"": "all labels", "_few": f"{per_class} labels a class"}
    for probe in CLASSIFIERS:
        titles[f"_{probe}"] = f"{probe}, all labels"
        titles[f"_{probe}_few"] = f"{probe}, {per_class} labels a class"
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
        "Test accuracy of a classifier on frozen features, by ridge regression where no other is "
        "named. Those of an untrained net and "
        "the pixels themselves are what learning has to beat."
    )
    return [Exhibit("probe", figures.probe_figure(groups), caption)]


def mistakes_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows the test images that a classifier is most wrong about, and which classes it mixes up.

    Args:
      outcome: whose arrays are those of `jaxdl.vision.classifier_score`.
    """
    if "wrong_pictures" not in outcome.arrays:
        return []
    pictures = as_shown(of_first_seed(outcome, "wrong_pictures"))
    labels = of_first_seed(outcome, "wrong_labels")
    predictions = of_first_seed(outcome, "wrong_predictions")
    figure = figures.mistakes_figure(pictures, labels, predictions)
    caption = (
        "The test images whose class the net holds for least likely. Above each, the class that it "
        "names, and the one that it is."
    )
    shown = [Exhibit("mistakes", figure, caption)]
    confusion = of_first_seed(outcome, "confusion")
    if len(confusion) <= MOST_CLASSES:
        caption = "How many test images of each class (rows) are taken for which (columns)."
        shown.append(Exhibit("confusion", figures.confusion_figure(confusion), caption))
    return shown


def label_curve_exhibit(outcome: Outcome, counts: Sequence[int], *, learned: str) -> list[Exhibit]:
    """Shows accuracy over the number of labels, with a first task and without.

    Args:
      outcome: whose metrics are those of `jaxdl.vision.curve_score`.
      counts: labels a class.
      learned: name of the first task, such as "contrastive".
    """
    names = {f"with {learned}": "accuracy", "alone": "accuracy_alone"}
    lines = {
        title: [outcome.metrics[f"eval/{name}_{count}"] for count in counts]
        for title, name in names.items()
        if f"eval/{name}_{counts[0]}" in outcome.metrics
    }
    if not lines:
        return []
    factor = outcome.metrics["eval/label_factor"]["mean"]
    caption = (
        f"Test accuracy over the labels of task 2, with task 1 and without it: alone, it takes "
        f"{factor:.2g} times as many labels for the same accuracy."
    )
    figure = score_over_labels(counts, lines, "test accuracy (%)")
    return [Exhibit("labels", figure, caption)]


def as_shown(images: np.ndarray) -> np.ndarray:
    """Returns images [N, H, W, C] gray or colored; of other channels the mean."""
    if images.shape[-1] in (1, 3):
        return images
    return images.mean(axis=-1, keepdims=True).astype(images.dtype)
