"""How far off a detector is, in pictures that it was never trained on."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Metrics
from jaxdl.sim2real import opengl
from jaxdl.sim2real.reality import held_out
from jaxdl.sim2real.tables import Pictures, Table, make_pictures, project
from jaxdl.sim2real.tobin import Read, Score, chosen

SHOWN = 8  # pictures of each family that a report shows
AT_ONCE = 64  # pictures that are read at a time
SEED = 20_170  # of the test pictures, which are the same for all runs
CM = 100.0


class Trial(NamedTuple):
    """Which pictures a detector is tested with.

    Attributes:
      table: what lies there.
      distractors: at most so many objects beside the one that is looked for.
      count: N pictures of each family.
      on_opengl: reality is what OpenGL draws, where it is there.
    """

    table: Table
    distractors: int
    count: int
    on_opengl: bool = True


def localization_score(trial: Trial) -> Score:
    """Makes an evaluation by pictures of both realities, or of the one that there is.

    Args:
      trial: which pictures.

    Returns:
      read -> evaluation. Its metrics are mean distances in cm: `error_cm` in the reality that was
      asked for, `trivial_error_cm` of their mean position there, `held_out_error_cm` and, where
      there is OpenGL, `opengl_error_cm`; `on_opengl` is 1 where `error_cm` is of OpenGL's
      pictures. Its arrays are, of each reality, `<family>_pictures`
      [P, H, W, 3], `<family>_marks` [P, 2, 2], columns and rows of the truth and of what was found,
      and `<family>_errors` [P] cm.
    """

    def score(read: Read):
        def evaluate(key, state):
            del key
            families = trial_pictures(trial)
            reality = "opengl" if trial.on_opengl and "opengl" in families else "held_out"
            results: Metrics = {"on_opengl": jnp.float32(reality == "opengl")}
            for family, pictures in families.items():
                found = judge(read, state.params, pictures)
                results |= {f"{family}_{name}": value for name, value in found.items()}
            trivial = np.asarray(trivial_error(families[reality].positions), np.float32)
            results |= {"error_cm": results[f"{reality}_error_cm"], "trivial_error_cm": trivial}
            return results

        return evaluate

    return score


def judge(read: Read, params: Any, pictures: Pictures) -> Metrics:
    """Measures the distances of what is found from where it is.

    Args:
      read: parameters, images -> positions.
      params: of the net.
      pictures: of one family.
    """

    def one(image):
        return read(params, image[None])[0]

    images = jnp.asarray(pictures.images)
    found = chosen(jax.lax.map(one, images, batch_size=AT_ONCE), jnp.asarray(pictures.kinds))
    distance = jnp.linalg.norm(found - pictures.positions, axis=1)
    shown = min(SHOWN, len(images))
    eyes = jax.tree.map(lambda x: x[:shown], pictures.eyes)
    sides = images.shape[1:3]
    marks = [project(x[:shown], eyes, *sides) for x in (jnp.asarray(pictures.positions), found)]
    return {
        "error_cm": CM * jnp.mean(distance),
        "pictures": images[:shown],
        "marks": jnp.stack(marks, axis=1),
        "errors": CM * distance[:shown],
    }


def trivial_error(positions: np.ndarray) -> float:
    """Returns the mean distance in cm of positions [N, 3] m from their mean."""
    return CM * float(np.linalg.norm(positions - positions.mean(axis=0), axis=1).mean())


def trial_pictures(trial: Trial) -> Mapping[str, Pictures]:
    """Draws the test pictures of each reality once in a process.

    Args:
      trial: which ones.

    Returns:
      name of a reality -> pictures of NumPy arrays.
    """
    which = trial.table, trial.distractors, trial.count
    with jax.ensure_compile_time_eval():  # an evaluation is traced, its pictures are constants
        families = {"held_out": _held_out(*which)}
        if not opengl.missing():
            families["opengl"] = _opengl(*which)
    return families


@lru_cache(maxsize=4)
def _held_out(table: Table, distractors: int, count: int) -> Pictures:
    key = jax.random.key(SEED + 1)
    return make_pictures(key, table, held_out(table), count=count, distractors=distractors)


@lru_cache(maxsize=4)
def _opengl(table: Table, distractors: int, count: int) -> Pictures:
    return opengl.photograph(table, count=count, distractors=distractors, seed=SEED + 2)
