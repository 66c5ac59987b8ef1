"""Plays a board game against a trained net, in the terminal.

Takes the newest good checkpoint of a run that has learned a game of two players. The net searches
before each of its moves. A move is a column (1 to 7) in connect four, else a letter for the column
and a number for the row from the top, as b3, or `pass`; `q` ends the game.

    ./run play --workdir=latest
    ./run play --workdir=runs/alphazero/cpu-20260101-120000 --first=net --simulations=400
    ./run play --workdir=latest --moves=4,4,3        these moves, then it ends: for scripts
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from experiments._finished import check_folders, find_run, newest_state, state_of_seed
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

LETTERS = "abcdefghijklmnopqrstuvwxyz"
STONES = {1: "x", -1: "o", 0: "."}


@dataclass(frozen=True)
class Config:
    """Which net, how hard it thinks, and who begins."""

    workdir: str = option("", "the folder of the run, or latest")
    stage: str = option("", "which stage of a run that has several (default: the last one)")
    which: int = option(0, "which of the run's seeds, counted from 0", at_least=0)
    first: Literal["you", "net"] = option("you", "who begins")
    simulations: int = option(
        0, "positions that the net looks at before a move (0: as many as in training)", at_least=0
    )
    moves: str = option("", "your moves, joined by commas, instead of asking for them")
    seed: int = option(0, "of the net's choice among equals", at_least=0)

    def __post_init__(self):
        check_folders(self.workdir, "")


PRESETS = {"cpu": Config()}


class Table(NamedTuple):
    """What a game in the terminal needs.

    Attributes:
      game: the rules.
      think: key, position -> the net's move, and the value that it expects.
      name: of the game.
    """

    game: Any
    think: Callable[[Any, Any], tuple[Any, Any]]
    name: str


def main(config: Config) -> str:
    """Plays one game; returns how it ended, in words.

    Raises:
      BadInput: the run has learned no game, or one of `--moves` cannot be played.
    """
    import jax

    from jaxdl.pages import print_text

    jax.config.update("jax_platforms", "cpu")
    table = set_table(config)
    turns = iter(config.moves.split(",")) if config.moves else None
    play = jax.jit(table.game.play)
    look = jax.jit(table.game.look)
    you = 0 if config.first == "you" else 1
    print_text(f"{table.name}: you are {'xo'[you]}, the net is {'ox'[you]}")
    position = table.game.start()
    for number in range(10_000):
        turn = look(position)
        if turn.is_over:
            break
        if int(turn.player) == you:
            print_text(draw(table.game, position))
            move = ask(table.game, turn, turns)
            if move is None:
                print_text("the game is left unfinished")
                return "unfinished"
        else:
            key = jax.random.fold_in(jax.random.key(config.seed), number)
            move, value = table.think(key, position)
            text = move_text(table.game, int(move))
            print_text(f"the net plays {text} and expects {float(value):+.2f}")
        position = play(position, move)
    print_text(draw(table.game, position))
    reward = float(turn.reward[you])
    result = "a draw" if reward == 0 else "you win" if reward > 0 else "the net wins"
    print_text(result)
    return result


def set_table(config: Config) -> Table:
    """Loads the net and makes the search that it plays by.

    Raises:
      BadInput: the run has learned no game, or one whose pieces cannot be drawn as text.
    """
    import jax
    import jax.numpy as jnp

    from jaxdl.envs import Game, make
    from jaxdl.rl.game_learner import careful_search

    run = find_run(config.workdir, config.stage, config.which, "play")
    options = getattr(run.config, "board", None)
    if options is None:
        raise BadInput(f"{run.folder} is of {run.file.name}, which learns no game of two players")
    game = make(options.env)
    if not isinstance(game, Game) or game.board is None:
        raise BadInput(f"{options.env} has no board that can be drawn as text")
    system = run.file.module.build(run.config)
    _, state = newest_state(run, system.learner)
    state = state_of_seed(run, state, config.which)
    weights = system.deployment.weights(state)

    def judge(params, key, positions, turn):
        answer = system.deployment.apply(params, {"obs": turn.obs, "legal": turn.legal})
        return jnp.log(jnp.maximum(answer["policy"], 1e-30)), answer["value"]

    settings = run.config.search
    simulations = config.simulations or settings.simulations
    search = careful_search(game, judge, settings.search, simulations)

    def think(key, position):
        found = search(key, weights, jax.tree.map(lambda x: x[None], position))
        return found.action[0], found.value[0]

    return Table(game, jax.jit(think), options.env)


def ask(game: Any, turn: Any, script: Iterator[str] | None) -> int | None:
    """Reads a move until it can be played; None where there are no more.

    Raises:
      BadInput: a move of a script cannot be played.
    """
    from jaxdl.pages import print_text

    while True:
        if script is not None:
            text = next(script, "q")
        else:
            try:
                text = input("your move: ")
            except EOFError:
                return None
        if text.strip() in ("q", "quit"):
            return None
        try:
            return read_move(game, turn.legal, text)
        except BadInput as error:
            if script is not None:
                raise BadInput(f"--moves: {error}") from None
            print_text(str(error))


def read_move(game: Any, legal: Any, text: str) -> int:
    """Reads a move as people write it.

    Raises:
      BadInput: it is no move, or not a legal one; the line says which are.
    """
    names = {move_text(game, move): move for move in range(game.action_space.n)}
    text = text.strip().lower()
    playable = [name for name, move in names.items() if legal[move]]
    if text not in names:
        raise BadInput(f"{text!r} is no move; there are {', '.join(playable)}")
    if not legal[names[text]]:
        raise BadInput(f"{text} cannot be played now; there are {', '.join(playable)}")
    return names[text]


def move_text(game: Any, move: int) -> str:
    """Writes a move: 4 for a column, b3 for a square, pass for what is beyond them."""
    rows, columns = game.obs_space.shape[:2]
    if game.by_column:
        return str(move + 1)
    if move >= rows * columns:
        return "pass"
    return f"{LETTERS[move % columns]}{move // columns + 1}"


def draw(game: Any, position: Any) -> str:
    """Draws the board as lines of text; x has begun."""
    import numpy as np

    stones = np.asarray(game.board(position))
    rows, columns = stones.shape
    lines = [" ".join(STONES[int(stone)] for stone in row) for row in stones]
    if game.by_column:
        return "\n".join(["", *lines, " ".join(str(column + 1) for column in range(columns))])
    head = "   " + " ".join(LETTERS[:columns])
    return "\n".join(["", head, *(f"{row + 1:>2} {line}" for row, line in enumerate(lines))])


if __name__ == "__main__":
    launch_tool(main, PRESETS)
