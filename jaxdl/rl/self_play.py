"""Games that are played against oneself, and the window of their positions that is learned from."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Mean, Metrics, Replay
from jaxdl.envs.games import (
    Game,
    Position,
    Symmetries,
    Turn,
    random_openings,
    start_games,
    turn_board,
    where_rows,
)
from jaxdl.envs.spaces import zeros
from jaxdl.rl.search import Found, Search


class Window(NamedTuple):
    """The last W positions of each of G rows of games, a ring; leaves [G, W, ...] but the counts.

    Attributes:
      obs: what the player to move saw.
      legal: bool, the moves it could make.
      policy: float32 [.., A], what the search made of them.
      player: int8, who was to move.
      outcome: float32, z: what the game earned that player; known from its end on.
      written: int32 [G], positions so far.
      length: int32 [G], those of the game that is being played, whose outcome is not known.
    """

    obs: jax.Array
    legal: jax.Array
    policy: jax.Array
    player: jax.Array
    outcome: jax.Array
    written: jax.Array
    length: jax.Array


class Actors(NamedTuple):
    """The games that are being played.

    Attributes:
      positions: leaves [G, ...].
      replay: the Window.
    """

    positions: Position
    replay: Replay


class Batch(NamedTuple):
    """What the loss is computed from; leaves [G, b, ...] but the weight.

    Attributes:
      obs: positions.
      legal: bool [.., A].
      policy: pi, [.., A].
      outcome: z.
      weight: float32 [G]; 0 for rows in which no game has ended yet.
    """

    obs: jax.Array
    legal: jax.Array
    policy: jax.Array
    outcome: jax.Array
    weight: jax.Array


def empty_window(game: Game, rows: int, size: int) -> Window:
    """Returns a Window in which nothing was written."""
    shape = (rows, size)
    obs = zeros(game.obs_space)
    moves = game.action_space.n
    return Window(
        obs=jnp.zeros((*shape, *obs.shape), obs.dtype),
        legal=jnp.zeros((*shape, moves), bool),
        policy=jnp.zeros((*shape, moves)),
        player=jnp.zeros(shape, jnp.int8),
        outcome=jnp.zeros(shape),
        written=jnp.zeros(rows, jnp.int32),
        length=jnp.zeros(rows, jnp.int32),
    )


def self_play(
    key: jax.Array,
    game: Game,
    search: Search,
    params: Any,
    actors: Actors,
    *,
    moves: int,
    sampled_moves: int = 0,
    opening: int = 0,
) -> tuple[Actors, Metrics]:
    """Makes T moves in each of G games, which begin anew when they end.

    Args:
      key: of all chance.
      game: the rules.
      search: that chooses the moves.
      params: the net's.
      actors: where the games stand, and the window that is written to.
      moves: T.
      sampled_moves: how many moves of a game are drawn from the search's policy.
      opening: new games begin with up to so many random moves, which are not learned from.

    Returns:
      The next Actors, and metrics of the games that ended.
    """
    rows = actors.replay.ring.length.shape[0]

    def move(actors, key):
        search_key, draw_key, open_key = jax.random.split(key, 3)
        before = jax.vmap(game.look)(actors.positions)
        found = search(search_key, params, actors.positions)
        action = found.action
        if sampled_moves:
            drawn = jax.random.categorical(draw_key, jnp.log(found.policy))
            action = jnp.where(actors.replay.ring.length < sampled_moves, drawn, action)
        positions = jax.vmap(game.play)(actors.positions, action)
        after = jax.vmap(game.look)(positions)
        ring = write(actors.replay.ring, before, found)
        ended = {
            "game_length": Mean(jnp.sum(ring.length * after.is_over, dtype=jnp.float32), 0),
            "first_player_score": Mean(jnp.sum(after.is_over * (1 + after.reward[:, 0]) / 2), 0),
        }
        count = jnp.sum(after.is_over)
        ring = finish(ring, after.is_over, after.reward)
        begin = (
            random_openings(open_key, game, rows, opening) if opening else start_games(game, rows)
        )
        positions = where_rows(after.is_over, begin, positions)
        return Actors(positions, Replay(ring)), {
            name: mean._replace(count=count) for name, mean in ended.items()
        }

    actors, ended = jax.lax.scan(move, actors, jax.random.split(key, moves))
    return actors, jax.tree.map(lambda x: jnp.sum(x, axis=0), ended)


def write(ring: Window, turn: Turn, found: Found) -> Window:
    """Writes a position of every game, of which the outcome is not known yet."""
    rows = jnp.arange(ring.written.shape[0])
    at = (rows, ring.written % ring.outcome.shape[1])
    return ring._replace(
        obs=ring.obs.at[at].set(turn.obs),
        legal=ring.legal.at[at].set(turn.legal),
        policy=ring.policy.at[at].set(found.policy),
        player=ring.player.at[at].set(turn.player.astype(jnp.int8)),
        written=ring.written + 1,
        length=ring.length + 1,
    )


def finish(ring: Window, is_over: jax.Array, reward: jax.Array) -> Window:
    """Writes z into all positions of the games that have ended: [G], reward [G, 2]."""
    size = ring.outcome.shape[1]
    age = (ring.written[:, None] - 1 - jnp.arange(size)) % size  # 0 for the newest position
    is_mine = (age < ring.length[:, None]) & is_over[:, None]
    z = jnp.where(ring.player == 0, reward[:, :1], reward[:, 1:])
    return ring._replace(
        outcome=jnp.where(is_mine, z, ring.outcome), length=jnp.where(is_over, 0, ring.length)
    )


def sample(key: jax.Array, ring: Window, count: int) -> Batch:
    """Draws b positions of finished games from every row, with replacement."""
    rows, size = ring.outcome.shape
    known = jnp.minimum(ring.written, size) - jnp.minimum(ring.length, size)  # [G]
    back = jax.random.randint(key, (rows, count), 0, jnp.maximum(known, 1)[:, None])
    at = (ring.written[:, None] - ring.length[:, None] - 1 - back) % size

    def take(x):
        return jax.vmap(lambda row, at: row[at])(x, at)

    return Batch(
        obs=take(ring.obs),
        legal=take(ring.legal),
        policy=take(ring.policy),
        outcome=take(ring.outcome),
        weight=(known > 0).astype(jnp.float32),
    )


def turn_batch(key: jax.Array, batch: Batch, symmetries: Symmetries) -> Batch:
    """Turns every board of a batch, and its moves, by a symmetry drawn for it."""
    chosen = jax.random.randint(key, batch.outcome.shape, 0, len(symmetries.squares))
    squares = jnp.asarray(symmetries.squares)[chosen]  # [G, b, H * W]
    actions = jnp.asarray(symmetries.actions)[chosen]  # [G, b, A]
    return batch._replace(
        obs=jax.vmap(jax.vmap(turn_board))(batch.obs, squares),
        legal=jnp.take_along_axis(batch.legal, actions, -1),
        policy=jnp.take_along_axis(batch.policy, actions, -1),
    )
