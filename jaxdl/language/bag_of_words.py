"""The baseline that stands beside every score of a task: counts of words, and a linear model."""

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from jaxdl.language.tasks import Examples


def bag_of_words(train: Examples, test: Examples) -> np.ndarray:
    """Predicts labels from which words a text holds, by logistic regression (scikit-learn).

    Of two texts the words are counted apart.

    Args:
      train: N examples to learn from.
      test: M examples.

    Returns:
      The labels [M] int32 that it gives them.
    """
    # As scikit-learn has it, but words of one letter count too.
    words = CountVectorizer(binary=True, token_pattern=r"\b\w+\b")
    features = [words.fit_transform(train.first)]
    asked = [words.transform(test.first)]
    if train.second:
        features.append(words.fit_transform(train.second))
        asked.append(words.transform(test.second))
    model = LogisticRegression(max_iter=1000).fit(hstack(features), train.labels)
    return model.predict(hstack(asked)).astype(np.int32)
