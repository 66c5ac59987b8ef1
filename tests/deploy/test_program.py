import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import deploy
from jaxdl.core import TrainState
from jaxdl.deploy.comparison import TOLERANCE, compare
from jaxdl.deploy.program import named

TABLE = jnp.arange(12.0).reshape(4, 3)
ROW = jax.ShapeDtypeStruct((4,), jnp.float32)
STATE = TrainState({"w": jnp.full((3, 2), 2.0), "unused": jnp.ones(5)}, ())


def system(**changes):
    """The ten lines that a new system needs; its function closes over an array."""

    def apply(weights, inputs):
        x, (scale, count) = inputs["x"], inputs["memory"]
        y = jnp.tanh(x @ TABLE) @ weights["params"]["w"] * scale
        return {"y": y, "memory": (scale, count + 1), "rows": jnp.full(x.shape[0], x.shape[0])}

    inputs = {
        "x": ROW,
        "memory": (jax.ShapeDtypeStruct((1,), jnp.float32), jax.ShapeDtypeStruct((), jnp.int32)),
    }
    made = deploy.Deployment("A test.", lambda s: {"params": s.params}, apply, inputs)
    return made._replace(**changes)


def test_any_function_of_dicts_and_tuples_is_written_and_read_back(tmp_path):
    deploy.write(tmp_path / "new", system(), STATE, about={"system": "test"})
    checks = deploy.check(tmp_path / "new", system(), STATE, batch_sizes=(1, 2, 33))
    assert all(one.agrees and "bit for bit" in one.text for one in checks) and len(checks) == 4
    loaded = deploy.load(tmp_path / "new")
    assert list(loaded.weights) == ["params/w"]
    assert loaded.about["system"] == "test"
    assert loaded.about["outputs"]["memory/0"] == {"shape": ["b", 1], "dtype": "float32"}
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    got = loaded.call(
        {"x": x, "memory": (np.full((6, 1), 3.0, "float32"), np.arange(6, dtype="int32"))}
    )
    expected = np.tanh(x @ np.arange(12.0).reshape(4, 3)) @ np.full((3, 2), 2.0) * 3.0
    np.testing.assert_allclose(got["y"], expected, rtol=1e-5)
    np.testing.assert_array_equal(got["memory"][1], np.arange(6) + 1)
    np.testing.assert_array_equal(got["rows"], np.full(6, 6))


def test_other_weights_and_another_function_are_noticed(tmp_path):
    deploy.write(tmp_path, system(), STATE)
    other = STATE._replace(params={"w": jnp.full((3, 2), 2.0).at[0, 0].set(2.1), "unused": 0.0})
    checks = deploy.check(tmp_path, system(), other)
    assert [one.agrees for one in checks] == [False, False, False]

    def apply(weights, inputs):
        outputs = system().apply(weights, inputs)
        return outputs | {"y": outputs["y"] * 1.001}

    checks = deploy.check(tmp_path, system(apply=apply), STATE)
    assert [one.agrees for one in checks] == [True, False, False]


def test_the_same_state_gives_the_same_files(tmp_path):
    for name in ("one", "two"):
        deploy.write(tmp_path / name, system(), STATE)
        jax.clear_caches()
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("got", "agrees"),
    [
        ({"x": np.float32([1, 100])}, True),
        ({"x": np.float32([1, 100 * (1 + 0.5 * TOLERANCE)])}, True),
        ({"x": np.float32([1, 100 * (1 + 5 * TOLERANCE)])}, False),
        ({"x": np.float32([1, np.nan])}, False),
        ({"x": np.float32([1, np.inf])}, False),
        ({"x": np.float64([1, 100])}, False),
        ({"x": np.float32([[1, 100]])}, False),
        ({"z": np.float32([1, 100])}, False),
    ],
)
def test_floats_may_differ_by_rounding_alone(got, agrees):
    assert compare({"x": np.float32([1, 100])}, got)[0] == agrees


def test_integers_may_not_differ():
    assert compare({"n": np.int32([1, 2])}, {"n": np.int32([1, 2])})[0]
    assert not compare({"n": np.int32([1, 2])}, {"n": np.int32([1, 3])})[0]


def test_names_are_paths():
    tree = {"b": [jnp.zeros(1), STATE], "a": (jnp.zeros(2),)}
    assert list(named(tree)) == ["a/0", "b/0", "b/1/params/unused", "b/1/params/w"]


def test_a_folder_may_be_text_and_versions_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxdl.deploy.program.PACKAGES", ("jax", "no-such-package"))
    deploy.write(str(tmp_path / "out"), system(), STATE)
    versions = deploy.load(str(tmp_path / "out")).about["versions"]
    assert versions["no-such-package"] == "unknown" and versions["jax"] == jax.__version__


def test_programs_are_written_and_run_whatever_disable_jit_is(tmp_path):
    def apply(weights, inputs):  # which cannot be run without being compiled
        steps = jax.lax.while_loop(lambda i: i < 3, lambda i: i + 1, 0)
        return {"y": inputs["x"] * weights["params"]["w"][0, 0] * steps}

    made = system(apply=apply, inputs={"x": ROW})
    with jax.disable_jit():
        deploy.write(tmp_path, made, STATE)
        assert all(check.agrees for check in deploy.check(tmp_path, made, STATE))
        y = deploy.load(tmp_path).call({"x": np.ones((2, 4), np.float32)})["y"]
    np.testing.assert_array_equal(y, np.full((2, 4), 6.0))
