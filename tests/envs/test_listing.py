"""What `./run envs` lists."""

import pytest

from experiments import envs
from jaxdl.core.run import BadInput
from jaxdl.envs.names import OWN


def test_every_world_is_listed():
    ours, brax, gymnax, pgx, playground = envs.list_all()
    assert [row[0] for row in ours.rows] == list(OWN)
    bandit = next(row for row in ours.rows if row[0] == "bandit")
    settings = "arms=none, kind=independent, difficulty=uniform, pulls=none"
    assert bandit[1:4] == [settings, "float32 [1] within [0, 0]", "0 .. 4"]
    cartpole = next(row for row in ours.rows if row[0] == "mjx/cartpole")
    assert cartpole[1] == "task=balance, randomize=0"
    assert ["brax/reacher", "episode_length=50"] in brax.rows
    pytest.importorskip("gymnax")
    assert ["gymnax/CartPole-v1"] in gymnax.rows
    for listing in (ours, brax, gymnax, pgx, playground):
        assert all(len(row) == len(listing.head) for row in listing.rows)


def test_one_world_in_full():
    listing = envs.list_one("bandit:arms=3")
    assert ["arms", "an integer or none; none by default"] in listing.rows
    assert ["action", "0 .. 2"] in listing.rows
    kinds = envs.list_one("probe").rows
    assert ["actions", "one of discrete, continuous; discrete by default"] in kinds


def test_a_wrong_name_is_refused_with_the_flags():
    with pytest.raises(BadInput, match="did you mean 'cartpole'"):
        envs.Config(env="cartpol")


def test_tables_are_printed(capsys):
    pages = pytest.importorskip("jaxdl.pages")
    if not hasattr(pages, "print_table"):
        pytest.skip("the tables of terminals are not there yet")
    envs.main(envs.Config(env="bandit"))
    assert "float32 [1] within [0, 0]" in capsys.readouterr().out
