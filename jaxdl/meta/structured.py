"""Scores of nets and of players made by hand in tasks with a structure (Wang et al. 2016).

All act in the same trials, see the same observations, and are scored by the same rule: what they
lose against one who knows at every moment which choice is best.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Mean
from jaxdl.envs import Env
from jaxdl.envs.bandit import TARGET_PAYS
from jaxdl.meta import bayes
from jaxdl.meta.bayes.agents import Agent
from jaxdl.meta.evaluation import Evaluation, two_policies
from jaxdl.meta.families import Family
from jaxdl.nn import ActorCritic
from jaxdl.rl.rollout import Policy, advance, start_rollout

LEARNED = "meta-RL"  # the name of the net among players, as Wang et al. 2016 have it


class Entrant(NamedTuple):
    """Who plays B trials.

    Attributes:
      policy: how it acts.
      carry: leaves [B, ...], its memory at the beginning of a trial.
    """

    policy: Policy
    carry: Any


class Played(NamedTuple):
    """What a player did in B trials of T steps.

    Attributes:
      task: leaves [B, ...].
      action: [T, B] int32.
      reward: [T, B].
      lost: [T, B] expected reward that a better choice would have brought.
      place: [T, B] int32, of the two-step task after the step; 0 elsewhere.
    """

    task: Any
    action: jax.Array
    reward: jax.Array
    lost: jax.Array
    place: jax.Array


class Measured(NamedTuple):
    """What a player of a family has come to.

    Attributes:
      score: its reward and regret.
      traits: name -> how it plays, scalars or [2, 2].
    """

    score: bayes.Score
    traits: dict[str, jax.Array]


def measure(
    key: jax.Array,
    family: Family,
    enter: Callable[[int], Mapping[str, Entrant]],
    *,
    tasks: int,
) -> dict[str, Measured]:
    """Plays fresh trials, the same for every player.

    Args:
      key: of the tasks and of all chance in them.
      family: of tasks.
      enter: B -> name -> Entrant.
      tasks: how many; rounded up to whole batches.

    Returns:
      Name -> Measured.
    """
    tasks_at_once = min(tasks, 1024)
    batches = -(-tasks // tasks_at_once)

    def play_batch(key):
        played = play(
            key, family.world, enter(tasks_at_once), trials=tasks_at_once, steps=family.steps
        )
        lost = {name: _by_part(x.lost, family.parts) for name, x in played.items()}
        totals = jax.tree.map(lambda x: jnp.sum(x, axis=0), lost)  # [B]
        curves = jax.tree.map(lambda x: jnp.mean(jnp.cumsum(x, axis=0), axis=1), lost)
        traits = {name: TRAITS[family.kind](x) for name, x in played.items()}
        return totals, curves, traits

    totals, curves, traits = jax.lax.map(play_batch, jax.random.split(key, batches))

    def summarize(name):
        total = totals[name]
        error = jnp.std(total, ddof=1) / jnp.sqrt(total.size)
        mean = family.best * family.parts - jnp.mean(total)
        score = bayes.Score(mean, error, jnp.mean(curves[name], axis=0))
        shares = {
            trait: jnp.sum(x.total, axis=0) / jnp.maximum(jnp.sum(x.count, axis=0), 1)
            for trait, x in traits[name].items()
        }
        return Measured(score, shares)

    return {name: summarize(name) for name in totals}


def play(
    key: jax.Array, world: Env, entrants: Mapping[str, Entrant], *, trials: int, steps: int
) -> dict[str, Played]:
    """Plays B trials with every player, side by side in one loop.

    Args:
      key: of the tasks and of all chance in them.
      world: of trials.
      entrants: name -> Entrant.
      trials: B.
      steps: T, of a trial.

    Returns:
      Name -> Played.
    """

    def keep(moment):
        info = moment.step.info
        state = moment.after.env
        nowhere = jnp.zeros_like(moment.action)
        return Played(
            (),
            moment.action,
            moment.step.reward,
            info["best_reward"] - info["expected_reward"],
            getattr(state, "place", nowhere),
        )

    def step(rollouts, _):
        after = {name: advance(x, world, entrants[name].policy) for name, x in rollouts.items()}
        kept = {name: keep(moment) for name, (_, moment) in after.items()}
        return {name: rollout for name, (rollout, _) in after.items()}, kept

    start = {
        name: start_rollout(key, world, x.carry, episodes=trials) for name, x in entrants.items()
    }
    _, played = jax.lax.scan(step, start, length=steps)
    return {name: x._replace(task=start[name].task) for name, x in played.items()}


def _by_part(values: jax.Array, parts: int) -> jax.Array:
    """Sums [T, B] to [n, B]."""
    return jnp.sum(values.reshape(parts, -1, values.shape[1]), axis=1)


def enter_net(net: ActorCritic, policy: Policy, trials: int) -> Entrant:
    """Lets a net play B trials."""
    return Entrant(policy, net.initial_carry(trials))


def enter_agent(agent: Agent, trials: int) -> Entrant:
    """Lets a player made by hand play B trials."""

    def policy(key, carry, obs, first):
        keys = jax.random.split(key, trials)
        _, memory = carry
        memory, action = jax.vmap(agent.act)(keys, memory, obs)
        return (first, memory), action

    def start(x):
        x = jnp.asarray(x)
        return jnp.broadcast_to(x, (trials, *x.shape))

    return Entrant(policy, (jnp.ones(trials, bool), jax.tree.map(start, agent.start())))


def _no_traits(played: Played) -> dict[str, Mean]:
    return {}


def _hints(played: Played) -> dict[str, Mean]:
    """How often the hint is asked for first, and how often the target follows."""
    asked = played.action[0] == 10
    target = jnp.argmax(played.task == TARGET_PAYS, axis=1)
    follows = asked & (played.action[1:2] == target).any(axis=0)
    return {"hint_first": _share(asked), "hint_then_target": _share(follows)}


def _shifts(played: Played) -> dict[str, Mean]:
    """How often a player changes the arm after a loss, in the second half of stable trials and of
    volatile ones."""
    half = played.action.shape[0] // 2
    action, reward = played.action[half:], played.reward[half:]
    lost = reward[:-1] == 0
    shifts = action[1:] != action[:-1]
    is_volatile = played.task.hazard > 0.1  # [B]
    return {
        "lose_shift_stable": Mean(
            jnp.sum(lost & shifts & ~is_volatile, dtype=jnp.float32), jnp.sum(lost & ~is_volatile)
        ),
        "lose_shift_volatile": Mean(
            jnp.sum(lost & shifts & is_volatile, dtype=jnp.float32), jnp.sum(lost & is_volatile)
        ),
    }


def _stays(played: Played) -> dict[str, Mean]:
    """How often a choice is repeated [2, 2] after a rare or common transition, unpaid or paid."""
    stays, common, paid = rounds_of(played)
    cases = [
        [(common == is_common) & (paid == is_paid) for is_paid in (False, True)]
        for is_common in (False, True)
    ]
    count = jnp.array([[jnp.sum(case) for case in row] for row in cases])
    total = jnp.array([[jnp.sum(case & stays, dtype=jnp.float32) for case in row] for row in cases])
    return {"stay": Mean(total, count)}


def rounds_of(played: Played) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns of each round but the last, [n - 1, B] bool: whether its choice is repeated in the
    next, whether its transition was the common one, and whether it paid."""
    choice = played.action[::2]
    common = played.place[::2] == choice + 1
    paid = played.reward[1::2] > 0
    return choice[1:] == choice[:-1], common[:-1], paid[:-1]


