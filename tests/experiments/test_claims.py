import json
import sys
import types

import pytest

from experiments import claims
from experiments.claims import Claim, Config, Verdict, decide
from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A launch file with two claims, one of which can be made to fail."""
    answers = {"first": "holds", "second": "fails"}

    def claim(name):
        def measure(tier):
            return Verdict(answers[name], f"{name} at {tier}", {"x": interval([1.0, 2.0])})

        return Claim(name, f"{name} is better", "Somebody 2020, table 1", measure)

    module = types.ModuleType("experiments.ppo")
    module.CLAIMS = [claim("first"), claim("second")]
    monkeypatch.setitem(sys.modules, "experiments.ppo", module)
    monkeypatch.setattr(claims, "SYSTEMS", ("ppo",))
    return answers, tmp_path / "results"


def test_what_is_measured_is_written_and_rendered(toy):
    _, results = toy
    claims.main(Config(only=("ppo",), results=str(results)))
    rows = json.loads((results / "cpu/ppo.json").read_text())["claims"]
    assert [row["answer"] for row in rows.values()] == ["holds", "fails"]
    assert rows["first"]["numbers"]["x"]["values"] == [1.0, 2.0]
    page = (results.parent / "RESULTS.md").read_text()
    assert "| first is better (Somebody 2020, table 1) | **holds** | first at cpu |" in page
    assert "**fails** | second at cpu" in page  # a failing claim is printed as failing


def test_one_claim_is_measured_again_and_the_others_stay(toy):
    answers, results = toy
    claims.main(Config(only=("ppo",), results=str(results)))
    answers.update(first="undecided", second="holds")
    claims.main(Config(only=("ppo/first",), results=str(results)))
    rows = json.loads((results / "cpu/ppo.json").read_text())["claims"]
    assert {name: row["answer"] for name, row in rows.items()} == {
        "first": "undecided",
        "second": "fails",
    }


def test_wrong_names_are_told(toy):
    with pytest.raises(BadInput, match="ppo claims first, second"):
        claims.main(Config(only=("ppo/third",), results=str(toy[1])))
    with pytest.raises(BadInput, match="should be one of ppo"):
        Config(only=("pppo",))


def test_intervals_decide_and_means_do_not():
    def gap(mean, half):
        return {"mean": mean, "ci95": half}

    assert decide(gap(1, 0.5)) == "holds"
    assert decide(gap(1, 2)) == "undecided"
    assert decide(gap(-1, 0.5)) == "fails"
    assert decide(gap(1, 0.5), gap(1, 2)) == "undecided"
    assert decide(gap(9, 0.5), gap(-1, 0.5)) == "fails"
