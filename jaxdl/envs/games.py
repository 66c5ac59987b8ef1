"""The contract of games: two players in turn, nothing hidden, no chance, one's gain another's loss.

A `Game` is to search and self-play what an `Env` is to the learners of one player. Rules are pure
functions of one position; `vmap` plays thousands.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete, abstract

Position = Any  # pytree of arrays
Turns = Literal["square", "diagonal", "mirror", "none"]


class Turn(NamedTuple):
    """What a position is to the player who has to move.

    Attributes:
      obs: an element of the game's `obs_space`, as that player sees the board.
      legal: bool [A]; the moves that may be played. After the end it says nothing.
      player: int32 scalar, who has to move: 0 began the game, 1 is the other.
      reward: float32 [2], what the last move has earned each player; the sum is zero.
      is_over: bool scalar; the game has ended.
    """

    obs: Any
    legal: jax.Array
    player: jax.Array
    reward: jax.Array
    is_over: jax.Array


class Symmetries(NamedTuple):
    """The S ways of turning a board that change nothing in the game; the first is the identity.

    Attributes:
      squares: int32 [S, H * W]; square i of a turned board is square `squares[s, i]` of the first.
      actions: int32 [S, A], likewise.
    """

    squares: np.ndarray
    actions: np.ndarray


class Game(NamedTuple):
    """Holds the rules of a game.

    Attributes:
      start: () -> position.
      play: position, action -> position. The action is legal; after the end nothing changes.
      look: position -> Turn.
      obs_space: of what one player sees, planes [H, W, C] for games on a board.
      action_space: Discrete(A), all moves that can ever be legal.
      board: position -> int8 [H, W]: 1 where the first player's stones are, -1 where the second's;
        None for games of other pieces.
      symmetries: of the board.
      by_column: whether a move is a column, into which a stone falls, rather than a square.
    """

    start: Callable[[], Position]
    play: Callable[[Position, jax.Array], Position]
    look: Callable[[Position], Turn]
    obs_space: Box
    action_space: Discrete
    board: Callable[[Position], jax.Array] | None
    symmetries: Symmetries
    by_column: bool = False


def check_game(game: Game) -> None:
    """Checks, by shapes alone, that something is a game.

    Raises:
      BadInput: it is something else, or a position changes its kind by a move.
    """
    if isinstance(game, Env):
        raise BadInput(
            "env is a world of one player; games of two are pgx/connect_four and the like "
            "(./run envs lists them)"
        )
    if not isinstance(game, Game):
        raise BadInput(f"game is a {type(game).__name__}; it should be a jaxdl.envs.Game")
    start = jax.eval_shape(game.start)
    after = jax.eval_shape(game.play, start, jax.ShapeDtypeStruct((), jnp.int32))
    if jax.tree.structure(start) != jax.tree.structure(after) or any(
        (x.shape, x.dtype) != (y.shape, y.dtype)
        for x, y in zip(jax.tree.leaves(start), jax.tree.leaves(after), strict=True)
    ):
        raise BadInput("play returns another kind of position than start")
    turn = jax.eval_shape(game.look, start)
    obs = abstract(game.obs_space)
    if (turn.obs.shape, turn.obs.dtype) != (obs.shape, obs.dtype):
        raise BadInput(f"obs is {turn.obs.dtype} {list(turn.obs.shape)}; obs_space says otherwise")
    if turn.legal.shape != (game.action_space.n,):
        raise BadInput(f"legal is {list(turn.legal.shape)}; there are {game.action_space.n} moves")


def pick_legal(key: jax.Array, legal: jax.Array) -> jax.Array:
    """Draws legal moves, all equally likely: key, bool [..., A] -> int32 [...].

    One number is drawn for each position, since to draw one for each move costs more than the move.
    """
    number = jnp.cumsum(legal, axis=-1)  # of each legal move among them, from 1
    share = jax.random.uniform(key, legal.shape[:-1])
    chosen = jnp.floor(share * number[..., -1])
    return jnp.argmax(legal & (number > chosen[..., None]), axis=-1).astype(jnp.int32)


def board_symmetries(
    rows: int, columns: int, moves: int, *, turns: Turns = "none", by_column: bool = False
) -> Symmetries:
    """Lists the symmetries of a board and what they do to its moves.

    Args:
      rows: H.
      columns: W.
      moves: A. Those beyond the squares, such as a pass, stay where they are.
      turns: "square" for the eight of the square, "diagonal" for the four that keep or swap its
        diagonals' ends, as othello's first stones need, "mirror" for left and right, "none".
      by_column: whether a move is a column rather than a square.
    """
    board = np.arange(rows * columns).reshape(rows, columns)
    turned = {
        "square": [np.rot90(side, n) for side in (board, board[:, ::-1]) for n in range(4)],
        "diagonal": [side for one in (board, np.rot90(board, 2)) for side in (one, one.T)],
        "mirror": [board, board[:, ::-1]],
        "none": [board],
    }[turns]
    squares = np.stack([one.reshape(-1) for one in turned]).astype(np.int32)
    actions = np.tile(np.arange(moves, dtype=np.int32), (len(turned), 1))
    if by_column:
        actions = np.stack([one[0] for one in turned]).astype(np.int32)
    elif turns != "none":
        actions[:, : rows * columns] = squares
    return Symmetries(squares, actions)


def turn_board(obs: jax.Array, squares: jax.Array) -> jax.Array:
    """Turns planes [H, W, C] by one of the symmetries, int32 [H * W]."""
    height, width, channels = obs.shape
    return obs.reshape(height * width, channels)[squares].reshape(obs.shape)


def as_env(game: Game, *, opening: int = 2) -> Env:
    """Makes a world of a game in which the one who acts moves for both sides.

    So that not every episode is the same, it begins with a few random moves. The reward is the
    first player's. Observations are {"obs", "legal"} of the player to move.

    Args:
      game: the rules.
      opening: how many random moves; the game should last longer.
    """

    def observe(turn):
        return {"legal": turn.legal, "obs": turn.obs}

    def reset(key, task):
        position = game.start()
        for one in jax.random.split(key, opening):
            position = game.play(position, pick_legal(one, game.look(position).legal))
        return position, observe(game.look(position))

    def step(key, position, action, task):
        position = game.play(position, action)
        turn = game.look(position)
        return position, Step(observe(turn), turn.reward[0], turn.is_over, jnp.bool_(False), {})

    moves = game.action_space.n
    space = {"legal": Box((moves,), 0.0, 1.0, np.bool_), "obs": game.obs_space}
    return Env(lambda key: (), reset, step, space, game.action_space)


def start_games(game: Game, count: int) -> Position:
    """Returns so many positions before the first move, leaves [N, ...]."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *x.shape)), game.start())


