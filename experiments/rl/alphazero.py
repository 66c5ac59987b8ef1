"""AlphaZero: a net learns a game from nothing but games against itself (Silver et al. 2018).

A general reinforcement learning algorithm that masters chess, shogi and Go through self-play,
Science 362, and AlphaGo Zero, Nature 550 (2017): 100 to 0 against the AlphaGo that had beaten Lee
Sedol, after three days from random play. Here the search is Gumbel AlphaZero's (Danihelka et al.
2022) or PUCT, and the opponents are searches without a net and an earlier self.

    ./run alphazero                                 connect four, on a CPU
    ./run play --workdir=latest                     against it
    ./run alphazero --env=pgx/othello --preset=gpu  at the sizes of pgx's own example
"""

from dataclasses import dataclass

from jaxdl.core.run import Run
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import BoardPolicy, Games, GameSearch, Optimizer, SelfPlay

ABOUT = About(
    title="AlphaZero",
    paper="Silver et al. 2018",
    arxiv="1712.01815",
    summary="A net learns a board game from games against itself, led by its own search.",
    headline="eval/score_plain",
    yardstick="1 is all games won against a search without a net that looks at as many positions; "
    "half the points is its equal",
    samples="moves",
    curves=("eval/score_plain", "policy_divergence", "value_loss"),
)


@dataclass(frozen=True)
class Config:
    """Which game is learned, by which net and search, and how."""

    run: Run = Run(steps=100, steps_per_call=5)
    games: Games = Games()
    net: BoardPolicy = BoardPolicy()
    search: GameSearch = GameSearch()
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    self_play: SelfPlay = SelfPlay()


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        games=Games(env="pgx/tic_tac_toe", num_games=16, eval_games=8),
        net=BoardPolicy(channels=16, blocks=1),
        search=GameSearch(simulations=8),
        self_play=SelfPlay(moves=12, window=1024, updates=4, batch_size=64),
    ),
    "cpu": Config(
        run=Run(steps=150, steps_per_call=5),
        search=GameSearch(simulations=16, considered=7),
    ),
    "gpu": Config(  # pgx's example: 32 simulations, 6 blocks of 128 channels, 4096 positions
        run=Run(steps=800, steps_per_call=10, save_every=100),
        games=Games(env="pgx/go_9x9", num_games=1024),
        net=BoardPolicy(channels=128, blocks=6),
        self_play=SelfPlay(moves=32, window=1024 * 256, batch_size=4096),
    ),
    "paper": Config(  # Silver et al. 2017: 20 blocks of 256 channels, the last 500,000 games
        run=Run(steps=40_000, steps_per_call=10, eval_every=5000, save_every=1000),
        games=Games(env="pgx/go_19x19", num_games=1024, plain_factor=1),
        net=BoardPolicy(channels=256, blocks=19),
        search=GameSearch(
            search="puct", simulations=800, dirichlet_alpha=0.03, sampled_moves=30
        ),
        optimizer=Optimizer(
            optimizer="sgd", learning_rate=0.02, schedule="cosine", weight_decay=1e-4
        ),
        self_play=SelfPlay(moves=16, window=1024 * 1024, updates=16, batch_size=2048),
    ),
}  # fmt: skip


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.envs import make
    from jaxdl.envs.games import as_env
    from jaxdl.rl import boards

    name = config.games.env
    game = make(name)
    net = boards.make_board_net(game, config.net)
    tx = boards.make_board_tx(config.optimizer, steps=config.run.horizon * config.self_play.updates)
    learner = boards.make_alphazero(game, net, tx, config.games, config.self_play, config.search)
    return System(
        learner,
        samples_per_step=config.games.num_games * config.self_play.moves,
        figures=boards.match_exhibits,
        deployment=boards.game_deployment(
            net, game, text=f"A net that judges {name}, by AlphaZero."
        ),
        world=(name, as_env(game)),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
