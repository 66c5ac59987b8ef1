"""The shapes in the docstrings of `losses/` and `ops/` are those of the functions.

For each public function the shapes under "Args" are filled with sizes that differ by letter. The
function is traced with arrays of them, and returns what stands under "Returns", in order.
"""

import inspect
import re
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import pytest

from jaxdl import losses, ops

SIZES = {"A": 2, "B": 3, "C": 4, "D": 5, "E": 6, "F": 8, "K": 9, "M": 10, "N": 7, "T": 11}
REST = (12, 13)  # what "..." stands for
# What is no array: hyper-parameters without a default.
SETTINGS = {
    "adapted_kl_coef": {"target_kl": 0.01},
    "clipped_value_loss": {"clip": 0.2},
    "conjugate_gradient": {"matvec": lambda x: 2 * x, "iterations": 2},
    "minimize": {"value_and_gradient": lambda x: (jnp.sum(x**2), 2 * x)},
    "gae": {"discount": 0.99, "gae_lambda": 0.95},
    "n_step_returns": {"n": 3},
    "temperature_loss": {"target_entropy": -1.0},
}
WITHOUT_ARRAYS = {"cma_es", "make_optimizer", "observation_normalizer"}  # they return functions
SHAPE = re.compile(r"\[([^\]]*)\]|\bscalars?\b")


class Lie(AssertionError):
    """A docstring that says what is not so."""


def public_functions():
    for room in (losses, ops):
        for name in room.__all__:
            if inspect.isfunction(getattr(room, name)) or hasattr(getattr(room, name), "defvjp"):
                yield getattr(room, name)


def sections(function) -> dict[str, str]:
    """The parts of a docstring by their titles; "" is what stands above the first."""
    parts = re.split(r"^(\w+):\n", inspect.getdoc(function) or "", flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> dict[str, str]:
    """Name -> text of an Args or Attributes section; "a, b: text" describes both."""
    parts = re.split(r"^  (\w+(?:, \w+)*):", section, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {name: text for names, text in pairs for name in names.split(", ")}


def shapes_in(text: str) -> list[tuple[int, ...]]:
    """The shapes that a text names, in order: [T, E], [2N, ...], "scalar"."""
    return [
        () if match[1] is None else filled(match[1])
        for match in SHAPE.finditer(text)
        if match[1] is None or re.fullmatch(r"[\w .,+*-]*", match[1])
    ]


def filled(letters: str) -> tuple[int, ...]:
    shape: list[int] = []
    for term in filter(None, (part.strip() for part in letters.split(","))):
        shape += REST if term == "..." else [sum(size(each) for each in term.split("+"))]
    return tuple(shape)


def size(term: str) -> int:
    match = re.fullmatch(r"\s*(\d*)\s*([A-Z]?)\s*", term)
    if not match or not (match[1] or match[2]):
        raise Lie(f"[{term}] is no shape")
    if match[2] and match[2] not in SIZES:
        raise Lie(f"the letter {match[2]} is none of the house's")
    return int(match[1] or 1) * SIZES.get(match[2], 1)


def dtype_in(text: str) -> Any:
    words = re.search(r"\b(bool|u?int\d*|bytes)\b", text.split("\n")[0])
    names = {"int": "int32", "uint": "uint8", "bytes": "uint8"}
    return jnp.dtype(names.get(words[1], words[1]) if words else "float32")


def example(function, parameter: inspect.Parameter) -> Any:
    """An abstract array, or a record of them, of the documented shape."""
    text = entries(sections(function).get("Args", "")).get(parameter.name, "")
    if is_record(parameter.annotation):
        fields = entries(sections(parameter.annotation)["Attributes"])
        return parameter.annotation(*(abstract(text, name) for name, text in fields.items()))
    return abstract(text, f"{function.__name__}'s {parameter.name}")


def abstract(text: str, what: str) -> jax.ShapeDtypeStruct:
    shapes = shapes_in(text)
    if not shapes:
        raise Lie(f"{what} has no shape: {text.strip()!r}")
    return jax.ShapeDtypeStruct(shapes[0], dtype_in(text))


def is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def check(function, settings: dict[str, Any]) -> None:
    """Compares what a function returns with what its docstring says.

    Raises:
      Lie: they differ, or something has no shape.
    """
    parameters = inspect.signature(function).parameters.values()
    arrays = {
        each.name: example(function, each)
        for each in parameters
        if each.name not in settings
        and (each.annotation in (jax.Array, Any) or is_record(each.annotation))
    }
    try:
        result = jax.eval_shape(lambda arrays: function(**arrays, **settings), arrays)
    except (TypeError, ValueError, AssertionError) as error:
        raise Lie(f"{function.__name__} refuses its own shapes: {error}") from error
    returns = sections(function).get("Returns", "")
    if is_record(type(result)):
        fields = entries(sections(type(result))["Attributes"])
        said = [abstract(text, name).shape for name, text in fields.items()]
    else:
        said = shapes_in(returns)
    found = [each.shape for each in jax.tree.leaves(result)]
    if said != found:
        raise Lie(f"{function.__name__} returns {found}, its docstring says {said}")


FUNCTIONS = {each.__name__: each for each in public_functions()}


def test_all_functions_are_found():
    assert {"ntxent", "gae", "clipped_surrogate", "merge"} <= FUNCTIONS.keys()
    assert SETTINGS.keys() <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - WITHOUT_ARRAYS))
