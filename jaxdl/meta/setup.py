"""The pieces that launch files of learners of trials share, made from the groups of options."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from jaxdl.core.learner import Learner
from jaxdl.core.run import Run
from jaxdl.envs import Env, make
from jaxdl.envs.bandit import bandit
from jaxdl.envs.rewards import scale_rewards
from jaxdl.envs.tabular_mdp import REWARD_MEAN
from jaxdl.envs.trials import is_structured
from jaxdl.launch.options import ActorCriticUpdate, Optimizer, Policy, PolicyUpdate, Worlds
from jaxdl.launch.system import Figures, System
from jaxdl.meta.arm_net import arm_net
from jaxdl.meta.evaluation import (
    Evaluation,
    also_on_other_arms,
    bandit_evaluation,
    compare_players,
    is_bandit,
    trial_evaluation,
)
from jaxdl.meta.exhibits import exhibits, mdp_exhibits
from jaxdl.meta.families import find_family
from jaxdl.meta.grid_evaluation import compare_optimum, grid_sizes
from jaxdl.meta.index_teacher import index_teacher
from jaxdl.meta.maze_evaluation import is_maze, maze_evaluation
from jaxdl.meta.maze_exhibits import maze_exhibits
from jaxdl.meta.mdp_evaluation import compare_mdp_players, is_tabular, mdp_evaluation, mdp_sizes
from jaxdl.meta.stays import structured_exhibits
from jaxdl.meta.structured import structured_evaluation
from jaxdl.meta.structured_rules import compare_structured
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial
from jaxdl.nn import ActorCritic
from jaxdl.rl import deployment
from jaxdl.rl.setup import make_net, make_tx


class TrialSettings(Protocol):
    """What a Config of a net for trials holds; `policy` unless its net is given."""

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
    learn: Callable[..., Learner],
    make_slow: Callable[..., Learner],
    config: Settings,
    *,
    net_for: Callable[[Env], ActorCritic] | None = None,
    yardstick: Yardstick | None = None,
    player: str = "RL²",
) -> System:
    """Builds a system of trials: a net that learns in its memory, trained by a slow learner.

    Args:
      learn: env, net, slow learner, episodes, evaluate -> learner, as `jaxdl.meta.rl2` is.
      make_slow: makes the slow learner of options, as `jaxdl.rl.plain_ppo.make_ppo` does.
      config: its options; every player is scored on so many fresh tasks as `eval_tasks` says.
      net_for: a world of trials -> policy and value; None as the options `policy` of the net say.
      yardstick: how the net is scored; None as `find_yardstick` tells.
      player: what the net is called in tables and figures.
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

    return learner_system(
        make_learner,
        config,
        trained_by="RL²",
        net_for=net_for,
        yardstick=yardstick,
        player=player,
    )


def learner_system(
    make_learner: MakeLearner,
    config: TrialSettings,
    *,
    trained_by: str,
    net_for: Callable[[Env], ActorCritic] | None = None,
    yardstick: Yardstick | None = None,
    player: str = "RL²",
) -> System:
    """Builds a system of trials: a net that learns in its memory, with its yardsticks.

    Args:
      make_learner: tasks, net, evaluation -> learner that trains the net.
      config: its options; every player is scored on so many fresh tasks as `eval_tasks` says.
      trained_by: what the learner is called, for the text of exports.
      net_for: a world of trials -> policy and value; None as the options `policy` of the net say.
      yardstick: how the net is scored; None as `find_yardstick` tells.
      player: what the net is called in tables and figures.
    """
    worlds, episodes = config.worlds, config.episodes
    name = worlds.env
    tasks = make(name)
    world = trial(tasks, episodes)
    net = net_for(world) if net_for else make_net(world, config.policy)
    if yardstick is None:
        sizes = {"episodes": episodes, "eval_tasks": config.eval_tasks}
        yardstick = find_yardstick(worlds, tasks, **sizes, player=player)
    text = f"A policy that learns {name} in its memory, trained by {trained_by} for trials of "
    text += f"{episodes} episodes of one task.\n{TRIAL_OBSERVATION}"
    return System(
        yardstick.compare(make_learner(tasks, net, yardstick.evaluate)),
        samples_per_step=worlds.num_envs * config.update.unroll,
        figures=yardstick.figures,
        deployment=deployment(net, world.obs_space, text=text),
        world=(name, world),
    )


