"""Pseudo-labels: which of a teacher's guesses are learned from (Xie et al. 2020)."""

from typing import Literal

import numpy as np

from jaxdl.core.run import BadInput

Kind = Literal["soft", "hard"]


def pseudo_labels(probabilities: np.ndarray, kind: Kind) -> np.ndarray:
    """Returns targets [M, K] of a teacher's probabilities [M, K]: the same, or one-hot guesses."""
    if kind == "soft":
        return probabilities.astype(np.float32)
    guesses = probabilities.argmax(axis=1)
    return np.eye(probabilities.shape[1], dtype=np.float32)[guesses]


def choose_balanced(
    probabilities: np.ndarray, per_class: int, *, threshold: float = 0.0
) -> np.ndarray:
    """Chooses equally many images of each class that the teacher sees, by rank within the class.

    The most confident ones of a class are taken, and where there are too few they are repeated in
    turn. An absolute threshold alone would let through whatever a teacher is sure of: of other
    things than the labeled ones often more than of these.

    Args:
      probabilities: [M, K] of the teacher.
      per_class: images of each class. A class that the teacher sees nowhere, or that has none above
        the threshold, gets none; its places are filled from the others in turn.
      threshold: least confidence, before any ranking; 0.3 in the paper, with 130,000 a class.

    Returns:
      [K * per_class] int32 rows.

    Raises:
      BadInput: no image at all is above the threshold.
    """
    guesses = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] > threshold]
    ranked = [order[guesses[order] == label] for label in range(probabilities.shape[1])]
    seen = [rows for rows in ranked if len(rows)]
    if not seen:
        raise BadInput(
            f"--threshold={threshold:g}: the teacher is so sure of none of {len(confidence)} images"
        )
    chosen = [np.resize(rows[:per_class], per_class) for rows in ranked if len(rows)]
    missing = len(ranked) - len(seen)
    filled = np.resize(np.stack(chosen, axis=1), missing * per_class)
    return np.concatenate([*chosen, filled]).astype(np.int32)
