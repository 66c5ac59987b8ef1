"""What a wrong name or setting says."""

import subprocess
import sys

import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, make, registry


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
    code = f"import sys, jaxdl.envs; print({heavy})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
