"""Distributions over a world's physics: what is drawn is factors of the world's own constants."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs import Env
from jaxdl.envs.names import suggest

ALL = "all"  # stands for every parameter that a world has

Draw = Callable[[jax.Array], jax.Array]  # key -> factors [D]


class Ranges(NamedTuple):
    """Ranges of some parameters of a world, as factors of what the world has.

    Attributes:
      names: D parameters.
      low: [D] the least factor of each.
      high: [D] the greatest.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray


def parameters(env: Env) -> tuple[str, ...]:
    """Returns the names of a world's physics parameters.

    They are the float32 scalars of its task, or of the part of it that is called `constants`; a
    world whose task is no NamedTuple has none.
    """
    task = jax.eval_shape(env.sample_task, jax.eval_shape(lambda: jax.random.key(0)))
    constants = getattr(task, "constants", task)
    fields = getattr(constants, "_fields", ())
    is_number = {name: _is_number(getattr(constants, name)) for name in fields}
    return tuple(name for name in fields if is_number[name])


def make_ranges(env: Env, ranges: Mapping[str, tuple[float, float]]) -> Ranges:
    """Makes ranges for a world, in the order of its parameters.

    Args:
      env: the family of worlds.
      ranges: parameter -> least and greatest factor. `all` stands for every parameter that is not
        named itself, of which there may be none.

    Raises:
      BadInput: the world has no such parameter, or a range is inverted or negative.
    """
    known = parameters(env)
    for name, (low, high) in ranges.items():
        if name != ALL and name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise BadInput(f"the world has no parameter {name!r}; {has}{suggest(name, known)}")
        if not 0 <= low <= high < np.inf:
            raise BadInput(f"{name}={low:g}:{high:g} should be low:high, with 0 <= low <= high")
    names = tuple(name for name in known if name in ranges or ALL in ranges)
    chosen = [ranges.get(name, ranges.get(ALL)) for name in names]
    low, high = np.array(chosen, np.float32).reshape(-1, 2).T
    return Ranges(names, low, high)


def check_beyond(ranges: Ranges, beyond: Ranges) -> None:
    """Checks that held-out ranges are of the same parameters and leave room for what is held out.

    Raises:
      BadInput: they are not, or do not.
    """
    if ranges.names != beyond.names:
        raise BadInput(
            f"the ranges of {', '.join(beyond.names)} should be of {', '.join(ranges.names)}"
        )
    rows = zip(ranges.names, ranges.low, ranges.high, beyond.low, beyond.high, strict=True)
    for name, low, high, least, most in rows:
        if not least < low <= high < most:
            raise BadInput(
                f"{name}={least:g}:{most:g} is to be held out, and should reach beyond "
                f"{low:g}:{high:g} on both sides"
            )


def scale_task(task: Any, names: tuple[str, ...], factors: jax.Array) -> Any:
    """Multiplies parameters of a task.

    Args:
      task: of a world that has these parameters.
      names: D of them.
      factors: [D].
    """
    if not names:
        return task
    constants = getattr(task, "constants", task)
    scaled = {name: getattr(constants, name) * factors[i] for i, name in enumerate(names)}
    constants = constants._replace(**scaled)
    return task._replace(constants=constants) if hasattr(task, "constants") else constants


def with_physics(env: Env, names: tuple[str, ...], draw: Draw) -> Env:
    """Draws a world's physics anew for each episode; goals are drawn as before.

    Args:
      env: the family of worlds. If it draws constants itself, these are multiplied.
      names: D parameters.
      draw: key -> their factors [D].
    """

    def sample_task(key):
        task_key, physics_key = jax.random.split(key)
        return scale_task(env.sample_task(task_key), names, draw(physics_key))

    return env._replace(sample_task=sample_task)


def nominal(ranges: Ranges) -> Draw:
    """Always draws the world's own constants."""
    return lambda key: jnp.ones(len(ranges.names))


def uniform(ranges: Ranges) -> Draw:
    """Draws each factor evenly from its range, independently of the others."""
    shape = (len(ranges.names),)
    return lambda key: jax.random.uniform(key, shape, minval=ranges.low, maxval=ranges.high)


def corners(ranges: Ranges) -> Draw:
    """Draws each factor from the two ends of its range: one of the 2^D corners."""

    def draw(key):
        is_low = jax.random.bernoulli(key, shape=(len(ranges.names),))
        return jnp.where(is_low, ranges.low, ranges.high)

    return draw


def outside(ranges: Ranges, beyond: Ranges) -> Draw:
    """Draws one factor from beyond its range, and the others from within theirs.

    Either side of the range is as likely, and so is each parameter.

    Args:
      ranges: within which training takes place.
      beyond: of the same parameters; they reach further on both sides.
    """
    size = len(ranges.names)
    inside = uniform(ranges)
    below = uniform(Ranges(ranges.names, beyond.low, ranges.low))
    above = uniform(Ranges(ranges.names, ranges.high, beyond.high))

    def draw(key):
        keys = jax.random.split(key, 5)
        chosen = jnp.arange(size) == jax.random.randint(keys[0], (), 0, max(size, 1))
        far = jnp.where(jax.random.bernoulli(keys[1]), below(keys[2]), above(keys[3]))
        return jnp.where(chosen, far, inside(keys[4]))

    return draw


def _is_number(leaf: Any) -> bool:
    return getattr(leaf, "shape", None) == () and leaf.dtype == jnp.float32
