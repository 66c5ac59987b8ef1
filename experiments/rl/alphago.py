"""AlphaGo: a policy is cloned from an expert's games, then self-play makes it better.

Mastering the game of Go with deep neural networks and tree search (Silver et al. 2016): the policy
cloned from people's games met 57 % of their moves, and its successor by policy gradient won more
than 80 % of the games against it. Here the expert is a search without a net.

The stages `clone` and `self_play` have folders of their own; the second is AlphaZero's self-play,
or the policy gradient of 2016 (`--second=reinforce`).

Measured (5 seeds on 2 CPU cores, by its claims): 40 steps of self-play win 0.64 ± 0.13 of the
points against the clone that they began with; self-play from nothing wins 0.49 ± 0.29.

    ./run alphago                                          connect four, on a CPU
    ./run play --workdir=latest --stage=clone              against the clone
"""

from dataclasses import dataclass, replace
from typing import Literal

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import BoardGame, GameSearch, Optimizer

ABOUT = About(
    title="AlphaGo",
    paper="Silver et al. 2016",
    arxiv="",
    summary="A net imitates an expert's games, then learns from games against itself.",
    headline="eval/score_plain",
    yardstick="half the points is the equal of a search without a net with as many simulations",
    samples="moves",
    curves=("eval/score_plain", "policy_loss", "value_loss"),
)


@dataclass(frozen=True)
class Config:
    """Which game is learned, from which expert, and how."""

    run: Run = Run(steps=60, steps_per_call=5)
    board: BoardGame = BoardGame()
    search: GameSearch = GameSearch(simulations=16, considered=7)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    second: Literal["alphazero", "reinforce"] = option("alphazero", "what the second stage is")
    clone_steps: int = option(30, "steps of the first stage", at_least=1)
    expert_simulations: int = option(160, "of the expert, a search without a net", at_least=1)


TIC_TAC_TOE = BoardGame(
    "pgx/tic_tac_toe", 16, 0, 8, moves=12, window=512, updates=2, batch_size=64, eval_games=16
)
PRESETS = {
    "smoke": Config(
        run=Run(steps=8, steps_per_call=4),
        board=TIC_TAC_TOE,
        search=GameSearch(simulations=4),
        clone_steps=4,
        expert_simulations=32,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=400, steps_per_call=10, save_every=100),
        board=BoardGame("pgx/othello", 128, 6, 1024, moves=32, window=1024 * 256, batch_size=4096),
        search=GameSearch(simulations=32),
        clone_steps=100,
        expert_simulations=320,
    ),
    "paper": Config(  # 13 layers of 192 filters; 10,000 minibatches of 128 games by policy gradient
        run=Run(steps=10_000, steps_per_call=10, save_every=500, eval_every=2000),
        board=BoardGame(
            "pgx/go_19x19", 192, 6, 128, moves=64, window=128 * 512, batch_size=1024, plain_factor=1
        ),
        search=GameSearch(search="puct", simulations=800, dirichlet_alpha=0.03),
        optimizer=Optimizer(optimizer="sgd", learning_rate=0.003),
        second="reinforce",
        clone_steps=10_000,
        expert_simulations=1600,
    ),
}


def build(config: Config, stage: str = "self_play") -> System:
    """Builds the learner of a stage, by default the last one, and what belongs to it."""
    from jaxdl.rl import boards
    from jaxdl.rl.alphago import clone, reinforce

    steps = config.clone_steps if stage == "clone" else config.run.horizon
    parts = boards.make_parts(config, steps=steps)
    rounds, matches = boards.make_rounds(config), boards.make_matches(config)
    coef = config.board.value_coef
    if stage == "clone":
        expert = config.expert_simulations
        rest = {"value_coef": coef, "rounds": rounds, "matches": matches}
        learner = clone(*parts, expert_simulations=expert, **rest)
    elif config.second == "reinforce":  # from the positions of the last four rounds
        recent = rounds._replace(window=4 * rounds.num_games * rounds.moves)
        learner = reinforce(*parts, value_coef=coef, rounds=recent, matches=matches)
    else:
        learner = boards.make_alphazero(parts, config)
    return boards.make_system(learner, parts, config, text=f"AlphaGo ({stage})")


def main(config: Config):
    """Trains both stages; returns the state and the result of the second."""
    from jaxdl.core import fit
    from jaxdl.rl.alphago import begin_with

    start = None
    for stage, steps in (("clone", config.clone_steps), ("self_play", config.run.steps)):
        system = build(config, stage)
        state, result = fit(
            system.learner,
            system.data(),
            replace(config.run, steps=steps),
            samples_per_step=system.samples_per_step,
            init=start,
            stage=stage,
            figures=system.figures,
            about=ABOUT._asdict(),
        )
        if stage == "clone":
            start = begin_with(build(config).learner, state.params, config.run.num_seeds)
    return state, result


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
