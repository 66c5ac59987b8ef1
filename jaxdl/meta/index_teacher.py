"""A net is taught bandits by the finite-horizon index policy: how much a memory of its size holds.

The net plays, and the teacher says at every pull what it would have pulled (DAgger: Ross, Gordon &
Bagnell 2011, algorithm 3.1, with the net's own policy in the place of the mixture). What RL² misses
of such a net's reward, it misses in learning from rewards, and not for want of memory.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, Env, vectorize
from jaxdl.meta.bayes.indices import gittins_table
from jaxdl.nn import ActorCritic
from jaxdl.rl.experience import Actors, Trajectory, collect, start_actors
from jaxdl.rl.minibatches import Batch, plan_minibatches
from jaxdl.rl.ppo import improve


class Pupils(NamedTuple):
    """The worlds in which the net plays, and what the teacher knows of them.

    Attributes:
      playing: Actors, where they stand.
      counts: [E, k, 2] int32, wins and losses of each arm in the trial that is under way.
    """

    playing: Actors
    counts: jax.Array


def index_teacher(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    pulls: int,
    num_envs: int,
    unroll: int,
    epochs: int = 1,
    minibatches: int = 4,
) -> Learner:
    """Makes a learner that imitates the finite-horizon index policy.

    Args:
      env: `trial(bandit(arms=k), n)`.
      net: policy and value; the value is not trained.
      tx: the optimizer.
      pulls: n. The teacher's table takes 2 n^3 bytes.
      num_envs: E, bandits side by side.
      unroll: T, pulls between two updates. With fewer than n the net's memory lasts from one update
        to the next, and gradients reach no further back than T.
      epochs: passes over the T E pulls.
      minibatches: optimizer steps in a pass, each of whole rows of worlds.

    Returns:
      A learner that makes its own data, and whose `extra` is the teacher's table; its metrics have
      the share of pulls that `agree` with the teacher.

    Raises:
      BadInput: the world has no arms, or the minibatches do not divide the worlds.
    """
    if not isinstance(env.action_space, Discrete):
        raise BadInput("the teacher of bandits needs a world of arms")
    arms = env.action_space.n
    worlds = vectorize(env, num_envs)
    plan = plan_minibatches(net, num_envs, unroll, minibatches, 1)

    def init(key):
        net_key, worlds_key = jax.random.split(key)
        pupils = Pupils(
            start_actors(worlds_key, worlds, net), jnp.zeros((num_envs, arms, 2), jnp.int32)
        )
        params = net.init(net_key)
        return TrainState(params, tx.init(params), pupils, gittins_table(pulls=pulls))

    def step(key, state, batch):
        del batch
        collect_key, update_key = jax.random.split(key)
        pupils = state.actors
        playing, trajectory, metrics = collect(
            collect_key, pupils.playing, worlds, net, state.params, lambda obs: obs, steps=unroll
        )
        counts, before = count(pupils.counts, trajectory)
        advice = advise(state.extra, before)
        lesson = _lesson(trajectory, advice)
        state, more = improve(
            update_key,
            partial(imitation_loss, net=net),
            tx,
            plan,
            state,
            lesson,
            epochs=epochs,
            normalize_advantages=False,
            stop_kl=None,
        )
        agree = jnp.take_along_axis(advice, trajectory.action[..., None], axis=-1) > 0
        metrics = metrics | more | {"agree": jnp.mean(agree.astype(jnp.float32))}
        return state._replace(actors=Pupils(playing, counts)), metrics

    return Learner(init, step)


def count(counts: jax.Array, trajectory: Trajectory) -> tuple[jax.Array, jax.Array]:
    """Counts wins and losses of each arm, from nothing wherever a trial begins.

    Args:
      counts: [E, k, 2] int32, before the first pull.
      trajectory: T pulls in each of E worlds.

    Returns:
      The counts after the last pull, and those before each of them, [T, E, k, 2].
    """
    arms = counts.shape[1]

    def pull(counts, moment):
        first, arm, reward = moment
        counts = jnp.where(first[:, None, None], 0, counts)
        outcome = jnp.stack([reward > 0, reward <= 0], axis=-1)  # [E, 2]
        pulled = jax.nn.one_hot(arm, arms, dtype=jnp.int32)  # [E, k]
        return counts + pulled[..., None] * outcome[:, None, :], counts

    moments = (trajectory.first, trajectory.action, trajectory.reward)
    return jax.lax.scan(pull, counts, moments)


def advise(table: jax.Array, counts: jax.Array) -> jax.Array:
    """Returns what the index policy pulls: 1 over the number of best arms at each, 0 elsewhere.

    Args:
      table: of `gittins_table`, for n pulls.
      counts: [..., k, 2] int32 wins and losses, of fewer than n pulls.

    Returns:
      Probabilities [..., k].
    """
    wins = counts[..., 0]
    tried = jnp.sum(counts, axis=-1)
    left = table.shape[0] - jnp.sum(tried, axis=-1, keepdims=True)
    index = table[left - 1, tried * (tried + 1) // 2 + wins]
    best = (index == jnp.max(index, axis=-1, keepdims=True)).astype(jnp.float32)
    return best / jnp.sum(best, axis=-1, keepdims=True)


def imitation_loss(
    params: Any, lesson: Batch, *, net: ActorCritic
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Computes the cross entropy between what the teacher advises and the net's policy, in nats.

    Args:
      params: of the net.
      lesson: leaves [T, E, ...]; `policy` holds what is advised.
      net: policy and value.

    Returns:
      A scalar, and metrics.
    """
    _, policy, _ = net.unroll(params, lesson.carry, lesson.obs, lesson.first)
    loss = -jnp.mean(jnp.sum(lesson.policy * jax.nn.log_softmax(policy), axis=-1))
    return loss, {"imitation_loss": loss, "entropy": jnp.mean(net.distribution.entropy(policy))}


def _lesson(trajectory: Trajectory, advice: jax.Array) -> Batch:
    """Lays the teacher's advice beside the pulls, in the form that minibatches are cut from."""
    nothing = jnp.zeros_like(trajectory.reward)
    return Batch(
        carry=jax.tree.map(lambda x: x[0], trajectory.carry),
        obs=trajectory.obs,
        first=trajectory.first,
        action=trajectory.action,
        logp=trajectory.logp,
        policy=advice,
        value=(),
        adv=nothing,
        target=nothing,
    )
