"""How the grid of a sweep is read, and the cells that it makes."""

import re

import pytest
from absl import flags

from experiments._grid import cell_name, read_grid
from jaxdl.core import BadInput
from jaxdl.launch.flags import define
from tests.experiments.sweeps import PRESETS, planned


@pytest.fixture
def parsed():
    """Parses flags as `launch` does, and forgets them afterwards."""
    before = set(flags.FLAGS)
    define(PRESETS["smoke"])
    yield lambda *arguments: flags.FLAGS(["sweep", *arguments])
    flags.FLAGS.remove_flag_values(set(flags.FLAGS) - before)
    flags.FLAGS.unparse_flags()


def test_a_grid_is_read_as_the_flags_are(parsed):
    parsed()
    texts = ["sizes=64x64,32", "squash=true,false", "clip=none,0.5", "kind=b", "lr=1e-4,3"]
    grid = read_grid(texts, PRESETS["smoke"])
    assert grid == {
        "learning_rate": [1e-4, 3.0],
        "sizes": [(64, 64), (32,)],
        "squash": [True, False],
        "clip": [None, 0.5],
        "kind": ["b"],
    }
    assert list(grid) == ["learning_rate", "sizes", "squash", "clip", "kind"]  # the Config's order


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ["a", "b"]),
        ("bandit:arms=5,bandit:arms=10", ["bandit:arms=5", "bandit:arms=10"]),
        ("mjx/cartpole:task=swingup,randomize=0.2;pendulum", [
            "mjx/cartpole:task=swingup,randomize=0.2", "pendulum",
        ]),
        ("a:b=1,c=2;", ["a:b=1,c=2"]),
        ('"a:b=1,c=2",d', ["a:b=1,c=2", "d"]),
        ("'a;b', c", ["a;b", "c"]),
        ('"a:b=1,c=2"', ["a:b=1,c=2"]),
    ],
)  # fmt: skip
def test_values_may_hold_commas(parsed, text, values):
    parsed()
    assert read_grid([f"note={text}"], PRESETS["smoke"]) == {"note": values}


BAD = {
    'note="a,b': "a quote is not closed",
    "note=a;;b": "a value is missing",
    "first_seed=1,2": "--num_seeds",
    "lr": "should be setting=value,value",
    "lrr=1": "did you mean 'lr'",
    "lr=fast": "'fast' is not of type float",
    "lr=": "a value is missing",
    "lr=1,,2": "a value is missing",
    "lr=1,1.0": "1.0 is given twice",
    "sizes=4x,a": "'a' is not of the form 64x64",
    "kind=c": "should be one of <a|b>",
    "seed=1,2": "--num_seeds",
    "num_seeds=1,2": "--num_seeds",
    "workdir=a": "changes nothing",
    "devices=1,2": "changes nothing",
    "clip=1": "given twice",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_grid_is_refused(parsed, text):
    parsed("--clip=0.5")
    with pytest.raises(BadInput, match=re.escape(BAD[text])):
        read_grid([text], PRESETS["smoke"])


def test_a_setting_is_given_once(parsed):
    parsed()
    with pytest.raises(BadInput, match="learning_rate is given twice"):
        read_grid(["lr=1", "learning_rate=2"], PRESETS["smoke"])
    with pytest.raises(BadInput, match="--grid is missing"):
        read_grid([], PRESETS["smoke"])


def test_the_names_of_cells():
    assert cell_name({"lr": 1e-4, "clip": 0.1}) == "lr-0.0001_clip-0.1"
    assert cell_name({"sizes": (64, 32), "squash": True, "clip": None}) == (
        "sizes-64x32_squash-true_clip-none"
    )
    odd = [cell_name({"env": name}) for name in ("brax/ant", "brax.ant", "../x", "é" * 200)]
    assert len(set(odd)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) for name in odd)


def test_cells_are_what_the_flags_would_give(tmp_path):
    plan = planned(tmp_path, {"learning_rate": [0.1, 0.2], "steps": [20, 50]})
    assert [cell.settings for cell in plan.cells] == [
        {"lr": 0.1, "steps": 20},
        {"lr": 0.1, "steps": 50},
        {"lr": 0.2, "steps": 20},
        {"lr": 0.2, "steps": 50},
    ]
    config = plan.cells[3].config
    assert (config.learning_rate, config.run.steps, config.run.num_seeds) == (0.2, 50, 3)
    assert config.run.save_every == 5  # a tenth
    assert config.run.workdir == f"{tmp_path}/cells/lr-0.2_steps-50"
    assert config.run.config["learning_rate"] == 0.2 and config.run.system == "toy"
    assert [cell.config.run.horizon for cell in plan.cells] == [20, 50, 20, 50]
    fixed = planned(tmp_path, {"steps": [20, 50]}, horizon=100)
    assert [cell.config.run.horizon for cell in fixed.cells] == [100, 100]
    assert planned(tmp_path, {"sizes": [(1,)]}, save_every=7).cells[0].config.run.save_every == 7
    with pytest.raises(BadInput, match="cell lr=-1.0: --learning_rate must be above 0"):
        planned(tmp_path, {"learning_rate": [0.1, -1.0]})
