"""The pieces that launch files of game learners share, made from the groups of options."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.core.run import BadInput
from jaxdl.deploy import Deployment
from jaxdl.envs import make
from jaxdl.envs.games import Game, as_env, check_game
from jaxdl.envs.spaces import abstract
from jaxdl.launch.options import BoardGame, GameSearch, Optimizer
from jaxdl.launch.system import Exhibit, Outcome, System, Table
from jaxdl.nn import BoardNet
from jaxdl.ops import make_optimizer
from jaxdl.pages import show
from jaxdl.rl.alphazero import alphazero
from jaxdl.rl.game_learner import Matches, Rounds
from jaxdl.rl.search import LEAST

_OUTPUTS = """

`legal` marks the moves that may be played. `action` is the likeliest of them without any search,
`policy` the chances of all moves, and `value` what the player to move may expect, from -1, a loss,
to 1, a win."""
OPPONENTS = {
    "random": "random moves",
    "plain": "a search without a net, as many simulations",
    "strong": "a search without a net, more simulations",
    "earlier": "itself, after a quarter to a half of the training",
}


class GameConfig(Protocol):
    """What the Configs of launch files that learn games have in common.

    Attributes:
      board: the game, the net, self-play and the matches.
      search: for moves.
      optimizer: of the net.
    """

    board: BoardGame
    search: GameSearch
    optimizer: Optimizer


class Parts(NamedTuple):
    """What learners of a game are made of.

    Attributes:
      game: the rules.
      net: of policy and value.
      tx: the optimizer.
    """

    game: Game
    net: BoardNet
    tx: optax.GradientTransformation


def make_parts(config: GameConfig, *, steps: int) -> Parts:
    """Builds game, net and optimizer; the momentum of SGD is that of Silver et al. 2017, Methods.

    Args:
      config: of a launch file; its groups of options.
      steps: learner steps that the optimizer's schedule is laid out for.

    Raises:
      BadInput: the game is none, or not one on a board of planes [H, W, C].
    """
    game = make(config.board.env)
    check_game(game)
    if len(game.obs_space.shape) != 3:
        raise BadInput(f"obs_space {list(game.obs_space.shape)} should be planes [H, W, C]")
    net = BoardNet(game.action_space.n, channels=config.board.channels, blocks=config.board.blocks)
    schedule = steps * config.board.updates
    tx = make_optimizer(**asdict(config.optimizer), steps=schedule, momentum=0.9, flat=True)
    return Parts(game, net, tx)


def make_rounds(config: GameConfig) -> Rounds:
    """Reads how self-play and learning take turns."""
    options = asdict(config.board) | asdict(config.search)
    return Rounds(**{name: options[name] for name in Rounds._fields})


def make_matches(config: GameConfig) -> Matches:
    """Reads how what was learned is measured."""
    board, search = config.board, config.search
    simulations = board.eval_simulations or search.simulations
    return Matches(board.eval_games, search.search, simulations, board.plain_factor)


def make_alphazero(parts: Parts, config: GameConfig) -> Learner:
    """Builds AlphaZero from the groups of options."""
    search = config.search
    return alphazero(
        *parts,
        search=search.search,
        simulations=search.simulations,
        considered=search.considered,
        dirichlet_alpha=search.dirichlet_alpha,
        dirichlet_fraction=search.dirichlet_fraction,
        value_coef=config.board.value_coef,
        rounds=make_rounds(config),
        matches=make_matches(config),
    )


def make_system(learner: Learner, parts: Parts, config: GameConfig, *, text: str) -> System:
    """Builds what training, export, watch and play take.

    Args:
      learner: of one stage.
      parts: that it is made of.
      config: of the launch file.
      text: who has trained the net, in a few words.
    """
    name = config.board.env
    text = f"A net that judges positions of {name}, trained by {text}."
    return System(
        learner,
        samples_per_step=config.board.num_games * config.board.moves,
        figures=match_exhibits,
        deployment=game_deployment(parts.net, parts.game, text=text),
        world=(name, as_env(parts.game)),
    )


def game_deployment(net: BoardNet, game: Game, *, text: str) -> Deployment:
    """Describes a net for `./run export` and `./run watch`.

    Args:
      net: of policy and value.
      game: that it plays.
      text: what the net is for.

    Returns:
      A Deployment with the inputs `obs` and `legal`, and the outputs `action`, `policy`, `value`.
    """

    def apply(weights, inputs):
        # A world of the game hands its observations over as one, in which both have these names.
        seen = inputs["obs"] if isinstance(inputs["obs"], dict) else inputs
        logits, value = net.apply(weights, seen["obs"])
        logits = jnp.where(seen["legal"], logits, LEAST)
        action = jnp.argmax(logits, -1).astype(jnp.int32)
        return {"action": action, "policy": jax.nn.softmax(logits), "value": value}

    legal = jax.ShapeDtypeStruct((game.action_space.n,), jnp.bool_)
    inputs = {"obs": abstract(game.obs_space), "legal": legal}
    return Deployment(text + _OUTPUTS, lambda state: state.params, apply, inputs)


def match_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the table of matches, where there was an evaluation."""
    rows = [_match_row(name, outcome.metrics) for name in outcome.metrics if "/score_" in name]
    if not rows:
        return []
    caption = (
        "Share of the points that the final net has won in fresh games against each opponent, by "
        "its search without noise; draws count as half. Elo differences are those that such scores "
        "tell of, with the 95 % interval of their games."
    )
    return [Exhibit("matches", Table(["opponent", "score", "Elo", "from", "to"], rows), caption)]


def _match_row(name: str, metrics: Any) -> list[str]:
    opponent = name.partition("score_")[2]
    elo = [metrics.get(f"eval/elo_{opponent}{end}") for end in ("", "_low", "_high")]
    numbers = [f"{one['mean']:.0f}" if one else "" for one in elo]
    return [OPPONENTS.get(opponent, opponent), show(metrics[name]), *numbers]
