"""What labels for 10,000 and for 60,000 images cost, beside scikit-learn."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure
from experiments.vision._verdicts import data_folder
from jaxdl import vision

CLASSES = 10
PER_CLASS = 10
GAMMA = 0.05  # of pixels in [0, 1]
POINTS = 10_000
MANY = 60_000


def pixels(points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Returns images as [N, 784] floats, few labels [N], true ones [N], and what they are.

    They are MNIST's where its files are, else random images of ten blurred patterns.
    """
    from jaxdl.data import load
    from jaxdl.data.images import rows_per_class

    if folder := data_folder():
        mnist = load("mnist", folder)
        x, truths, name = mnist.train_images[:points], mnist.train_labels[:points], "MNIST"
    else:
        random = np.random.default_rng(0)
        truths = random.integers(0, CLASSES, points)
        x = random.integers(0, 256, (CLASSES, 784))[truths] + random.normal(0, 90, (points, 784))
        x, name = np.clip(x, 0, 255), "random images"
    labels = np.full(points, -1)
    rows = rows_per_class(truths, CLASSES, PER_CLASS, seed=0)
    labels[rows] = truths[rows]
    return x.reshape(points, -1).astype(np.float32) / 255, labels, truths, name


def label_propagation(peers: bool) -> list[dict]:
    """Times label spreading on a graph of all pairs of 10,000 images; an item is an image."""
    x, labels, truths, name = pixels(POINTS)
    ours = partial(vision.label_spreading, classes=CLASSES, gamma=GAMMA, alpha=0.2)

    def score(probabilities):
        right = np.argmax(probabilities, axis=1) == truths
        return {"accuracy": np.mean(right[labels < 0])}

    text = f"{name}, RBF kernel, {PER_CLASS} labels a class, the graph included"
    candidates = {
        "jaxdl": Candidate(ours, (x, labels), POINTS, f"{text}; closed form", score=score)
    }
    if peers:
        note = f"{text}; LabelSpreading, iterates until they change by less than 1e-3 in all"
        peer = sklearn_spreading(x, labels)
        candidates["scikit-learn"] = Candidate(peer, (jnp.int32(0),), POINTS, note, score=score)
    return measure(f"label_propagation_{POINTS}", candidates)


def sklearn_spreading(x: np.ndarray, labels: np.ndarray) -> Callable[[jax.Array], jax.Array]:
    """Makes a program that returns scikit-learn's probabilities [N, C]; it works in float64.

    The points do not pass through the program: what a callback is given may still be on its way.
    """
    from sklearn.semi_supervised import LabelSpreading

    x = x.astype(np.float64)

    def fit(turn):
        del turn
        model = LabelSpreading(kernel="rbf", gamma=GAMMA, alpha=0.2).fit(x, labels)
        return model.label_distributions_.astype(np.float32)

    shape = jax.ShapeDtypeStruct((len(x), CLASSES), np.float32)
    return lambda turn: jax.pure_callback(fit, shape, turn)


def many_points(peers: bool) -> list[dict]:
    """Times label propagation on a kNN graph of 60,000 images, and counts its memory.

    Scikit-learn's RBF graph of as many would take 28.8 GB.
    """
    del peers
    x, labels, truths, name = pixels(MANY)

    def score(probabilities):
        right = np.argmax(probabilities, axis=1) == truths
        return {"accuracy": np.mean(right[labels < 0])}

    ours = partial(vision.label_propagation, classes=CLASSES, kernel="knn", neighbors=7)
    note = f"{name}, kNN graph, {PER_CLASS} labels a class; closed form; temp_bytes below 1e9"
    candidate = Candidate(ours, (x, labels), MANY, note, score=score)
    repeats = 2 if jax.default_backend() == "cpu" else 5  # two minutes each on two cores
    return measure(f"label_propagation_{MANY}", {"jaxdl": candidate}, repeats=repeats)


CASES = {"label_propagation": label_propagation, "label_propagation_many": many_points}
