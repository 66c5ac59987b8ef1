"""Sizing as a world, and PPO in it (AutoCkt: Settaluri, Haj-Ali, Huang, Hakhamaneshi & Nikolić).

AutoCkt: Deep Reinforcement Learning of Analog Circuit Designs, 2020, arXiv 2001.01808. An episode
begins in the middle of all sizes; each step makes every size a little smaller or larger, or leaves
it. There the targets differ by episode; here they are one task's, as for the other searches.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.envs import Box, Env, MultiDiscrete, Step
from jaxdl.nn import ActorCritic
from jaxdl.rl import ppo
from jaxdl.science.circuits.sizing import Progress, count, no_progress, score
from jaxdl.science.circuits.task import SizingTask, Trial, attempt

HORIZON = 33  # steps of an episode: four unrolls of eight, and one in which a new one begins
STRIDE = 0.05  # of the range of a size, by which an action moves it
BONUS = 10.0  # reward of a feasible design (section IV-C)


class Bench(NamedTuple):
    """Where an episode stands.

    Attributes:
      point: [D] the sizes, within 0 and 1.
      best: the design of the least shortfall in this episode, leaves without a leading axis.
      time: int32 steps since it began.
    """

    point: jax.Array
    best: Trial
    time: jax.Array


def sizing_world(task: SizingTask) -> Env:
    """Makes a world in which an action moves sizes and the reward is what is still missing.

    Observations [S + D] are how far the values are beyond their targets, and the sizes; `info`
    has `feasible` and `shortfall`.
    """
    dimensions = len(task.names)

    def look(trial):
        return jnp.concatenate([trial.merits, 2 * trial.points - 1])

    def reset(key, targets):
        del key, targets
        trial = attempt(task, jnp.full(dimensions, 0.5))
        return Bench(trial.points, trial, jnp.int32(0)), look(trial)

    def step(key, state, action, targets):
        del key, targets
        point = jnp.clip(state.point + STRIDE * (action - 1), 0.0, 1.0)
        trial = attempt(task, point)
        total = trial.total
        is_better = total < state.best.total
        best = jax.tree.map(lambda new, old: jnp.where(is_better, new, old), trial, state.best)
        time = state.time + 1
        holds = total <= 0
        reward = jnp.where(holds, BONUS, 0.0) - total
        info = {"feasible": holds.astype(jnp.float32), "shortfall": total}
        out = Step(look(trial), reward, jnp.bool(False), time >= HORIZON, info)
        return Bench(point, best, time), out

    seen = Box((len(task.requirements) + dimensions,), -1.0, 1.0)
    return Env(lambda key: (), reset, step, seen, MultiDiscrete((3,) * dimensions))


def sizing_ppo(
    task: SizingTask,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int = 8,
    unroll: int = 8,
    epochs: int = 10,
    minibatches: int = 4,
    entropy_coef: float = 0.01,
) -> Learner:
    """Learns to size by PPO, and counts simulations as the other searches do.

    The designs of an unroll count together: the first feasible one is found at its end.

    Args:
      task: the circuit and its requirements.
      net: policy and value of `sizing_world`.
      tx: the optimizer.
      num_envs: E, benches side by side.
      unroll: T, steps at each of them in a learner's step.
      epochs: passes over these steps.
      minibatches: of a pass.
      entropy_coef: weight of the entropy bonus.

    Returns:
      A learner as `sizing` makes it; its parameters are the net's.
    """
    learner = ppo(
        sizing_world(task),
        net,
        tx,
        num_envs=num_envs,
        unroll=unroll,
        epochs=epochs,
        minibatches=minibatches,
        entropy_coef=entropy_coef,
    )

    def init(key):
        state = learner.init(key)
        return state._replace(extra=(state.extra, no_progress(len(task.names))))

    def step(key, state, batch):
        inner, progress = state.extra
        state, metrics = learner.step(key, state._replace(extra=inner), batch)
        progress = tally(progress, state.actors.worlds.env.best, num_envs * unroll)
        metrics |= {
            "simulations": progress.simulations.astype(jnp.float32),
            "best_shortfall": progress.shortfall,
            "shortfall": metrics["info/shortfall"],
            "feasible": metrics["info/feasible"],
        }
        return state._replace(extra=(state.extra, progress)), metrics

    def evaluate(key, state):
        del key
        return score(task, state.extra[1])

    return Learner(init, step, evaluate)


def tally(progress: Progress, best: Trial, simulations: int) -> Progress:
    """Counts the simulations of an unroll, of which the best designs [E, ...] are known."""
    seen = count(progress, best, 0)
    after = progress.simulations + simulations
    is_first = (progress.first == 0) & jnp.any(best.total <= 0)
    return seen._replace(simulations=after, first=jnp.where(is_first, after, progress.first))
