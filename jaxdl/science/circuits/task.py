"""What sizing is: numbers to choose, a simulation, and requirements of what it tells."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.circuits import opamp


class Requirement(NamedTuple):
    """What one measured value should be.

    Attributes:
      name: of the value.
      unit: of it.
      target: that it should reach, above 0.
      at_least: whether it should be at least that; else at most.
    """

    name: str
    unit: str
    target: float
    at_least: bool = True

    def __str__(self):
        return f"{self.name} {'>=' if self.at_least else '<='} {self.target:g} {self.unit}".strip()


Simulate = Callable[[Mapping[str, jax.Array]], tuple[jax.Array, jax.Array, jax.Array]]


class SizingTask(NamedTuple):
    """A circuit whose D sizes shall be chosen so that S requirements hold.

    Attributes:
      names: of the sizes.
      low: [D] least sizes, in their units.
      high: [D] greatest sizes.
      requirements: S of them.
      simulate: sizes, name -> scalar -> values [S] in the requirements' units, whether they mean
        anything, and what is drawn of it: a response [F] complex.
      frequencies: [F] of the response, Hz.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    requirements: tuple[Requirement, ...]
    simulate: Simulate
    frequencies: np.ndarray


class Trial(NamedTuple):
    """Designs that were simulated; leaves [N, ...].

    Attributes:
      points: [N, D] within 0 and 1, between the least and the greatest sizes.
      values: [N, S] in the requirements' units.
      merits: [N, S] within -1 and 1; from 0 on a requirement holds.
    """

    points: jax.Array
    values: jax.Array
    merits: jax.Array

    @property
    def shortfalls(self) -> jax.Array:
        """[N, S] within 0 and 1; 0 where a requirement holds."""
        return jnp.maximum(-self.merits, 0.0)

    @property
    def total(self) -> jax.Array:
        """[N] sums of the shortfalls; 0 for a design that is feasible."""
        return jnp.sum(self.shortfalls, axis=-1)


def opamp_task(
    *,
    gain: float = 300.0,
    bandwidth: float = 1e7,
    phase_margin: float = 60.0,
    current: float = 2e-4,
) -> SizingTask:
    """Makes the sizing of the two-stage amplifier.

    Of 20,000 designs that are drawn evenly 0.24 % meet the requirements as they stand.

    Args:
      gain: V/V at 1 Hz, at least.
      bandwidth: Hz where the gain is 1, at least.
      phase_margin: degrees, at least.
      current: A of the supply, at most.
    """
    requirements = (
        Requirement("gain", "V/V", gain),
        Requirement("bandwidth", "Hz", bandwidth),
        Requirement("phase_margin", "degrees", phase_margin),
        Requirement("current", "A", current, at_least=False),
    )

    def simulate(sizes):
        point, response = opamp.simulate_opamp(sizes)
        return jnp.stack(opamp.measure_opamp(point, response)), point.valid, response

    low, high = np.array(list(opamp.SIZES.values())).T
    return SizingTask(tuple(opamp.SIZES), low, high, requirements, simulate, opamp.FREQUENCIES)


def sizes_at(task: SizingTask, point: jax.Array) -> dict[str, jax.Array]:
    """Turns a point [D] within 0 and 1 into sizes, in their units."""
    low, high = (jnp.asarray(bound, point.dtype) for bound in (task.low, task.high))
    return dict(zip(task.names, low + point * (high - low), strict=True))


def attempt(task: SizingTask, point: jax.Array) -> Trial:
    """Simulates one design [D]; differentiable, and without NaN where a circuit is dead."""
    return look_at(task, point)[0]


def look_at(task: SizingTask, point: jax.Array) -> tuple[Trial, jax.Array, jax.Array]:
    """Simulates one design [D]; returns also whether it is valid, and its response [F] complex."""
    values, valid, response = task.simulate(sizes_at(task, point))
    values = jnp.where(valid, values, 0.0)
    found = jnp.where(valid, merits(task.requirements, values), -1.0)
    return Trial(point, values, found), valid, response


def merits(requirements: tuple[Requirement, ...], values: jax.Array) -> jax.Array:
    """Computes how far values are beyond their targets: (value - target) / (value + target).

    The normalized difference of AutoCkt's reward (Settaluri et al. 2020, eq. 1), which is
    tanh(log(value / target) / 2): a factor counts alike wherever the target is.

    Args:
      requirements: S of them; of one that asks for at most its target the sign is the opposite.
      values: [S]; what is below 0 counts as 0.

    Returns:
      [S] within -1 and 1.
    """
    target = jnp.array([one.target for one in requirements], values.dtype)
    sign = jnp.array([1.0 if one.at_least else -1.0 for one in requirements], values.dtype)
    values = jnp.maximum(values, 0.0)
    return sign * (values - target) / (values + target)
