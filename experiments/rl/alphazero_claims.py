"""What AlphaGo Zero and AlphaZero state, measured on games that two CPU cores can learn.

The papers' opponents are programs of their day. Here they are searches without a net, and solvers:
tic-tac-toe is tried in every position that play can reach, connect four in endgames.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.rl.alphazero import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

STONES = 24  # on the board when an endgame begins
CHUNK = 256  # positions that are searched at once: the trees of more leave the CPU's caches


class Tier(NamedTuple):
    """How large the measurement is.

    Attributes:
      seeds: runs of each game.
      tic_tac_toe: learner steps.
      connect_four: learner steps.
      settings: of connect four.
      games: of a match.
      endgames: that the solver judges.
    """

    seeds: int
    tic_tac_toe: int
    connect_four: int
    settings: Mapping[str, Any]
    games: int
    endgames: int


SMALL = {"num_games": 64, "window": 16_384, "simulations": 16, "considered": 7}
SMALL |= {"channels": 16, "blocks": 1, "moves": 16, "updates": 8, "batch_size": 256}
LARGE = {"num_games": 1024, "window": 262_144, "simulations": 32, "considered": 7}
LARGE |= {"channels": 64, "blocks": 4, "moves": 32, "updates": 16, "batch_size": 4096}
TIERS = {
    "smoke": Tier(2, 4, 2, SMALL | {"num_games": 16, "batch_size": 32}, 4, 8),
    "cpu": Tier(5, 400, 80, SMALL, 64, 300),
    "gpu": Tier(10, 400, 200, LARGE, 256, 1000),
}
TIC_TAC_TOE = {"num_games": 32, "window": 4096, "simulations": 32, "considered": 9, "moves": 9}
TIC_TAC_TOE |= {"channels": 16, "blocks": 1, "updates": 8, "batch_size": 128, "lr": 3e-3}
TIC_TAC_TOE |= {"opening": 7}  # else most positions are never seen: good play avoids them
THOUGHT = 100  # simulations before a move that is tried against the solver


class Trained(NamedTuple):
    """What a game's runs have learned.

    Attributes:
      game: the rules.
      net: of policy and value.
      params: one of each seed.
      simulations: of a search in training.
    """

    game: Any
    net: Any
    params: list[Any]
    simulations: int


@cache
def trained(tier: str, name: str) -> Trained:
    """Trains one of the games, all seeds side by side."""
    from jaxdl.launch import train

    size = TIERS[tier]
    own = TIC_TAC_TOE if name == "tic_tac_toe" else dict(size.settings)
    steps = getattr(size, name)
    run = {"steps": steps, "steps_per_call": max(steps // 10, 1), "num_seeds": size.seeds}
    config = configure(
        "alphazero",
        PRESETS,
        "smoke",
        {"env": f"pgx/{name}", "eval_games": 2, "plain_factor": 1} | own | run,
    )
    state, _ = train(build, config, about=ABOUT)
    return as_trained(config, state)


def as_trained(config: Any, state: Any) -> Trained:
    """Takes the nets of all seeds out of a final state."""
    import jax

    from jaxdl.rl.boards import make_parts

    game, net, _ = make_parts(config, steps=1)
    seeds = config.run.num_seeds
    params = [jax.tree.map(lambda x, i=i: x[i], state.params) for i in range(seeds)]
    return Trained(game, net, params, config.search.simulations)


def player_of(runs: Trained, simulations: int) -> Any:
    """Returns the search by which a trained net plays."""
    from jaxdl.rl.game_learner import careful_search, make_judge

    return careful_search(runs.game, make_judge(runs.net), "gumbel", simulations)


def never_loses(tier: str) -> Verdict:
    """Counts the moves that lose what was not lost, over all reachable positions; none may be."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show
    from jaxdl.rl.solvers import reachable_tic_tac_toe, solve_tic_tac_toe

    runs = trained(tier, "tic_tac_toe")
    reached = [one for one in reachable_tic_tac_toe() if solve_tic_tac_toe(one.board).value >= 0]
    positions = replay(runs.game, [one.moves for one in reached], 9)
    chosen = choose(runs, positions, THOUGHT)
    tables = [solve_tic_tac_toe(one.board) for one in reached]
    after = [
        [
            -solve_tic_tac_toe(tuple(-(1 if i == a else x) for i, x in enumerate(one.board))).value
            for one, a in zip(reached, actions, strict=True)
        ]
        for actions in chosen
    ]
    lost = interval(np.sum(np.asarray(after) < 0, axis=1))
    best = interval(
        [
            np.mean([a in table.best for a, table in zip(actions, tables, strict=True)])
            for actions in chosen
        ]
    )
    size = TIERS[tier]
    summary = (
        f"moves that lose: {show(lost)} in {len(reached):,} positions that are not lost; "
        f"{100 * best['mean']:.2f} % keep what the solver would; {THOUGHT} simulations, "
        f"{size.seeds} seeds"
    )
    answer = "holds" if max(lost["values"]) == 0 else "fails"
    return Verdict(answer, summary, {"losing moves": lost, "optimal moves": best})


