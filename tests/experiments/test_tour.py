import pytest

from experiments._systems import systems
from experiments.tour import Config, telling
from jaxdl.core.run import BadInput


@pytest.mark.parametrize(
    ("evaluations", "losses", "chosen"),
    [
        (3, 9, "eval/return"),
        (1, 9, "loss"),  # a single evaluation is no curve
        (1, 0, "eval/return"),
        (0, 0, ""),
    ],
)
def test_the_poster_shows_the_first_metric_that_is_a_curve(evaluations, losses, chosen):
    rows = [{"step": i, "eval/return": 1.0} for i in range(evaluations)]
    rows += [{"step": i, "loss": 1.0} for i in range(losses)]
    assert telling(("eval/return", "loss"), rows) == chosen
    assert telling((), rows) == ""


def test_an_unknown_section_is_one_line():
    Config(section="vision")
    sections = ", ".join(sorted({system.section for system in systems().values()}))
    with pytest.raises(BadInput, match=rf"--section=visoin should be one of {sections}$"):
        Config(section="visoin")
