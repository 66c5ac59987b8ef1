"""The frame that learners of games share: rounds of self-play and of learning, then matches.

AlphaZero and AlphaGo's stages differ in who chooses the moves and in the loss, and in nothing else.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, Replay, TrainState, update
from jaxdl.core.run import BadInput
from jaxdl.envs.games import Game, check_game, start_games
from jaxdl.envs.spaces import zeros
from jaxdl.rl.matches import Player, elo, play_match
from jaxdl.rl.search import (
    Judge,
    Search,
    gumbel_search,
    plain_search,
    puct_search,
    random_search,
)
from jaxdl.rl.self_play import Actors, Batch, empty_window, sample, self_play, turn_batch

Kind = Literal["gumbel", "puct"]
Loss = Callable[[Any, Batch], tuple[jax.Array, Metrics]]  # params, Batch of [G, b]


class Rounds(NamedTuple):
    """How self-play and learning take turns.

    Attributes:
      num_games: G, played side by side; each begins anew when it ends.
      moves: T, made in each of them between two rounds of learning.
      window: positions that are learned from, in all.
      updates: K, minibatches in a round.
      batch_size: positions in a minibatch, a multiple of G.
      augment: learn from boards turned at random by the game's symmetries.
      sampled_moves: how many moves of a game are drawn from the policy that was found; then the one
        that the search has chosen is made.
      opening: new games begin with up to so many random moves, so that positions are seen which
        good play avoids. They are not learned from.
    """

    num_games: int = 1024
    moves: int = 32
    window: int = 131_072
    updates: int = 16
    batch_size: int = 4096
    augment: bool = False
    sampled_moves: int = 0
    opening: int = 0


class Matches(NamedTuple):
    """How what was learned is measured.

    Attributes:
      games: against each opponent, even.
      search: of the examined player, without noise.
      simulations: of that search, and of the opponent without a net that is its equal.
      plain_factor: a stronger opponent without a net has so many times the simulations.
    """

    games: int = 64
    search: Kind = "gumbel"
    simulations: int = 32
    plain_factor: int = 10


class Extra(NamedTuple):
    """Earlier selves to play against; renewed after 1, 2, 4, 8, ... steps.

    Attributes:
      steps: int32 scalar, learner steps so far.
      recent: parameters of the last renewal.
      earlier: parameters of the one before it, from a quarter to a half of the training so far.
    """

    steps: jax.Array
    recent: Any
    earlier: Any


def game_learner(
    game: Game,
    net: nn.Module,
    tx: optax.GradientTransformation,
    explore: Search,
    loss: Loss,
    rounds: Rounds,
    matches: Matches,
) -> Learner:
    """Builds a learner of a game out of who plays and what is made of that.

    Args:
      game: the rules.
      net: obs [B, *obs] -> logits [B, A], value [B].
      tx: optimizer.
      explore: chooses the moves of self-play, with the net's parameters.
      loss: of a minibatch.
      rounds: of self-play and learning.
      matches: that the learner is measured by: against random moves, searches without a net, and an
        earlier self.

    Returns:
      A learner whose data are ().

    Raises:
      BadInput: the game is none, sizes do not fit, or the extra `games` is not installed.
    """
    check_game(game)
    check_sizes(rounds, matches)
    play = careful_search(game, make_judge(net), matches.search, matches.simulations)
    plain = plain_search(game, simulations=matches.plain_factor * matches.simulations)
    chance = random_search(game)

    def init(key):
        params = net.init(key, zeros(game.obs_space)[None])
        window = empty_window(game, rounds.num_games, rounds.window // rounds.num_games)
        actors = Actors(start_games(game, rounds.num_games), Replay(window))
        return TrainState(params, tx.init(params), actors, Extra(jnp.int32(0), params, params))

    def learn(ring, state, key):
        sample_key, turn_key = jax.random.split(key)
        batch = sample(sample_key, ring, rounds.batch_size // rounds.num_games)
        if rounds.augment:
            batch = turn_batch(turn_key, batch, game.symmetries)
        gradient, metrics = jax.grad(loss, has_aux=True)(state.params, batch)
        state, norms = update(tx, state, gradient)
        return state, metrics | norms

    def step(key, state, batch):
        del batch
        play_key, learn_key = jax.random.split(key)
        extra = remember(state.extra, state.params)
        actors, metrics = self_play(
            play_key,
            game,
            explore,
            state.params,
            state.actors,
            moves=rounds.moves,
            sampled_moves=rounds.sampled_moves,
            opening=rounds.opening,
        )
        learned = state._replace(actors=(), extra=())  # what does not change stays out of the loop
        learned, learning = jax.lax.scan(
            partial(learn, actors.replay.ring), learned, jax.random.split(learn_key, rounds.updates)
        )
        metrics |= jax.tree.map(jnp.mean, learning)
        return learned._replace(actors=actors, extra=extra), metrics

    def evaluate(key, state):
        equal = matches.simulations
        opponents = {
            "random": Player(chance, ()),
            "plain": Player(plain, jnp.int32(equal)),
            "strong": Player(plain, jnp.int32(matches.plain_factor * equal)),
            "earlier": Player(play, state.extra.earlier),
        }
        player = Player(play, state.params)
        scores = play_match(key, game, player, list(opponents.values()), games=matches.games)
        return match_metrics(dict(zip(opponents, scores, strict=True)))

    return Learner(init, step, evaluate)


def check_sizes(rounds: Rounds, matches: Matches) -> None:
    """Checks that every row of games has its share of the window and of each minibatch.

    Raises:
      BadInput: with the size to change.
    """
    games, window, batch_size = rounds.num_games, rounds.window, rounds.batch_size
    if window % games or window < games:
        raise BadInput(f"window={window} should be a multiple of num_games={games}")
    if batch_size % games or batch_size < games:
        raise BadInput(f"batch_size={batch_size} should be a multiple of num_games={games}")
    if batch_size > window:
        raise BadInput(f"batch_size={batch_size} exceeds window={window}")
    if matches.games % 2:
        raise BadInput(f"eval_games={matches.games} should be even: each side begins half of them")


def make_judge(net: nn.Module) -> Judge:
    """Returns the net's opinion of positions, as searches ask for it."""
    return lambda params, key, positions, turn: net.apply(params, turn.obs)


def careful_search(game: Game, judge: Judge, kind: Kind, simulations: int) -> Search:
    """Returns the search of one who wants to win: without noise."""
    if kind == "gumbel":
        return gumbel_search(game, judge, simulations=simulations, noise=0.0)
    return puct_search(game, judge, simulations=simulations, dirichlet_fraction=0.0)


def remember(extra: Extra, params: Any) -> Extra:
    """Renews the earlier selves before steps 0, 1, 2, 4, 8, ..."""
    steps = extra.steps
    is_due = (steps & (steps - 1)) == 0
    pick = lambda new, old: jax.tree.map(lambda x, y: jnp.where(is_due, x, y), new, old)  # noqa: E731
    return Extra(steps + 1, pick(params, extra.recent), pick(extra.recent, extra.earlier))


def match_metrics(scores: dict[str, jax.Array]) -> Metrics:
    """Summarizes opponent -> scores [N] as mean scores, and as Elo where strengths are near."""
    metrics: Metrics = {f"score_{name}": jnp.mean(score) for name, score in scores.items()}
    for name, score in scores.items():
        if name != "random":
            rating = elo(score)
            metrics |= {
                f"elo_{name}": rating.difference,
                f"elo_{name}_low": rating.low,
                f"elo_{name}_high": rating.high,
            }
    return metrics