def plays_endgames(tier: str) -> Verdict:
    """Compares shares of optimal moves in endgames: the net's search, and one without a net."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show
    from jaxdl.rl.search import plain_search

    runs = trained(tier, "connect_four")
    positions, solved = endgames(tier)
    share = lambda moves: np.mean([m in s.best for m, s in zip(moves, solved, strict=True)])  # noqa: E731
    ours = [share(moves) for moves in choose(runs, positions, runs.simulations)]
    plain = jax.jit(plain_search(runs.game, simulations=runs.simulations))
    count = jnp.int32(runs.simulations)
    keys = jax.random.split(jax.random.key(1), len(ours))
    theirs = [share(plain(key, count, positions).action) for key in keys]
    numbers = {"net": interval(ours), "no net": interval(theirs)}
    numbers["difference"] = interval(np.subtract(ours, theirs))
    summary = (
        f"optimal moves: net {show(numbers['net'], 100)} %, without {show(numbers['no net'], 100)} "
        f"%; {len(solved)} endgames from {STONES} stones on in which a move can be wrong, "
        f"{runs.simulations} simulations, {len(ours)} seeds"
    )
    return Verdict(decide(numbers["difference"]), summary, numbers)


def beats_plain_search(tier: str) -> Verdict:
    """Decides whether the net wins more than half of the points against ten times its search."""
    import jax.numpy as jnp

    from jaxdl.rl.matches import Player
    from jaxdl.rl.search import plain_search

    runs = trained(tier, "connect_four")
    more = 10 * runs.simulations
    plain = plain_search(runs.game, simulations=more)
    opponents = [Player(plain, jnp.int32(more)) for _ in runs.params]
    players = [Player(player_of(runs, runs.simulations), params) for params in runs.params]
    text = f"{runs.simulations} simulations against {more} without a net"
    return match_verdict(runs.game, players, opponents, TIERS[tier].games, text)


def grows_with_search(tier: str) -> Verdict:
    """Decides whether a net beats itself with a quarter of the simulations."""
    from jaxdl.rl.matches import Player

    runs = trained(tier, "connect_four")
    strong, weak = 4 * runs.simulations, runs.simulations
    searches = player_of(runs, strong), player_of(runs, weak)
    players = [Player(searches[0], params) for params in runs.params]
    opponents = [Player(searches[1], params) for params in runs.params]
    text = f"{strong} simulations against {weak} with the same net"
    return match_verdict(runs.game, players, opponents, TIERS[tier].games, text)


def match_verdict(
    game: Any, players: list[Any], opponents: list[Any], games: int, text: str
) -> Verdict:
    """Plays a match in each seed, and decides whether more than half of the points were won."""
    import jax
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show
    from jaxdl.rl.matches import Player, play_match

    searches = players[0].search, opponents[0].search

    @jax.jit
    def play(key, params, other):
        sides = Player(searches[0], params), Player(searches[1], other)
        return play_match(key, game, sides[0], [sides[1]], games=games)[0].mean()

    keys = jax.random.split(jax.random.key(2), len(players))
    scores = [
        float(play(key, player.params, opponent.params))
        for key, player, opponent in zip(keys, players, opponents, strict=True)
    ]
    lead = interval(np.asarray(scores) - 0.5)
    score = interval(scores)
    elo = interval([400 * np.log10((s + 1e-3) / (1 - s + 1e-3)) for s in scores])
    summary = (
        f"score {show(score)} of 1 (Elo {elo['mean']:+.0f} ± {elo['ci95']:.0f}); {text}; "
        f"{games} games in each of {len(scores)} seeds"
    )
    return Verdict(decide(lead), summary, {"score": score, "Elo": elo})


def choose(runs: Trained, positions: Any, simulations: int) -> "list[np.ndarray]":
    """Returns the moves [N] that the net of each seed makes."""
    import jax
    import numpy as np

    search = player_of(runs, simulations)
    count = jax.tree.leaves(positions)[0].shape[0]
    size = min(count, CHUNK)
    rows = np.arange(-(-count // size) * size).reshape(-1, size) % count

    @jax.jit
    def act(params, positions):
        chunks = jax.tree.map(lambda x: x[rows], positions)
        act_on = lambda chunk: search(jax.random.key(0), params, chunk).action  # noqa: E731
        return jax.lax.map(act_on, chunks).reshape(-1)[:count]

    return [np.asarray(act(params, positions)) for params in runs.params]


def replay(game: Any, lines: list[tuple[int, ...]], longest: int) -> Any:
    """Returns the positions [N, ...] that lines of play lead to."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    table = np.full((len(lines), longest), -1)
    for row, line in enumerate(lines):
        table[row, : len(line)] = line

    def move(position, action):
        after = game.play(position, jnp.maximum(action, 0))
        return jax.tree.map(lambda x, y: jnp.where(action < 0, x, y), position, after), ()

    follow = jax.jit(jax.vmap(lambda line: jax.lax.scan(move, game.start(), line)[0]))
    return follow(jnp.asarray(table))


