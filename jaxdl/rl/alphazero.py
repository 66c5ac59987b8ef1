"""AlphaZero: search betters the net's moves, and the net learns from them (Silver et al. 2018).

A general reinforcement learning algorithm that masters chess, shogi and Go through self-play,
Science 362. Numbers of equations are those of AlphaGo Zero (Silver et al. 2017, Nature 550), whose
method it simplifies. Everything stays on the device: games, search, the window of positions,
learning, and the matches that measure it.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics
from jaxdl.envs.games import Game, check_game
from jaxdl.rl.game_learner import (
    Kind,
    Matches,
    Rounds,
    game_learner,
    log_policy_and_value,
    make_judge,
    mean_of_batch,
)
from jaxdl.rl.search import Search, gumbel_search, puct_search
from jaxdl.rl.self_play import Batch


def alphazero(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    num_games: int = 1024,
    moves: int = 32,
    window: int = 131_072,
    updates: int = 16,
    batch_size: int = 4096,
    search: Kind = "gumbel",
    simulations: int = 32,
    considered: int = 16,
    dirichlet_alpha: float = 0.3,
    dirichlet_fraction: float = 0.25,
    sampled_moves: int = 0,
    value_coef: float = 1.0,
    augment: bool = False,
    eval_games: int = 64,
    eval_simulations: int = 0,
    plain_factor: int = 10,
) -> Learner:
    """Builds AlphaZero.

    Args:
      game: the rules.
      net: obs [B, *obs] -> logits [B, A], value [B].
      tx: optimizer.
      num_games: G, played side by side; each begins anew when it ends.
      moves: T, made in each of them between two rounds of learning.
      window: positions that are learned from, in all.
      updates: K, minibatches in a step.
      batch_size: positions in a minibatch, a multiple of G.
      search: "gumbel" (Danihelka et al. 2022) or "puct" (Silver et al. 2018).
      simulations: of a search.
      considered: moves among which the Gumbel search begins.
      dirichlet_alpha: of PUCT's noise at the root.
      dirichlet_fraction: share of that noise.
      sampled_moves: how many moves of a game are drawn from the search's policy; then the best one
        is made. The Gumbel search needs none: its best move is drawn already.
      value_coef: weight of the value's loss.
      augment: learn from boards turned at random by the game's symmetries.
      eval_games: against each opponent, even.
      eval_simulations: of the examined player; 0 for as many as in self-play.
      plain_factor: the stronger opponent without a net has so many times the simulations.

    Returns:
      A learner whose data are (). It is evaluated against a player of random moves, a search
      without a net that has equally many simulations, one that has `plain_factor` times as many,
      and an earlier self.

    Raises:
      BadInput: the game is none, sizes do not fit, or the extra `games` is not installed.
    """
    check_game(game)
    explore = exploring_search(
        game,
        net,
        search,
        simulations=simulations,
        considered=considered,
        dirichlet_alpha=dirichlet_alpha,
        dirichlet_fraction=dirichlet_fraction,
    )

    rounds = Rounds(num_games, moves, window, updates, batch_size, augment, sampled_moves)
    matches = Matches(eval_games, search, eval_simulations or simulations, plain_factor)
    loss = partial(search_loss, net, value_coef)
    return game_learner(game, net, tx, explore, loss, rounds, matches)


def search_loss(
    net: nn.Module, value_coef: float, params: Any, batch: Batch
) -> tuple[jax.Array, Metrics]:
    """Computes eq. 1 of Silver et al. 2017 without its last term, which is the optimizer's decay.

    Args:
      net: obs -> logits, value.
      value_coef: weight of the value's loss; 1 in the paper.
      params: of the net.
      batch: leaves [G, b, ...].
    """
    logp, value = log_policy_and_value(net, params, batch)
    pi = batch.policy
    z = batch.outcome
    policy_loss = mean_of_batch(-jnp.sum(pi * logp, -1, where=batch.legal), batch)
    value_loss = mean_of_batch((z - value) ** 2, batch)
    entropy = mean_of_batch(-jnp.sum(jax.scipy.special.xlogy(pi, pi), -1), batch)
    metrics = {
        "policy_loss": policy_loss,
        "policy_divergence": policy_loss - entropy,  # KL(pi || p)
        "value_loss": value_loss,
    }
    return policy_loss + value_coef * value_loss, metrics


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
    if kind == "gumbel":
        return gumbel_search(game, judge, simulations=simulations, considered=considered)
    return puct_search(
        game,
        judge,
        simulations=simulations,
        dirichlet_alpha=dirichlet_alpha,
        dirichlet_fraction=dirichlet_fraction,
    )
