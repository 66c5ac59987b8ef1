"""Learning speed: minutes of play until a fixed score (Tsividis et al. 2017).

Human Learning in Atari (AAAI Spring Symposium 2017): in most games people reach within 15 minutes
what Double DQN reaches after 115 hours. Here the games are MinAtar's and a step is a frame. The
score of a game is half of what gymnax's own PPO reaches (its README: Asterix 15, Breakout 28,
Freeway 58, Space Invaders 131). It gives none for Seaquest, where we ask for 2.

Measured (5 seeds, five games): no run of DQN, Double DQN, DQN with all options or PPO reached the
score within its 36 minutes of play.

    ./run learning_speed                                        DQN on Breakout, on a CPU
    ./run learning_speed --method=ppo --game=asterix
    ./run learning_speed --preset=gpu --method=all_options      ten seeds, 20 M frames
"""

from dataclasses import dataclass
from typing import Any, Literal

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, configure, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="Learning speed",
    paper="Tsividis et al. 2017",
    arxiv="",
    summary="Minutes of play until a learner plays a game half as well as gymnax's PPO.",
    headline="eval/minutes_to_score",
    better="lower",
    unit="min",
    yardstick="people need about 15 minutes for a game of Atari",
    paper_says="115 hours for Double DQN",
    samples="frames",
    curves=("eval/episode_return", "episode_return"),
)
SCORES = {
    "asterix": 7.5,
    "breakout": 14.0,
    "freeway": 29.0,
    "seaquest": 2.0,
    "space_invaders": 65.5,
}
FRAMES = 2048  # of a learner step of every method: 64 worlds, 32 steps in each
PLAY = {"num_envs": 64, "unroll": 32}
Q_LEARNING: dict[str, Any] = PLAY | {
    "batch_size": 32,
    "capacity": 131_072,
    "learning_starts": 8192,
    "target_every": 250,
    "exploration_share": 0.1,
}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "dqn": ("dqn", Q_LEARNING),
    "double_dqn": ("dqn", Q_LEARNING | {"double": True}),
    "all_options": (
        "dqn",
        Q_LEARNING | {"double": True, "dueling": True, "prioritized": True, "n_step": 3},
    ),
    "ppo": ("ppo", PLAY | {"epochs": 4, "entropy_coef": 0.01}),
}


@dataclass(frozen=True)
class Config:
    """Which method learns which game."""

    run: Run = Run(steps=10, steps_per_call=5)
    method: Literal["dqn", "double_dqn", "all_options", "ppo"] = option(
        "dqn", "who learns; all_options is Double DQN with all that dqn has"
    )
    game: Literal["asterix", "breakout", "freeway", "seaquest", "space_invaders"] = option(
        "breakout", "of MinAtar"
    )
    optimizer: Optimizer = Optimizer(learning_rate=1e-3, schedule="linear", max_norm=0.5)
    # Mnih et al. 2015 have one every four decisions, which would be 512.
    updates: int = option(128, "Q-learning's gradient steps in 2048 frames", at_least=1)
    score: float | None = option(None, "to be reached (None: the game's own)", above=0)
    eval_envs: int = option(128, "fresh worlds that score the policy", at_least=1, free=True)
    eval_steps: int = option(1000, "longest episode there", at_least=1, free=True)


PRESETS = {
    "smoke": Config(run=Run(steps=4, steps_per_call=2), updates=4, score=0.5),
    "cpu": Config(run=Run(steps=400, steps_per_call=20, eval_every=100)),
    "gpu": Config(
        run=Run(steps=10_000, steps_per_call=100, eval_every=1000, save_every=5000, num_seeds=10),
        updates=512,
    ),
    "paper": Config(  # 115 hours at 60 Hz
        run=Run(steps=12_129, steps_per_call=100, eval_every=1000, save_every=4000, num_seeds=10),
        updates=512,
    ),
}


def build(config: Config) -> System:
    """Builds the learner of a method with a stopwatch around it."""
    from experiments.rl import dqn, ppo
    from jaxdl.rl.learning_speed import time_learning, untimed_deployment

    launch_files = {"dqn": dqn, "ppo": ppo}
    name, settings = METHODS[config.method]
    file = launch_files[name]
    if name == "dqn":
        settings = settings | {"updates": config.updates}
    own = vars(config.optimizer) | {
        "env": f"pgx/minatar-{config.game}",
        "horizon": config.run.horizon,
        "hidden": (64,),
        "eval_envs": config.eval_envs,
        "eval_steps": config.eval_steps,
    }
    inner = file.build(configure(name, file.PRESETS, "smoke", settings | own))
    learner = time_learning(
        inner.learner,
        score=SCORES[config.game] if config.score is None else config.score,
        frames_per_step=FRAMES,
        frames_before=settings.get("learning_starts", 0),
    )
    return inner._replace(
        learner=learner,
        samples_per_step=FRAMES,
        deployment=untimed_deployment(inner.deployment),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
