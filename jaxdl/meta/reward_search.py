"""Reward search: which reward makes a limited learner fittest (Singh, Lewis & Barto 2009).

Where Do Rewards Come From?: of all rewards, the optimal one is that whose learner gathers the most
fitness in its life, on average over the worlds it may be born into. It need not be the fitness.
The outer loop tries rewards, each by the lives of animals that learn from it (`q_life.live`); it is
a learner like any other, whose generation is spread over the devices.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.mesh import spread
from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, Env
from jaxdl.meta.q_life import QLearning, fitness_until, live, period_of
from jaxdl.meta.reward_spaces import RewardSpace

FAMOUS = 8  # H, the best rewards of each lifetime, which live again in every generation


class Fame(NamedTuple):
    """The best rewards so far for each of L lifetimes, with what all of their lives came to.

    Attributes:
      codes: [L, H, G] int32, as the space has them.
      lives: [L, H] int32; 0 where there is none yet.
      mean: [L, H] fitness.
      spread: [L, H] sum of squared deviations of the lives from the mean.
    """

    codes: jax.Array
    lives: jax.Array
    mean: jax.Array
    spread: jax.Array


class Search(NamedTuple):
    """What is known besides the generation.

    Attributes:
      fame: the best rewards so far.
      generation: int32, those that have lived.
    """

    fame: Fame
    generation: jax.Array


def reward_search(
    env: Env,
    space: RewardSpace,
    *,
    own: np.ndarray,
    learning: QLearning,
    lifetimes: Sequence[int],
    lives: int,
    eval_lives: int = 64,
    aim: int = -1,
) -> Learner:
    """Searches for the rewards that make a Q-learner fittest, one for each lifetime.

    A short life is the beginning of a long one, so that one search serves all lifetimes. All
    rewards of a generation live the same lives: the same tasks, births and chances.

    Args:
      env: a family of worlds whose observations are states' numbers and whose rewards are fitness.
      space: the rewards that are tried, N in a generation.
      own: [S] the task's own reward, beside which the searched ones are scored.
      learning: how the animals learn.
      lifetimes: L numbers of steps, in rising order.
      lives: B, of each reward in a generation.
      eval_lives: E fresh ones that every reward is scored by.
      aim: the place of the lifetime that generations are bred for.

    Returns:
      A learner that takes no data. Its parameters are {"reward"} [L, S], its actors the codes
      [N, G] of the generation. A step is a generation. Fitness is the share of a life's steps
      without hunger. `evaluate` scores by fresh lives: `fitness/<steps>` of the reward that was
      found for each lifetime, `own_fitness/<steps>` of the task's own reward in the same lives;
      without steps, for the longest. Arrays: `reward` [L, S], `code` [L, G], and `sated`
      [L + 1, C], the share of steps without hunger in each period of the life, of the found rewards
      and of the task's own.

    Raises:
      BadInput: the world has no numbered states, or the lifetimes do not rise.
    """
    if not isinstance(env.obs_space, Discrete) or not isinstance(env.action_space, Discrete):
        raise BadInput("reward_search needs a world with numbered states and actions")
    lifetimes = tuple(lifetimes)
    if not lifetimes or list(lifetimes) != sorted(set(lifetimes)) or lifetimes[0] < 1:
        raise BadInput(f"lifetimes={lifetimes} should be numbers of steps in rising order")
    length = period_of(lifetimes)
    periods = lifetimes[-1] // length
    live_once = partial(live, env=env, learning=learning, periods=periods, length=length)

    def live_all(key, rewards, number):
        """Lets each of the rewards [N, S] live the same lives; returns fitness [N, number, C]."""
        task_key, life_key = jax.random.split(key)
        tasks = jax.vmap(env.sample_task)(jax.random.split(task_key, number))
        keys = jax.random.split(life_key, number)
        each = lambda reward: jax.vmap(lambda k, t: live_once(k, t, reward))(keys, tasks)  # noqa: E731
        return jax.vmap(each)(rewards)

    def init(key):
        states = env.obs_space.n
        shape = (len(lifetimes), FAMOUS)
        codes = jnp.zeros((*shape, space.length), jnp.int32)
        fame = Fame(codes, jnp.zeros(shape, jnp.int32), jnp.zeros(shape), jnp.zeros(shape))
        params = {"reward": jnp.zeros((len(lifetimes), states))}
        return TrainState(params, (), space.first(key), Search(fame, jnp.int32(0)))

    def step(key, state, batch):
        del batch
        life_key, breed_key = jax.random.split(key)
        fame, generation = state.extra
        famous = fame.codes.reshape(-1, space.length)  # [L H, G]
        codes = spread(jnp.concatenate([state.actors, famous]))
        added = live_all(life_key, jax.vmap(space.decode)(codes), lives)
        fitness = fitness_until(added, lifetimes, length)  # [N + L H, B, L]
        number = state.actors.shape[0]
        fame = jax.vmap(partial(choose_famous, state.actors))(
            fame,
            jnp.moveaxis(fitness[:number], -1, 0),
            _of_own_lifetime(fitness[number:], len(lifetimes)),
        )
        scores = jnp.mean(fitness[:number, :, aim], axis=1)
        following = space.follow(breed_key, generation + 1, state.actors, scores)
        best = jax.vmap(space.decode)(fame.codes[:, 0])  # [L, S]
        metrics = {
            f"best/{steps}": fame.mean[place, 0] for place, steps in enumerate(lifetimes)
        } | {"generation_fitness": jnp.mean(scores), "generation_best": jnp.max(scores)}
        search = Search(fame, generation + 1)
        return TrainState({"reward": best}, (), following, search), metrics

    def evaluate(key, state):
        found = state.params["reward"]
        rewards = jnp.concatenate([found, jnp.asarray(own, jnp.float32)[None]])
        added = jnp.mean(live_all(key, rewards, eval_lives), axis=1)  # [L + 1, C]
        fitness = fitness_until(added, lifetimes, length)  # [L + 1, L]
        metrics = {"fitness": fitness[-2, -1], "own_fitness": fitness[-1, -1]}
        for place, steps in enumerate(lifetimes):
            metrics[f"fitness/{steps}"] = fitness[place, place]
            metrics[f"own_fitness/{steps}"] = fitness[-1, place]
        code = state.extra.fame.codes[:, 0]
        return metrics | {"reward": found, "code": code, "sated": added / length}

    return Learner(init, step, evaluate)


def choose_famous(codes: jax.Array, fame: Fame, fresh: jax.Array, again: jax.Array) -> Fame:
    """Returns the best of a generation and of those before it, for one lifetime.

    Rewards are ranked by their mean fitness less its standard error: a lucky newcomer has to earn
    its place by the lives that follow.

    Args:
      codes: [N, G] of the generation.
      fame: the best so far, leaves [H, ...].
      fresh: [N, B] fitness of the generation's lives.
      again: [H, B] fitness of the new lives of the best so far.
    """
    lives = fresh.shape[1]
    known = add_lives(fame, again)
    mean = jnp.mean(fresh, axis=1)
    newcomers = Fame(
        codes,
        jnp.full(fresh.shape[0], lives, jnp.int32),
        mean,
        jnp.sum((fresh - mean[:, None]) ** 2, axis=1),
    )
    # Nobody is listed twice: a code that is famous already comes with more lives.
    is_known = jnp.any(
        jnp.all(codes[:, None] == fame.codes[None], axis=-1) & (fame.lives > 0), axis=1
    )
    every = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), known, newcomers)
    error = jnp.sqrt(every.spread / jnp.maximum(every.lives - 1, 1) / jnp.maximum(every.lives, 1))
    rank = jnp.where(jnp.concatenate([fame.lives == 0, is_known]), -jnp.inf, every.mean - error)
    _, best = jax.lax.top_k(rank, fame.lives.shape[0])
    return jax.tree.map(lambda x: x[best], every)


def add_lives(fame: Fame, again: jax.Array) -> Fame:
    """Adds the fitness of new lives [H, B] to means and deviations (Chan, Golub & LeVeque 1983).

    Rewards of no lives stay without any.
    """
    number = again.shape[1]
    mean = jnp.mean(again, axis=1)
    total = fame.lives + number
    gap = mean - fame.mean
    added = Fame(
        fame.codes,
        total,
        fame.mean + gap * number / total,
        fame.spread
        + jnp.sum((again - mean[:, None]) ** 2, axis=1)
        + gap**2 * fame.lives * number / total,
    )
    is_one = fame.lives > 0
    kept = lambda new, old: jnp.where(is_one, new, old)  # noqa: E731
    return added._replace(
        lives=kept(added.lives, fame.lives),
        mean=kept(added.mean, fame.mean),
        spread=kept(added.spread, fame.spread),
    )


def _of_own_lifetime(fitness: jax.Array, number: int) -> jax.Array:
    """Returns [L, H, B] of [L H, B, L]: the famous of a lifetime are judged by that one."""
    by_lifetime = fitness.reshape(number, FAMOUS, *fitness.shape[1:])  # [L, H, B, L]
    return jnp.stack([by_lifetime[place, ..., place] for place in range(number)])