def test_docstrings_tell_the_shapes(name):
    check(FUNCTIONS[name], SETTINGS.get(name, {}))


def honest(x: jax.Array, mask: jax.Array, *, scale: float = 1.0) -> tuple[jax.Array, jax.Array]:
    """Sums rows.

    Args:
      x: [T, E] floats.
      mask: [E] bool, which columns count
        [N] times.
      scale: a factor.

    Returns:
      sums [T] and the total, a scalar.
    """
    chex.assert_type(mask, bool)
    return scale * jnp.sum(x * mask, axis=1), jnp.sum(x)


class Pair(NamedTuple):
    """Two arrays.

    Attributes:
      left: [N, ...].
      right: [2N].
    """

    left: jax.Array
    right: jax.Array


def honest_pair(pair: Pair, x: Any) -> Pair:
    """Adds.

    Args:
      pair: of arrays.
      x: arrays [...].

    Returns:
      The sum.
    """
    return pair._replace(left=pair.left + x)


@pytest.mark.parametrize("function", [honest, honest_pair])
def test_the_truth_is_let_pass(function):
    check(function, {})


LIES = {
    "another result": (honest, "sums [T]", "sums [E]"),
    "an axis too many": (honest, "sums [T]", "sums [T, 1]"),
    "too many results": (honest, "a scalar", "a scalar, and [T]"),
    "too few results": (honest, " and the total, a scalar", ""),
    "the order of results": (honest, "sums [T] and the total, a scalar", "a scalar and sums [T]"),
    "another argument": (honest, "mask: [E]", "mask: [T]"),
    "axes that are swapped": (honest, "x: [T, E]", "x: [E, T]"),
    "another type": (honest, "[E] bool", "[E] int"),
    "an argument without a shape": (honest, "x: [T, E] floats", "x: floats"),
    "an argument that is left out": (honest, "  x: [T, E] floats.\n", ""),
    "a letter that is nobody's": (honest, "x: [T, E]", "x: [T, Q]"),
    "no results": (honest, "Returns:\n  sums [T] and the total, a scalar.", ""),
    "another record": (honest_pair, "x: arrays [...]", "x: arrays [2, ...]"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_docstring_that_lies_is_found(lie, monkeypatch):
    function, truth, text = LIES[lie]
    told = inspect.getdoc(function)
    assert truth in told
    monkeypatch.setattr(function, "__doc__", told.replace(truth, text))
    with pytest.raises(Lie):
        check(function, {})


def test_a_record_that_lies_is_found(monkeypatch):
    monkeypatch.setattr(Pair, "__doc__", inspect.getdoc(Pair).replace("[N, ...]", "[N]"))
    with pytest.raises(Lie):
        check(honest_pair, {})
