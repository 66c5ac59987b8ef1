"""RL² in mazes from pixels: it learns to explore a maze once, and then to go (Duan et al. 2016).

RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, arXiv 1611.02779, section 3.3: in
mazes seen in first person, 40 x 30 pixels, trained with 2 episodes of a maze and its target, steps
to the target are said to fall from 52.4 in the first episode to 39.1 in the second (small mazes,
99.3 % of targets found, 91.7 % of trials improved), and from 180.1 to 150.6 in large ones (97.1 %,
71.4 %). SNAIL (Mishra et al. 2018) is said to need 50.3 and 34.8, 140.5 and 105.9. How far their
agent goes in a step is not known here, so that steps are told as a share of the shortest way.

Measured: 22.8 ± 2.2 steps, then 20.9 ± 1.9, in unseen mazes of 5 x 5 cells after 1.2 million env
steps (cpu preset, 3 seeds); a hand on the wall takes 29.6, the shortest way 12.4. In 9 x 9 cells,
in which it was not trained, 88.2 ± 5.2 and 85.3 ± 4.6; `./run claims --only=rl2_maze`.

    ./run rl2_maze                              5 x 5 cells, 16 x 12 pixels; tested in 9 x 9 too
    ./run rl2_maze --preset=gpu                 40 x 30 pixels
    ./run rl2_maze --preset=gpu --env=maze:size=9
    ./run watch --workdir=latest                first person, and the way on a map
"""

from dataclasses import dataclass

from experiments.meta.rl2 import ABOUT as BANDITS
from jaxdl.core.run import Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds

ABOUT = BANDITS._replace(
    title="RL², maze",
    summary="A recurrent policy learns to find its way in unknown mazes that it sees.",
    headline="eval/percent_of_shortest",
    yardstick="who knows the maze takes the shortest way, 100 %",
    paper_says="said to need 52.4 steps at first and 39.1 in the second episode",
    curves=("eval/percent_of_shortest", "eval/steps_first", "eval/steps_second", "episode_return"),
)


@dataclass(frozen=True)
class Config:
    """Which mazes, which net, and how the slow learner learns."""

    run: Run = Run(steps=300, steps_per_call=10, num_seeds=3)
    worlds: Worlds = Worlds(
        env="maze:size=5,width=16,height=12,limit=120", num_envs=64, eval_envs=512
    )
    policy: Policy = Policy(hidden=(64, 128), recurrent="gru")
    optimizer: Optimizer = Optimizer(learning_rate=2e-3, schedule="linear", max_norm=0.5)
    update: PolicyUpdate = PolicyUpdate(
        unroll=64, epochs=2, minibatches=4, gae_lambda=0.95, entropy_coef=0.02
    )
    episodes: int = option(2, "n, in a maze with its target, of a trial in training", at_least=1)
    test_episodes: int = option(5, "in a trial of the evaluation", at_least=2, free=True)
    larger: str = option(
        "maze:size=9,width=16,height=12",
        "other mazes that the net is tested in too (empty: none)",
        free=True,
    )
    kernel: int = option(3, "side of two convolutions that take every second pixel", at_least=1)
    channels: int = option(16, "of each of them", at_least=1)

    @property
    def eval_tasks(self) -> int:
        """How many fresh mazes the net is scored in."""
        return self.worlds.eval_envs


SEEN = Policy(hidden=(256, 256), recurrent="gru")  # the paper's GRU is said to have 256 units
PRESETS = {
    "smoke": Config(
        Run(steps=4, steps_per_call=2),
        Worlds(env="maze:size=2,width=8,height=8,limit=6", num_envs=32, eval_envs=16),
        Policy(hidden=(64,), recurrent="gru"),
        Optimizer(learning_rate=3e-3, schedule="linear", max_norm=0.5),
        PolicyUpdate(unroll=16, minibatches=2, gae_lambda=0.9),
        test_episodes=2,
        larger="",
        kernel=2,
        channels=8,
    ),
    "cpu": Config(),
    "gpu": Config(
        Run(steps=1_500, steps_per_call=10, eval_every=250, save_every=250),
        Worlds(env="maze:size=5", num_envs=1_024, eval_envs=1_024),
        SEEN,
        Optimizer(learning_rate=5e-4, schedule="linear", max_norm=0.5),
        PolicyUpdate(unroll=128, minibatches=8, gae_lambda=0.95, entropy_coef=0.01),
        larger="maze:size=9",
        kernel=5,
    ),
    "paper": Config(  # gamma 0.99, lambda 0.3, about 250,000 steps an update
        Run(steps=2_000, steps_per_call=5, eval_every=250, save_every=100),
        Worlds(env="maze:size=5", num_envs=1_024, eval_envs=1_024),
        SEEN,
        Optimizer(learning_rate=5e-4, schedule="linear", max_norm=0.5),
        PolicyUpdate(unroll=250, minibatches=8, gae_lambda=0.3),
        larger="maze:size=9",
        kernel=5,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from functools import partial

    from jaxdl import meta
    from jaxdl.nn.torsos import Convolution
    from jaxdl.rl.plain_ppo import make_ppo
    from jaxdl.rl.setup import make_net

    name = config.worlds.env
    yardstick = None
    if meta.is_maze(name):
        sizes = {"episodes": config.test_episodes, "trials": config.worlds.eval_envs}
        evaluate = meta.maze_evaluation(name, **sizes)
        if config.larger:
            evaluate = meta.also_in_larger(evaluate, name, config.larger, **sizes)
        yardstick = meta.Yardstick(evaluate, figures=meta.maze_exhibits)
    convolutions = 2 * [Convolution(config.kernel, 2, config.channels)]
    return meta.trial_system(
        meta.rl2,
        make_ppo,
        config,
        net_for=partial(make_net, policy=config.policy, convolutions=convolutions),
        yardstick=yardstick,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
