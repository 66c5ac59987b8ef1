import numpy as np
import pytest

from jaxdl.language.bag_of_words import bag_of_words
from jaxdl.language.tasks import Examples, few_labels, open_task

LABELS = np.array([0, 1] * 20, np.int32)


def test_words_that_tell_are_found_in_either_text():
    told = ["a bad film", "a good film"] * 20
    plain = ["it is so", "so it is"] * 20
    for first, second in ((told, ()), (told, plain), (plain, told)):
        train = Examples(first, second, LABELS)
        np.testing.assert_array_equal(bag_of_words(train, train), LABELS)
    assert bag_of_words(train, train).dtype == np.int32


def test_the_order_of_words_tells_it_nothing():
    train = Examples(["it is so", "so it is"] * 20, (), LABELS)
    assert len(set(bag_of_words(train, train).tolist())) == 1


def test_it_reads_reviews_and_gets_better_with_labels(real_data):
    task = open_task("sentence_polarity", real_data)
    scores = []
    for per_class in (20, 200, 4000):
        found = bag_of_words(few_labels(task.train, per_class, seed=0), task.test)
        scores.append((found == task.test.labels).mean())
    assert scores == sorted(scores)
    assert 0.5 < scores[0] < 0.65
    assert scores[-1] == pytest.approx(0.77, abs=0.03)
