"""AlphaZero's self-play and learning: what they add to the search, and beside pgx's own example.

All play connect four with one net (2 blocks of 32 channels), one search (Gumbel, 32 simulations),
as many games side by side, moves, and positions in a minibatch. What differs stands in the notes.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments._timing import Candidate, measure
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.envs.games import start_games
from jaxdl.nn import BoardNet
from jaxdl.rl import alphazero
from jaxdl.rl.alphazero import exploring_search
from jaxdl.rl.game_learner import Matches, Rounds
from jaxdl.rl.self_play import self_play

GAMES = 128
MOVES = 16
SIMULATIONS = 32
BATCH = 512
TURNS = 5


def alphazero_connect_four(peers: bool) -> list[dict]:
    """Positions per second of self-play, of the searches in it alone, and of whole rounds.

    The overhead around mctx is the time of self-play over that of its searches alone.
    """
    rows = measure("alphazero_connect_four", _parts(), repeats=TURNS)
    loops = {"jaxdl, round": _our_round()}
    if peers:
        plain = _PlainNet(7, channels=32, blocks=2)
        loops["pgx's example, round"] = _pgx_round(plain, "flax's convolutions")
        loops["pgx's example, our net, round"] = _pgx_round(_net(), "our convolutions")
    return rows + time_loops("alphazero_connect_four", loops)


def _net() -> BoardNet:
    return BoardNet(7, channels=32, blocks=2)


class _PlainNet(BoardNet):
    """The same net and parameters, with flax's convolutions instead of ours."""

    def _convolution(self) -> nn.Module:
        return nn.Conv(self.channels, (3, 3), kernel_init=nn.initializers.he_uniform())


