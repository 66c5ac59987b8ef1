"""AlphaZero: a net learns a game from nothing but games against itself (Silver et al. 2018).

A general reinforcement learning algorithm that masters chess, shogi and Go through self-play,
Science 362, and AlphaGo Zero, Nature 550 (2017): 100 to 0 against the AlphaGo that had beaten Lee
Sedol, after three days from random play. Here the search is Gumbel AlphaZero's (Danihelka et al.
2022) or PUCT, and the opponents are searches without a net and an earlier self.

Measured (5 seeds on 2 CPU cores, by its claims): with 16 simulations 88.5 ± 2.9 % optimal moves in
endgames of connect four, 78.1 ± 1.8 % without the net; 0.13 ± 0.08 of the points against ten times
as many simulations without a net. In tic-tac-toe 0.6 ± 0.68 of 3,888 positions are still lost.

    ./run alphazero                                 connect four, on a CPU
    ./run play --workdir=latest                     against it
    ./run alphazero --env=pgx/othello --preset=gpu  at the sizes of pgx's own example
"""

from dataclasses import dataclass

from jaxdl.core.run import Run
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import BoardGame, GameSearch, Optimizer

ABOUT = About(
    title="AlphaZero",
    paper="Silver et al. 2018",
    arxiv="1712.01815",
    summary="A net learns a board game from games against itself, led by its own search.",
    headline="eval/score_strong",
    yardstick="half the points is the equal of a search without a net that has ten times as many "
    "simulations; with as many, {eval/score_plain}",
    samples="moves",
    curves=("eval/score_strong", "policy_divergence", "value_loss"),
)


@dataclass(frozen=True)
class Config:
    """Which game is learned, by which net and search, and how."""

    run: Run = Run(steps=150, steps_per_call=5)
    board: BoardGame = BoardGame()
    search: GameSearch = GameSearch(simulations=16, considered=7)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        board=BoardGame(
            env="pgx/tic_tac_toe",
            channels=16,
            blocks=1,
            num_games=16,
            moves=12,
            window=1024,
            updates=4,
            batch_size=64,
            eval_games=16,
        ),
        search=GameSearch(simulations=8),
    ),
    "cpu": Config(),
    "gpu": Config(  # pgx's example: 32 simulations, 6 blocks of 128 channels, 4096 positions
        run=Run(steps=800, steps_per_call=10, save_every=100),
        board=BoardGame(
            env="pgx/go_9x9",
            channels=128,
            blocks=6,
            num_games=1024,
            moves=32,
            window=1024 * 256,
            batch_size=4096,
        ),
        search=GameSearch(simulations=32),
    ),
    "paper": Config(  # Silver et al. 2017: 20 blocks of 256 channels, the last 500,000 games
        run=Run(steps=40_000, steps_per_call=10, eval_every=5000, save_every=1000),
        board=BoardGame(
            env="pgx/go_19x19",
            channels=256,
            blocks=19,
            num_games=1024,
            window=1024 * 1024,
            updates=16,
            batch_size=2048,
            plain_factor=1,
        ),
        search=GameSearch(search="puct", simulations=800, dirichlet_alpha=0.03, sampled_moves=30),
        optimizer=Optimizer(
            optimizer="sgd", learning_rate=0.02, schedule="cosine", weight_decay=1e-4
        ),
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl.rl import boards

    parts = boards.make_parts(config, steps=config.run.horizon)
    return boards.make_system(boards.make_alphazero(parts, config), parts, config, text="AlphaZero")


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
