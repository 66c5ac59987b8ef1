"""Figures show what was measured: counts on their axes, gaps, bands, intervals."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from jaxdl import pages
from jaxdl.meta.figures import players_table, regret_caption, regret_figure
from jaxdl.vision.figures import probe_figure


def rows(**more):
    return [{"step": i, "env_steps": 128 * i, "loss": 1.0 / i} | more for i in range(1, 9)]


@pytest.mark.parametrize(
    ("unit", "x", "label"),
    [
        ("", [128, 256], "env steps"),
        ("env steps", [128, 256], "env steps"),
        ("pulls", [1, 2], "steps"),
    ],
)
def test_the_x_axis_counts_what_the_lines_carry(unit, x, label):
    line = pages.curve(rows(), "loss", unit)
    assert line.x[:2].tolist() == x and line.unit == label
    (panel,) = pages.curves(rows(), ["loss"], unit=unit).axes
    assert panel.get_xlabel() == label
    assert panel.lines[0].get_xdata()[:2].tolist() == x


def test_lines_without_counts_are_over_steps():
    lines = [{"step": i, "loss": 1.0} for i in (10, 20)]
    (panel,) = pages.curves(lines, ["loss"], unit="images").axes
    assert panel.get_xlabel() == "steps" and panel.lines[0].get_xdata().tolist() == [10, 20]


def test_a_metric_that_was_not_defined_leaves_a_gap():
    lines = rows()
    for i in (0, 3, 5):
        del lines[i]["loss"]
    mean = pages.curve(lines, "loss").mean
    assert np.isnan(mean).tolist() == [True, False, False, True, False, True, False, False]
    (panel,) = pages.curves(lines, ["loss"]).axes
    assert np.isnan(panel.lines[0].get_ydata()).sum() == 3
    assert panel.lines[1].get_xdata().tolist() == [5 * 128]  # alone between two gaps: a dot


def test_an_evaluation_now_and_then_is_a_line_without_gaps():
    lines = rows()
    for row in lines[1::3]:
        row["eval/accuracy"] = 0.5
    assert pages.curve(lines, "eval/accuracy").mean.tolist() == [0.5, 0.5, 0.5]


def test_seeds_are_a_band_of_their_interval():
    figure = pages.curves(rows(**{"loss/ci95": 0.25}), ["loss"])
    (band,) = [x for x in figure.axes[0].collections if isinstance(x, PolyCollection)]
    vertices = band.get_paths()[0].vertices
    assert vertices[:, 1].max() == pytest.approx(1.25)
    assert vertices[:, 1].min() == pytest.approx(1 / 8 - 0.25)


def test_long_curves_are_thinned_and_keep_their_ends():
    lines = [{"step": i, "loss": float(i)} for i in range(20_000)]
    line = pages.curve(lines, "loss")
    assert len(line.x) == 1000 and (line.x[0], line.x[-1]) == (0, 19_999)


def summary(mean, half):
    return {"mean": mean, "ci95": half, "values": [mean]}


def test_dots_stand_on_an_axis_that_fits_their_intervals():
    groups = {"all": {"ours": summary(0.98, 0.004), "pixels": summary(0.93, None)}}
    figure = probe_figure(groups)
    (panel,) = figure.axes
    low, high = panel.get_xlim()
    assert 90 < low < 93 and 98.4 < high < 101
    assert not panel.patches  # no bars
    assert [text.get_text() for text in panel.texts] == ["98.0 ± 0.4", "93.0"]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["ours", "pixels"]


def test_regret_is_the_difference_to_the_bayes_optimal_player():
    optimal = np.array([0.25, 0.4, 0.5])
    curves = {
        "RL²": np.stack([optimal + 0.1, optimal + 0.3]),
        "Bayes-optimal": optimal,
        "UCB1": optimal + 0.5,
    }
    figure = regret_figure(curves, optimal)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["RL²"], 0.2)
    np.testing.assert_allclose(lines["UCB1"], 0.5)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "RL²",
        "UCB1",
        "Bayes-optimal",
    ]
    without = regret_figure({"UCB1": optimal})
    np.testing.assert_allclose(without.axes[0].lines[0].get_ydata(), optimal)
    assert "Bayes-optimal" in regret_caption(2, True) and "seeds" not in regret_caption(1, False)


def test_the_table_of_players():
    row = {"player": "RL²", "reward": 6.0104, "standard_error": 0.00413, "ci95": 0.0038}
    exact = {"player": "optimum", "reward": 6.022, "standard_error": 0.0, "ci95": None}
    others = {"percent": 99.8, "of": "Bayes-optimal"}
    table = players_table([row | others, exact | others | {"percent": 100}])
    assert table.head[-1] == "% of Bayes-optimal"
    assert table.rows == [
        ("RL²", "6.010", "0.0041", "0.004", "99.80"),
        ("optimum", "6.022", "exact", "", "100.00"),
    ]


def test_the_same_figure_gives_the_same_bytes():
    one, two = (pages.svg_bytes(pages.curves(rows(), ["loss"])) for _ in range(2))
    assert one == two
