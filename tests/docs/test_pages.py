"""The documentation is as `./run docs` renders it, and its links lead somewhere."""

import json
import re
from pathlib import Path

import pytest

from experiments import _docs
from experiments._systems import load, results_file
from jaxdl.launch.system import About

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "BUILD.md", "docs/reading.md", "docs/log.md")
TINY = ROOT / "docs" / "tiny" / "vision" / "tiny.py"


@pytest.fixture(scope="module")
def rendered():
    return _docs.make_pages(_docs.RESULTS, _docs.own_systems())


@pytest.mark.parametrize("page", ["README.md", "BUILD.md", "docs/reading.md"])
def test_pages_are_as_rendered(page, rendered):
    assert (ROOT / page).read_text() == rendered[ROOT / page], "./run docs renders it again"


def test_every_system_has_its_row(rendered):
    for system in _docs.own_systems():
        (row,) = [
            line
            for line in rendered[ROOT / "README.md"].splitlines()
            if f"](experiments/{system.section}/{system.name}.py)" in line
        ]
        assert row.count("|") == 6
        assert f"`./run {system.name}`" in row
        (row,) = [
            line
            for line in rendered[ROOT / "BUILD.md"].splitlines()
            if line.startswith("| ") and f"`experiments/{system.section}/{system.name}.py`" in line
        ]
        assert "`jaxdl/" in row


def test_a_new_system_appears_without_an_edit(tmp_path):
    """The tiny system that people copy, with measured figures and without."""
    tiny = load(TINY)
    (claim, *_) = [claim.name for claim in _docs.claims_of(tiny)]
    table = _docs.systems_table(tmp_path, [tiny])
    assert "| Tiny" in table.replace("[", "")
    assert "not measured" in table
    file = results_file("cpu", tiny, tmp_path)
    file.parent.mkdir()
    numbers = {"first": {"mean": 0.5, "ci95": 0.01, "values": [0.5, 0.5]}}
    figures = {"answer": "fails", "summary": "first 0.5 ± 0.01", "numbers": numbers}
    file.write_text(json.dumps({"system": "tiny", "claims": {claim: figures}}))
    table = _docs.systems_table(tmp_path, [tiny])
    assert "fails" in table
    assert "first 0.5 ± 0.01" in table
    page = _docs.reading_page(tmp_path, [tiny])
    assert "### Tiny" in page
    assert "**fails**: first 0.5 ± 0.01" in page
    assert "docs/tiny/vision/tiny.py" in _docs.rooms_table([tiny])


def test_the_headline_is_preferred():
    about = About("T", "P 2020", "", "S.", "eval/accuracy", unit="%")
    numbers = {"gap": {"mean": 1.0, "ci95": 0.5}, "accuracy": {"mean": 98.3214, "ci95": 0.333}}
    rows = [_docs.Row("s", "holds", "", numbers)]
    assert _docs.one_number(rows, about) == "accuracy 98.32 ± 0.33 %"
    assert _docs.one_number(rows, about._replace(headline="eval/loss")) == "gap 1 ± 0.5"
    assert _docs.one_number([], about) == ""


def test_answers_are_counted():
    answers = ["undecided", "holds", "fails", "holds"]
    rows = [_docs.Row("s", answer, "", {}) for answer in answers]
    assert _docs.count_answers(rows) == "2 hold, 1 fails, 1 undecided"
    assert _docs.count_answers([]) == "none"


def test_formulas_are_found_through_other_learners():
    (ppo,) = [system for system in _docs.own_systems() if system.name == "ppo"]
    (rl2,) = [system for system in _docs.own_systems() if system.name == "rl2"]
    for system in (ppo, rl2):
        files = _docs.formulas([*_docs.learners_used(system.path).values(), system.path])
        assert "jaxdl/losses/policy.py" in files
        assert "jaxdl/losses/contrastive.py" not in files


def test_text_between_the_marks_alone_is_replaced():
    text = "a\n<!-- x: begin (./run docs writes this) -->\nold\n<!-- x: end -->\nb\n"
    assert _docs.between(text, "x", "new") == text.replace("old", "new")
    with pytest.raises(ValueError):
        _docs.between(text, "y", "new")


def test_links_lead_somewhere():
    for page in PAGES:
        text = (ROOT / page).read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if target.startswith("http"):
                continue
            file = ((ROOT / page).parent / path) if path else ROOT / page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file.read_text()), target


def anchors(text):
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_paths_and_tests_that_are_named_exist():
    """`jaxdl/...`, `tests/...`, and `test_file.py::test_name` or a prefix of it with a star."""
    text = "\n".join((ROOT / page).read_text() for page in ("README.md", "BUILD.md", "docs/log.md"))
    for path in re.findall(r"`((?:jaxdl|experiments|tests|docs)/[^`<*: ]+)`", text):
        assert (ROOT / path).exists(), path
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    names = re.findall(r"`(?:test_\w+\.py::)?(test_\w+)\*?`", text)
    for name in names:
        assert re.search(rf"def {name}", tests), name
    for file in re.findall(r"`(test_\w+\.py)", text):
        assert any((ROOT / "tests").rglob(file)), file
