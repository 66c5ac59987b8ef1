"""AlphaZero: search betters the net's moves, and the net learns from them (Silver et al. 2018).

A general reinforcement learning algorithm that masters chess, shogi and Go through self-play,
Science 362. Numbers of equations are those of AlphaGo Zero (Silver et al. 2017, Nature 550), whose
method it simplifies. Everything stays on the device: games, search, the window of positions,
learning, and the matches that measure it.
"""

from functools import partial

import flax.linen as nn
import optax

from jaxdl.core.learner import Learner
from jaxdl.envs.games import Game
from jaxdl.rl.game_learner import (
    Kind,
    Matches,
    Rounds,
    game_learner,
    make_judge,
)
from jaxdl.rl.game_losses import search_loss
from jaxdl.rl.search import Search, gumbel_search, puct_search

ROUNDS = Rounds()  # the sizes of pgx's example
MATCHES = Matches()


def alphazero(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    search: Kind = "gumbel",
    simulations: int = 32,
    considered: int = 16,
    dirichlet_alpha: float = 0.3,
    dirichlet_fraction: float = 0.25,
    value_coef: float = 1.0,
    rounds: Rounds = ROUNDS,
    matches: Matches = MATCHES,
) -> Learner:
    """Builds AlphaZero.

    Args:
      game: the rules.
      net: obs [B, *obs] -> logits [B, A], value [B].
      tx: optimizer.
      search: "gumbel" (Danihelka et al. 2022) or "puct" (Silver et al. 2018).
      simulations: of a search.
      considered: moves among which the Gumbel search begins.
      dirichlet_alpha: of PUCT's noise at the root.
      dirichlet_fraction: share of that noise.
      value_coef: weight of the value's loss.
      rounds: of self-play and learning. PUCT's moves should be drawn for a while (30 in Silver et
        al. 2017); the Gumbel search draws its best move already.
      matches: that the learner is measured by.

    Returns:
      A learner whose data are (). It is evaluated against random moves, a search without a net
      that has equally many simulations, one that has more, and an earlier self.

    Raises:
      BadInput: the game is none, sizes do not fit, or the extra `games` is not installed.
    """
    explore = exploring_search(
        game,
        net,
        search,
        simulations=simulations,
        considered=considered,
        dirichlet_alpha=dirichlet_alpha,
        dirichlet_fraction=dirichlet_fraction,
    )

    loss = partial(search_loss, net, value_coef)
    return game_learner(game, net, tx, explore, loss, rounds, matches)


def exploring_search(
    game: Game,
    net: nn.Module,
    kind: Kind,
    *,
    simulations: int,
    considered: int = 16,
    dirichlet_alpha: float = 0.3,
    dirichlet_fraction: float = 0.25,
) -> Search:
    """Returns the search of self-play, with noise at the root."""
    judge = make_judge(net)
    if kind != "puct":
        return gumbel_search(game, judge, simulations=simulations, considered=considered)
    return puct_search(
        game,
        judge,
        simulations=simulations,
        dirichlet_alpha=dirichlet_alpha,
        dirichlet_fraction=dirichlet_fraction,
    )
