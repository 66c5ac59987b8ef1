"""RL^2 (Duan et al. 2016): a slow reinforcement learner trains a net that learns in its memory.

The slow learner is PPO. Its episode is a trial: several episodes of one task, through which the
net's memory lasts, so that what it remembers of the first episodes makes it better in the last.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core import Learner, spread
from jaxdl.core.learner import Metrics
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step
from jaxdl.envs.bandit import bandit
from jaxdl.meta import bayes
from jaxdl.nn import ActorCritic
from jaxdl.rl import ppo

Yardstick = Callable[[jax.Array, ActorCritic, Any], Metrics]


class TrialState(NamedTuple):
    """Where a trial stands.

    Attributes:
      env: the state of the episode that is being played.
      episodes: int32, how many have ended.
    """

    env: Any
    episodes: jax.Array


def trial(env: Env, episodes: int) -> Env:
    """A world whose episode is a trial: some episodes of one task (section 2.2).

    The observation [O + A + 2] is the episode's, flattened, followed by the last action (one-hot if
    it is an integer), the last reward, and whether the last step ended an episode; where it did,
    the first observation of the next episode is shown. The last three are zero at a trial's start.
    A trial ends by termination, however its last episode does: nothing is left to be earned.

    Args:
      env: the family of tasks; one is drawn for each trial.
      episodes: n, in a trial.

    Raises:
      BadInput: fewer than one episode.
    """
    if episodes < 1:
        raise BadInput(f"a trial needs at least 1 episode, got episodes={episodes}")
    flat_obs, obs_size = _flat(env.obs_space)
    flat_action, action_size = _flat(env.action_space)
    size = obs_size + action_size + 2

    def reset(key, task):
        state, obs = env.reset(key, task)
        seen = jnp.concatenate([flat_obs(obs), jnp.zeros(action_size + 2)])
        return TrialState(state, jnp.int32(0)), seen

    def step(key, state, action, task):
        step_key, reset_key = jax.random.split(key)
        inner, out = env.step(step_key, state.env, action, task)
        done = out.terminated | out.truncated
        begun = env.reset(reset_key, task)
        inner, obs = jax.tree.map(lambda x, y: jnp.where(done, x, y), begun, (inner, out.obs))
        last = jnp.stack([out.reward, done.astype(jnp.float32)])
        seen = jnp.concatenate([flat_obs(obs), flat_action(action), last])
        ended = state.episodes + done
        over = ended == episodes
        return TrialState(inner, ended), Step(seen, out.reward, over, jnp.bool_(False), out.info)

    return Env(env.sample_task, reset, step, Box((size,)), env.action_space)


def rl2(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    episodes: int,
    num_envs: int,
    unroll: int,
    epochs: int = 4,
    minibatches: int = 4,
    discount: float = 0.99,
    gae_lambda: float = 0.9,
    clip: float = 0.2,
    value_coef: float = 0.5,
    entropy_coef: float = 0.0,
    evaluate: Yardstick | None = None,
) -> Learner:
    """RL^2 with PPO as the slow learner (the paper's is TRPO, with gae_lambda 0.3).

    Args:
      env: the family of tasks.
      net: a recurrent policy and value for `trial(env, episodes)`.
      tx: the optimizer.
      episodes: n, in a trial. The memory is cleared between trials, never within one.
      num_envs: E, trials that are played side by side.
      unroll: T, steps in each between two updates; gradients reach no further back than its start.
      epochs: passes over the T E steps.
      minibatches: optimizer steps in a pass, each with whole rows of trials.
      discount: gamma, of the slow learner.
      gae_lambda: lambda.
      clip: epsilon of the clipped objective.
      value_coef: weight of the value loss.
      entropy_coef: weight of the entropy bonus.
      evaluate: key, net, params -> metrics; the mean return of 256 fresh trials if None.

    Returns:
      A learner that makes its own data: its `batch` is ().

    Raises:
      BadInput: no episode in a trial, or the minibatches do not divide the worlds.
    """
    measure = evaluate or trial_evaluation(env, episodes=episodes)
    slow = ppo(
        trial(env, episodes),
        net,
        tx,
        num_envs=num_envs,
        unroll=unroll,
        epochs=epochs,
        minibatches=minibatches,
        discount=discount,
        gae_lambda=gae_lambda,
        clip=clip,
        value_coef=value_coef,
        entropy_coef=entropy_coef,
    )
    return slow._replace(evaluate=lambda key, state: measure(key, net, state.params))


class Played(NamedTuple):
    """Some trials of T steps, side by side.

    Attributes:
      reward: [T, B].
      episode: [T, B] int32, the number within its trial of the episode that a step belongs to; as
        many as there are episodes once the trial is over.
      info: the env's own, leaves [T, B, ...].
    """

    reward: jax.Array
    episode: jax.Array
    info: dict[str, jax.Array]


def play(
    key: jax.Array,
    env: Env,
    net: ActorCritic,
    params: Any,
    choose: Callable[[jax.Array, Any], jax.Array],
    *,
    trials: int,
    steps: int,
) -> tuple[Any, Played]:
    """Plays fresh trials.

    Args:
      key: of the tasks, and of all chance in them.
      env: what `trial` made.
      net: the player.
      params: its parameters.
      choose: key, policy [B, A] -> raw action [B]; `most_likely(net)`, or the net's own `sample`.
      trials: B.
      steps: T.

    Returns:
      The tasks, leaves [B, ...], and Played.
    """
    task_key, reset_key, play_key = jax.random.split(key, 3)
    task = jax.vmap(env.sample_task)(jax.random.split(task_key, trials))
    state, obs = jax.vmap(env.reset)(jax.random.split(reset_key, trials), task)
    task, start = spread((task, (state, obs, net.initial_carry(trials), jnp.ones(trials, bool))))

    def step(loop, key):
        action_key, env_key = jax.random.split(key)
        state, obs, carry, first = loop
        carry, policy, _ = net.step(params, carry, obs, first)
        action = net.distribution.to_env(choose(action_key, policy))
        env_keys = jax.random.split(env_key, trials)
        after, out = jax.vmap(env.step)(env_keys, state, action, task)
        played = Played(out.reward, state.episodes, out.info)
        return (after, out.obs, carry, jnp.zeros_like(first)), played

    _, played = jax.lax.scan(step, start, jax.random.split(play_key, steps))
    return task, played


def most_likely(net: ActorCritic) -> Callable[[jax.Array, Any], jax.Array]:
    """The choice of a player that does not explore at random: key, policy -> raw action."""
    return lambda key, policy: net.distribution.mode(policy)


def trial_evaluation(
    env: Env, *, episodes: int, trials: int = 256, max_steps: int = 1000
) -> Yardstick:
    """How much is earned in fresh trials, always with the most likely action.

    Args:
      env: the family of tasks.
      episodes: n, in a trial.
      trials: how many.
      max_steps: what is earned later in a trial does not count.

    Returns:
      key, net, params -> metrics `trial_return` (the mean over trials of the rewards of all
      episodes), its `standard_error`, and the mean return of the `first_episode` and of the
      `last_episode`.
    """
    world = trial(env, episodes)

    def measure(key, net, params):
        choose = most_likely(net)
        _, played = play(key, world, net, params, choose, trials=trials, steps=max_steps)
        member = jax.nn.one_hot(played.episode, episodes)  # [T, B, n]; zeros after the trial
        returns = jnp.sum(played.reward[..., None] * member, axis=0)  # [B, n]
        total = jnp.sum(returns, axis=1)
        return {
            "trial_return": jnp.mean(total),
            "standard_error": jnp.std(total, ddof=1) / trials**0.5,
            "first_episode": jnp.mean(returns[:, 0]),
            "last_episode": jnp.mean(returns[:, -1]),
        }

    return measure


def bandit_evaluation(
    *, arms: int, pulls: int, tasks: int = 100_000, yardstick: float | None = None
) -> Yardstick:
    """How much is earned in fresh bandits, with the little noise of `bayes.score`.

    Args:
      arms: k.
      pulls: n.
      tasks: how many bandits.
      yardstick: what the reward is a percentage of: the Bayes-optimal value, or the best policy's
        where that is out of reach.

    Returns:
      key, net, params -> metrics `reward` (of the player that pulls the most likely arm), its
      `standard_error`, `percent_of_optimal` if there is a yardstick, and `reward_sampled`, of the
      player that draws the arm from its policy as in training.
    """

    def measure(key, net, params):
        sizes = {"arms": arms, "pulls": pulls, "tasks": tasks}
        one = bandit_score(key, net, params, most_likely(net), **sizes)
        other = bandit_score(key, net, params, net.distribution.sample, **sizes)  # same bandits
        metrics = {
            "reward": one.mean,
            "standard_error": one.standard_error,
            "reward_sampled": other.mean,
        }
        if yardstick is not None:
            metrics["percent_of_optimal"] = 100 * one.mean / yardstick
        return metrics

    return measure


def bandit_score(
    key: jax.Array,
    net: ActorCritic,
    params: Any,
    choose: Callable[[jax.Array, Any], jax.Array],
    *,
    arms: int,
    pulls: int,
    tasks: int,
) -> bayes.Score:
    """Scores a net that plays `trial(bandit(arms=k), n)`; arguments as in `play`."""
    world, tasks_at_once = trial(bandit(arms=arms), pulls), min(tasks, 4096)

    def regrets(key):
        means, played = play(key, world, net, params, choose, trials=tasks_at_once, steps=pulls)
        return (jnp.max(means, axis=1) - played.info["expected_reward"]).T

    return bayes.score(
        regrets, arms=arms, pulls=pulls, tasks=tasks, key=key, tasks_at_once=tasks_at_once
    )


def _flat(space: Box | Discrete) -> tuple[Callable[[jax.Array], jax.Array], int]:
    """How an observation or action becomes a vector of floats, and the vector's length."""
    if isinstance(space, Discrete):
        return lambda x: jax.nn.one_hot(x, space.n), space.n
    return lambda x: x.reshape(-1).astype(jnp.float32), math.prod(space.shape)
