"""Bandits: independent arms (Duan et al. 2016), and arms with a structure (Wang et al. 2016)."""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete
from jaxdl.envs.trials import PULLS

Kind = Literal["independent", "dependent", "informative", "restless"]
Difficulty = Literal["uniform", "easy", "medium", "hard"]

ARMS = {"independent": 5, "dependent": 2, "informative": 11, "restless": 2}  # where none are said
# Of dependent arms: what the better one pays (Wang et al. 2016 are said to have these).
BETTER = {"easy": 0.9, "medium": 0.75, "hard": 0.6}
# Of informative arms: what the target and every other arm pay, and a step of the hint.
TARGET_PAYS, OTHERS_PAY, HINT = 5.0, 1.0, 0.1
# Of restless arms, chosen by us: what the better one pays, and how often they swap, by trial.
RESTLESS_BETTER, HAZARDS = 0.8, (0.01, 0.2)


class Restless(NamedTuple):
    """The task of restless arms.

    Attributes:
      hazard: float32, probability that the arms swap after a pull.
    """

    hazard: jax.Array


class RestlessState(NamedTuple):
    """Where an episode of restless arms stands.

    Attributes:
      better: int32, the arm that pays more now.
      time: int32 pulls since the episode began.
    """

    better: jax.Array
    time: jax.Array


def bandit(
    *,
    arms: int | None = None,
    kind: Kind = "independent",
    difficulty: Difficulty = "uniform",
    pulls: int | None = None,
) -> Env:
    """Pulls one of k arms, each of which pays what has to be found out.

    An episode is one pull, and `jaxdl.meta.trial` makes many of them a trial of one task. The
    observation [1] is always 0. `info["expected_reward"]` is the mean of what was pulled, which a
    learner must not see: a yardstick with less noise than the reward. Of all kinds but the first,
    `info["best_reward"]` is that of the arm that was best to pull.

    The kinds:

    * independent: each arm pays 1 with a probability from U[0, 1], else 0 (Duan et al. 2016). The
      task is the probabilities [k], the state ().
    * dependent: two arms pay 1 with p and 1 - p, so that each pull tells of both (Wang et al.
      2016). p is from U[0, 1], or either of 0.1 and 0.9 ("easy"), 0.25 and 0.75 ("medium"), 0.4
      and 0.6 ("hard"). The task is the probabilities [2], the state ().
    * informative: of eleven arms one, the target, pays 5, the others 1, and the last one 0.1 times
      the number 1 .. 10 of the target: the worst to pull, but for what it tells. Nothing is left to
      chance but the target. The task is what the arms pay [11], the state (). Wang et al. 2016 are
      said to have these numbers, and trials of 5 pulls.
    * restless: two arms pay 1 with 0.8 and 0.2, and swap after a pull with a probability that
      stays for a trial: 0.01 in half of the trials, 0.2 in the others. What changes with time has
      to be a state, and a trial resets that between its episodes; so here an episode is a whole
      trial of `pulls` pulls, of which the trial has one. The task is `Restless`, the state
      `RestlessState`. That volatility differs between trials is said to be as in Wang et al. 2016;
      the numbers are ours.

    Args:
      arms: k; None for 5 independent arms and as many as the other kinds have.
      kind: what the arms have to do with each other.
      difficulty: of dependent arms.
      pulls: of an episode of restless arms; None for 100.

    Raises:
      BadInput: fewer than one arm or pull, or a setting that the kind does not have.
    """
    if kind not in get_args(Kind):
        raise BadInput(f"bandit has no kind {kind!r}; it has {', '.join(get_args(Kind))}")
    arms = ARMS[kind] if arms is None else arms
    if kind == "independent" and arms < 1:
        raise BadInput(f"bandit needs at least 1 arm, got arms={arms}")
    if kind != "independent" and arms != ARMS[kind]:
        raise BadInput(f"bandit: kind={kind} has {ARMS[kind]} arms, got arms={arms}")
    if kind != "dependent" and difficulty != "uniform":
        raise BadInput(f"bandit: difficulty={difficulty} is of kind=dependent, not of {kind}")
    if kind == "dependent" and difficulty not in get_args(Difficulty):
        names = ", ".join(get_args(Difficulty))
        raise BadInput(f"bandit: difficulty={difficulty} should be one of {names}")
    if kind != "restless" and pulls is not None:
        raise BadInput(f"bandit: pulls={pulls} is of kind=restless; else an episode is one pull")
    if pulls is not None and pulls < 1:
        raise BadInput(f"bandit needs at least 1 pull in an episode, got pulls={pulls}")
    if kind == "restless":
        return _restless(PULLS if pulls is None else pulls)
    if kind == "dependent":
        return _one_pull(2, lambda key: _sample_pair(key, difficulty), _toss, has_best=True)
    if kind == "informative":
        return _one_pull(arms, _sample_informative, lambda key, pays: pays, has_best=True)
    return _one_pull(arms, lambda key: jax.random.uniform(key, (arms,)), _toss, has_best=False)


