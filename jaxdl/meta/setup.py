"""The pieces that launch files of learners of trials share, made from the groups of options."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from jaxdl.core.learner import Learner
from jaxdl.core.run import Run
from jaxdl.envs import Env, make
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate, Worlds
from jaxdl.launch.system import Figures, System
from jaxdl.meta.evaluation import (
    Evaluation,
    bandit_evaluation,
    compare_players,
    is_bandit,
    trial_evaluation,
)
from jaxdl.meta.exhibits import exhibits, mdp_exhibits
from jaxdl.meta.grid_evaluation import compare_optimum, grid_sizes
from jaxdl.meta.mdp_evaluation import compare_mdp_players, is_tabular, mdp_evaluation, mdp_sizes
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial
from jaxdl.rl import deployment
from jaxdl.rl.setup import make_net


class Settings(Protocol):
    """What a Config of a learner of trials holds."""

    run: Run
    worlds: Worlds
    policy: Policy
    optimizer: Optimizer
    update: PolicyUpdate
    episodes: int
    eval_tasks: int


class Yardstick(NamedTuple):
    """How a net that learns in its memory is scored in a family of tasks.

    Attributes:
      evaluate: of the net.
      compare: learner -> learner whose evaluation has other players beside it.
      figures: of the report.
    """

    evaluate: Evaluation
    compare: Callable[[Learner], Learner] = lambda learner: learner
    figures: Figures = lambda outcome: ()


def trial_system(
    learn: Callable[..., Learner], make_slow: Callable[..., Learner], config: Settings
) -> System:
    """Builds a system of trials: a net that learns in its memory, trained by a slow learner.

    Args:
      learn: env, net, slow learner, episodes, evaluate -> learner, as `jaxdl.meta.rl2` is.
      make_slow: makes the slow learner of options, as `jaxdl.rl.plain_ppo.make_ppo` does.
      config: its options; every player is scored on so many fresh tasks as `eval_tasks` says.
    """
    worlds, update, episodes = config.worlds, config.update, config.episodes
    name = worlds.env
    tasks = make(name)
    world = trial(tasks, episodes)
    net = make_net(world, config.policy)
    yardstick = find_yardstick(worlds, tasks, episodes=episodes, eval_tasks=config.eval_tasks)
    slow = partial(
        make_slow,
        net=net,
        optimizer=config.optimizer,
        update=update,
        num_envs=worlds.num_envs,
        steps=config.run.horizon,
    )
    learner = learn(tasks, net, slow, episodes=episodes, evaluate=yardstick.evaluate)
    text = f"A policy that learns {name} in its memory, trained by RL² for trials of "
    text += f"{episodes} episodes of one task.\n{TRIAL_OBSERVATION}"
    return System(
        yardstick.compare(learner),
        samples_per_step=worlds.num_envs * update.unroll,
        figures=yardstick.figures,
        deployment=deployment(net, world.obs_space, text=text),
        world=(name, world),
    )


def find_yardstick(worlds: Worlds, tasks: Env, *, episodes: int, eval_tasks: int) -> Yardstick:
    """Returns how nets are scored in that family of tasks, beside other players where it has some.

    Args:
      worlds: options, of which the name and those of evaluation are read.
      tasks: the family.
      episodes: n, of a trial.
      eval_tasks: how many fresh tasks every player is scored on.
    """
    sizes: dict[str, Any] | None
    if is_bandit(worlds.env):
        sizes = {"arms": tasks.action_space.n, "pulls": episodes, "tasks": eval_tasks}
        return Yardstick(bandit_evaluation(**sizes), partial(compare_players, **sizes), exhibits)
    if is_tabular(worlds.env):
        sizes = {"sizes": mdp_sizes(worlds.env, tasks, episodes=episodes), "tasks": eval_tasks}
        evaluate = mdp_evaluation(tasks, **sizes)
        return Yardstick(evaluate, partial(compare_mdp_players, **sizes), mdp_exhibits)
    if sizes := grid_sizes(worlds.env, tasks, episodes=episodes):
        steps = {"trials": eval_tasks, "episode_steps": sizes["horizon"]}
        evaluate = trial_evaluation(tasks, episodes=episodes, **steps)
        return Yardstick(evaluate, partial(compare_optimum, **sizes))
    steps = {"trials": worlds.eval_envs, "episode_steps": worlds.eval_steps}
    return Yardstick(trial_evaluation(tasks, episodes=episodes, **steps))
