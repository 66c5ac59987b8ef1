"""AlphaGo: a policy is cloned from an expert's games, then self-play makes it better.

Mastering the game of Go with deep neural networks and tree search (Silver et al. 2016): the policy
cloned from people's games met 57 % of their moves, and its successor by policy gradient won more
than 80 % of the games against it. Here the expert is a search without a net.

The stages `clone` and `self_play` have folders of their own; the second is AlphaZero's self-play,
or the policy gradient of 2016 (`--second=reinforce`).

    ./run alphago                                          connect four, on a CPU
    ./run play --workdir=latest --stage=clone              against the clone
"""

from dataclasses import dataclass, replace
from typing import Literal

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import BoardPolicy, Games, GameSearch, Optimizer, SelfPlay

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
    games: Games = Games()
    net: BoardPolicy = BoardPolicy()
    search: GameSearch = GameSearch(simulations=16, considered=7)
    optimizer: Optimizer = Optimizer(learning_rate=1e-3)
    self_play: SelfPlay = SelfPlay()
    second: Literal["alphazero", "reinforce"] = option("alphazero", "what the second stage is")
    clone_steps: int = option(30, "steps of the first stage", at_least=1)
    expert_simulations: int = option(160, "of the expert, a search without a net", at_least=1)


PRESETS = {
    "smoke": Config(
        run=Run(steps=8, steps_per_call=4),
        games=Games(env="pgx/tic_tac_toe", num_games=16, eval_games=8),
        net=BoardPolicy(channels=16, blocks=1),
        search=GameSearch(simulations=8),
        clone_steps=4,
        expert_simulations=32,
        self_play=SelfPlay(moves=12, window=1024, updates=4, batch_size=64),
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=400, steps_per_call=10, save_every=100),
        games=Games(env="pgx/othello", num_games=1024),
        net=BoardPolicy(channels=128, blocks=6),
        search=GameSearch(simulations=32),
        clone_steps=100,
        expert_simulations=320,
        self_play=SelfPlay(moves=32, window=1024 * 256, batch_size=4096),
    ),
    "paper": Config(  # 13 layers of 192 filters; 10,000 minibatches of 128 games by policy gradient
        run=Run(steps=10_000, steps_per_call=10, save_every=500, eval_every=2000),
        games=Games(env="pgx/go_19x19", num_games=128, plain_factor=1),
        net=BoardPolicy(channels=192, blocks=6),
        search=GameSearch(search="puct", simulations=800, dirichlet_alpha=0.03),
        optimizer=Optimizer(optimizer="sgd", learning_rate=0.003),
        second="reinforce",
        clone_steps=10_000,
        expert_simulations=1600,
        self_play=SelfPlay(moves=64, window=128 * 512, batch_size=1024),
    ),
}


def build(config: Config, stage: str = "self_play") -> System:
    """Builds the learner of a stage, by default the last one, and what belongs to it."""
    from jaxdl.envs import make
    from jaxdl.envs.games import as_env
    from jaxdl.rl import boards
    from jaxdl.rl.alphago import clone, reinforce

    name = config.games.env
    game = make(name)
    net = boards.make_board_net(game, config.net)
    steps = config.clone_steps if stage == "clone" else config.run.horizon
    tx = boards.make_board_tx(config.optimizer, steps=steps * config.self_play.updates)
    groups = config.games, config.self_play, config.search
    common = {
        "value_coef": config.self_play.value_coef,
        "rounds": boards.make_rounds(*groups),
        "matches": boards.make_matches(config.games, config.search),
    }
    if stage == "clone":
        simulations = config.expert_simulations
        learner = clone(game, net, tx, expert_simulations=simulations, **common)
    elif config.second == "reinforce":
        last = 4 * config.games.num_games * config.self_play.moves  # positions of the last rounds
        recent = common["rounds"]._replace(window=last)
        learner = reinforce(game, net, tx, **common | {"rounds": recent})
    else:
        learner = boards.make_alphazero(game, net, tx, *groups)
    text = f"A net that judges {name} (AlphaGo, {stage})."
    return System(
        learner,
        samples_per_step=config.games.num_games * config.self_play.moves,
        figures=boards.match_exhibits,
        deployment=boards.game_deployment(net, game, text=text),
        world=(name, as_env(game)),
    )


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
