"""AlphaGo's line: imitate an expert's moves, then get better than it by self-play.

Mastering the game of Go with deep neural networks and tree search (Silver et al. 2016, Nature 529).
`clone` is its supervised policy (Methods, eq. 1) with the value net beside it, `reinforce` its
policy gradient (eq. 2, with the value as baseline). In place of people's games there are those of a
search without a net.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState, over_seeds
from jaxdl.envs.games import Game, pick_legal
from jaxdl.rl.game_learner import (
    Matches,
    Rounds,
    game_learner,
)
from jaxdl.rl.game_losses import policy_gradient_loss, search_loss
from jaxdl.rl.search import LEAST, Found, Search, plain_search


def clone(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    expert_simulations: int,
    strays: float = 0.1,
    value_coef: float,
    rounds: Rounds,
    matches: Matches,
) -> Learner:
    """Builds the learner that imitates an expert, a search without a net.

    Args:
      game: the rules.
      net: obs [B, *obs] -> logits [B, A], value [B].
      tx: optimizer.
      expert_simulations: of the expert's search.
      strays: share of the moves that are played at random, so that games differ; what is learned
        there too is the move that the expert has chosen.
      value_coef: weight of the value's loss.
      rounds: of the expert's games and of learning.
      matches: that the learner is measured by.

    Raises:
      BadInput: as `game_learner`.
    """
    expert = plain_search(game, simulations=expert_simulations)

    def show(key, params, positions):
        expert_key, move_key, stray_key = jax.random.split(key, 3)
        found = expert(expert_key, jnp.int32(expert_simulations), positions)
        legal = jax.vmap(game.look)(positions).legal
        is_stray = jax.random.bernoulli(stray_key, strays, found.action.shape)
        action = jnp.where(is_stray, pick_legal(move_key, legal), found.action)
        return Found(action, jax.nn.one_hot(found.action, legal.shape[-1]), found.value)

    imitate = partial(search_loss, net, value_coef)  # -log p(a | s), since the moves are one-hot
    return game_learner(game, net, tx, show, imitate, rounds, matches)


def reinforce(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    value_coef: float,
    rounds: Rounds,
    matches: Matches,
) -> Learner:
    """Builds the learner that plays by its policy alone, without search, and follows its gradient.

    Both sides are played by the present policy, so a game gives a win and a loss to learn from.

    Args:
      game: the rules.
      net: obs [B, *obs] -> logits [B, A], value [B].
      tx: optimizer.
      value_coef: weight of the value's loss.
      rounds: of self-play and learning. The window should hold few rounds, since the gradient is
        that of the policy which has played.
      matches: that the learner is measured by.

    Raises:
      BadInput: as `game_learner`.
    """
    follow = partial(policy_gradient_loss, net, value_coef)
    return game_learner(game, net, tx, policy_player(game, net), follow, rounds, matches)


def policy_player(game: Game, net: nn.Module) -> Search:
    """Returns the player that draws its moves from the net's policy without looking ahead."""

    def choose(key, params, positions):
        turn = jax.vmap(game.look)(positions)
        logits, value = net.apply(params, turn.obs)
        action = jax.random.categorical(key, jnp.where(turn.legal, logits, LEAST))
        return Found(action, jax.nn.one_hot(action, turn.legal.shape[-1]), value)

    return choose


def begin_with(learner: Learner, params: Any, seeds: int) -> TrainState:
    """Returns the state in which a learner of a game begins with parameters that were learned.

    Args:
      learner: of the next stage.
      params: leaves [S, ...] for S > 1 seeds.
      seeds: S.
    """
    several = over_seeds(learner, seeds) if seeds > 1 else learner
    state = jax.jit(several.init)(jax.random.key(0))
    extra = state.extra._replace(recent=params, earlier=params)
    return state._replace(params=params, extra=extra)
