"""AlphaZero's window, its loss, and what it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core import Run, fit
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.envs.games import random_openings, start_games, turn_board
from jaxdl.nn import BoardNet
from jaxdl.rl import alphazero
from jaxdl.rl.game_learner import Extra, Matches, Rounds, remember
from jaxdl.rl.search import Found, random_search
from jaxdl.rl.self_play import (
    Actors,
    Batch,
    Replay,
    empty_window,
    finish,
    sample,
    self_play,
    turn_batch,
    write,
)

pytest.importorskip("pgx")
pytest.importorskip("mctx")
GAMES = 16


@pytest.fixture(scope="module")
def game():
    return make("pgx/tic_tac_toe")


@pytest.fixture(scope="module")
def played(game):
    """50 random moves in 16 games, in a ring of 32: it has gone round, and games are under way."""
    window = empty_window(game, GAMES, 32)

    @jax.jit
    def play(key):
        actors = Actors(start_games(game, GAMES), Replay(window))
        return self_play(key, game, random_search(game), (), actors, moves=50)

    return jax.device_get(play(jax.random.key(0)))


def test_outcomes_are_those_of_the_games_by_a_loop(game, played):
    """Follows every ring forward in time, game by game, and compares what each entry tells."""
    actors, metrics = played
    ring = actors.replay.ring
    assert (ring.written == 50).all()
    ends = 0
    for row in range(GAMES):
        order = [(50 + i) % 32 for i in range(32)]  # the oldest entry first
        stones = [int(ring.obs[row, at].sum()) for at in order]
        starts = [i for i, count in enumerate(stones) if count == 0] + [32]
        for begin, end in zip(starts, starts[1:], strict=False):
            entries = order[begin:end]
            assert [stones[i] for i in range(begin, end)] == list(range(end - begin))
            is_running = end == 32 and ring.length[row] > 0
            if is_running:
                assert ring.length[row] == end - begin
                continue
            last = ring.obs[row, entries[-1]]
            outcomes = [float(ring.outcome[row, at]) for at in entries]
            # Who wins has made the last move, and all of its positions say so.
            winner = outcomes[-1]
            assert winner in (0.0, 1.0)
            assert outcomes == [winner * (-1) ** (end - 1 - i) for i in range(begin, end)]
            assert winner == 1.0 or last.sum() == 8  # draws fill the board
            ends += 1
    assert ends > GAMES
    assert metrics["game_length"].count > ends
    mean = metrics["first_player_score"].total / metrics["first_player_score"].count
    assert 0.4 < mean < 0.9


def test_new_games_begin_with_up_to_so_many_random_moves(game):
    positions = jax.jit(lambda key: random_openings(key, game, 3000, 3))(jax.random.key(0))
    look = jax.jit(jax.vmap(game.look))
    stones = np.asarray(look(positions).obs).sum((1, 2, 3))
    np.testing.assert_allclose(np.bincount(stones) / 3000, np.full(4, 0.25), atol=0.03)
    # Nine moves are a whole game, which is the empty board then.
    ended = jax.jit(lambda key: random_openings(key, game, 3000, 9))(jax.random.key(0))
    assert not look(ended).is_over.any()


def test_only_positions_of_finished_games_are_drawn_and_all_of_them(game, played):
    ring = played[0].replay.ring
    marked = ring._replace(  # each entry's outcome is its place in the ring
        outcome=np.broadcast_to(np.arange(32, dtype=np.float32), (GAMES, 32))
    )
    batch = sample(jax.random.key(0), jax.tree.map(jnp.asarray, marked), 2000)
    np.testing.assert_array_equal(batch.weight, 1)
    for row in range(GAMES):
        running = {(49 - i) % 32 for i in range(ring.length[row])}
        assert set(np.asarray(batch.outcome[row]).astype(int)) == set(range(32)) - running


def test_nothing_is_drawn_before_a_game_has_ended(game):
    found = Found(jnp.zeros(2, jnp.int32), jnp.full((2, 9), 1 / 9), jnp.zeros(2))

    @jax.jit
    def draw():
        turn = jax.vmap(game.look)(start_games(game, 2))
        ring = write(write(empty_window(game, 2, 8), turn, found), turn, found)
        before = sample(jax.random.key(0), ring, 4)
        ring = finish(ring, jnp.array([True, False]), jnp.array([[1.0, -1.0], [0.0, 0.0]]))
        return before, sample(jax.random.key(0), ring, 4)

    before, batch = draw()
    np.testing.assert_array_equal(before.weight, 0)
    np.testing.assert_array_equal(batch.weight, [1, 0])
    np.testing.assert_array_equal(batch.outcome[0], 1)


def test_turned_boards_have_turned_moves(game):
    """The same moves are legal on the same squares; every symmetry is drawn."""
    board = np.zeros((3, 3, 2), bool)
    board[0, 1, 0] = board[2, 2, 1] = True
    legal = ~board.any(-1).reshape(9)
    policy = np.arange(9.0) * legal
    rows = lambda x: jnp.broadcast_to(jnp.asarray(x), (1, 400, *np.shape(x)))  # noqa: E731
    batch = Batch(rows(board), rows(legal), rows(policy), rows(0.5), jnp.ones(1))
    turned = turn_batch(jax.random.key(0), batch, game.symmetries)
    boards = np.asarray(turned.obs[0]).reshape(400, 9, 2)
    np.testing.assert_array_equal(turned.legal[0], ~boards.any(-1))
    squares = np.where(legal, np.arange(9.0), -1)
    assert len(np.unique(boards.reshape(400, -1), axis=0)) == 8
    np.testing.assert_array_equal(np.sort(turned.policy[0], -1), np.sort(rows(policy)[0], -1))
    assert squares.max() == 7


def test_a_net_that_is_averaged_over_symmetries_is_equivariant(game):
    """Turned boards get the same value, and their moves the turned chances."""
    net = BoardNet(9, channels=8, blocks=1)
    squares, actions = (jnp.asarray(x) for x in game.symmetries)
    back = jnp.argsort(actions, axis=-1)
    obs = jax.random.bernoulli(jax.random.key(0), 0.4, (3, 3, 2))
    params = jax.jit(net.init)(jax.random.key(1), obs[None])

    @jax.jit
    def judge(obs):
        logits, value = net.apply(params, jax.vmap(turn_board, (None, 0))(obs, squares))
        return jnp.mean(jnp.take_along_axis(logits, back, -1), 0), jnp.mean(value)

    logits, value = judge(obs)
    for number in range(1, 8):
        turned_logits, turned_value = judge(turn_board(obs, squares[number]))
        np.testing.assert_allclose(turned_value, value, atol=1e-6)
        np.testing.assert_allclose(turned_logits, logits[actions[number]], atol=1e-5)
    alone = jax.jit(lambda obs: net.apply(params, obs[None])[1])
    assert not np.allclose(alone(obs), alone(turn_board(obs, squares[3])))  # the net alone is not


def test_earlier_selves_are_renewed_at_powers_of_two():
    extra = Extra(jnp.int32(0), jnp.int32(-1), jnp.int32(-1))
    seen = []
    for step in range(10):
        extra = remember(extra, jnp.int32(step))
        seen.append((int(extra.recent), int(extra.earlier)))
    assert seen[1:] == [(1, 0), (2, 1), (2, 1), (4, 2), (4, 2), (4, 2), (4, 2), (8, 4), (8, 4)]


ROUNDS = Rounds(num_games=8, moves=10, window=256, updates=2, batch_size=16)
MATCHES = Matches(games=2, simulations=4, plain_factor=2)


@pytest.mark.slow
@pytest.mark.parametrize("search", ["gumbel", "puct"])
def test_it_learns_to_beat_chance(game, search):
    """Tic-tac-toe in seconds: against random moves, from both sides."""
    rounds = Rounds(32, 10, 4096, 8, 128, augment=True)
    options, steps = {}, 60
    if search == "puct":  # counts of 16 visits teach less than completed values
        steps = 200
        rounds = rounds._replace(sampled_moves=4)
        options = {"dirichlet_alpha": 1.0}
    net = BoardNet(9, channels=16, blocks=1)
    matches = Matches(64, search, 16, 2)
    learner = alphazero(
        game,
        net,
        optax.adam(3e-3),
        search=search,
        simulations=16,
        rounds=rounds,
        matches=matches,
        **options,
    )
    run = Run(steps=steps, steps_per_call=20, eval_every=0, devices=1)
    _, result = fit(learner, (), run)
    assert result["metrics"]["eval/score_random"]["mean"] > 0.85
    assert result["metrics"]["eval/elo_earlier_high"]["mean"] > 0


def test_bad_input(game):
    net, tx = BoardNet(9, channels=4, blocks=0), optax.sgd(0.1)
    cases = {
        "window=100 should be a multiple of num_games=8": {"window": 100},
        "batch_size=12 should be a multiple of num_games=8": {"batch_size": 12},
        "batch_size=512 exceeds window=256": {"batch_size": 512},
    }
    for message, change in cases.items():
        with pytest.raises(BadInput, match=message):
            alphazero(game, net, tx, rounds=ROUNDS._replace(**change), matches=MATCHES)
    with pytest.raises(BadInput, match="eval_games=3 should be even"):
        alphazero(game, net, tx, rounds=ROUNDS, matches=MATCHES._replace(games=3))
    with pytest.raises(BadInput, match="world of one player"):
        alphazero(make("cartpole"), net, tx)


def test_a_missing_extra_is_one_line(game, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mctx", None)
    with pytest.raises(BadInput, match="mctx, which is not installed: pip install 'jaxdl.games.'"):
        alphazero(game, BoardNet(9, channels=4), optax.sgd(0.1))
