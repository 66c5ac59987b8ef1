"""What a wrong name or setting says."""

import subprocess
import sys

import jax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, make, registry

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    "name, nearest",
    [
        ("cartpol", "cartpole"),
        ("CartPole-v1", "cartpole"),
        ("Pendulum", "pendulum"),
        ("mjx/cart_pole", "mjx/cartpole"),
        ("brx/ant", "brax/ant"),
        ("gimnax/Catch-bsuite", "gymnax/Catch-bsuite"),
    ],
)
def test_unknown_env_suggests_the_nearest(name, nearest):
    with pytest.raises(BadInput, match=f"unknown env '{name}'; did you mean '{nearest}'"):
        make(name)


@pytest.mark.parametrize("name", ["", "zzz", "brax", "brax/", "/ant"])
def test_unknown_env_lists_what_there_is(name):
    with pytest.raises(BadInput) as error:
        make(name)
    for known in ("cartpole", "bandit", "mjx/cartpole", "brax/<name>", "gymnax/<name>"):
        assert known in str(error.value)


def test_unknown_and_bad_settings():
    with pytest.raises(BadInput, match="bandit has no setting 'arm'.*did you mean 'arms'"):
        make("bandit", arm=3)
    with pytest.raises(BadInput, match="cartpole has no setting 'gravity'"):
        make("cartpole", gravity=3)
    with pytest.raises(BadInput, match="arms=0"):
        make("bandit", arms=0)
    assert make("bandit", arms=7).action_space == Discrete(7)


def test_absent_extra_is_named(monkeypatch):
    monkeypatch.setitem(registry.ADAPTERS, "gymnax", ("no_such_package.world", "gymnax", ""))
    with pytest.raises(BadInput, match=r"no_such_package.*jaxdl\[gymnax\].*JAXDL_EXTRAS"):
        make("gymnax/CartPole-v1")


def test_importing_the_room_is_light():
    heavy = "[name for name in ('brax', 'mujoco', 'gymnax') if name in sys.modules]"
    code = f"import sys; from jaxdl.envs import make, vectorize; print({heavy})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_names_are_checked_before_jax_is_loaded():
    names = ["mjx/cartpole:task=swingup,randomize=0.2", "brax/ant:episode_length=5", "m.n:f:a=1"]
    code = f"""
import sys
from jaxdl.core.run import BadInput
from jaxdl.envs.names import check_name
[check_name(name) for name in {names}]
for name in ("cartpol", "bandit:arm=3", "brax/ant:length=3"):
    try:
        check_name(name)
    except BadInput as error:
        print(str(error).splitlines()[0])
print("jax" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == [
        "unknown env 'cartpol'; did you mean 'cartpole'?",
        "bandit has no setting 'arm'; it has arms, kind, difficulty, pulls; did you mean 'arms'?",
        "brax/ant has no setting 'length'; it has episode_length; did you mean 'episode_length'?",
        "False",
    ]


def test_settings_in_names():
    assert make("bandit:arms=7").action_space == Discrete(7)
    env = make("mjx/cartpole:task=swingup, randomize=0.2")
    tasks = jax.vmap(env.sample_task)(jax.random.split(jax.random.key(0), 9))
    assert not tasks.balance.any() and len(set(tasks.cart_mass.tolist())) == 9
    # Either way of setting, and both of them.
    assert not make("mjx/cartpole:task=swingup", randomize=0.1).sample_task(KEY).balance
    assert make("probe:which=both,actions=continuous").sample_task(KEY) == 4


@pytest.mark.parametrize(
    "name, message",
    [
        ("bandit:arms=x", "bandit: arms=x should be an integer"),
        ("bandit:arms=2.5", "bandit: arms=2.5 should be an integer"),
        ("bandit:arms", "bandit: 'arms' should be written as setting=value"),
        ("bandit:", "bandit: '' should be written as setting=value"),
        ("bandit:arms=2,arms=3", "bandit: arms is set twice"),
        (
            "bandit:arm=3",
            "bandit has no setting 'arm'; it has arms, kind, difficulty, pulls; did you mean",
        ),
        ("mjx/cartpole:task=swing", "task=swing should be one of balance, swingup, both"),
        ("mjx/cartpole:randomize=much", "randomize=much should be a number"),
        ("cartpol:task=both", "unknown env 'cartpol'; did you mean 'cartpole'"),
        ("no_such_module:world", "there is no module 'no_such_module'"),
        ("cartpol:world", "no module 'cartpol'; did you mean 'cartpole'"),
        ("jaxdl.envs.bandit:bandits", "has no function 'bandits'; did you mean 'bandit'"),
        ("jaxdl.envs.names:parse_name", "needs the setting name"),
        ("jaxdl.envs.names:parse_name:name=a", "returned a WorldName; it should be a jaxdl.envs.E"),
        (".bandit:x", "should be package.module:factory"),
    ],
)
def test_bad_names_and_values_are_one_line(name, message):
    with pytest.raises(BadInput, match=message) as error:
        make(name)
    assert "\n" not in str(error.value) or "unknown env" in str(error.value)


def test_a_setting_is_set_once():
    with pytest.raises(BadInput, match="bandit: arms is set in the name and as an argument"):
        make("bandit:arms=3", arms=3)
    with pytest.raises(BadInput, match="env is a Env; it should be a world's name"):
        make(make("cartpole"))  # pyright: ignore


WORLD = """
from __future__ import annotations
from typing import Literal
from jaxdl.envs import bandit, make

def world(size: tuple[int, int] = (1, 2), fast: bool = True, hole: float | None = None,
          kind: Literal["a", 2] = "a", label: str = "x", arms=3):
    world.last = size, fast, hole, kind, label, arms
    return make("bandit", arms=arms)
"""


def test_a_world_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "my_worlds.py").write_text(WORLD.replace("bandit, make", "make"))
    monkeypatch.syspath_prepend(tmp_path)
    assert make("my_worlds:world").action_space == Discrete(3)
    import my_worlds  # pyright: ignore

    assert my_worlds.world.last == ((1, 2), True, None, "a", "x", 3)
    make("my_worlds:world:size=2x3,fast=false,hole=1e-3,kind=2,label=a:b=c,arms=4")
    assert my_worlds.world.last == ((2, 3), False, 1e-3, 2, "a:b=c", 4)
    make("my_worlds:world:hole=none")
    for text, problem in [
        ("size=2", "size=2 should be values joined by x, as 2x3, each an integer"),
        ("fast=maybe", "fast=maybe should be true or false"),
        ("hole=deep", "hole=deep should be a number or none"),
        ("kind=b", "kind=b should be one of a, 2"),
    ]:
        with pytest.raises(BadInput, match=problem):
            make(f"my_worlds:world:{text}")
    (tmp_path / "needy.py").write_text("import no_such_package")
    with pytest.raises(BadInput, match="needy needs no_such_package, which is not installed"):
        make("needy:world")


def test_descriptions():
    text = registry.describe("bandit:arms=7")
    assert (text.name, text.action) == ("bandit:arms=7", "0 .. 6")
    assert text.settings == "arms=none, kind=independent, difficulty=uniform, pulls=none"
    assert text.observation == "float32 [1] within [0, 0]"
    assert text.summary.startswith("Pulls one of k arms")
