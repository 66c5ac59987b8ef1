"""AlphaZero: search betters the net's moves, and the net learns from them (Silver et al. 2018).

A general reinforcement learning algorithm that masters chess, shogi and Go through self-play,
Science 362. Numbers of equations are those of AlphaGo Zero (Silver et al. 2017, Nature 550), whose
method it simplifies. Everything stays on the device: games, search, the window of positions,
learning, and the matches that measure it.
"""

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
    LEAST,
    Judge,
    Search,
    gumbel_search,
    plain_search,
    puct_search,
    random_search,
)
from jaxdl.rl.self_play import Actors, empty_window, sample, self_play, turn_batch


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
    search: Literal["gumbel", "puct"] = "gumbel",
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
    check_sizes(num_games, window, batch_size, eval_games)
    judge = make_judge(net)
    options = {"considered": considered} if search == "gumbel" else {}
    if search == "puct":
        options = {"dirichlet_alpha": dirichlet_alpha, "dirichlet_fraction": dirichlet_fraction}
    make_search = gumbel_search if search == "gumbel" else puct_search
    explore = make_search(game, judge, simulations=simulations, **options)
    examined = eval_simulations or simulations
    play = careful_search(game, judge, search, examined)
    plain = plain_search(game, simulations=plain_factor * examined)
    chance = random_search(game)

    def init(key):
        params = net.init(key, zeros(game.obs_space)[None])
        actors = Actors(
            start_games(game, num_games),
            Replay(empty_window(game, num_games, window // num_games)),
        )
        return TrainState(params, tx.init(params), actors, Extra(jnp.int32(0), params, params))

    def loss(params, batch):
        """Eq. 1 of Silver et al. 2017 without the last term, which is the optimizer's decay."""
        logits, value = net.apply(params, batch.obs.reshape(-1, *batch.obs.shape[2:]))
        logits, value = logits.reshape(batch.policy.shape), value.reshape(batch.outcome.shape)
        logp = jax.nn.log_softmax(jnp.where(batch.legal, logits, LEAST))
        policy_loss = _mean(-jnp.sum(batch.policy * logp, -1, where=batch.legal), batch.weight)
        value_loss = _mean((batch.outcome - value) ** 2, batch.weight)
        entropy = -jnp.sum(jax.scipy.special.xlogy(batch.policy, batch.policy), -1)
        metrics = {
            "policy_loss": policy_loss,
            "policy_divergence": policy_loss - _mean(entropy, batch.weight),
            "value_loss": value_loss,
        }
        return policy_loss + value_coef * value_loss, metrics

    def learn(ring, state, key):
        sample_key, turn_key = jax.random.split(key)
        batch = sample(sample_key, ring, batch_size // num_games)
        if augment:
            batch = turn_batch(turn_key, batch, game.symmetries)
        gradient, metrics = jax.grad(loss, has_aux=True)(state.params, batch)
        state, norms = update(tx, state, gradient)
        return state, metrics | norms

    def step(key, state, batch):
        del batch
        play_key, learn_key = jax.random.split(key)
        extra = remember(state.extra, state.params)
        actors, metrics = self_play(
            play_key, game, explore, state.params, state.actors, moves, sampled_moves
        )
        learned = state._replace(actors=(), extra=())  # what does not change stays out of the loop
        learned, learning = jax.lax.scan(
            partial(learn, actors.replay.ring), learned, jax.random.split(learn_key, updates)
        )
        metrics |= jax.tree.map(jnp.mean, learning)
        return learned._replace(actors=actors, extra=extra), metrics

    def evaluate(key, state):
        opponents = {
            "random": Player(chance, ()),
            "plain": Player(plain, jnp.int32(examined)),
            f"plain_x{plain_factor}": Player(plain, jnp.int32(plain_factor * examined)),
            "earlier": Player(play, state.extra.earlier),
        }
        player = Player(play, state.params)
        scores = play_match(key, game, player, list(opponents.values()), games=eval_games)
        return match_metrics(dict(zip(opponents, scores, strict=True)))

    return Learner(init, step, evaluate)


def check_sizes(num_games: int, window: int, batch_size: int, eval_games: int) -> None:
    """Checks that every row of games has its share of the window and of each minibatch.

    Raises:
      BadInput: with the size to change.
    """
    if window % num_games or window < num_games:
        raise BadInput(f"window={window} should be a multiple of num_games={num_games}")
    if batch_size % num_games or batch_size < num_games:
        raise BadInput(f"batch_size={batch_size} should be a multiple of num_games={num_games}")
    if batch_size > window:
        raise BadInput(f"batch_size={batch_size} exceeds window={window}")
    if eval_games % 2:
        raise BadInput(
            f"eval_games={eval_games} should be even: openings are played from each side"
        )


def make_judge(net: nn.Module) -> Judge:
    """Returns the net's opinion of positions, as searches ask for it."""
    return lambda params, key, positions, turn: net.apply(params, turn.obs)


def careful_search(game: Game, judge: Judge, kind: str, simulations: int) -> Search:
    """Returns the search of one who wants to win: without noise."""
    if kind == "gumbel":
        return gumbel_search(game, judge, simulations=simulations, noise=0.0)
    return puct_search(game, judge, simulations=simulations, dirichlet_fraction=0.0)


def remember(extra: Extra, params: Any) -> Extra:
    """Renews the earlier selves before steps 1, 2, 4, 8, ... (counted from 0)."""
    steps = extra.steps
    is_due = (steps & (steps - 1)) == 0
    pick = lambda new, old: jax.tree.map(lambda x, y: jnp.where(is_due, x, y), new, old)  # noqa: E731
    return Extra(steps + 1, pick(params, extra.recent), pick(extra.recent, extra.earlier))


def match_metrics(scores: dict[str, jax.Array]) -> Metrics:
    """Summarizes opponent -> scores [N] as mean scores, and as Elo where strengths are near."""
    metrics: Metrics = {f"score_{name}": jnp.mean(score) for name, score in scores.items()}
    for name, score in scores.items():
        if name != "random":
            metrics |= {f"elo_{name}{end}": x for end, x in _named(elo(score)).items()}
    return metrics


def _named(rating: Any) -> dict[str, jax.Array]:
    return {"": rating.difference, "_low": rating.low, "_high": rating.high}


def _mean(values: jax.Array, weight: jax.Array) -> jax.Array:
    """The mean over [G, b] of the rows that count."""
    return jnp.sum(jnp.mean(values, 1) * weight) / jnp.maximum(jnp.sum(weight), 1.0)
