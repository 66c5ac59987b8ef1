"""Spaces: equality, bounds by entry, draws, flat vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, MultiDiscrete, spaces

BODY = {"eye": Box((2, 2, 3), 0, 255, jnp.uint8), "joints": (Box((3,)), Discrete(4))}


def test_boxes_are_equal_by_value_and_hashable():
    box = Box((3,), -1.0, 1.0)
    assert box == Box([3], -np.ones(3), jnp.ones(3), "float32")
    assert hash(box) == hash(Box((3,), (-1, -1, -1), 1))
    assert (box.low, box.high, box.dtype) == (-1.0, 1.0, jnp.float32)
    uneven = Box((2,), [-1, -2], np.array([1, 2]))
    assert uneven == Box((2,), (-1.0, -2.0), (1.0, 2.0)) != Box((2,), -1, (1.0, 2.0))
    assert hash(uneven) == hash(Box((2,), (-1.0, -2.0), (1.0, 2.0)))
    assert Box((2, 2), [1, 2], 3).low == ((1.0, 2.0), (1.0, 2.0))  # broadcast
    assert box._replace(high=2.0) == Box((3,), -1.0, 2.0)
    assert MultiDiscrete([3, 2]) == MultiDiscrete((np.int64(3), 2)) != MultiDiscrete((2, 3))
    assert len({box, uneven, Discrete(3), Discrete(np.int32(3))}) == 3


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Box((3,), [0, 0]), r"low=\[0, 0\] does not fit the shape \[3\]"),
        (lambda: Box((3,), 1, 0), "low=1 exceeds high=0"),
        (lambda: Box((2,), [0, 2], [1, 1]), "exceeds"),
        (lambda: Box((), float("nan")), "low=nan is not a number"),
        (lambda: Box((1,), "a"), "low='a' does not fit"),
        (lambda: Discrete(0), "Discrete: 0 should be an integer of at least 1"),
        (lambda: Discrete(2.0), "Discrete: 2.0 should be"),
        (lambda: MultiDiscrete(()), "MultiDiscrete: ns is empty"),
        (lambda: MultiDiscrete((2, True)), "MultiDiscrete: True should be"),
        (lambda: spaces.abstract({"a": None}), "None is no space"),
        (lambda: spaces.abstract((Box((2,)), 3)), "3 is no space"),
    ],
)
def test_bad_spaces_are_one_line(make, message):
    with pytest.raises(BadInput, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_shapes_and_zeros():
    zeros = spaces.zeros(BODY | {"keys": MultiDiscrete((3, 2))})
    kinds = jax.tree.map(lambda x: (x.shape, x.dtype.name), zeros)
    assert kinds == {
        "eye": ((2, 2, 3), "uint8"),
        "joints": (((3,), "float32"), ((), "int32")),
        "keys": ((2,), "int32"),
    }


def test_flatten():
    eye = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    value = {"eye": eye, "joints": (np.array([1.5, -2.0, 300.0], np.float32), np.int32(2))}
    expected = [*(eye.ravel() / 255), 1.5, -2.0, 300.0, 0, 0, 1, 0]
    assert spaces.flat_size(BODY) == 19
    flat = spaces.flatten(BODY, value)
    np.testing.assert_allclose(flat, expected, rtol=1e-6)
    assert flat.dtype == jnp.float32
    many = jax.tree.map(lambda x: np.broadcast_to(x, (5, 6, *np.shape(x))), value)
    np.testing.assert_allclose(spaces.flatten(BODY, many), np.tile(expected, (5, 6, 1)), rtol=1e-6)
    keys = spaces.flatten(MultiDiscrete((3, 2)), jnp.array([[2, 0], [0, 1]]))
    np.testing.assert_array_equal(keys, [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]])
    assert spaces.flatten(Box(()), jnp.float32(3)).tolist() == [3.0]
    # Bytes that only go to 1, as MinAtar's, are not dimmed.
    np.testing.assert_array_equal(
        spaces.flatten(Box((2,), 0, 1, "uint8"), np.uint8([0, 1])), [0, 1]
    )


@pytest.mark.parametrize(
    "space, value",
    [
        (Box((3,)), np.zeros(2)),
        (Box((3,)), np.zeros(())),
        (BODY, np.zeros(3)),
        ((Discrete(2),), {"a": 1}),
    ],
)
def test_flatten_refuses_other_shapes(space, value):
    with pytest.raises(BadInput, match="no element"):
        spaces.flatten(space, value)


def test_samples_fill_their_bounds_by_entry():
    space = {
        "box": Box((2, 2), [[0, -1], [5, -np.inf]], [[100, 1], [np.inf, np.inf]]),
        "bytes": Box((3,), 0, 255, jnp.uint8),
        "bits": Box((), 0, 1, jnp.bool_),
        "integers": Box((), -2, 2, jnp.int32),
        "keys": MultiDiscrete((3, 2)),
        "one": Discrete(5),
    }
    keys = jax.random.split(jax.random.key(0), 4000)
    draws = jax.vmap(lambda key: spaces.sample(key, space))(keys)
    assert np.all(jax.vmap(lambda x: spaces.contains(space, x))(draws))
    box = np.asarray(draws["box"]).reshape(4000, 4)
    np.testing.assert_allclose(box.mean(0), [50, 0, 6, 0], atol=3)
    np.testing.assert_allclose(box.std(0), [100 / 12**0.5, 2 / 12**0.5, 1, 1], rtol=0.1)
    assert draws["bytes"].min() == 0 and draws["bytes"].max() == 255
    np.testing.assert_allclose(draws["bytes"].mean(), 127.5, atol=3)
    np.testing.assert_allclose(draws["bits"].mean(), 0.5, atol=0.04)
    assert sorted(np.unique(draws["integers"])) == [-2, -1, 0, 1, 2]
    for entry, n in ((draws["keys"][:, 0], 3), (draws["keys"][:, 1], 2), (draws["one"], 5)):
        np.testing.assert_allclose(np.bincount(entry, minlength=n) / 4000, 1 / n, atol=0.04)
    # Parts do not share their chance.
    assert abs(np.corrcoef(draws["keys"][:, 0], draws["one"])[0, 1]) < 0.06


def test_contains():
    box = Box((2,), [0, -1], [1, 5])
    assert spaces.contains(box, jnp.array([1.0, -1.0]))
    assert not spaces.contains(box, jnp.array([1.0, -1.1]))
    assert not spaces.contains(box, jnp.array([np.nan, 0.0]))
    assert not spaces.contains(box, jnp.zeros(3))
    assert not spaces.contains(box, jnp.zeros(2, jnp.int32))
    assert not spaces.contains({"a": box}, jnp.zeros(2))
    assert not spaces.contains(Discrete(3), jnp.int32(3))
    assert spaces.contains(MultiDiscrete((3, 2)), jnp.array([2, 1]))
    assert not spaces.contains(MultiDiscrete((3, 2)), jnp.array([1, 2]))


def test_spaces_are_described_in_words():
    assert spaces.space_text(Box((3,))) == "float32 [3]"
    assert spaces.space_text(Box((3,), -8, 8)) == "float32 [3] within [-8, 8]"
    assert spaces.space_text(Box((2,), -1, (1, 2))) == "float32 [2] within [-1, (1, 2)]"
    text = "{eye: uint8 [2, 2, 3] within [0, 255], joints: (float32 [3], 0 .. 3)}"
    assert spaces.space_text(BODY) == text
