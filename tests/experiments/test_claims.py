import json
import re
import shutil
from pathlib import Path

import pytest

from experiments import claims
from experiments._claim import decide
from experiments._results import measured_systems, write_results
from experiments._systems import RESULTS, claims_of, find, systems
from experiments.claims import Config
from jaxdl.core.run import BadInput

SYSTEM = '''
"""Nothing."""
from dataclasses import dataclass
from jaxdl.core.run import Run
from jaxdl.launch import About

ABOUT = About("Toy", "Somebody 2020", "", "Learns nothing.", "loss")

@dataclass(frozen=True)
class Config:
    run: Run = Run()

PRESETS = {"smoke": Config(), "cpu": Config()}

def build(config):
    raise AssertionError("the claims train nothing")
'''


CLAIMS = """
from pathlib import Path
from experiments._claim import Claim, Verdict
from jaxdl.core.logs import interval

def claim(name):
    def measure(tier):
        answer = Path(__file__).with_name(name).read_text()
        return Verdict(answer, f"{name} at {tier}", {"x": interval([1.0, 2.0])})

    return Claim(name, f"{name} is better", "Somebody 2020, table 1", measure)

CLAIMS = [claim("first"), claim("second")]
"""


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A folder with a system that makes two claims; their answers are read from two files."""
    folder = tmp_path / "science"
    folder.mkdir()
    texts = {"toy.py": SYSTEM, "toy_claims.py": CLAIMS, "first": "holds", "second": "fails"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("JAXDL_SYSTEMS", str(tmp_path))
    return folder, tmp_path / "results"


def test_what_is_measured_is_written_and_rendered(toy):
    _, results = toy
    claims.main(Config(only=("toy",), results=str(results)))
    rows = json.loads((results / "cpu/toy.json").read_text())["claims"]
    assert [row["answer"] for row in rows.values()] == ["holds", "fails"]
    assert rows["first"]["numbers"]["x"]["values"] == [1.0, 2.0]
    page = (results.parent / "RESULTS.md").read_text()
    assert "| first is better (Somebody 2020, table 1) | **holds** | first at cpu |" in page
    assert "**fails** | second at cpu" in page  # a failing claim is printed as failing


def test_one_claim_is_measured_again_and_the_others_stay(toy):
    folder, results = toy
    claims.main(Config(only=("toy",), results=str(results)))
    (folder / "first").write_text("undecided")
    (folder / "second").write_text("holds")
    claims.main(Config(only=("toy/first",), results=str(results)))
    rows = json.loads((results / "cpu/toy.json").read_text())["claims"]
    assert {name: row["answer"] for name, row in rows.items()} == {
        "first": "undecided",
        "second": "fails",
    }


def test_wrong_names_are_told_before_anything_is_measured(toy):
    with pytest.raises(BadInput, match="--only=toy/third: toy claims first, second"):
        Config(only=("toy/third",))
    with pytest.raises(BadInput, match="did you mean toy"):
        Config(only=("toyy",))


def test_claims_that_cannot_be_read_do_not_hinder_the_others(toy, capsys):
    folder, results = toy
    (folder / "worse.py").write_text(SYSTEM)
    (folder / "worse_claims.py").write_text("CLAIMS = 1 / 0")
    config = Config(results=str(results), tier="smoke")
    only_these = [(name, set()) for name in ("worse", "toy")]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(BadInput, match="1 systems"):
        patch.setattr(claims, "chosen", lambda only: only_these)
        claims.main(config)
    assert "worse_claims.py: ZeroDivisionError" in capsys.readouterr().err
    assert (results / "smoke/toy.json").exists()


def test_figures_of_a_system_that_is_not_found_today_stay_in_the_results(tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results")
    old = tmp_path / "results/cpu/ppo.json"
    old.rename(old.with_stem("lost"))
    assert measured_systems(tmp_path / "results", "cpu")[-1] == "lost"
    write_results(tmp_path / "results")
    assert "### lost" in (tmp_path / "RESULTS.md").read_text()


@pytest.mark.parametrize("name", systems())
def test_every_system_claims_something_and_says_where_it_is_stated(name):
    found = claims_of(systems()[name])
    assert found and len({claim.name for claim in found}) == len(found)
    paper = systems()[name].module.ABOUT.paper
    # What was added to a system later is claimed by later papers, by author and year too.
    assert any(paper in claim.source for claim in found)
    for claim in found:
        assert claim.statement and re.search(r"[A-Z]\w+ .*\d{4}", claim.source)
        assert callable(claim.measure)


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*/*.json")), ids=lambda path: path.stem)
def test_result_files_hold_claims_that_are_still_made(file: Path):
    """A claim that was renamed or dropped leaves no figures behind."""
    content = json.loads(file.read_text())
    assert content["system"] == file.stem
    made = {claim.name for claim in claims_of(find(file.stem))}
    assert content["claims"].keys() <= made


def test_intervals_decide_and_means_do_not():
    def gap(mean, half):
        return {"mean": mean, "ci95": half}

    assert decide(gap(1, 0.5)) == "holds"
    assert decide(gap(1, 2)) == "undecided"
    assert decide(gap(-1, 0.5)) == "fails"
    assert decide(gap(1, 0.5), gap(1, 2)) == "undecided"
    assert decide(gap(9, 0.5), gap(-1, 0.5)) == "fails"
