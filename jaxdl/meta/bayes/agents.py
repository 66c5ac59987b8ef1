"""Players made by hand for the tasks of Wang et al. 2016, who see what a net in a trial sees.

An agent is a pure function of one row: key, memory, observation of `jaxdl.meta.trial` -> memory,
action. Its memory is its belief. Those called exact are Bayes-optimal: in dependent, restless and
two-step tasks whatever is chosen tells as much, so that the best choice of each moment is the best
of all; of informative arms, see `informative_value`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.bandit import HAZARDS, HINT, RESTLESS_BETTER, TARGET_PAYS, Difficulty
from jaxdl.meta.bayes.policies import Policy, pick_greatest
from jaxdl.meta.bayes.structured import pair_mean

Number = float | jax.Array


class Agent(NamedTuple):
    """A player that learns within a trial, by a rule.

    Attributes:
      start: () -> its memory before the first step, a pytree of arrays.
      act: key, memory, obs [D] of one trial -> memory, action int32.
    """

    start: Callable[[], Any]
    act: Callable[[jax.Array, Any, jax.Array], tuple[Any, jax.Array]]


class Last(NamedTuple):
    """What an observation of a trial says of the step before.

    Attributes:
      action: [A] one-hot; zeros where the trial begins.
      reward: float32.
      is_known: float32, 0 where the trial begins.
    """

    action: jax.Array
    reward: jax.Array
    is_known: jax.Array


def read_last(obs: jax.Array, actions: int) -> Last:
    """Reads the end [A + 2] of an observation of a trial: last action, reward, end of episode."""
    action = obs[-(actions + 2) : -2]
    return Last(action, obs[-2], jnp.sum(action))


def by_counts(policy: Policy, *, arms: int, most: float = 1.0) -> Agent:
    """Makes an agent of a rule for independent Bernoulli bandits.

    Args:
      policy: of `jaxdl.meta.bayes.policies`.
      arms: k.
      most: the highest reward. One of a share of it counts as that share of a win.
    """

    def act(key, memory, obs):
        counts, t = memory
        last = read_last(obs, arms)
        share = last.reward / most
        counts = counts + last.action[:, None] * jnp.stack([share, 1 - share])
        return (counts, t + 1), policy(counts, t, key)

    return Agent(lambda: (jnp.zeros((arms, 2)), jnp.int32(0)), act)


def exact_pair(difficulty: Difficulty) -> Agent:
    """Makes the Bayes-optimal player of two dependent arms; it remembers s and t."""

    def choose(key, successes, pulls):
        mean = pair_mean(successes, pulls, difficulty)
        return pick_greatest(jnp.stack([mean, 1 - mean]), key)

    return _by_successes(choose)


def thompson_pair() -> Agent:
    """Makes Thompson sampling that knows two uniform arms to be dependent: a draw of p decides."""

    def choose(key, successes, pulls):
        p = jax.random.beta(key, successes + 1.0, pulls - successes + 1.0)
        return (p < 0.5).astype(jnp.int32)

    return _by_successes(choose)


def _by_successes(choose: Callable[..., jax.Array]) -> Agent:
    """Makes a player of two dependent arms: key, s, t -> arm."""

    def act(key, memory, obs):
        successes, pulls = memory
        last = read_last(obs, 2)
        memory = (successes + _speaks_for_first(last) * last.is_known, pulls + last.is_known)
        return memory, choose(key, *memory)

    return Agent(lambda: (jnp.zeros(()), jnp.zeros(())), act)


def _speaks_for_first(last: Last) -> jax.Array:
    """Returns 1 for a win of the first arm or a loss of the second, else 0."""
    return last.action[0] * last.reward + last.action[1] * (1 - last.reward)


def exact_informative() -> Agent:
    """Makes the Bayes-optimal player of informative arms in trials of two pulls or more.

    It asks for the hint, and then pulls what that tells. It remembers the target, -1 at first.
    """

    def act(key, target, obs):
        last = read_last(obs, 11)
        told = jnp.round(last.reward / HINT).astype(jnp.int32) - 1
        target = jnp.where(last.action[10] > 0, told, target)
        return target, jnp.where(target < 0, 10, target)

    return Agent(lambda: jnp.int32(-1), act)


def search_informative() -> Agent:
    """Makes the player that tries one target after the other and leaves the hint alone.

    It knows what the arms pay, so that it stays with the target once it is found. Its memory is
    the target, -1 at first, and how many it has tried.
    """

    def act(key, memory, obs):
        target, tried = memory
        last = read_last(obs, 11)
        found = last.reward == TARGET_PAYS
        target = jnp.where(found, jnp.argmax(last.action), target)
        action = jnp.where(target < 0, tried % 10, target).astype(jnp.int32)
        return (target.astype(jnp.int32), tried + 1), action

    return Agent(lambda: (jnp.int32(-1), jnp.int32(0)), act)


def exact_restless() -> Agent:
    """Makes the Bayes-optimal player of restless arms, which filters which is better, and how
    often they swap.

    It remembers the probabilities [2, 2] of each hazard and better arm.
    """
    hazards = jnp.asarray(HAZARDS)[:, None]

    def act(key, belief, obs):
        last = read_last(obs, 2)
        first = _speaks_for_first(last)
        q = RESTLESS_BETTER
        of_first = first * q + (1 - first) * (1 - q)
        after = belief * jnp.stack([of_first, 1 - of_first])
        after /= jnp.sum(after)
        after = (1 - hazards) * after + hazards * after[:, ::-1]
        belief = jnp.where(last.is_known > 0, after, belief)
        return belief, pick_greatest(jnp.sum(belief, axis=0), key)

    return Agent(lambda: jnp.full((2, 2), 0.25), act)


def fixed_rate_pair(rate: Number) -> Agent:
    """Makes a player of restless arms that knows them to be dependent, with one learning rate.

    It remembers m, the mean of what the first arm pays: m += rate (x - m), x = 1 for what speaks
    for that arm and else 0 (Rescorla & Wagner 1972).
    """

    def act(key, mean, obs):
        last = read_last(obs, 2)
        mean = mean + rate * last.is_known * (_speaks_for_first(last) - mean)
        return mean, pick_greatest(jnp.stack([mean, 1 - mean]), key)

    return Agent(lambda: jnp.full((), 0.5), act)


def model_free(rate: Number, sharpness: Number) -> Agent:
    """Makes a player of the two-step task who credits the choice alone with what was paid.

    Q[a] += rate (r - Q[a]), TD(1) at the first stage, whatever place came between; a choice is
    drawn by softmax of sharpness Q. It remembers Q [2] and its last choice [2].
    """

    def learn(values, choice, place, reward):
        return values + rate * choice * (reward - values)

    return _two_step_agent(lambda: jnp.zeros(2), learn, lambda values: sharpness * values)


def model_based(rate: Number, sharpness: Number, *, common: float = 0.8) -> Agent:
    """Makes a player of the two-step task who knows where choices lead, and learns what places pay.

    V[s] += rate (r - V[s]) of the place it was in, and Q[a] = sum over s of P(s | a) V[s]; a choice
    is drawn by softmax of sharpness Q. It remembers V [2] and its last choice [2].
    """
    leads = jnp.array([[common, 1 - common], [1 - common, common]])

    def learn(values, choice, place, reward):
        return values + rate * place * (reward - values)

    return _two_step_agent(lambda: jnp.zeros(2), learn, lambda v: sharpness * leads @ v)


def exact_two_step(*, good: float = 0.9, swap: float = 0.025) -> Agent:
    """Makes the Bayes-optimal player of the two-step task, which filters what place is good.

    It remembers the probabilities [2] of the places, and its last choice [2].
    """

    def learn(belief, choice, place, reward):
        paid = jnp.where(place > 0, good, 1 - good)  # if that place is good: of a reward
        likelihood = jnp.where(reward > 0, paid, 1 - paid)
        after = belief * likelihood
        after /= jnp.sum(after)
        return (1 - swap) * after + swap * after[::-1]

    # Action a is for place a, so the likelier place decides.
    return _two_step_agent(lambda: jnp.full(2, 0.5), learn, lambda belief: 1e6 * belief)


def random_agent(actions: int) -> Agent:
    """Makes the player that takes any action."""
    return Agent(lambda: (), lambda key, memory, obs: ((), jax.random.randint(key, (), 0, actions)))


class _Round(NamedTuple):
    """What a player of the two-step task remembers.

    Attributes:
      learned: values or a belief, [2].
      choice: [2] one-hot, of the last first stage.
      place: [2] one-hot, of the second stage that followed.
    """

    learned: jax.Array
    choice: jax.Array
    place: jax.Array


def _two_step_agent(
    start: Callable[[], jax.Array],
    learn: Callable[..., jax.Array],
    prefer: Callable[[jax.Array], jax.Array],
) -> Agent:
    """Makes a player of the two-step task, who learns when a round is over.

    Args:
      start: () -> what is learned [2] before the first round.
      learn: learned, choice [2], place [2], reward -> learned.
      prefer: learned -> logits [2] of the next choice.
    """

    def act(key, memory, obs):
        is_first_stage = obs[0] > 0
        last = read_last(obs, 2)
        is_paid = is_first_stage & (last.is_known > 0)
        after = learn(memory.learned, memory.choice, memory.place, last.reward)
        learned = jnp.where(is_paid, after, memory.learned)
        action = jax.random.categorical(key, prefer(learned))
        choice = jnp.where(is_first_stage, jax.nn.one_hot(action, 2), memory.choice)
        return _Round(learned, choice, obs[1:3]), action

    return Agent(lambda: _Round(start(), jnp.zeros(2), jnp.zeros(2)), act)
