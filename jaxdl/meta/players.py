"""Players that do not learn from training, beside whom a learned one is shown."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Fold, Learner, Metrics


class Player(NamedTuple):
    """What a player that does not learn from training earns.

    Attributes:
      name: of the rule.
      constant: that was tuned; None for a rule without one.
      reward: expected, of n parts of a trial: pulls, or episodes.
      standard_error: of `reward`; 0 where it is exact.
      regret: [n] expected regret of the first 1 .. n parts; None for the one that others are
        compared with.
      more: kind -> other arrays float32 that tell how it plays.
    """

    name: str
    constant: float | None
    reward: float
    standard_error: float
    regret: np.ndarray | None
    more: Mapping[str, np.ndarray] = {}


class Compared(NamedTuple):
    """What a learned player earns, and the others beside it.

    Attributes:
      metrics: of the learned player's evaluation.
      players: name -> its arrays.
    """

    metrics: Metrics
    players: dict[str, Metrics]


Judge = Callable[[Metrics, Mapping[str, Metrics]], Metrics]  # metrics, players -> metrics


def compare_with(
    learner: Learner,
    players: Callable[[], Sequence[Player]],
    shapes: Mapping[str, dict[str, jax.ShapeDtypeStruct]],
    judge: Judge,
) -> Learner:
    """Sets other players beside a learned one, whenever it is evaluated.

    Args:
      learner: its evaluation returns metrics at once, and is no `Fold`.
      players: () -> the others. Called when an evaluation is computed, not when it is traced, since
        to score them may take minutes.
      shapes: of the arrays of each of them by name, as `shape_player` tells.
      judge: the learned player's metrics, and the others' arrays by name -> metrics.

    Returns:
      A learner whose evaluation has these metrics, and for each other player the arrays
      `score/<player>` [2], reward and standard error, for those with a regret `regret/<player>` [n]
      and `constant/<player>` [1], NaN for one without a constant, and `<kind>/<player>` of `more`.
    """
    evaluate = learner.evaluate
    assert not isinstance(evaluate, Fold)

    def batches():
        yield {player.name: _as_arrays(player) for player in players()}

    def begin(key, state):
        nobody = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), dict(shapes))
        return Compared(evaluate(key, state), nobody)

    def update(compared, state, players):
        return compared._replace(players=players)

    def result(compared):
        metrics = judge(compared.metrics, compared.players)
        for player, arrays in compared.players.items():
            metrics |= {f"{kind}/{player}": array for kind, array in arrays.items()}
        return metrics

    return learner._replace(
        evaluate=Fold(batches, begin, update, result, batch_shape=lambda: dict(shapes))
    )


def shape_player(parts: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the shapes of the arrays of a player with a regret, of n parts of a trial."""
    sizes = {"score": 2, "regret": parts, "constant": 1}
    return {kind: jax.ShapeDtypeStruct((size,), jnp.float32) for kind, size in sizes.items()}


def _as_arrays(player: Player) -> dict[str, np.ndarray]:
    """What a player earns, as the arrays of an evaluation."""
    arrays = {"score": np.array([player.reward, player.standard_error], np.float32)}
    if player.regret is not None:
        constant = np.nan if player.constant is None else player.constant
        regret = np.asarray(player.regret, np.float32)
        arrays |= {"regret": regret, "constant": np.array([constant], np.float32)}
    return arrays | dict(player.more)
