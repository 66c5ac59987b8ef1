"""Tree search in games of two players, in many games at once: around mctx (Babuschkin et al. 2020).

`gumbel_search` and `puct_search` are led by a net, as AlphaZero's; `plain_search` knows the rules
alone and judges positions by playing them out at random. mctx comes with the extra `games`.
"""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.games import Game, Position, Turn, pick_legal

LEAST = -1e9  # logits of moves that are not legal; finite, so that differences are numbers


class Found(NamedTuple):
    """What a search has found in each of B games.

    Attributes:
      action: int32 [B], the move to make; always legal.
      policy: [B, A], how good moves look now; zero where they are not legal. Learned from.
      value: [B], what the player to move may expect, within [-1, 1].
    """

    action: jax.Array
    policy: jax.Array
    value: jax.Array


# params, key, positions [B, ...], Turn of [B] -> logits [B, A], value [B] for who is to move
Judge = Callable[[Any, jax.Array, Position, Turn], tuple[jax.Array, jax.Array]]
Search = Callable[[jax.Array, Any, Position], Found]  # key, params, positions [B, ...]


def gumbel_search(
    game: Game, judge: Judge, *, simulations: int, considered: int = 16, noise: float = 1.0
) -> Search:
    """Plans by sequential halving at the root (Danihelka et al. 2022, Gumbel AlphaZero).

    Args:
      game: the rules.
      judge: the net's opinion of positions.
      simulations: n, positions that are looked at beyond the present one.
      considered: m, moves among which halving begins.
      noise: factor on the Gumbel noise; 0 for play without chance.
    """
    mctx = load_mctx()
    plan = partial(
        mctx.gumbel_muzero_policy,
        num_simulations=simulations,
        qtransform=mctx.qtransform_completed_by_mix_value,
        max_num_considered_actions=considered,
        gumbel_scale=noise,
    )
    return search_by(game, judge, plan)


def puct_search(
    game: Game,
    judge: Judge,
    *,
    simulations: int,
    c_init: float = 1.25,
    c_base: float = 19652.0,
    dirichlet_alpha: float = 0.3,
    dirichlet_fraction: float = 0.25,
) -> Search:
    """Plans by PUCT (Silver et al. 2018, Methods, Search): the most visited move is made.

    Args:
      game: the rules.
      judge: the net's opinion of positions.
      simulations: positions that are looked at beyond the present one.
      c_init: of the exploration rate.
      c_base: of the exploration rate.
      dirichlet_alpha: of the noise at the root; 0.3 in chess, 0.03 in Go.
      dirichlet_fraction: share of the noise; 0 for play without chance.
    """
    mctx = load_mctx()
    plan = partial(
        mctx.muzero_policy,
        num_simulations=simulations,
        qtransform=_absolute(mctx),
        dirichlet_alpha=dirichlet_alpha,
        dirichlet_fraction=dirichlet_fraction,
        pb_c_init=c_init,
        pb_c_base=c_base,
        temperature=0.0,
    )
    return search_by(game, judge, plan)


def search_by(game: Game, judge: Judge, plan: Callable) -> Search:
    """Makes the search of one of mctx's policies, that of the player to move.

    Args:
      game: the rules.
      judge: the net's opinion of positions.
      plan: mctx's policy with its settings.
    """
    expand = make_expansion(game, judge)

    def search(key, params, positions):
        root_key, key = jax.random.split(key)
        turn = jax.vmap(game.look)(positions)
        root = make_root(judge, params, root_key, positions, turn)
        output = plan(params, key, root, expand, invalid_actions=~turn.legal)
        policy = jnp.where(turn.legal, output.action_weights, 0.0)
        return Found(output.action, policy, output.search_tree.summary().value)

    return search


def plain_search(game: Game, *, simulations: int, exploration: float = 2**0.5) -> Search:
    """Plans by UCT with random play-outs (Kocsis and Szepesvári 2006): it learns nothing.

    In place of parameters it takes how many simulations to make, an int32 scalar, so that one
    program serves players of different strengths.

    Args:
      game: the rules.
      simulations: the greatest number, of which each ends with one game played out at random.
      exploration: c in value + c sqrt(ln N / n), where values are within [-1, 1].
    """
    mctx = load_mctx()

    def judge(params, key, positions, turn):
        return jnp.zeros(turn.legal.shape), play_out(key, game, positions)

    expand = make_expansion(game, judge)

    def choose(key, tree, node, depth):
        """Maximizes UCB1, where moves that were never tried come first, in an order by chance."""
        visits = tree.children_visits[node]
        total = jnp.log(jnp.maximum(tree.node_visits[node], 1))
        bound = tree.qvalues(node) + exploration * jnp.sqrt(total / jnp.maximum(visits, 1))
        score = jnp.where(visits > 0, bound, 1e3 + jnp.roll(tree.extra_data, node))
        is_legal = tree.children_prior_logits[node] > 0.5 * LEAST
        return jnp.argmax(jnp.where(is_legal, score, -jnp.inf)).astype(jnp.int32)

    def search(key, params, positions):
        root_key, search_key, order_key = jax.random.split(key, 3)
        turn = jax.vmap(game.look)(positions)
        order = jax.random.uniform(order_key, turn.legal.shape)
        tree = mctx.search(
            params,
            search_key,
            root=make_root(judge, params, root_key, positions, turn),
            recurrent_fn=expand,
            root_action_selection_fn=lambda key, tree, node: choose(key, tree, node, 0),
            interior_action_selection_fn=choose,
            num_simulations=simulations,
            invalid_actions=~turn.legal,
            extra_data=order,
            loop_fn=lambda low, high, body, state: jax.lax.fori_loop(low, params, body, state),
        )
        summary = tree.summary()
        counts = jnp.where(turn.legal, summary.visit_counts, -1)
        return Found(jnp.argmax(counts + order, -1), summary.visit_probs, summary.value)

    return search