def _share(where: jax.Array) -> Mean:
    return Mean(jnp.sum(where, dtype=jnp.float32), jnp.int32(where.size))


TRAITS: dict[str, Callable[[Played], dict[str, Mean]]] = {
    "dependent": _no_traits,
    "informative": _hints,
    "restless": _shifts,
    "two_step": _stays,
}


def effects(stay: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Splits stay probabilities into the signatures of Daw et al. 2011.

    Args:
      stay: [2, 2], after a rare or common transition, unpaid or paid.

    Returns:
      The main effect of reward, which a model-free player has, and the interaction of reward and
      transition, which a model-based one has. Both are within -1 and 1.
    """
    of_reward = stay[:, 1] - stay[:, 0]  # after rare transitions, and after common ones
    return jnp.mean(of_reward), (of_reward[1] - of_reward[0]) / 2


def structured_evaluation(family: Family, *, tasks: int) -> Evaluation:
    """Makes the evaluation by fresh trials.

    Args:
      family: of tasks.
      tasks: how many.

    Returns:
      key, net, params -> metrics `reward` (with the most likely actions), its `standard_error`,
      `reward_sampled`, and how the net plays: `hint_first` and `hint_then_target` of informative
      arms, `lose_shift_stable` and `lose_shift_volatile` of restless ones, `reward_effect` and
      `interaction` of the two-step task. And the arrays `regret/meta-RL` [n] and, of the two-step
      task, `stay/meta-RL` [2, 2].
    """

    def evaluate(key, net, params):
        likeliest, sampled = two_policies(net, params)

        def enter(trials):
            policies = {"likeliest": likeliest, "sampled": sampled}
            return {name: enter_net(net, policy, trials) for name, policy in policies.items()}

        measured = measure(key, family, enter, tasks=tasks)
        one, other = measured["likeliest"], measured["sampled"]
        metrics = {
            "reward": one.score.mean,
            "standard_error": one.score.standard_error,
            "reward_sampled": other.score.mean,
            f"regret/{LEARNED}": one.score.regret,
        }
        if "stay" not in one.traits:
            return metrics | one.traits
        stay = one.traits["stay"]
        reward_effect, interaction = effects(stay)
        signature = {"reward_effect": reward_effect, "interaction": interaction}
        return metrics | signature | {f"stay/{LEARNED}": stay}

    return evaluate
