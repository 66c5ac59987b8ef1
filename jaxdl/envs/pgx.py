"""The games of pgx (Koyama et al. 2023), named `pgx/<name>`, without its auto-reset.

Those of one player (2048, MinAtar) are worlds, an `Env`; those of two in which nothing is hidden
and nothing left to chance are a `Game`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pgx

from jaxdl.core.run import BadInput
from jaxdl.envs.arrays import as_strong, keep_dtypes
from jaxdl.envs.env import Env, Step
from jaxdl.envs.games import Game, Turn, Turns, board_symmetries, stones
from jaxdl.envs.names import suggest
from jaxdl.envs.spaces import Box, Discrete

# Games whose first two planes are one's own and the other's stones: how their boards can be turned.
BOARDS: dict[str, Turns] = {
    "tic_tac_toe": "square",
    "connect_four": "mirror",
    "othello": "diagonal",
    "go_9x9": "square",
    "go_19x19": "square",
    "hex": "none",
}
GAMES = (*BOARDS, "animal_shogi", "chess", "gardner_chess", "shogi")
WORLDS = tuple(name for name in pgx.available_envs() if name.startswith(("2048", "minatar")))
NAMES = WORLDS + GAMES


class Position(NamedTuple):
    """Holds where a game stands.

    Attributes:
      pgx: its own state. The observation in it is left out, since a search keeps many positions.
      first: int32, the number that pgx gives to who began.
    """

    pgx: Any
    first: jax.Array


def make(name: str) -> Env | Game:
    """Builds one of pgx's worlds of one player, or of its games of two.

    The task of a world is (). In 2048 an illegal move ends the episode with the reward -1.

    Raises:
      BadInput: the name is unknown, or the game hides something or throws dice.
    """
    if name not in NAMES:
        if name in pgx.available_envs():
            raise BadInput(
                f"pgx/{name} hides something, throws dice, or has more players than two: it is "
                f"neither a world nor a game here\nthere are {', '.join(NAMES)}"
            )
        hint = suggest(name, NAMES, "pgx/")
        raise BadInput(f"pgx has no env {name!r}{hint}\nthere are {', '.join(NAMES)}")
    rules = pgx.make(name)
    return _world(rules) if name in WORLDS else _game(rules, name)


def _world(rules: Any) -> Env:
    """A game of one player."""
    start = jax.eval_shape(rules.init, jax.random.key(0))
    obs = start.observation

    def reset(key, task):
        state = as_strong(rules.init(key))
        return state, state.observation

    def step(key, state, action, task):
        after = keep_dtypes(rules.step(state, action, key), state)
        reward = jnp.asarray(after.rewards[0], jnp.float32)
        return after, Step(after.observation, reward, after.terminated, after.truncated, {})

    space = Box(obs.shape, 0.0, 1.0, obs.dtype)
    return Env(lambda key: (), reset, step, space, Discrete(start.legal_action_mask.shape[0]))


def _game(rules: Any, name: str) -> Game:
    """A game of two players."""

    def start():
        state = as_strong(rules.init(jax.random.key(0)))
        return Position(state.replace(observation=()), state.current_player)

    def play(position, action):
        after = rules.step(position.pgx, action).replace(observation=())
        return position._replace(pgx=keep_dtypes(after, position.pgx))

    def look(position):
        state = position.pgx
        has_begun = position.first == 0
        return Turn(
            obs=rules.observe(state),
            legal=state.legal_action_mask,
            player=(state.current_player != position.first).astype(jnp.int32),
            reward=jnp.where(has_begun, state.rewards, state.rewards[::-1]),
            is_over=state.terminated | state.truncated,
        )

    def board(position):
        turn = look(position)
        return stones(turn.obs, turn.player)

    turn = jax.eval_shape(lambda: look(start()))
    height, width = turn.obs.shape[:2]
    (moves,) = turn.legal.shape
    by_column = moves == width
    turns = BOARDS.get(name, "none")
    return Game(
        start=start,
        play=play,
        look=look,
        obs_space=Box(turn.obs.shape, 0.0, 1.0, turn.obs.dtype),
        action_space=Discrete(moves),
        board=board if name in BOARDS else None,
        symmetries=board_symmetries(height, width, moves, turns=turns, by_column=by_column),
        by_column=by_column,
    )
