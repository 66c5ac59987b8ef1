"""Search in games of two players, and the matches between searches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import make
from jaxdl.envs.games import pick_legal, start_games
from jaxdl.rl.matches import Player, choose_moves, elo, play_match
from jaxdl.rl.search import (
    gumbel_search,
    plain_search,
    play_out,
    puct_search,
    random_search,
)

pytest.importorskip("pgx")
pytest.importorskip("mctx")

# X is to move in all of them; the moves lead there from the empty board.
WIN = ((0, 3, 1, 4), 2)  # xx. oo. ...: it wins at 2
BLOCK = ((0, 3, 8, 4), 5)  # x.. oo. ..x: it has to block 5
DEEP = (
    (0, 4, 8, 2),
    6,
)  # x.o .o. ..x: it has to block the diagonal at 6


def blind(params, key, positions, turn):
    """A net that knows nothing."""
    return jnp.zeros(turn.legal.shape), jnp.zeros(turn.player.shape)


@pytest.fixture(scope="module")
def game():
    return make("pgx/tic_tac_toe")


@pytest.fixture(scope="module")
def searches(game):
    return {
        "gumbel": gumbel_search(game, blind, simulations=64, noise=0.0),
        "puct": puct_search(game, blind, simulations=64, dirichlet_fraction=0.0),
        "plain": plain_search(game, simulations=64),
    }


def positions_after(game, *lines):
    def replay(moves):
        return jax.lax.scan(lambda p, a: (game.play(p, a), ()), game.start(), moves)[0]

    return jax.jit(jax.vmap(replay))(jnp.array(lines))


@pytest.mark.parametrize("kind", ["gumbel", "puct", "plain"])
def test_it_wins_in_one_and_blocks_a_loss_in_one(game, searches, kind):
    lines, answers = zip(WIN, BLOCK, DEEP, strict=True)
    positions = positions_after(game, *lines)
    found = jax.jit(searches[kind])(jax.random.key(0), jnp.int32(64), positions)
    np.testing.assert_array_equal(found.action, answers)
    np.testing.assert_allclose(found.policy.sum(-1), 1, atol=1e-5)
    legal = jax.vmap(game.look)(positions).legal
    assert (found.policy[~legal] == 0).all()
    # The win gets more than a third of the visits even where halving has to look at all moves.
    assert found.value[0] > (0.25 if kind == "gumbel" else 0.5)


@pytest.mark.parametrize(
    "kind",
    ["gumbel", "random", *(pytest.param(x, marks=pytest.mark.slow) for x in ("puct", "plain"))],
)
def test_no_illegal_move_is_ever_chosen(game, kind):
    """In 400 games with 4 simulations, whose priors love a move that is mostly illegal."""

    def stubborn(params, key, positions, turn):
        return jnp.zeros(turn.legal.shape).at[..., 4].set(50.0), jnp.zeros(turn.player.shape)

    search = {
        "gumbel": gumbel_search(game, stubborn, simulations=4),
        "puct": puct_search(game, stubborn, simulations=4),
        "plain": plain_search(game, simulations=4),
        "random": random_search(game),
    }[kind]

    def move(positions, key):
        turn = jax.vmap(game.look)(positions)
        found = search(key, jnp.int32(4), positions)
        is_legal = jnp.take_along_axis(turn.legal, found.action[:, None], -1)[:, 0]
        is_fine = is_legal & ~jnp.any(jnp.where(turn.legal, 0, found.policy) > 0, -1)
        return jax.vmap(game.play)(positions, found.action), is_fine | turn.is_over

    keys = jax.random.split(jax.random.key(1), 9)
    end, is_fine = jax.jit(lambda k: jax.lax.scan(move, start_games(game, 400), k))(keys)
    assert is_fine.all()
    assert jax.vmap(game.look)(end).is_over.all()


def test_play_outs_from_an_end_are_worth_nothing_and_others_sum_to_zero(game):
    won = positions_after(game, (0, 3, 1, 4, 2))
    assert play_out(jax.random.key(0), game, won) == 0
    keys = jax.random.split(jax.random.key(0), 3)
    start = start_games(game, 2000)
    value = jax.jit(lambda key: play_out(key, game, start))(keys[0])
    # With random moves the first player wins 58.5 % and loses 28.8 % of the games.
    np.testing.assert_allclose(np.mean(value == 1), 0.585, atol=0.04)
    np.testing.assert_allclose(np.mean(value == -1), 0.288, atol=0.04)


def test_legal_moves_are_drawn_equally_often():
    legal = jnp.array([True, False, True, True, False])
    drawn = pick_legal(jax.random.key(0), jnp.broadcast_to(legal, (6000, 5)))
    share = np.bincount(drawn, minlength=5) / 6000
    np.testing.assert_allclose(share, [1 / 3, 0, 1 / 3, 1 / 3, 0], atol=0.025)


def test_more_simulations_win_matches_and_colors_do_not(game, searches):
    """A perfect player of tic-tac-toe is never beaten; one that looks at 2 positions is."""
    plain = searches["plain"]
    strong, weak = Player(plain, jnp.int32(64)), Player(plain, jnp.int32(2))
    chance = Player(random_search(game), ())
    match = jax.jit(
        lambda key: play_match(key, game, strong, [strong, weak, chance], games=64, opening=0)
    )
    itself, weaker, random = np.asarray(match(jax.random.key(0)))
    assert 0.4 < itself.mean() < 0.6 < weaker.mean() < random.mean() + 0.1
    assert weaker.mean() > 0.75 and random.mean() > 0.85
    assert set(np.unique(random)) <= {0.0, 0.5, 1.0}


def test_players_of_one_search_get_their_own_parameters(game):
    def choose(key, params, positions):
        from jaxdl.rl.search import Found

        count = jax.vmap(game.look)(positions).legal.shape[0]
        return Found(jnp.full(count, params, jnp.int32), jnp.zeros((count, 9)), jnp.zeros(count))

    players = [Player(choose, jnp.int32(3)), Player(random_search(game), ())]
    players += [Player(choose, jnp.int32(5))]
    tables = [start_games(game, 4)] * 3
    moves = choose_moves(jax.random.key(0), players, tables)
    np.testing.assert_array_equal(moves[0], 3)
    np.testing.assert_array_equal(moves[2], 5)
    assert moves[1].shape == (4,)


def test_elo_of_scores():
    even = elo(jnp.array([1.0, 0.0] * 50))
    np.testing.assert_allclose(even.difference, 0, atol=1e-3)
    np.testing.assert_allclose([even.low, even.high], [-66.6, 66.6], atol=1.5)
    three_of_four = elo(jnp.array([1.0, 1.0, 1.0, 0.0] * 500))
    np.testing.assert_allclose(three_of_four.difference, 190.8, atol=1)
    all_won = elo(jnp.ones(20))
    assert np.isfinite([*all_won]).all() and all_won.low > 200