def random_openings(key: jax.Array, game: Game, count: int, longest: int) -> Position:
    """Plays random moves in N new games, in each of them 0 to `longest`, all equally likely.

    A game that ends by them is the empty board again.

    Args:
      key: of all chance.
      game: the rules.
      count: N.
      longest: the most moves.

    Returns:
      Positions, leaves [N, ...].
    """
    number_key, move_key = jax.random.split(key)
    begin = start_games(game, count)
    number = jax.random.randint(number_key, (count,), 0, longest + 1)

    def move(positions, step):
        time, key = step
        legal = jax.vmap(game.look)(positions).legal
        after = jax.vmap(game.play)(positions, pick_legal(key, legal))
        return where_rows(time < number, after, positions), ()

    steps = jnp.arange(longest), jax.random.split(move_key, longest)
    positions = jax.lax.scan(move, begin, steps)[0]
    return where_rows(jax.vmap(game.look)(positions).is_over, begin, positions)


def where_rows(flags: jax.Array, x: Any, y: Any) -> Any:
    """Picks rows of one tree where flags [N] say so, and of the other elsewhere."""

    def pick(a, b):
        return jnp.where(flags.reshape(-1, *(1,) * (b.ndim - 1)), a, b)

    return jax.tree.map(pick, x, y)


def stones(planes: jax.Array, player: jax.Array) -> jax.Array:
    """Makes a board [H, W] int8 of planes [H, W, >= 2]: mine first, then the other's."""
    own = planes[..., 0].astype(jnp.int8) - planes[..., 1].astype(jnp.int8)
    return jnp.where(player == 0, own, -own)
