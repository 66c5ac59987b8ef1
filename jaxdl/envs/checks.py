"""Checks that a world keeps the contract, by shapes alone, so that nothing is computed."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.games import Game
from jaxdl.envs.spaces import Space, abstract, check_space, space_text

ARGUMENTS = {
    "sample_task": "key",
    "reset": "key, task",
    "step": "key, state, action, task",
}
SCALARS = {"reward": jnp.float32, "terminated": jnp.bool_, "truncated": jnp.bool_}


def check(env: Env) -> None:
    """Checks, as `vectorize` does, that an env's functions return what `Env` says.

    Args:
      env: what somebody wrote.

    Raises:
      BadInput: the first field that differs, what it is, and what it should be.
    """
    if isinstance(env, Game):
        raise BadInput("env is a game of two players, which alphazero learns, not a world of one")
    if not isinstance(env, Env):
        raise BadInput(f"env is a {type(env).__name__}; it should be a jaxdl.envs.Env")
    for name, space in (("obs_space", env.obs_space), ("action_space", env.action_space)):
        _check_env_space(name, space)
    for name, arguments in ARGUMENTS.items():
        _check_arguments(name, getattr(env, name), arguments)
    key = jax.eval_shape(lambda: jax.random.key(0))
    task = _shapes("sample_task", env.sample_task, key)
    start = _shapes("reset", env.reset, key, task)
    if type(start) is not tuple or len(start) != 2:
        raise BadInput(f"reset returns {_type_text(start)}; it should return a tuple (state, obs)")
    state, obs = start
    _check_obs("reset", env.obs_space, obs)
    result = _shapes("step", env.step, key, state, abstract(env.action_space), task)
    if type(result) is not tuple or len(result) != 2 or not isinstance(result[1], Step):
        raise BadInput(f"step returns {_type_text(result)}; it should return (state, Step)")
    after, out = result
    _check_state(state, after)
    _check_obs("step", env.obs_space, out.obs)
    _check_step(out)


def check_key(key: Any) -> None:
    """Checks that an argument of the worlds is one random key and no batch of them.

    Raises:
      BadInput: it is something else.
    """
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not (typed and key.shape == () or dtype == jnp.uint32 and key.ndim == 1):
        raise BadInput(f"key is {_leaf_text(key)}; it should be one key, as jax.random.key(0)")


def check_action(space: Space, action: Any, num_envs: int) -> None:
    """Checks the actions of E worlds, which would else broadcast in silence.

    Args:
      space: of one world's actions.
      action: pytree of [E, ...].
      num_envs: E.

    Raises:
      BadInput: structure, shapes or kinds of numbers are not those of the space.
    """
    expected = abstract(space)
    _check_structure("action", expected, action)
    for path, spec, x in _pairs(expected, action):
        shape = (num_envs, *spec.shape)
        kind = jnp.floating if jnp.issubdtype(spec.dtype, jnp.floating) else jnp.integer
        if spec.dtype == jnp.bool_:
            kind = jnp.bool_
        if jnp.shape(x) != shape or not jnp.issubdtype(jnp.result_type(x), kind):
            right = f"{spec.dtype.name} {list(shape)}"
            raise BadInput(f"action{path} is {_leaf_text(x)}; it should be {right}")


def _check_env_space(name: str, space: Any) -> None:
    try:
        check_space(space)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def _check_arguments(name: str, function: Any, arguments: str) -> None:
    """Checks that a function can be called with that many arguments."""
    if not callable(function):
        raise BadInput(f"{name} is {_type_text(function)}; it should be a function of {arguments}")
    try:
        inspect.signature(function).bind(*arguments.split(", "))
    except TypeError as error:
        raise BadInput(f"{name} should be a function of ({arguments}): {error}") from None
    except ValueError:  # builtins have no signature
        return


def _shapes(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Shapes and dtypes of what a function of an env returns.

    Raises:
      BadInput: it returns something that is no array. What it raises itself is left as it is.
    """
    try:
        return jax.eval_shape(function, *arguments)
    except TypeError as error:
        if "JAX type" not in str(error):
            raise
        problem = str(error).splitlines()[0]
        raise BadInput(f"{name} should return arrays alone: {problem}") from None


def _check_state(before: Any, after: Any) -> None:
    _check_structure("the state after a step", before, after)
    for path, old, new in _pairs(before, after):
        if _spec(old) != _spec(new):
            raise BadInput(
                f"state{path} is {_leaf_text(new)} after a step; "
                f"it should stay {_leaf_text(old)}, as reset made it"
            )


def _check_obs(function: str, space: Space, obs: Any) -> None:
    expected = abstract(space)
    _check_structure(f"obs of {function}", expected, obs)
    for path, spec, x in _pairs(expected, obs):
        if _spec(spec) != _spec(x):
            raise BadInput(
                f"obs{path} of {function} is {_leaf_text(x)}; "
                f"it should be {_leaf_text(spec)}, as obs_space ({space_text(space)}) says"
            )


def _check_structure(name: str, expected: Any, got: Any) -> None:
    right = jax.tree.structure(expected)
    wrong = jax.tree.structure(got)
    if right != wrong:
        raise BadInput(f"{name} is {_tree_text(got)}; it should be {_tree_text(expected)}")


def _check_step(out: Step) -> None:
    for name, dtype in SCALARS.items():
        _check_scalar(name, getattr(out, name), jnp.dtype(dtype))
    if not jnp.issubdtype(jnp.result_type(out.discount), jnp.floating):
        _check_scalar("discount", out.discount, jnp.dtype(jnp.float32))
    _check_scalar("discount", out.discount, jnp.result_type(out.discount))
    if not isinstance(out.info, dict):
        raise BadInput(f"info is {_type_text(out.info)}; it should be a dict of arrays")
    for name, value in out.info.items():
        if not isinstance(name, str) or not hasattr(value, "dtype"):
            raise BadInput(f"info[{name!r}] is {_tree_text(value)}; it should be an array")


def _check_scalar(name: str, value: Any, dtype: Any) -> None:
    if not hasattr(value, "dtype") or value.shape != () or value.dtype != dtype:
        right = f"a {dtype.name} scalar []"
        raise BadInput(f"{name} is {_tree_text(value)}; it should be {right}")


def _pairs(expected: Any, got: Any) -> list[tuple[str, Any, Any]]:
    """The leaves of two pytrees of one structure, with where they stand."""
    paths = jax.tree_util.tree_leaves_with_path(expected)
    leaves = jax.tree.leaves(got)
    return [(jax.tree_util.keystr(path), x, y) for (path, x), y in zip(paths, leaves, strict=True)]


def _spec(x: Any) -> tuple[tuple[int, ...], Any]:
    return jnp.shape(x), jnp.result_type(x)


def _leaf_text(x: Any) -> str:
    if not hasattr(x, "dtype"):
        return _type_text(x)
    return f"{x.dtype.name} {list(x.shape)}"


def _tree_text(tree: Any) -> str:
    """A pytree with its leaves written as `float32 [3]`."""
    if not jax.tree.leaves(tree) or hasattr(tree, "dtype"):
        return _leaf_text(tree) if hasattr(tree, "dtype") else repr(tree)
    text = {id(x): _leaf_text(x) for x in jax.tree.leaves(tree)}
    return str(jax.tree.map(lambda x: text[id(x)], tree)).replace("'", "")


def _type_text(value: Any) -> str:
    name = type(value).__name__
    article = "an" if name[0] in "aeiou" else "a"
    return "None" if value is None else f"{article} {name}"
