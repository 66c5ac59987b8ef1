"""Runs that begin where others ended: stages, given states, other runs' parameters, horizons."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import BadInput, Learner, Run, TrainState, fit
from jaxdl.core.start import parse_origin


def counter(by):
    """Adds a number to its parameters at every step."""

    def init(key):
        return TrainState({"weights": jnp.zeros(2), "bias": jnp.zeros(())}, ())

    def step(key, state, batch):
        params = jax.tree.map(lambda x: x + by, state.params)
        return state._replace(params=params), {"level": params["bias"]}

    return Learner(init, step)


def run(folder, **changes):
    settings = {"steps": 4, "steps_per_call": 2, "devices": 1, "workdir": str(folder)}
    return Run(**settings | changes)


def test_a_second_fit_in_a_workdir_never_returns_the_first_ones_result(tmp_path):
    fit(counter(1), (), run(tmp_path / "run"))
    with pytest.raises(BadInput, match="another learner"):
        fit(counter(100), (), run(tmp_path / "run"))
    state, _ = fit(counter(100), (), run(tmp_path / "run", steps=5, accept_changes=True))
    assert state.params["bias"] == 104


def test_stages_have_folders_and_identities(tmp_path):
    teacher, first = fit(counter(1), (), run(tmp_path / "run"), stage="teacher")
    student, second = fit(counter(100), (), run(tmp_path / "run"), stage="student", init=teacher)
    assert teacher.params["bias"] == 4
    assert student.params["bias"] == 404
    assert second["stage"] == "student"
    for stage in ("teacher", "student"):
        config = json.loads((tmp_path / "run" / stage / "config.json").read_text())
        assert config["stage"] == stage
    again, loaded = fit(counter(100), (), run(tmp_path / "run"), stage="student", init=teacher)
    assert loaded == second and again.params["bias"] == 404


def test_a_finished_stage_is_not_confused_with_one_that_starts_elsewhere(tmp_path):
    teacher, _ = fit(counter(1), (), run(tmp_path / "run"), stage="teacher")
    fit(counter(100), (), run(tmp_path / "run"), stage="student", init=teacher)
    other = jax.tree.map(lambda x: x + 1, teacher)
    with pytest.raises(BadInput, match="starts elsewhere"):
        fit(counter(100), (), run(tmp_path / "run"), stage="student", init=other)
    with pytest.raises(BadInput, match="another learner"):
        fit(counter(7), (), run(tmp_path / "run"), stage="student", init=teacher)


def test_a_given_state_survives_the_run():
    start = counter(1).init(jax.random.key(0))
    fit(counter(1), (), Run(steps=2, devices=1), init=start)
    np.testing.assert_array_equal(start.params["weights"], 0)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_function_of_the_first_state_is_applied_to_each_seed(seeds):
    def raise_bias(state):
        assert state.params["bias"].shape == ()
        return state._replace(params=state.params | {"bias": state.params["bias"] + 10})

    state, _ = fit(counter(1), (), Run(steps=2, devices=1, num_seeds=seeds), init=raise_bias)
    np.testing.assert_array_equal(state.params["bias"], np.full((3,) if seeds > 1 else (), 12))


def test_a_cut_stage_goes_on_and_ends_the_same(tmp_path):
    start = counter(1).init(jax.random.key(0))
    straight = fit(counter(5), (), run(tmp_path / "a"), stage="one", init=start)[1]
    fit(counter(5), (), run(tmp_path / "b", steps=2), stage="one", init=start)
    cut = fit(counter(5), (), run(tmp_path / "b", horizon=0), stage="one", init=start)[1]
    assert cut["fingerprint"] == straight["fingerprint"]


def test_a_start_of_another_kind_is_refused_with_a_table():
    start = counter(1).init(jax.random.key(0))
    start = start._replace(params=start.params | {"bias": jnp.zeros(3)})
    with pytest.raises(BadInput, match=r"bias.*expected \[\[\], 'float32'\], found \[\[3\]"):
        fit(counter(1), (), Run(steps=1), init=start)


@pytest.mark.parametrize("name", ["a/b", "../a", "checkpoints", "figures", ""])
def test_names_of_stages(tmp_path, name):
    if not name:
        fit(counter(1), (), run(tmp_path / "run"), stage=name)
        return
    with pytest.raises(BadInput, match="stage="):
        fit(counter(1), (), run(tmp_path / "run"), stage=name)


def test_another_runs_parameters(tmp_path):
    fit(counter(1), (), run(tmp_path / "first"))
    state, _ = fit(counter(10), (), Run(steps=1, devices=1, init_from=str(tmp_path / "first")))
    np.testing.assert_array_equal(state.params["weights"], 14)
    origin = f"{tmp_path / 'first'}#weights"
    state, _ = fit(counter(10), (), Run(steps=1, devices=1, init_from=origin))
    np.testing.assert_array_equal(state.params["weights"], 14)
    assert state.params["bias"] == 10


def test_a_stages_parameters_for_every_seed(tmp_path):
    fit(counter(1), (), run(tmp_path / "first"), stage="teacher")
    origin = f"{tmp_path / 'first'}:teacher"
    state, _ = fit(counter(10), (), Run(steps=1, devices=1, num_seeds=2, init_from=origin))
    np.testing.assert_array_equal(state.params["bias"], [14, 14])
    fit(counter(1), (), run(tmp_path / "several", num_seeds=2))
    origin = str(tmp_path / "several")
    state, _ = fit(counter(10), (), Run(steps=1, devices=1, num_seeds=2, init_from=origin))
    np.testing.assert_array_equal(state.params["bias"], [14, 14])
    with pytest.raises(BadInput, match="has 2 seeds, this run 3"):
        fit(counter(10), (), Run(steps=1, devices=1, num_seeds=3, init_from=origin))


def test_what_does_not_fit_is_a_short_table(tmp_path):
    fit(counter(1), (), run(tmp_path / "first"))
    origin = str(tmp_path / "first")
    wide = counter(1)
    init = wide.init

    def widen(key):
        state = init(key)
        return state._replace(params=state.params | {"weights": jnp.zeros(3)})

    with pytest.raises(BadInput, match=r"weights: expected \[\[3\], 'float32'\], found \[\[2\]"):
        fit(wide._replace(init=widen), (), Run(steps=1, devices=1, init_from=origin))
    with pytest.raises(BadInput, match="the parameters have only bias, weights"):
        fit(counter(1), (), Run(steps=1, devices=1, init_from=f"{origin}#head"))
    with pytest.raises(BadInput, match="holds no checkpoints"):
        parse_origin(str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="it has the stages teacher"):
        fit(counter(1), (), run(tmp_path / "staged"), stage="teacher")
        parse_origin(str(tmp_path / "staged"))


def test_a_longer_run_keeps_the_horizon_of_its_beginning(tmp_path):
    """Schedules are laid out for the first run's steps, unless --horizon says otherwise."""
    from jaxdl.core.run import horizon

    first = run(tmp_path / "run")
    assert horizon(first) == 4
    fit(counter(1), (), first)
    longer = dataclasses.replace(first, steps=8)
    assert horizon(longer) == 4
    fit(counter(1), (), longer)
    assert json.loads((tmp_path / "run/config.json").read_text())["horizon"] == 4
    with pytest.raises(BadInput, match="--horizon: it has 4, this run 8"):
        fit(counter(1), (), dataclasses.replace(longer, horizon=8))
