"""Games of two players, and pgx's worlds of one."""

import jax
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Game, check, make, vectorize
from jaxdl.envs.games import as_env, check_game, pick_legal, start_games, turn_board
from jaxdl.envs.names import check_game_name

pytest.importorskip("pgx")
GAMES = 32
LONGEST = {"tic_tac_toe": 9, "connect_four": 42, "othello": 128, "go_9x9": 162, "hex": 122}
FAST = ("tic_tac_toe", "connect_four")
BY_COST = [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow, id=name) for name in LONGEST
]


def play_out(game, moves, seed=0):
    """Random games: every Turn that was looked at and every move made, leaves [T, N, ...]."""

    def move(positions, key):
        turn = jax.vmap(game.look)(positions)
        action = pick_legal(key, turn.legal)
        return jax.vmap(game.play)(positions, action), (turn, action, positions)

    keys = jax.random.split(jax.random.key(seed), moves)
    play = jax.jit(lambda keys: jax.lax.scan(move, start_games(game, GAMES), keys))
    last, played = play(keys)
    return jax.tree.map(np.asarray, (jax.jit(jax.vmap(game.look))(last), *played))


@pytest.mark.parametrize("name", BY_COST)
def test_random_games_keep_the_rules(name):
    game = make(f"pgx/{name}")
    check_game(game)
    last, turn, action, _ = play_out(game, LONGEST[name] + 2)
    assert last.is_over.all()
    np.testing.assert_array_equal(turn.reward.sum(-1), 0)
    # Legal moves alone never end in a penalty: rewards come at the end, once.
    np.testing.assert_array_equal(turn.reward[~turn.is_over], 0)
    ends = np.argmax(turn.is_over, axis=0)
    assert (np.abs(turn.reward[..., 0]).sum(0) <= 1).all()
    assert set(np.unique(turn.reward[ends, np.arange(GAMES)])) <= {-1.0, 0.0, 1.0}
    assert len(np.unique(turn.reward[ends, np.arange(GAMES), 0])) > 1
    # The players take turns, and the one who began is number 0.
    time = np.arange(len(action))[:, None]
    np.testing.assert_array_equal(turn.player, np.where(time < ends, time, ends) % 2)
    assert np.take_along_axis(turn.legal, action[..., None], -1).all()


def test_four_in_a_row_by_hand():
    """The first player fills column 3, the other column 2: the fourth stone wins."""
    game = make("pgx/connect_four")
    position = game.start()
    play = jax.jit(game.play)
    for action in (3, 2, 3, 2, 3, 2, 3):
        assert not game.look(position).is_over
        position = play(position, action)
    turn = game.look(position)
    assert turn.is_over and turn.player == 1
    np.testing.assert_array_equal(turn.reward, [1, -1])
    board = np.zeros((6, 7))
    board[2:, 3] = 1
    board[3:, 2] = -1
    np.testing.assert_array_equal(game.board(position), board)
    after = play(position, 0)  # nothing happens after the end, and nobody is paid twice
    np.testing.assert_array_equal(game.board(after), board)
    np.testing.assert_array_equal(game.look(after).reward, [0, 0])


@pytest.mark.parametrize("name", BY_COST)
def test_a_turned_game_is_the_same_game(name):
    """Turned boards have turned legal moves, and lead to turned boards."""
    game = make(f"pgx/{name}")
    _, turn, action, positions = play_out(game, 12, seed=1)
    squares, actions = game.symmetries
    expected = {"connect_four": 2, "hex": 1, "othello": 4}.get(name, 8)
    assert len(squares) == len(actions) == expected
    np.testing.assert_array_equal(np.sort(squares, -1)[0], squares[0])
    np.testing.assert_array_equal(actions[0], np.arange(game.action_space.n))

    def replay(moves, inverse):
        step = lambda position, a: (game.play(position, inverse[a]), position)  # noqa: E731
        return jax.vmap(game.look)(jax.lax.scan(step, game.start(), moves)[1])

    for number in range(1, expected):
        inverse = np.argsort(actions[number])  # where each move of the first board goes to
        seen = jax.jit(jax.vmap(replay, in_axes=(1, None), out_axes=1))(action, inverse)
        turned = jax.vmap(jax.vmap(turn_board, (0, None)), (0, None))(turn.obs, squares[number])
        np.testing.assert_array_equal(seen.obs, turned)
        legal = turn.legal[..., actions[number]]
        np.testing.assert_array_equal(seen.legal[~turn.is_over], legal[~turn.is_over])


def test_a_world_in_which_one_policy_plays_both_sides():
    env = as_env(make("pgx/tic_tac_toe"), opening=2)
    check(env)
    state, obs = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), 64), ())
    assert obs["obs"].sum() == 2 * 64 and (obs["legal"].sum(-1) == 7).all()
    assert len(np.unique(obs["obs"].reshape(64, -1), axis=0)) > 20


WORLDS = [
    pytest.param(
        name, marks=() if name == "minatar-breakout" else pytest.mark.slow, id=name
    )
    for name in ("2048", *(f"minatar-{one}" for one in (
        "asterix", "breakout", "freeway", "seaquest", "space_invaders")))
]  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
def test_worlds_of_one_player(name):
    """Random play: rewards and ends come as pgx has them, and every reset is a fresh one."""
    import pgx

    env = make(f"pgx/{name}")
    worlds = vectorize(env, 16)
    theirs = pgx.make(name)

    def step(state, key):
        action_key, step_key = jax.random.split(key)
        action = jax.random.randint(action_key, (16,), 0, env.action_space.n)
        after, out = worlds.step(step_key, state, action)
        keys = jax.random.split(step_key, 16)
        expected = jax.vmap(theirs.step)(state.env, action, keys)
        return after, (out, expected.observation, expected.rewards[:, 0], expected.terminated)

    run = jax.jit(lambda key: jax.lax.scan(step, worlds.reset(key), jax.random.split(key, 300))[1])
    out, obs, reward, terminated = run(jax.random.key(0))
    np.testing.assert_array_equal(out.obs, obs)
    np.testing.assert_array_equal(out.reward, reward)
    np.testing.assert_array_equal(out.terminated, terminated)
    assert not out.truncated.any()
    if "freeway" not in name:  # it lasts 2500 steps
        assert out.terminated.any() and (out.reward != 0).any()


def test_what_is_no_game_and_what_is_no_world():
    with pytest.raises(BadInput, match="game of two players"):
        vectorize(make("pgx/tic_tac_toe"), 2)
    with pytest.raises(BadInput, match="world of one player"):
        check_game(make("pgx/minatar-breakout"))
    with pytest.raises(BadInput, match="should be a jaxdl.envs.Game"):
        check_game(3)
    with pytest.raises(BadInput, match="did you mean 'pgx/connect_four'"):
        make("pgx/connect-four")
    with pytest.raises(BadInput, match="neither a world nor a game"):
        make("pgx/backgammon")
    for name, message in {
        "cartpole": "cartpole is a world of one player",
        "brax/ant": "brax/ant is a world of one player",
        "pgx": "unknown env 'pgx'",
    }.items():
        with pytest.raises(BadInput, match=message):
            check_game_name(name)
    check_game_name("pgx/connect_four")
    game = make("pgx/tic_tac_toe")
    assert isinstance(game, Game)
    with pytest.raises(BadInput, match="another kind of position"):
        check_game(game._replace(play=lambda position, action: 0))
