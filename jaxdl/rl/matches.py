"""Matches between players of a game, all games at once, and what their scores mean in Elo."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.mesh import spread
from jaxdl.envs.games import Game, Position, pick_legal, start_games

Player = Callable[[jax.Array, Position], jax.Array]  # key, positions [B, ...] -> moves int32 [B]


class Table(NamedTuple):
    """Holds games of K opponents, in leaves [K, N, ...], in which one side is to move.

    Attributes:
      positions: where the games stand.
      seat: int32, whether the examined player is number 0 or 1 of the game.
      reward: float32, what the examined player has earned.
      is_over: bool.
    """

    positions: Position
    seat: jax.Array
    reward: jax.Array
    is_over: jax.Array


def play_match(
    key: jax.Array,
    game: Game,
    player: Player,
    opponents: Sequence[Player],
    *,
    games: int,
    opening: int = 2,
) -> jax.Array:
    """Lets a player meet several opponents; every opening is played twice, once from each side.

    Half of the games have the player to move and half the opponents, at every time, so no move is
    computed in vain: the halves change places.

    Args:
      key: of all chance.
      game: the rules; players move in turn.
      player: who is examined.
      opponents: K of them.
      games: N against each of them, even.
      opening: random moves before the players take over, an even number; games should last longer.

    Returns:
      [K, N] scores of the player: 1 for a win, 1/2 for a draw, 0 for a loss.
    """
    count = len(opponents)
    open_key, key = jax.random.split(key)
    shape = (count, games // 2)
    positions = start_games(game, count * (games // 2))
    for one in jax.random.split(open_key, opening):
        legal = jax.vmap(game.look)(positions).legal
        positions = jax.vmap(game.play)(positions, pick_legal(one, legal))
    turn = jax.vmap(game.look)(positions)
    positions, seat, is_over = jax.tree.map(
        lambda x: spread(x.reshape(*shape, *x.shape[1:])), (positions, turn.player, turn.is_over)
    )
    nothing = jnp.zeros(shape)
    ours = Table(positions, seat, nothing, is_over)
    theirs = Table(positions, 1 - seat, nothing, is_over)

    def is_running(state):
        return ~jnp.all(state[1].is_over & state[2].is_over)

    def move(state):
        key, ours, theirs = state
        key, player_key, *keys = jax.random.split(key, 2 + count)
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), ours.positions)
        action = player(player_key, flat).reshape(shape)
        answers = jnp.stack(
            [
                opponent(one, jax.tree.map(lambda x, i=i: x[i], theirs.positions))
                for i, (one, opponent) in enumerate(zip(keys, opponents, strict=True))
            ]
        )
        return key, advance(game, theirs, answers), advance(game, ours, action)

    _, *ends = jax.lax.while_loop(is_running, move, (key, ours, theirs))
    return jnp.concatenate([0.5 + 0.5 * jnp.clip(end.reward, -1, 1) for end in ends], axis=1)


def advance(game: Game, table: Table, action: jax.Array) -> Table:
    """Makes a move [K, N] in every game that goes on."""
    positions = jax.vmap(jax.vmap(game.play))(table.positions, action)
    turn = jax.vmap(jax.vmap(game.look))(positions)
    reward = jnp.take_along_axis(turn.reward, table.seat[..., None], axis=-1)[..., 0]
    reward = table.reward + jnp.where(table.is_over, 0.0, reward)
    return Table(positions, table.seat, reward, table.is_over | turn.is_over)


class Elo(NamedTuple):
    """How much stronger a player is than its opponent, in Elo points.

    Attributes:
      difference: float32 scalar; 0 for equals, about 190 where three of four points are won.
      low: the lower end of its 95 % interval.
      high: the upper end.
    """

    difference: jax.Array
    low: jax.Array
    high: jax.Array


def elo(scores: jax.Array) -> Elo:
    """Estimates the difference in strength that scores [N] of 0, 1/2 and 1 tell of.

    Half a win and half a loss are added, so that it is finite where all games were won. The
    interval is Wilson's for the mean score, draws counted as half, mapped to Elo.
    """
    n = scores.shape[0] + 1
    mean = (jnp.sum(scores) + 0.5) / n
    z = 1.96
    middle = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * jnp.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    points = [
        400 * jnp.log10(share / (1 - share)) for share in (mean, middle - half, middle + half)
    ]
    return Elo(*points)
