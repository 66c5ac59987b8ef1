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

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import BoardPolicy, Games, GameSearch, Optimizer

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
    moves: int = option(16, "made in every game between two rounds of learning", at_least=1)
    window: int = option(32_768, "positions that are learned from", at_least=1)
    updates: int = option(8, "minibatches in a round", at_least=1)
    batch_size: int = option(512, "positions in a minibatch", at_least=1)
    value_coef: float = option(1.0, "weight of the value's loss", at_least=0)
    augment: bool = option(True, "learn from boards turned by the game's symmetries")


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        games=Games(env="pgx/tic_tac_toe", num_games=16, eval_games=8),
        net=BoardPolicy(channels=16, blocks=1),
        search=GameSearch(simulations=8),
        moves=12,
        window=1024,
        updates=4,
        batch_size=64,
    ),
    "cpu": Config(),
    "gpu": Config(  # pgx's example: 32 simulations, 6 blocks of 128 channels, 4096 positions
        run=Run(steps=800, steps_per_call=10, save_every=100),
        games=Games(env="pgx/go_9x9", num_games=1024, eval_games=64),
        net=BoardPolicy(channels=128, blocks=6),
        moves=32,
        window=1024 * 256,
        updates=8,
        batch_size=4096,
    ),
    "paper": Config(  # Silver et al. 2017: 20 blocks of 256 channels, 500,000 games, batch 2048
        run=Run(steps=50_000, steps_per_call=10, eval_every=5000, save_every=1000),
        games=Games(env="pgx/go_19x19", num_games=1024, eval_games=64, plain_factor=1),
        net=BoardPolicy(channels=256, blocks=19),
        search=GameSearch(
            search="puct", simulations=800, dirichlet_alpha=0.03, sampled_moves=30
        ),
        optimizer=Optimizer(
            optimizer="sgd", learning_rate=0.02, schedule="cosine", weight_decay=1e-4
        ),
        moves=16,
        window=1024 * 1024,
        updates=16,
        batch_size=2048,
    ),
}  # fmt: skip


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.envs import make
    from jaxdl.envs.games import as_env
    from jaxdl.rl import alphazero, boards

    name = config.games.env
    game = make(name)
    net = boards.make_board_net(game, config.net)
    learner = alphazero(
        game,
        net,
        boards.make_board_tx(config.optimizer, steps=config.run.horizon * config.updates),
        num_games=config.games.num_games,
        moves=config.moves,
        window=config.window,
        updates=config.updates,
        batch_size=config.batch_size,
        search=config.search.search,
        simulations=config.search.simulations,
        considered=config.search.considered,
        dirichlet_alpha=config.search.dirichlet_alpha,
        dirichlet_fraction=config.search.dirichlet_fraction,
        sampled_moves=config.search.sampled_moves,
        value_coef=config.value_coef,
        augment=config.augment,
        eval_games=config.games.eval_games,
        eval_simulations=config.games.eval_simulations,
        plain_factor=config.games.plain_factor,
    )
    return System(
        learner,
        samples_per_step=config.games.num_games * config.moves,
        figures=boards.match_exhibits,
        deployment=boards.game_deployment(
            net, game, text=f"A net that judges {name}, by AlphaZero."
        ),
        world=(name, as_env(game)),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
