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

from jaxdl.core.learner import Learner, Metrics, TrainState, over_seeds
from jaxdl.envs.games import Game, check_game, pick_legal
from jaxdl.rl.game_learner import (
    Matches,
    Rounds,
    game_learner,
    log_policy_and_value,
    make_judge,
    mean_of_batch,
)
from jaxdl.rl.search import LEAST, Found, Search, plain_search
from jaxdl.rl.self_play import Batch


def clone(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    expert_simulations: int,
    strays: float = 0.1,
    value_coef: float = 1.0,
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
    check_game(game)
    expert = plain_search(game, simulations=expert_simulations)

    def show(key, params, positions):
        expert_key, move_key, stray_key = jax.random.split(key, 3)
        found = expert(expert_key, jnp.int32(expert_simulations), positions)
        legal = jax.vmap(game.look)(positions).legal
        is_stray = jax.random.bernoulli(stray_key, strays, found.action.shape)
        action = jnp.where(is_stray, pick_legal(move_key, legal), found.action)
        return Found(action, jax.nn.one_hot(found.action, legal.shape[-1]), found.value)

    loss = partial(imitation_loss, net, value_coef)
    return game_learner(game, net, tx, show, loss, rounds, matches)


def reinforce(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    *,
    value_coef: float = 1.0,
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
    check_game(game)
    loss = partial(policy_gradient_loss, net, value_coef)
    return game_learner(game, net, tx, policy_player(game, net), loss, rounds, matches)


def imitation_loss(
    net: nn.Module, value_coef: float, params: Any, batch: Batch
) -> tuple[jax.Array, Metrics]:
    """Computes -log p(a | s), whose gradient eq. 1 follows, and the error of the value, eq. 3.

    Args:
      net: obs -> logits, value.
      value_coef: weight of the value.
      params: of the net.
      batch: leaves [G, b, ...]; the policy is one-hot, the expert's move.
    """
    logp, value = log_policy_and_value(net, params, batch)
    policy_loss = mean_of_batch(-jnp.sum(batch.policy * logp, -1, where=batch.legal), batch)
    agrees = jnp.argmax(logp, -1) == jnp.argmax(batch.policy, -1)
    value_loss = mean_of_batch((batch.outcome - value) ** 2, batch)
    metrics = {
        "policy_loss": policy_loss,
        "accuracy": mean_of_batch(agrees.astype(jnp.float32), batch),
        "value_loss": value_loss,
    }
    return policy_loss + value_coef * value_loss, metrics


def policy_gradient_loss(
    net: nn.Module, value_coef: float, params: Any, batch: Batch
) -> tuple[jax.Array, Metrics]:
    """Computes -(z - v(s)) log p(a | s), eq. 2 with the baseline, and the error of the value.

    Args:
      net: obs -> logits, value.
      value_coef: weight of the value.
      params: of the net.
      batch: leaves [G, b, ...]; the policy is one-hot, the move that was made.
    """
    logp, value = log_policy_and_value(net, params, batch)
    logp = jnp.sum(batch.policy * logp, -1, where=batch.legal)
    adv = batch.outcome - jax.lax.stop_gradient(value)
    policy_loss = mean_of_batch(-adv * logp, batch)
    value_loss = mean_of_batch((batch.outcome - value) ** 2, batch)
    metrics = {
        "policy_loss": policy_loss,
        "policy_entropy": mean_of_batch(-logp, batch),
        "value_loss": value_loss,
    }
    return policy_loss + value_coef * value_loss, metrics


def policy_player(game: Game, net: nn.Module) -> Search:
    """Returns the player that draws its moves from the net's policy without looking ahead."""
    judge = make_judge(net)

    def choose(key, params, positions):
        judge_key, key = jax.random.split(key)
        turn = jax.vmap(game.look)(positions)
        logits, value = judge(params, judge_key, positions, turn)
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