def _one_pull(
    arms: int,
    sample_task: Callable[[jax.Array], jax.Array],
    pay: Callable[[jax.Array, jax.Array], jax.Array],
    *,
    has_best: bool,
) -> Env:
    """Makes a bandit whose task is the arms' means [k], and whose episode is one pull."""

    def reset(key, task):
        return (), jnp.zeros(1)

    def step(key, state, action, task):
        mean = task[action]
        info = {"expected_reward": mean}
        if has_best:
            info["best_reward"] = jnp.max(task)
        reward = pay(key, mean)
        return state, Step(jnp.zeros(1), reward, jnp.bool_(True), jnp.bool_(False), info)

    return Env(sample_task, reset, step, Box((1,), 0.0, 0.0), Discrete(arms))


def _toss(key: jax.Array, mean: jax.Array) -> jax.Array:
    """Pays 1 with that probability, else 0."""
    return (jax.random.uniform(key) < mean).astype(jnp.float32)


def _sample_pair(key: jax.Array, difficulty: Difficulty) -> jax.Array:
    """Draws what two dependent arms pay, [2]."""
    if difficulty == "uniform":
        mean = jax.random.uniform(key)
    else:
        better = BETTER[difficulty]
        mean = jnp.where(jax.random.bernoulli(key), better, 1 - better)
    return jnp.stack([mean, 1 - mean])


def _sample_informative(key: jax.Array) -> jax.Array:
    """Draws what eleven arms pay, [11], of which the last one tells the target."""
    target = jax.random.randint(key, (), 0, 10)
    pays = jnp.where(jnp.arange(11) == target, TARGET_PAYS, OTHERS_PAY)
    return pays.at[10].set(HINT * (target + 1))


def _restless(pulls: int) -> Env:
    """Makes two arms that swap."""

    def sample_task(key):
        return Restless(jnp.where(jax.random.bernoulli(key), HAZARDS[1], HAZARDS[0]))

    def reset(key, task):
        better = jax.random.bernoulli(key).astype(jnp.int32)
        return RestlessState(better, jnp.int32(0)), jnp.zeros(1)

    def step(key, state, action, task):
        pay_key, swap_key = jax.random.split(key)
        mean = jnp.where(action == state.better, RESTLESS_BETTER, 1 - RESTLESS_BETTER)
        swaps = jax.random.bernoulli(swap_key, task.hazard)
        after = RestlessState(jnp.where(swaps, 1 - state.better, state.better), state.time + 1)
        info = {"expected_reward": mean, "best_reward": jnp.full((), RESTLESS_BETTER)}
        is_over = after.time >= pulls
        return after, Step(jnp.zeros(1), _toss(pay_key, mean), is_over, jnp.bool_(False), info)

    return Env(sample_task, reset, step, Box((1,), 0.0, 0.0), Discrete(2))
