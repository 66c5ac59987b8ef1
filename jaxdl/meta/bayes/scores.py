"""Scores of bandit players on fresh tasks, with little noise and with their errors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.meta.bayes.policies import Policy, gittins


class Score(NamedTuple):
    """Holds what a player of n pulls earns.

    Attributes:
      mean: expected reward of the n pulls.
      standard_error: of `mean`.
      regret: [n] expected regret of the first 1 .. n pulls against the best arm.
    """

    mean: jax.Array
    standard_error: jax.Array
    regret: jax.Array


def score(
    play: Callable[[jax.Array], Any],
    *,
    arms: int,
    pulls: int,
    tasks: int,
    key: jax.Array,
    tasks_at_once: int = 4096,
) -> Any:
    """Scores players by their regret against the best arm, which varies less than their reward.

    The pulled arms' means take the place of the rewards, and n max(means) is the control variate:
    its expectation is n k / (k + 1), so the mean reward is that minus the mean regret.

    Args:
      play: key -> the best arm's mean minus the pulled arm's, in B fresh tasks; B is
        `tasks_at_once`, or `tasks` if that is less. [B, n], or a dict of these, one a player.
      arms: k.
      pulls: n.
      tasks: how many tasks; rounded up to whole batches.
      key: of the tasks and of all chance in them.
      tasks_at_once: B.

    Returns:
      Score, or a dict of them.

    Raises:
      BadInput: fewer than two tasks.
    """
    return score_regrets(
        play,
        best=pulls * arms / (arms + 1),
        tasks=tasks,
        key=key,
        tasks_at_once=tasks_at_once,
    )


def score_regrets(
    play: Callable[[jax.Array], Any],
    *,
    best: float | jax.Array,
    tasks: int,
    key: jax.Array,
    tasks_at_once: int,
    best_error: float | jax.Array = 0.0,
) -> Any:
    """Scores players by what they lose against a player whose mean reward is known.

    Args:
      play: key -> what is lost in each of n parts of B fresh tasks, B being `tasks_at_once`: [B,
        n], or a dict of these, one a player.
      best: the mean reward of the player that loses nothing.
      tasks: how many tasks; rounded up to whole batches.
      key: of the tasks and of all chance in them.
      tasks_at_once: B.
      best_error: the standard error of `best`, 0 if it is exact.

    Returns:
      Score, or a dict of them.

    Raises:
      BadInput: fewer than two tasks.
    """
    if tasks < 2:
        raise BadInput(f"a standard error needs at least 2 tasks, got {tasks}")
    batches = -(-tasks // tasks_at_once)

    def play_batch(key):
        regrets = play(key)
        totals = jax.tree.map(lambda x: jnp.sum(x, axis=1), regrets)
        curves = jax.tree.map(lambda x: jnp.mean(jnp.cumsum(x, axis=1), axis=0), regrets)
        return totals, curves

    def summarize(totals, curves):
        error = jnp.std(totals, ddof=1) / jnp.sqrt(totals.size)
        return Score(
            best - jnp.mean(totals), jnp.hypot(error, best_error), jnp.mean(curves, axis=0)
        )

    totals, curves = jax.lax.map(play_batch, jax.random.split(key, batches))
    return jax.tree.map(summarize, totals, curves)


def evaluate(policy: Policy, *, arms: int, pulls: int, tasks: int, key: jax.Array) -> Score:
    """Scores one policy, as `evaluate_together` does."""
    scores = evaluate_together({"": policy}, arms=arms, pulls=pulls, tasks=tasks, key=key)
    return scores[""]


def index_policy_value(*, arms: int, pulls: int, tasks: int, key: jax.Array) -> Score:
    """Scores the finite-horizon index policy, which stands for the optimum where that is unknown.

    Args:
      arms: k.
      pulls: n. The table of indices takes 2 n^3 bytes.
      tasks: how many fresh bandits.
      key: of the bandits and of all chance in them.

    Raises:
      BadInput: arms or pulls is not positive, or fewer than two tasks.
    """
    if arms < 1 or pulls < 1:
        raise BadInput(f"a bandit needs arms and pulls of at least 1, got {arms} and {pulls}")
    return evaluate(gittins(pulls=pulls), arms=arms, pulls=pulls, tasks=tasks, key=key)


def evaluate_together(
    policies: Mapping[str, Policy], *, arms: int, pulls: int, tasks: int, key: jax.Array
) -> dict[str, Score]:
    """Scores policies side by side, on the same fresh tasks with means from U[0, 1].

    One program for all of them, since most of the time goes into compiling random numbers, which
    they share.

    Args:
      policies: name -> Policy.
      arms: k.
      pulls: n.
      tasks: how many.
      key: of the tasks and of all chance in them.
    """
    tasks_at_once = min(tasks, 4096)

    def pull_arm(policy, counts, means, t, arm_key, coin):
        arm = policy(counts, t, arm_key)
        won = coin < means[arm]
        outcome = jnp.stack([won, ~won]).astype(jnp.int32)
        counts += (jnp.arange(arms) == arm)[:, None] * outcome
        return counts, jnp.max(means) - means[arm]

    def play_one(key):
        task_key, play_key = jax.random.split(key)
        means = jax.random.uniform(task_key, (arms,))

        def pull(counts, moment):
            t, key = moment
            arm_key, coin_key = jax.random.split(key)
            coin = jax.random.uniform(coin_key)
            outcomes = {
                name: pull_arm(policy, counts[name], means, t, arm_key, coin)
                for name, policy in policies.items()
            }
            counts = {name: after for name, (after, _) in outcomes.items()}
            return counts, {name: regret for name, (_, regret) in outcomes.items()}

        start = {name: jnp.zeros((arms, 2), jnp.int32) for name in policies}
        moments = (jnp.arange(pulls), jax.random.split(play_key, pulls))
        return jax.lax.scan(pull, start, moments)[1]

    def play(key):
        return jax.vmap(play_one)(jax.random.split(key, tasks_at_once))

    return score(play, arms=arms, pulls=pulls, tasks=tasks, key=key, tasks_at_once=tasks_at_once)


def tune(
    families: Mapping[str, Callable[[jax.Array], Policy]],
    values: Mapping[str, Sequence[float]],
    *,
    arms: int,
    pulls: int,
    tasks: int,
    key: jax.Array,
) -> dict[str, float]:
    """Finds each family's value that earns most.

    A score to print needs another key than this one.

    Args:
      families: name -> value -> Policy.
      values: name -> [V] values to try, as many for each family.
      arms: k.
      pulls: n.
      tasks: how many fresh bandits, for each value.
      key: of the bandits and of all chance in them.
    """

    def rewards(choice):
        policies = {name: make(choice[name]) for name, make in families.items()}
        scores = evaluate_together(policies, arms=arms, pulls=pulls, tasks=tasks, key=key)
        return {name: score.mean for name, score in scores.items()}

    found = jax.lax.map(rewards, {name: jnp.asarray(v) for name, v in values.items()})
    return {name: values[name][int(jnp.argmax(found[name]))] for name in families}
