"""The pieces that launch files of learners of trials share, made from the groups of options."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from jaxdl.core.learner import Learner
from jaxdl.core.run import Run
from jaxdl.envs import Env, make
from jaxdl.envs.trials import is_structured
from jaxdl.launch.options import ActorCriticUpdate, Optimizer, Policy, PolicyUpdate, Worlds
from jaxdl.launch.system import Figures, System
from jaxdl.meta.evaluation import (
    Evaluation,
    bandit_evaluation,
    compare_players,
    is_bandit,
    trial_evaluation,
)
from jaxdl.meta.exhibits import exhibits, mdp_exhibits
from jaxdl.meta.families import find_family
from jaxdl.meta.mdp_evaluation import compare_mdp_players, is_tabular, mdp_evaluation, mdp_sizes
from jaxdl.meta.stays import structured_exhibits
from jaxdl.meta.structured import structured_evaluation
from jaxdl.meta.structured_rules import compare_structured
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial
from jaxdl.nn import ActorCritic
from jaxdl.rl import deployment
from jaxdl.rl.setup import make_net


class TrialSettings(Protocol):
    """What a Config of a net for trials holds."""

    run: Run
    worlds: Worlds
    policy: Policy
    episodes: int
    eval_tasks: int

    @property
    def update(self) -> PolicyUpdate | ActorCriticUpdate:
        """How it learns, of which the length of an unroll is read."""
        ...


class Settings(TrialSettings, Protocol):
    """What a Config of a learner of trials by the options of PPO holds."""

    optimizer: Optimizer
    update: PolicyUpdate


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


MakeLearner = Callable[[Env, ActorCritic, Evaluation], Learner]  # tasks, net, evaluation -> learner


def trial_system(
    learn: Callable[..., Learner], make_slow: Callable[..., Learner], config: Settings
) -> System:
    """Builds a system of trials: a net that learns in its memory, trained by a slow learner.

    Args:
      learn: env, net, slow learner, episodes, evaluate -> learner, as `jaxdl.meta.rl2` is.
      make_slow: makes the slow learner of options, as `jaxdl.rl.plain_ppo.make_ppo` does.
      config: its options; every player is scored on so many fresh tasks as `eval_tasks` says.
    """

    def make_learner(tasks, net, evaluate):
        slow = partial(
            make_slow,
            net=net,
            optimizer=config.optimizer,
            update=config.update,
            num_envs=config.worlds.num_envs,
            steps=config.run.horizon,
        )
        return learn(tasks, net, slow, episodes=config.episodes, evaluate=evaluate)

    return learner_system(make_learner, config, trained_by="RL²")


def learner_system(make_learner: MakeLearner, config: TrialSettings, *, trained_by: str) -> System:
    """Builds a system of trials: a net that learns in its memory, with its yardsticks.

    Args:
      make_learner: tasks, net, evaluation -> learner that trains the net.
      config: its options; every player is scored on so many fresh tasks as `eval_tasks` says.
      trained_by: what the learner is called, for the text of exports.
    """
    worlds, episodes = config.worlds, config.episodes
    name = worlds.env
    tasks = make(name)
    world = trial(tasks, episodes)
    net = make_net(world, config.policy)
    yardstick = find_yardstick(worlds, tasks, episodes=episodes, eval_tasks=config.eval_tasks)
    text = f"A policy that learns {name} in its memory, trained by {trained_by} for trials of "
    text += f"{episodes} episodes of one task.\n{TRIAL_OBSERVATION}"
    return System(
        yardstick.compare(make_learner(tasks, net, yardstick.evaluate)),
        samples_per_step=worlds.num_envs * config.update.unroll,
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
    sizes: dict[str, Any]
    if is_structured(worlds.env):
        family = find_family(worlds.env, tasks, episodes=episodes)
        return Yardstick(
            structured_evaluation(family, tasks=eval_tasks),
            partial(compare_structured, name=worlds.env, family=family, tasks=eval_tasks),
            structured_exhibits,
        )
    if is_bandit(worlds.env):
        sizes = {"arms": tasks.action_space.n, "pulls": episodes, "tasks": eval_tasks}
        return Yardstick(bandit_evaluation(**sizes), partial(compare_players, **sizes), exhibits)
    if is_tabular(worlds.env):
        sizes = {"sizes": mdp_sizes(worlds.env, tasks, episodes=episodes), "tasks": eval_tasks}
        evaluate = mdp_evaluation(tasks, **sizes)
        return Yardstick(evaluate, partial(compare_mdp_players, **sizes), mdp_exhibits)
    steps = {"trials": worlds.eval_envs, "episode_steps": worlds.eval_steps}
    return Yardstick(trial_evaluation(tasks, episodes=episodes, **steps))
