"""Matches between players of a game, all games at once, and what their scores mean in Elo."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.mesh import split
from jaxdl.envs.games import Game, Position, pick_legal, start_games
from jaxdl.rl.search import Search


class Player(NamedTuple):
    """One who plays.

    Attributes:
      search: that chooses the moves.
      params: of it.
    """

    search: Search
    params: Any


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


class Match(NamedTuple):
    """The state of a match.

    Attributes:
      key: of the moves to come.
      ours: the games in which the examined player is to move.
      theirs: those in which its opponents are.
    """

    key: jax.Array
    ours: Table
    theirs: Table


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
    computed in vain: the halves change places. Players of one search share one program.

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
        lambda x: x.reshape(*shape, *x.shape[1:]), (positions, turn.player, turn.is_over)
    )
    devices = jax.sharding.get_abstract_mesh().size
    if shape[1] % max(devices, 1) == 0:
        positions, seat, is_over = split((positions, seat, is_over), axis=1)
    nothing = jnp.zeros(shape)
    ours = Table(positions, seat, nothing, is_over)
    theirs = Table(positions, 1 - seat, nothing, is_over)

    def is_running(match):
        return ~jnp.all(match.ours.is_over & match.theirs.is_over)

    def move(match):
        key, move_key = jax.random.split(match.key)
        seats = [(player, i, match.ours) for i in range(count)]
        seats += [(opponent, i, match.theirs) for i, opponent in enumerate(opponents)]
        positions = [jax.tree.map(lambda x, i=i: x[i], side.positions) for _, i, side in seats]
        actions = choose_moves(move_key, [one for one, _, _ in seats], positions)
        answers, actions = jnp.stack(actions[count:]), jnp.stack(actions[:count])
        return Match(
            key=key,
            ours=advance(game, match.theirs, answers),
            theirs=advance(game, match.ours, actions),
        )

    end = jax.lax.while_loop(is_running, move, Match(key, ours, theirs))
    ends = (end.ours, end.theirs)
    return jnp.concatenate([0.5 + 0.5 * jnp.clip(end.reward, -1, 1) for end in ends], axis=1)


def choose_moves(
    key: jax.Array, players: Sequence[Player], positions: Sequence[Position]
) -> list[jax.Array]:
    """Lets players choose, each in its own N games; returns their moves, int32 [N] each.

    Those of one search take turns in a loop over their parameters, so that it is compiled once.
    """
    moves: dict[int, jax.Array] = {}
    for number, search in enumerate(dict.fromkeys(one.search for one in players)):
        seats = [i for i, one in enumerate(players) if one.search is search]
        keys = jax.random.split(jax.random.fold_in(key, number), len(seats))
        stack = lambda trees: jax.tree.map(lambda *x: jnp.stack(x), *trees)  # noqa: E731
        params = stack([players[i].params for i in seats])
        tables = stack([positions[i] for i in seats])

        def choose(one, search=search):
            return search(*one).action

        found = jax.lax.map(choose, (keys, params, tables))
        moves |= dict(zip(seats, found, strict=True))
    return [moves[i] for i in range(len(players))]


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
