"""The stages of AlphaGo's line, and the losses of all learners of games by hand."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core import Run, fit
from jaxdl.envs import make
from jaxdl.envs.games import start_games
from jaxdl.nn import BoardNet
from jaxdl.rl.alphago import (
    begin_with,
    clone,
    policy_player,
    reinforce,
)
from jaxdl.rl.game_learner import Matches, Rounds
from jaxdl.rl.game_losses import policy_gradient_loss, search_loss
from jaxdl.rl.self_play import Batch

pytest.importorskip("pgx")
pytest.importorskip("mctx")


class Table(NamedTuple):
    """A net whose parameters are its answers."""

    def apply(self, params, obs):
        return params["logits"][: obs.shape[0]], params["value"][: obs.shape[0]]


LOGITS = np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 9.0]])
LEGAL = np.array([[True, True, True], [True, True, False]])
VALUE = np.array([0.25, -0.5])
OUTCOME = np.array([1.0, -1.0])
POLICY = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])


def params():
    return {"logits": jnp.asarray(LOGITS), "value": jnp.asarray(VALUE)}


def batch(policy=POLICY, weight=1.0):
    """One row of two positions; in the second the third move is not legal."""
    rows = lambda x: jnp.asarray(x)[None]  # noqa: E731
    obs = jnp.zeros((1, 2, 3, 3, 2))
    return Batch(obs, rows(LEGAL), rows(policy), rows(OUTCOME), jnp.array([weight]))


def logp():
    """log p by NumPy, over the legal moves."""
    odds = np.exp(LOGITS) * LEGAL
    return np.log(odds / odds.sum(-1, keepdims=True), where=LEGAL, out=np.zeros_like(LOGITS))


def softmax():
    odds = np.exp(LOGITS) * LEGAL
    return odds / odds.sum(-1, keepdims=True)


def test_alphazeros_loss_in_value_and_gradient():
    (loss, metrics), slope = jax.value_and_grad(search_loss, argnums=2, has_aux=True)(
        Table(), 2.0, params(), batch()
    )
    policy_loss = -(POLICY * logp()).sum(-1).mean()
    value_loss = ((OUTCOME - VALUE) ** 2).mean()
    np.testing.assert_allclose(loss, policy_loss + 2 * value_loss, rtol=1e-6)
    entropy = (0.5 * np.log(2) + 0.5 * np.log(4)) / 2
    np.testing.assert_allclose(metrics["policy_divergence"], policy_loss - entropy, rtol=1e-6)
    np.testing.assert_allclose(slope["logits"], (softmax() - POLICY) / 2, atol=1e-6)
    np.testing.assert_allclose(slope["value"], 2 * (VALUE - OUTCOME), atol=1e-6)


def test_alphagos_losses_in_value_and_gradient():
    moves = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    grad = lambda loss: jax.value_and_grad(loss, argnums=2, has_aux=True)  # noqa: E731
    (loss, metrics), slope = grad(search_loss)(Table(), 1.0, params(), batch(moves))
    chosen = (moves * logp()).sum(-1)
    np.testing.assert_allclose(metrics["policy_loss"], -chosen.mean(), rtol=1e-6)
    np.testing.assert_allclose(slope["logits"], (softmax() - moves) / 2, atol=1e-6)
    np.testing.assert_allclose(metrics["agreement"], 0)
    (loss, metrics), slope = grad(policy_gradient_loss)(Table(), 1.0, params(), batch(moves))
    adv = OUTCOME - VALUE
    np.testing.assert_allclose(metrics["policy_loss"], -(adv * chosen).mean(), rtol=1e-6)
    expected = adv[:, None] * (softmax() - moves) / 2
    np.testing.assert_allclose(slope["logits"], expected, atol=1e-6)
    # The advantage is no path for gradients: the value follows its own loss alone.
    np.testing.assert_allclose(slope["value"], VALUE - OUTCOME, atol=1e-6)


@pytest.mark.parametrize("loss", [search_loss, policy_gradient_loss])
def test_without_a_finished_game_nothing_is_learned(loss):
    slope = jax.grad(loss, argnums=2, has_aux=True)(Table(), 1.0, params(), batch(weight=0.0))[0]
    assert all(bool((x == 0).all()) for x in jax.tree.leaves(slope))


def test_the_policy_alone_draws_legal_moves_by_its_chances():
    game = make("pgx/tic_tac_toe")
    logits = jnp.log(jnp.arange(1.0, 10.0))
    net = Table()
    first = jax.vmap(lambda p: game.play(p, 8))(start_games(game, 8000))
    table = {"logits": jnp.tile(logits, (8000, 1)), "value": jnp.zeros(8000)}
    found = jax.jit(policy_player(game, net))(jax.random.key(0), table, first)
    share = np.bincount(found.action, minlength=9) / 8000
    np.testing.assert_allclose(share[:8], np.arange(1, 9) / 36, atol=0.02)
    assert share[8] == 0
    np.testing.assert_array_equal(jnp.argmax(found.policy, -1), found.action)


ROUNDS = Rounds(num_games=32, moves=9, window=2048, updates=8, batch_size=128, augment=True)
MATCHES = Matches(games=32, simulations=8, plain_factor=1)


@pytest.mark.slow
def test_a_clone_learns_the_experts_moves_and_self_play_goes_on_from_it():
    game = make("pgx/tic_tac_toe")
    net, tx = BoardNet(9, channels=16, blocks=1), optax.adam(3e-3)
    first = clone(
        game, net, tx, expert_simulations=100, value_coef=1.0, rounds=ROUNDS, matches=MATCHES
    )
    cloned, result = fit(first, (), Run(steps=40, steps_per_call=20, devices=1))
    assert result["metrics"]["agreement"]["mean"] > 0.55  # of some five moves
    assert result["metrics"]["eval/score_random"]["mean"] > 0.8
    recent = ROUNDS._replace(window=32 * 64)
    slow = optax.adam(3e-4)  # games of one's own say little: a large step loses what was cloned
    second = reinforce(game, net, slow, value_coef=1.0, rounds=recent, matches=MATCHES)
    start = begin_with(second, cloned.params, 1)
    after, result = fit(second, (), Run(steps=20, steps_per_call=20, devices=1), init=start)
    assert result["metrics"]["eval/score_random"]["mean"] > 0.8
    changed = jax.tree.map(lambda x, y: bool((x != y).any()), cloned.params, after.params)
    assert all(jax.tree.leaves(changed))