def make_arm_net(world: Env, policy: Policy) -> ActorCritic:
    """Builds the net that treats all arms alike; its memories are as wide as the last layer."""
    return arm_net(world.obs_space, world.action_space, width=policy.hidden[-1])


def find_arm_yardstick(config: Settings, *, test_arms: int) -> Yardstick:
    """Returns how a net for any number of arms is scored: on its bandits, and on others too.

    Args:
      config: options of the system.
      test_arms: of the other bandits.
    """
    worlds, episodes, eval_tasks = config.worlds, config.episodes, config.eval_tasks
    sizes = {"arms": test_arms, "pulls": episodes, "tasks": min(eval_tasks, 4096)}
    others = make_arm_net(trial(bandit(arms=test_arms), episodes), config.policy)
    yardstick = find_yardstick(worlds, make(worlds.env), episodes=episodes, eval_tasks=eval_tasks)
    return yardstick._replace(evaluate=also_on_other_arms(yardstick.evaluate, others, **sizes))


def taught_by_index(*, pulls: int) -> Callable[..., Learner]:
    """Returns what makes the teaching by the index policy of the options that PPO is made of.

    Args:
      pulls: n, of a trial.
    """

    def make_slow(world, *, net, optimizer, update, num_envs, steps):
        tx = make_tx(optimizer, steps=steps * update.epochs * update.minibatches)
        passes = {"epochs": update.epochs, "minibatches": update.minibatches}
        sizes = {"num_envs": num_envs, "unroll": update.unroll}
        return index_teacher(world, net, tx, pulls=pulls, **sizes, **passes)

    return make_slow


def scale_tabular(make_slow: Callable[..., Learner], *, name: str, scale: float) -> Any:
    """Lets a slow learner see scaled rewards, less their mean, in worlds of `tabular_mdp`.

    Values of up to 50 would take all of the clipped gradient.

    Args:
      make_slow: world, options -> learner, as `jaxdl.rl.plain_ppo.make_ppo` is.
      name: of the world, with its settings; others stay as they are.
      scale: factor on the rewards.

    Returns:
      The same, with these rewards.
    """
    if not is_tabular(name):
        return make_slow

    def make_scaled(world, **options):
        return make_slow(scale_rewards(world, offset=REWARD_MEAN, scale=scale), **options)

    return make_scaled


def find_yardstick(
    worlds: Worlds, tasks: Env, *, episodes: int, eval_tasks: int, player: str = "RL²"
) -> Yardstick:
    """Returns how nets are scored in that family of tasks, beside other players where it has some.

    Args:
      worlds: options, of which the name and those of evaluation are read.
      tasks: the family.
      episodes: n, of a trial.
      eval_tasks: how many fresh tasks every player is scored on.
      player: what the net is called in tables and figures.
    """
    sizes: dict[str, Any] | None
    if is_structured(worlds.env):
        family = find_family(worlds.env, tasks, episodes=episodes)
        return Yardstick(
            structured_evaluation(family, tasks=eval_tasks),
            partial(compare_structured, name=worlds.env, family=family, tasks=eval_tasks),
            structured_exhibits,
        )
    if is_bandit(worlds.env):
        sizes = {"arms": tasks.action_space.n, "pulls": episodes, "tasks": eval_tasks}
        return Yardstick(
            bandit_evaluation(**sizes, player=player), partial(compare_players, **sizes), exhibits
        )
    if is_tabular(worlds.env):
        sizes = {"sizes": mdp_sizes(worlds.env, tasks, episodes=episodes), "tasks": eval_tasks}
        evaluate = mdp_evaluation(tasks, **sizes, player=player)
        return Yardstick(evaluate, partial(compare_mdp_players, **sizes), mdp_exhibits)
    if is_maze(worlds.env):
        trials = {"episodes": max(episodes, 2), "trials": worlds.eval_envs}
        return Yardstick(maze_evaluation(worlds.env, **trials), figures=maze_exhibits)
    if sizes := grid_sizes(worlds.env, tasks, episodes=episodes):
        steps = {"trials": eval_tasks, "episode_steps": sizes["horizon"]}
        evaluate = trial_evaluation(tasks, episodes=episodes, **steps)
        return Yardstick(evaluate, partial(compare_optimum, **sizes))
    steps = {"trials": worlds.eval_envs, "episode_steps": worlds.eval_steps}
    return Yardstick(trial_evaluation(tasks, episodes=episodes, **steps))
