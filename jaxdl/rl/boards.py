"""The pieces that launch files of game learners share, made from the groups of options."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.core.run import BadInput
from jaxdl.deploy import Deployment
from jaxdl.envs.games import Game, check_game
from jaxdl.envs.spaces import abstract
from jaxdl.launch.options import BoardPolicy, Games, GameSearch, Optimizer, SelfPlay
from jaxdl.launch.system import Exhibit, Outcome, Table
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
    "plain_x": "a search without a net, {} times as many",
    "earlier": "itself, after a quarter to a half of the training",
}


def make_board_net(game: Game, options: BoardPolicy) -> BoardNet:
    """Builds the net of a game.

    Raises:
      BadInput: the game is none, or not one on a board of planes [H, W, C].
    """
    check_game(game)
    if len(game.obs_space.shape) != 3:
        raise BadInput(f"obs_space {list(game.obs_space.shape)} should be planes [H, W, C]")
    return BoardNet(game.action_space.n, channels=options.channels, blocks=options.blocks)


def make_board_tx(options: Optimizer, *, steps: int) -> optax.GradientTransformation:
    """Builds the optimizer; the momentum of SGD is that of Silver et al. 2017, Methods."""
    return make_optimizer(
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        steps=steps,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        max_norm=options.max_norm,
        momentum=0.9,
        flat=True,
    )


def make_rounds(games: Games, rounds: SelfPlay, search: GameSearch) -> Rounds:
    """Reads how self-play and learning take turns."""
    return Rounds(
        games.num_games,
        rounds.moves,
        rounds.window,
        rounds.updates,
        rounds.batch_size,
        rounds.augment,
        search.sampled_moves,
    )


def make_matches(games: Games, search: GameSearch) -> Matches:
    """Reads how what was learned is measured."""
    simulations = games.eval_simulations or search.simulations
    return Matches(games.eval_games, search.search, simulations, games.plain_factor)


def make_alphazero(
    game: Game,
    net: BoardNet,
    tx: optax.GradientTransformation,
    games: Games,
    rounds: SelfPlay,
    search: GameSearch,
) -> Learner:
    """Builds AlphaZero from the groups of options."""
    return alphazero(
        game,
        net,
        tx,
        num_games=games.num_games,
        moves=rounds.moves,
        window=rounds.window,
        updates=rounds.updates,
        batch_size=rounds.batch_size,
        search=search.search,
        simulations=search.simulations,
        considered=search.considered,
        dirichlet_alpha=search.dirichlet_alpha,
        dirichlet_fraction=search.dirichlet_fraction,
        sampled_moves=search.sampled_moves,
        value_coef=rounds.value_coef,
        augment=rounds.augment,
        eval_games=games.eval_games,
        eval_simulations=games.eval_simulations,
        plain_factor=games.plain_factor,
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
    head, x, factor = opponent.partition("_x")
    text = OPPONENTS.get(head + x, OPPONENTS.get(opponent, opponent)).format(factor)
    elo = [metrics.get(name.replace("score_", "elo_") + end) for end in ("", "_low", "_high")]
    return [text, show(metrics[name]), *(f"{one['mean']:.0f}" if one else "" for one in elo)]
