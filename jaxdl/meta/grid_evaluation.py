"""Scores of nets that look for hidden goals in a grid, as a share of the Bayes-optimal reward."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Mean
from jaxdl.envs import Env
from jaxdl.envs.names import parse_name
from jaxdl.meta import bayes
from jaxdl.meta.evaluation import EXACT
from jaxdl.meta.players import Player, compare_with

HORIZON = 15  # of `grid_goal`, where its name does not say another


def grid_sizes(name: str, env: Env, *, episodes: int) -> dict[str, int] | None:
    """Returns the arguments of `bayes.grid_goal_value`; None for a world that it is not exact for.

    Args:
      name: of the world, with its settings.
      env: the world of one episode.
      episodes: n, of a trial.
    """
    world, settings = parse_name(name)
    if world != "grid_goal":
        return None
    size = round(env.obs_space.n**0.5)
    horizon = int(settings.get("horizon", HORIZON))
    return {"size": size, "episodes": episodes, "horizon": horizon} if size <= 5 else None


def compare_optimum(learner: Learner, **sizes: int) -> Learner:
    """Compares with the Bayes-optimal player, who is computed when an evaluation first is.

    Args:
      learner: its evaluation is that of `trial_evaluation`.
      **sizes: of the trial, as `bayes.grid_goal_value` takes them.

    Returns:
      A learner whose evaluation has the metric `percent_of_optimal`, and the array
      `score/<EXACT>` [2], the optimum and its error, 0.
    """

    def players():
        return [Player(EXACT, None, bayes.grid_goal_value(**sizes), 0.0, None)]

    def judge(metrics: Any, players: Any):
        total, count = metrics["trial_return"]
        percent = Mean(100 * total / players[EXACT]["score"][0], count)
        return metrics | {"percent_of_optimal": percent}

    shapes = {EXACT: {"score": jax.ShapeDtypeStruct((2,), jnp.float32)}}
    return compare_with(learner, players, shapes, judge)