@cache
def endgames(tier: str) -> tuple[Any, list[Any]]:
    """Draws endgames of connect four by random play, and solves them.

    Returns:
      Positions [N, ...] in which some moves are worse than others, and what the solver says.
    """
    import jax
    import numpy as np

    from jaxdl.envs.games import pick_legal, start_games
    from jaxdl.rl.solvers import solve_connect_four

    game = trained(tier, "connect_four").game
    count = TIERS[tier].endgames

    def move(positions, key):
        legal = jax.vmap(game.look)(positions).legal
        return jax.vmap(game.play)(positions, pick_legal(key, legal)), ()

    keys = jax.random.split(jax.random.key(7), STONES)
    drawn = jax.jit(lambda: jax.lax.scan(move, start_games(game, 20 * count), keys)[0])()
    turn = jax.device_get(jax.vmap(game.look)(drawn))
    boards = turn.obs[..., 0].astype(int) - turn.obs[..., 1]
    solved: dict[int, Any] = {}
    for i in np.flatnonzero(~turn.is_over):
        found = solve_connect_four(boards[i])
        if len(found.best) < turn.legal[i].sum():
            solved[int(i)] = found
        if len(solved) == count:
            break
    chosen = np.array(list(solved))
    return jax.tree.map(lambda x: x[chosen], drawn), list(solved.values())


CLAIMS = [
    Claim(
        "tic_tac_toe_never_loses",
        "What was learned from self-play alone never loses tic-tac-toe against perfect play, from "
        "any reachable position that is not lost already",
        "Silver et al. 2018, which learns games from their rules alone; the yardstick is exact",
        never_loses,
    ),
    Claim(
        "endgames",
        "In endgames of connect four more moves are the solver's than those of a search without a "
        "net with as many simulations",
        "Silver et al. 2018; the yardstick is exact",
        plays_endgames,
    ),
    Claim(
        "beats_plain_search",
        "The net's search wins more than half of the points against a search without a net that "
        "has ten times its simulations",
        "Silver et al. 2017, fig. 6; Silver et al. 2018, table 1, against programs of their day",
        beats_plain_search,
    ),
    Claim(
        "grows_with_search",
        "The same net is stronger with four times the simulations at play time",
        "Silver et al. 2018, fig. 2",
        grows_with_search,
    ),
]
