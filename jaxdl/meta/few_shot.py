"""Families of tasks with little to learn from: sinusoids and characters."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.data.few_shot import Characters, FewShot, check_sizes, sample_tasks
from jaxdl.data.omniglot import Runs
from jaxdl.losses import softmax_cross_entropy

AMPLITUDE = 0.1, 5.0  # Finn et al. 2017, section 5.1
INTERVAL = -5.0, 5.0  # of x, as there
GRID = 101  # places in the interval, evenly spaced, at which a learned curve is judged

Draw = Callable[[jax.Array, int], FewShot]  # key, M -> M tasks
Measure = Callable[[jax.Array, jax.Array], jax.Array]  # outputs, targets of a task -> scalar


class Tasks(NamedTuple):
    """A family of tasks, and what it means to do well in one.

    Attributes:
      x: shape and dtype of one input [...].
      y: of one target.
      sample: draws tasks to be trained with.
      test: draws tasks that training never draws.
      loss: what is descended, within tasks and over them.
      error: what is reported; lower is better.
    """

    x: jax.ShapeDtypeStruct
    y: jax.ShapeDtypeStruct
    sample: Draw
    test: Draw
    loss: Measure
    error: Measure


def sinusoids(*, shots: int, queries: int) -> Tasks:
    """Makes the family y = A sin(x - phase) of Finn et al. 2017, section 5.1.

    Amplitudes are drawn of [0.1, 5], phases of [0, pi], x of [-5, 5], all evenly. Loss and error
    are the mean square (eq. 2); in tests it is that at 101 places of the interval. Who always says
    0 has an error of 4.3.

    Args:
      shots: K, points to learn from.
      queries: Q, points that are asked for in training.
    """

    def square(outputs, targets):
        return jnp.mean((outputs - targets) ** 2)

    def draw(key, tasks, asked):
        """Draws curves and points of them; all numbers come of one draw, as compiling one costs."""
        parts = jax.random.uniform(key, (tasks, 2 + shots + asked, 1))
        amplitude, phase, x, more = jnp.split(parts, (1, 2, 2 + shots), axis=1)
        amplitude = AMPLITUDE[0] + (AMPLITUDE[1] - AMPLITUDE[0]) * amplitude
        return lambda x: amplitude * jnp.sin(x - jnp.pi * phase), _in_interval(x), more

    def sample(key, tasks):
        curve, x, asked = draw(key, tasks, queries)
        query_x = _in_interval(asked)
        return FewShot(x, curve(x), query_x, curve(query_x))

    def test(key, tasks):
        curve, x, _ = draw(key, tasks, 0)
        grid = jnp.broadcast_to(_in_interval(jnp.linspace(0, 1, GRID))[:, None], (tasks, GRID, 1))
        return FewShot(x, curve(x), grid, curve(grid))

    number = jax.ShapeDtypeStruct((1,), jnp.float32)
    return Tasks(number, number, sample, test, square, square)


def _in_interval(share: jax.Array) -> jax.Array:
    """Returns the places of shares in [0, 1] of the interval."""
    return INTERVAL[0] + (INTERVAL[1] - INTERVAL[0]) * share


def characters(
    read: Callable[[], Characters],
    side: int,
    *,
    ways: int,
    shots: int,
    queries: int,
    runs: Callable[[], Runs] | None = None,
) -> Tasks:
    """Makes the family of N characters, K drawings of each to learn from, to tell others by.

    Training draws characters that are turned by 90, 180 and 270 degrees too, as classes of their
    own; tests do not. The loss is the cross entropy (eq. 3), the error the share of wrong answers.

    Args:
      read: () -> the characters, called when the first tasks are drawn.
      side: of their images, pixels.
      ways: N.
      shots: K.
      queries: Q, drawings of each character that are to be told.
      runs: () -> Lake's runs, to test within one alphabet; None to test with any characters.

    Raises:
      BadInput: more ways than the 20 characters of a run, or more than its one shot; (when tasks
        are drawn) more ways than classes, or more shots and queries than drawings.
    """
    if runs and ways > 20:
        raise BadInput(f"--ways={ways} should be at most 20, the characters of a run")
    if runs and shots > 1:
        raise BadInput(f"--shots={shots} should be 1, the drawings of a character of a run")
    sizes = {"ways": ways, "shots": shots, "queries": queries}

    @cache
    def arrays():
        data = read()
        check_sizes(data.test.shape, **sizes)
        return jnp.asarray(data.train), jnp.asarray(data.test)

    def sample(key, tasks):
        return sample_tasks(key, _whole(arrays)[0], tasks=tasks, rotations=True, **sizes)

    def test(key, tasks):
        return sample_tasks(key, _whole(arrays)[1], tasks=tasks, **sizes)

    within = cache(lambda: Runs(*map(jnp.asarray, runs())))

    def test_within(key, tasks):
        return run_tasks(key, _whole(within), ways=ways, tasks=tasks)

    def wrong(outputs, targets):
        return jnp.mean(jnp.argmax(outputs, axis=-1) != targets)

    image = jax.ShapeDtypeStruct((side, side, 1), jnp.float32)
    label = jax.ShapeDtypeStruct((), jnp.int32)
    tested = test_within if runs else test
    return Tasks(image, label, sample, tested, softmax_cross_entropy, wrong)


def _whole(read: Callable[[], tuple]) -> tuple:
    """Reads arrays as they are also where a program is being traced."""
    with jax.ensure_compile_time_eval():
        return read()


def run_tasks(key: jax.Array, runs: Runs, *, ways: int, tasks: int) -> FewShot:
    """Draws tasks within an alphabet: N characters of one of Lake's runs, one drawing to learn.

    Of 20 tasks, each run is drawn once; with 20 ways they are Lake's runs, in another order.

    Args:
      key: of the draw.
      runs: arrays on the device.
      ways: N, at most 20.
      tasks: M.
    """
    run_key, way_key = jax.random.split(key)
    number = jax.random.permutation(run_key, len(runs.support))
    number = jnp.resize(number, tasks)  # [M]
    chosen = jax.lax.top_k(jax.random.uniform(way_key, (tasks, runs.support.shape[1])), ways)[1]
    asked = jnp.argsort(runs.labels, axis=1)[number[:, None], chosen]  # the queries of these
    labels = jnp.broadcast_to(jnp.arange(ways, dtype=jnp.int32), (tasks, ways))

    def take(images, rows):
        return images[number[:, None], rows][..., None].astype(jnp.float32) / 255

    return FewShot(take(runs.support, chosen), labels, take(runs.query, asked), labels)
