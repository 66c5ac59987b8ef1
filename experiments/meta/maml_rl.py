"""MAML for policies: parameters from which one policy gradient suffices (Finn et al. 2017).

Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks, arXiv 1703.03400, section 5.3: a
policy that was trained to be good after one step of a policy gradient, by 20 episodes of a new
task, finds hidden goals in the plane, and runs at hidden speeds and in hidden directions; one that
was trained on all tasks and then takes the same steps does not. The paper has curves and no table.

Measured (cpu preset, one seed): -44.6 an episode before the first step in 40 fresh tasks, -13.9
after it, -22.9 and -18.8 after two and three. One who sees the goal would earn about -0.5.

    ./run maml_rl                                   hidden goals in the plane, 3 seeds
    ./run maml_rl --order=1                         first-order MAML
    ./run maml_rl --inner_steps=0                   one policy for all tasks, for comparison
    ./run maml_rl --preset=gpu                      a cheetah's hidden speed
    ./run maml_rl --preset=gpu --env=mjx/cheetah:task=direction
"""

from dataclasses import dataclass
from typing import Literal

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch

ABOUT = About(
    title="MAML, policies",
    paper="Finn et al. 2017",
    arxiv="1703.03400",
    summary="A policy learns to be good after one step of a policy gradient in a new task.",
    headline="eval/return_after_1",
    yardstick="before that step {eval/return_after_0}",
    samples="env steps",
    curves=("eval/return_after_1", "return_before", "return_after", "kl"),
)


@dataclass(frozen=True)
class Config:
    """Which tasks, what is done in each, and how far the outer step goes."""

    run: Run = Run(steps=50, steps_per_call=10, num_seeds=3)
    env: str = option(
        "point_nav", "name of the family of tasks", check="jaxdl.envs.names:check_name"
    )
    hidden: tuple[int, ...] = option((32, 32), "widths of the policy's layers", at_least=1)
    tasks: int = option(20, "of an outer step", at_least=1)
    episodes: int = option(10, "of a task before each inner step and after the last", at_least=2)
    length: int = option(100, "steps after which an episode is cut", at_least=1)
    inner_lr: float = option(0.5, "alpha, the inner step's rate", above=0)
    inner_steps: int = option(1, "that are trained for (0: one policy for all tasks)", at_least=0)
    order: Literal[1, 2] = option(2, "of the derivatives that go through the inner steps")
    surrogate: Literal["dice", "likelihood"] = option(
        "dice", "the inner loss: differentiated through the sampling, or for given data"
    )
    decay: float = option(
        0.0, "of DiCE: 1 has no bias, 0 the least variance", at_least=0, at_most=1
    )
    baseline: Literal["linear", "none"] = option("linear", "fitted to the returns of each task")
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    gae_lambda: float = option(1.0, "lambda of the advantages", at_least=0, at_most=1)
    max_kl: float = option(0.01, "delta, how far the adapted policies may move", above=0)
    damping: float = option(1e-5, "added to the Fisher matrix's diagonal", at_least=0)
    solver_iterations: int = option(10, "of conjugate gradients", at_least=1)
    backtracks: int = option(15, "how often an outer step is shortened", at_least=0)
    shrink: float = option(0.8, "factor on the outer step each time", above=0, below=1)
    eval_tasks: int = option(40, "fresh ones that the policy adapts to", at_least=1, free=True)
    eval_updates: int = option(3, "inner steps in each of them", at_least=1, free=True)


CHEETAH = Config(  # the sizes of the authors' code
    run=Run(steps=200, steps_per_call=5, eval_every=25, save_every=25),
    env="mjx/cheetah:task=velocity",
    hidden=(100, 100),
    tasks=40,
    episodes=20,
    length=200,
    inner_lr=0.1,
)
PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        env="point_nav:steps=5",
        hidden=(8,),
        tasks=8,
        episodes=4,
        length=5,
        eval_tasks=8,
        eval_updates=1,
        solver_iterations=3,
    ),
    "cpu": Config(),
    "gpu": CHEETAH,
    "paper": Config(  # the plane, with the sizes of the authors' code
        run=Run(steps=100, steps_per_call=10, eval_every=20, save_every=20),
        hidden=(100, 100),
        tasks=40,
        episodes=20,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it."""
    from jaxdl import meta
    from jaxdl.envs import make
    from jaxdl.envs.names import parse_name
    from jaxdl.nn import policy_net
    from jaxdl.rl import policy_deployment

    env = make(config.env)
    net = policy_net(env.obs_space, env.action_space, hidden=config.hidden)
    is_plane = parse_name(config.env).world == "point_nav"
    options = {name: x for name, x in vars(config).items() if name not in ("run", "env", "hidden")}
    pictures = {"keep": meta.keep_paths} if is_plane else {}
    rounds = config.inner_steps + 1
    text = f"The policy for {config.env} from which MAML's inner steps begin, before any of them."
    return System(
        meta.maml_rl(env, net, **options, **pictures),
        samples_per_step=rounds * config.tasks * config.episodes * config.length,
        figures=meta.path_exhibits if is_plane else lambda outcome: (),
        deployment=policy_deployment(net, env.obs_space, text=text),
        world=(config.env, env),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
