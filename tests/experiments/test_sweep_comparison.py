"""What may be said of the cells of a sweep: ranks, intervals, verdicts."""

import numpy as np
import pytest
import scipy.stats

from experiments import _compare as compare
from experiments._grid import cell_name
from jaxdl.core import BadInput
from jaxdl.core.logs import interval
from jaxdl.pages import show_rounded

Wanted = compare.Wanted


def test_holm_and_the_paired_test_against_references():
    assert compare.holm([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert compare.holm([0.6, 0.7]) == [1.0, 1.0]
    a, b = np.random.default_rng(0).normal(size=(2, 6))
    assert compare.paired_t(a - b) == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, rel=1e-9)
    assert compare.paired_t([0.0, 0.0]) == 1.0 and compare.paired_t([2.0, 2.0]) == 0.0


def record(values, **settings):
    metrics = {} if values is None else {"score": interval(values)}
    status = "not finite" if values is None else "done"
    return {"name": cell_name(settings), "settings": settings, "status": status} | {
        "metrics": metrics,
        "fingerprint": cell_name(settings),
        "samples_per_second": 1.0,
        "message": "",
    }


def test_the_ranking_says_what_the_intervals_allow():
    cells = [record(None, x=0), record([1, 2, 3, 4], x=1), record([9, 10, 11, 12], x=2)]
    cells += [record([9, 9.5, 12, 12], x=3)]
    rows = compare.rank(cells, "score", lower=False)
    assert [row.cell["settings"]["x"] for row in rows] == [3, 2, 1, 0]
    assert rows[1].gap["values"] == [0, 0.5, -1, 0] and rows[0].gap is None
    alone = [
        scipy.stats.ttest_rel([9, 9.5, 12, 12], x).pvalue for x in ([9, 10, 11, 12], [1, 2, 3, 4])
    ]
    assert [row.p for row in rows[1:]] == [
        pytest.approx(alone[0]),
        pytest.approx(2 * alone[1]),
        None,
    ]
    found, how = compare.verdict(rows, "score", lower=False)
    assert "Best mean: x=3, with score 10.6 ± 2.5 (higher is better; 4 seeds)." in found
    assert "Cannot be told apart from it: x=2." in found
    assert "Shown to be worse: 1 of the other 2." in found
    assert "Holm's correction for 2 comparisons" in how
    rows = compare.rank(cells, "score", lower=True)
    assert [row.cell["settings"]["x"] for row in rows] == [1, 2, 3, 0]


def test_one_seed_proves_nothing():
    cells = [record(1.0, x=1), record(2.0, x=2)]
    rows = compare.rank(cells, "score", lower=False)
    assert [row.p for row in rows] == [None, None]
    assert "no interval" in compare.verdict(rows, "score", lower=False)[1]


def test_equal_runs_are_named():
    cells = [record([1.0, 2.0], x=1), record([1.0, 2.0], x=2)]
    cells[1]["fingerprint"] = cells[0]["fingerprint"]
    rows = compare.rank(cells, "score", lower=False)
    assert "Equal to the last bit: x=1 = x=2." in compare.verdict(rows, "score", lower=False)[0]


def test_the_metric_is_chosen_by_its_name():
    names = dict.fromkeys(("eval/episode_length", "eval/episode_return", "loss"))
    assert compare.choose(Wanted(), names) == ("eval/episode_return", False)
    assert compare.choose(Wanted(), {"loss": 0, "speed": 0}) == ("loss", True)
    assert compare.choose(Wanted("loss", False), {"loss": 0}) == ("loss", False)
    with pytest.raises(BadInput, match="--metric=los: should be one of loss, speed"):
        compare.choose(Wanted("los"), {"loss": 0, "speed": 0})


def test_the_systems_headline_is_chosen_before_names():
    names = dict.fromkeys(("eval/episode_length", "eval/episode_return", "eval/bits"))
    assert compare.choose(Wanted(headline="eval/bits", headline_lower=True), names) == (
        "eval/bits",
        True,
    )
    lost = Wanted(headline="eval/lost", headline_lower=True)
    assert compare.choose(lost, names) == ("eval/episode_return", False)
    asked = Wanted("eval/episode_length", headline="eval/bits", headline_lower=True)
    assert compare.choose(asked, names) == ("eval/episode_length", False)


def test_seeds_without_a_value_are_left_out_of_comparisons():
    assert compare.paired_t([1.0, np.nan]) == 1.0
    full = compare.paired_t([1.0, 2.0, 4.0])
    assert compare.paired_t([1.0, np.nan, 2.0, 4.0]) == pytest.approx(full)


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (364.08, 85.1, "364 ± 85"),
        (353.04, 111.0, "353 ± 110"),
        (0.98321, 0.00331, "0.9832 ± 0.0033"),
        (1234567.0, 2345.0, "1,234,567 ± 2,300"),
        (9.96, 0.996, "9.96 ± 1.00"),
        (2.5, 0.0, "2.5 ± 0"),
        (2.5, None, "2.5"),
    ],
)
def test_numbers_have_the_digits_that_are_known(mean, half, text):
    assert show_rounded({"mean": mean, "ci95": half}) == text
