"""What is said of runs of several sizes, and a small run of the command."""

import json

import numpy as np
import pytest

from experiments import chat, scaling
from experiments.scaling import Trained
from jaxdl.core.run import BadInput, NonFinite
from jaxdl.language.power_law import fit_power_law, predict
from jaxdl.launch.settings import configure


def of(width, rate, loss):
    return Trained(width, rate, width**2, 6e6 * width**2, (loss - 0.01, loss + 0.01))


def test_the_largest_size_is_compared_with_what_the_others_tell():
    found = [of(width, 0.01, 3 * width**-0.2) for width in (10, 20, 40)]
    found[-1] = of(40, 0.01, 2.0)
    sizes = np.array([one.size for one in found])
    law = fit_power_law(sizes[:-1], np.array([one.losses for one in found[:-1]]))
    head, rows = scaling.table(found, predict(law, sizes))
    assert [row[-1] for row in rows] == ["yes", "yes", "no"] and len(head) == len(rows[0])
    assert rows[2][2] == "9.6e+09"
    assert float(rows[2][4]) == pytest.approx(3 * 40**-0.2, abs=1e-3) and rows[2][3] == 2.0
    figure = scaling.draw(found, law)
    assert len(figure.axes[0].lines) == 4
    result = {
        "alpha": 0.1, "alpha_interval": [0.09, 0.11], "predicted": [1.5, 1.4, 1.6],
        "measured": 1.65,
    }  # fmt: skip
    text = scaling.verdict(result)
    assert "to the power -0.1000 (-0.1100 to -0.0900)" in text
    assert "the law says 1.5000 (1.4000 to 1.6000)" in text
    assert text.endswith("measured: 1.6500, outside the band, +10.0% off.")
    assert "inside" in scaling.verdict(result | {"measured": 1.55})


def test_the_best_rates_of_checked_widths_are_told():
    checks = [of(64, 0.01, 2.0), of(64, 0.02, 1.9), of(96, 0.01, 1.8), of(96, 0.02, 1.85)]
    tuned = [of(32, rate, 2.0)._asdict() for rate in (0.01, 0.02, 0.04)]
    result = {"rate": 0.02, "checked": [one._asdict() for one in checks], "tuned": tuned}
    said = (
        "The tuned width's best rate is 0.02; the best at width 64 is 0.02; the best at width 96 "
        "is 0.01."
    )
    assert scaling.carried(result) == said
    beyond = scaling.carried(result | {"tuned": tuned[:2]})
    assert beyond == f"{said} It is the first or last that was tried: the best may lie beyond."


def test_a_rate_that_is_too_high_loses_and_does_not_end_the_others(monkeypatch, capsys):
    def train(config, width, rate):
        if rate > 1:
            raise NonFinite("loss is nan at step 3")
        return of(width, rate, 2.0)

    monkeypatch.setattr(scaling, "train", train)
    good, bad = (scaling.attempt(None, 32, rate) for rate in (0.01, 9.0))
    assert min(bad, good, key=scaling.mean) is good
    assert scaling.rate_row(bad) == (32, "9", "not finite", 0)
    assert scaling.rate_row(good) == (32, "0.01", "2.0000", 2)
    assert "width 32 at the rate 9: loss is nan" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"widths": (16, 32)}, "--widths=16,32 should be three or more, and rise"),
        ({"widths": (32, 16, 48)}, "and rise"),
        ({"widths": (16, 24, 32)}, "width 24 should be a multiple of 16, the size of a head"),
        ({"checked": (40,)}, "width 40 should be a multiple of 16"),
        ({"rates": ()}, "--rates is empty"),
    ],
)
def test_widths_that_do_not_fit_are_told_before_anything_is_trained(settings, line):
    with pytest.raises(BadInput, match=line):
        configure("scaling", scaling.PRESETS, "cpu", settings)


@pytest.mark.slow
def test_a_small_run_ends_with_a_prediction_and_goes_on_where_it_was(tmp_path, capsys):
    config = configure(
        "scaling", scaling.PRESETS, "smoke", {"workdir": str(tmp_path), "devices": 1}
    )
    result = scaling.main(config)
    assert json.loads((tmp_path / "scaling.json").read_text()) == json.loads(json.dumps(result))
    assert len(result["widths"]) == 3 and len(result["tuned"]) == len(result["checked"]) == 2
    assert "Loss falls" in capsys.readouterr().out
    assert "by the law" in (tmp_path / "scaling.html").read_text()
    assert scaling.main(config) == result
    (cell, *_) = sorted(tmp_path.glob("width-24-*"))
    said = chat.main(chat.Config(workdir=str(cell), prompt="a", tokens=3))
    assert said.startswith("a")