def random_search(game: Game) -> Search:
    """Makes any legal move."""

    def search(key, params, positions):
        legal = jax.vmap(game.look)(positions).legal
        policy = legal / jnp.maximum(jnp.sum(legal, -1, keepdims=True), 1)
        return Found(pick_legal(key, legal), policy, jnp.zeros(legal.shape[0]))

    return search


class PlayOut(NamedTuple):
    """The state of games [B] that are played out at random.

    Attributes:
      key: of the moves to come.
      positions: leaves [B, ...].
      earned: [B] by the player who was to move at first.
      is_over: [B] bool.
      legal: [B, A] bool.
    """

    key: jax.Array
    positions: Position
    earned: jax.Array
    is_over: jax.Array
    legal: jax.Array


def play_out(key: jax.Array, game: Game, positions: Position) -> jax.Array:
    """Plays games [B] to their ends at random; returns what it earns who was to move, [B]."""
    turn = jax.vmap(game.look)(positions)
    mover = turn.player[:, None]

    def is_running(state):
        return ~jnp.all(state.is_over)

    def move(state):
        key, move_key = jax.random.split(state.key)
        positions = jax.vmap(game.play)(state.positions, pick_legal(move_key, state.legal))
        after = jax.vmap(game.look)(positions)
        reward = jnp.take_along_axis(after.reward, mover, axis=1)[:, 0]
        earned = state.earned + jnp.where(state.is_over, 0.0, reward)
        return PlayOut(key, positions, earned, after.is_over, after.legal)

    start = PlayOut(key, positions, jnp.zeros(turn.is_over.shape), turn.is_over, turn.legal)
    return jax.lax.while_loop(is_running, move, start).earned


def make_root(judge: Judge, params: Any, key: jax.Array, positions: Position, turn: Turn) -> Any:
    """Returns mctx's view of the positions [B] that are searched from."""
    mctx = load_mctx()
    logits, value = judge(params, key, positions, turn)
    logits = jnp.where(turn.legal, logits, LEAST)
    return mctx.RootFnOutput(prior_logits=logits, value=value, embedding=positions)


def make_expansion(game: Game, judge: Judge) -> Callable:
    """Returns mctx's model of a move: params, key, action [B], positions -> output, positions.

    Values are those of who is to move, so that they change their sign from move to move. What
    follows the end of a game is worth nothing.
    """
    mctx = load_mctx()

    def expand(params, key, action, positions):
        mover = jax.vmap(game.look)(positions).player
        positions = jax.vmap(game.play)(positions, action)
        turn = jax.vmap(game.look)(positions)
        logits, value = judge(params, key, positions, turn)
        sign = jnp.where(turn.player == mover, 1.0, -1.0)
        output = mctx.RecurrentFnOutput(
            reward=jnp.take_along_axis(turn.reward, mover[:, None], axis=1)[:, 0],
            discount=jnp.where(turn.is_over, 0.0, sign),
            prior_logits=jnp.where(turn.legal, logits, LEAST),
            value=jnp.where(turn.is_over, 0.0, value),
        )
        return output, positions

    return expand


def _absolute(mctx: ModuleType) -> Callable:
    """Values within [-1, 1] as numbers within [0, 1], as in AlphaZero; unvisited moves are lost."""
    return lambda tree, node: mctx.qtransform_by_min_max(tree, node, min_value=-1, max_value=1)


def load_mctx() -> ModuleType:
    """Imports mctx.

    Raises:
      BadInput: it is not installed.
    """
    try:
        import mctx
    except ModuleNotFoundError as error:
        raise BadInput(
            f"search needs {error.name}, which is not installed: pip install 'jaxdl[games]', "
            "or set JAXDL_EXTRAS=dev,games before ./run"
        ) from None
    return mctx