def _learner() -> Any:
    return alphazero(
        make("pgx/connect_four"),
        _net(),
        optax.adam(1e-3),
        simulations=SIMULATIONS,
        rounds=Rounds(GAMES, MOVES, GAMES * 256, GAMES * MOVES // BATCH, BATCH),
        matches=Matches(games=2, plain_factor=1),
    )


def _parts() -> dict[str, Candidate]:
    """Self-play, and the same number of searches and moves with nothing around them."""
    game = make("pgx/connect_four")
    state = jax.jit(_learner().init)(jax.random.key(0))
    search = exploring_search(game, _net(), "gumbel", simulations=SIMULATIONS)

    def play(key, params, actors):
        return self_play(key, game, search, params, actors, moves=MOVES)

    def search_alone(key, params, positions):
        def move(positions, key):
            found = search(key, params, positions)
            return jax.vmap(game.play)(positions, found.action), found.policy

        return jax.lax.scan(move, positions, jax.random.split(key, MOVES))

    key = jax.random.key(1)
    items = GAMES * MOVES
    positions = start_games(game, GAMES)
    return {
        "jaxdl": Candidate(play, (key, state.params, state.actors), items, "self-play alone"),
        "mctx": Candidate(search_alone, (key, state.params, positions), items, "searches, moves"),
    }


class Loop(NamedTuple):
    """A training loop whose parts a host calls in turn.

    Attributes:
      run: () -> None; one round, all of it done when it returns. The first call compiles.
      items: positions that a round plays.
      note: what to know beside the figure.
    """

    run: Callable[[], None]
    items: int
    note: str


def time_loops(case: str, loops: Mapping[str, Loop]) -> list[dict]:
    """Runs loops in turns; returns rows as `measure` does, with what a host's loop can tell."""
    rows: dict[str, dict[str, Any]] = {}
    for who, loop in loops.items():
        wall, cpu = time.perf_counter(), time.process_time()
        loop.run()
        first = {
            "compile_wall_seconds": time.perf_counter() - wall,
            "compile_cpu_seconds": time.process_time() - cpu,
        }
        note = f"{loop.note}; compilation with the first round"
        rows[who] = {"case": case, "who": who, **first, "items": loop.items, "note": note}
    seconds: dict[str, list[tuple[float, float]]] = {who: [] for who in loops}
    for _ in range(TURNS):
        for who, loop in loops.items():
            wall, cpu = time.perf_counter(), time.process_time()
            loop.run()
            seconds[who].append((time.perf_counter() - wall, time.process_time() - cpu))
    for who, row in rows.items():
        wall, cpu = np.median(np.asarray(seconds[who]), axis=0)
        row |= {
            "wall_seconds": float(wall),
            "cpu_seconds": float(cpu),
            "items_per_second": row["items"] / float(wall),
            "items_per_cpu_second": row["items"] / float(cpu),
            "flops": None,
            "temp_bytes": None,
            "peak_device_bytes": None,
        }
    return list(rows.values())


def _our_round() -> Loop:
    """A learner step, as the driver calls it."""
    learner = _learner()
    step = jax.jit(learner.step, donate_argnums=1)
    state = jax.jit(learner.init)(jax.random.key(0))
    turn = 0

    def run():
        nonlocal state, turn
        turn += 1
        state, _ = step(jax.random.key(turn), state, ())
        jax.block_until_ready(state.params)

    return Loop(run, GAMES * MOVES, "one program; games go on from round to round")


def _pgx_round(net: BoardNet, note: str) -> Loop:
    """The calls of pgx's examples/alphazero: play, targets, shuffling on the host, minibatches."""
    try:
        import pgx
    except ImportError as error:
        raise BadInput(f"--peers needs {error.name}: install the extra `games`") from None
    env = pgx.make("connect_four")
    tx = optax.adam(1e-3)
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 6, 7, 2)))
    opt_state = tx.init(params)
    play = jax.jit(partial(_pgx_play, env, net))
    targets = jax.jit(_pgx_targets)
    train = jax.jit(partial(_pgx_train, net, tx))
    turn = 0

    def run():
        nonlocal params, opt_state, turn
        turn += 1
        play_key, order_key = jax.random.split(jax.random.key(turn))
        samples = jax.device_get(targets(play(params, play_key)))
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), samples)
        order = np.asarray(jax.random.permutation(order_key, GAMES * MOVES))
        shuffled = jax.tree.map(lambda x: x[order], flat)
        for i in range(GAMES * MOVES // BATCH):
            minibatch = jax.tree.map(lambda x, i=i: x[i * BATCH : (i + 1) * BATCH], shuffled)
            params, opt_state = train(params, opt_state, minibatch)
        jax.block_until_ready(params)

    note = f"{note}; games begin anew in every round, and those that are cut give no value target"
    return Loop(run, GAMES * MOVES, note)


def _pgx_play(env: Any, net: Any, params: Any, key: jax.Array) -> dict[str, jax.Array]:
    """T moves in G new games, which pgx begins anew when they end."""
    import mctx
    from pgx.experimental.wrappers import auto_reset

    def expand(params, key, action, state):
        mover = state.current_player
        state = jax.vmap(env.step)(state, action)
        logits, value = net.apply(params, state.observation)
        logits = jnp.where(state.legal_action_mask, logits, jnp.finfo(logits.dtype).min)
        output = mctx.RecurrentFnOutput(
            reward=state.rewards[jnp.arange(GAMES), mover],
            discount=jnp.where(state.terminated, 0.0, -1.0),
            prior_logits=logits,
            value=jnp.where(state.terminated, 0.0, value),
        )
        return output, state

    def move(state, key):
        search_key, reset_key = jax.random.split(key)
        logits, value = net.apply(params, state.observation)
        output = mctx.gumbel_muzero_policy(
            params,
            search_key,
            mctx.RootFnOutput(prior_logits=logits, value=value, embedding=state),
            expand,
            SIMULATIONS,
            invalid_actions=~state.legal_action_mask,
            qtransform=mctx.qtransform_completed_by_mix_value,
            gumbel_scale=1.0,
        )
        keys = jax.random.split(reset_key, GAMES)
        after = jax.vmap(auto_reset(env.step, env.init))(state, output.action, keys)
        played = {
            "obs": state.observation,
            "policy": output.action_weights,
            "reward": after.rewards[jnp.arange(GAMES), state.current_player],
            "terminated": after.terminated,
        }
        return after, played

    init_key, play_key = jax.random.split(key)
    state = jax.vmap(env.init)(jax.random.split(init_key, GAMES))
    return jax.lax.scan(move, state, jax.random.split(play_key, MOVES))[1]


def _pgx_targets(played: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Values from the ends of games backwards, and whether an end was reached, leaves [T, G]."""
    known = jnp.cumsum(played["terminated"][::-1], axis=0)[::-1] >= 1

    def back(value, step):
        value = step["reward"] + jnp.where(step["terminated"], 0.0, -1.0) * value
        return value, value

    ends = {name: played[name] for name in ("reward", "terminated")}
    value = jax.lax.scan(back, jnp.zeros(GAMES), ends, reverse=True)[1]
    return {"obs": played["obs"], "policy": played["policy"], "value": value, "known": known}


def _pgx_train(net: Any, tx: Any, params: Any, opt_state: Any, batch: Any) -> tuple[Any, Any]:
    """One optimizer step."""

    def loss(params):
        logits, value = net.apply(params, batch["obs"])
        policy_loss = optax.softmax_cross_entropy(logits, batch["policy"]).mean()
        value_loss = jnp.mean(optax.l2_loss(value, batch["value"]) * batch["known"])
        return policy_loss + value_loss

    updates, opt_state = tx.update(jax.grad(loss)(params), opt_state)
    return optax.apply_updates(params, updates), opt_state


CASES = {"alphazero_connect_four": alphazero_connect_four}
