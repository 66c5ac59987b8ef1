"""All that a learned player of tabular decision processes is measured against, in one table."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.tabular_mdp import REWARD_MEAN
from jaxdl.meta.bayes import mdp_rules
from jaxdl.meta.bayes.mdp_rules import Bonus, MDPRule
from jaxdl.meta.bayes.mdp_scores import Informed, Sizes, informed_value, score_rules
from jaxdl.meta.bayes.planning import Prior
from jaxdl.meta.bayes.scores import Score
from jaxdl.meta.bayes.yardsticks import Yardstick

MDP_RULES = ("psrl", "opsrl", "ucrl2", "beb", "greedy", "epsilon_greedy", "random")
LIGHT = 1e-4  # weight of TabulaRL's prior for rules that believe one reward wholly
EPSILON = 0.1  # TabulaRL's
# Constants that are tried: how many draws, the share of the radii, beta, epsilon.
TRIED = {
    "opsrl": (1, 2, 3, 5, 8, 12, 16, 20),
    "ucrl2": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7),
    "beb": (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0),
    "epsilon_greedy": (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15),
}
MOVE_BONUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # c of TabulaRL's BEB
PARTS = 8  # of the tasks to print; as many constants are tried, each on one part of others


class Priors(NamedTuple):
    """Holds what the rules believe before the first step.

    Attributes:
      full: of rules that draw tasks, or add a bonus.
      light: of greedy, epsilon_greedy and ucrl2.
      is_true: bool, whether the mean is that of the tasks; BEB has TabulaRL's form where not.
    """

    full: Prior
    light: Prior
    is_true: jax.Array | bool


def mdp_baselines(
    *,
    episodes: int,
    tasks: int,
    key: jax.Array,
    prior_mean: float = REWARD_MEAN,
    names: Sequence[str] = MDP_RULES,
    states: int = 10,
    actions: int = 5,
    horizon: int = 10,
) -> dict[str, Yardstick]:
    """Scores rules for `tabular_mdp` on the same fresh tasks, after tuning on others.

    With the true prior mean every rule believes the law that the tasks are drawn from. With another
    the forms are TabulaRL's, whose default mean is 0, with which Duan et al. 2016 compare: greedy,
    epsilon_greedy and ucrl2 have a prior of the weight 1e-4, so that they believe one reward
    wholly, and epsilon is 0.1; psrl, opsrl and beb have a prior of the weight 1, and the bonus of
    beb is TabulaRL's (`mdp_rules.Bonus`).

    Args:
      episodes: n, of each task.
      tasks: how many; an eighth as many others for each constant that is tried in tuning, and 32
        times as many for the mean of V*. Rounded up to eight times whole batches of at most 512.
      key: of the tasks and of all chance in them.
      prior_mean: of mean rewards, in the belief of the rules.
      names: which of the rules.
      states: S.
      actions: A.
      horizon: H, steps of an episode.

    Returns:
      Name -> Yardstick, whose score is the expected reward of all n episodes; its regret [n] is
      against a player who knows the task.

    Raises:
      BadInput: an unknown rule, or no episode.
    """
    for name in names:
        if name not in MDP_RULES:
            raise BadInput(f"unknown rule {name!r}; there are {', '.join(MDP_RULES)}")
    if episodes < 1:
        raise BadInput(f"mdp_baselines needs at least 1 episode, got episodes={episodes}")
    sizes = Sizes(states, actions, horizon, episodes)
    informed_key, tuning_key, key = jax.random.split(key, 3)
    informed = informed_mdp_value(sizes=sizes, tasks=tasks, key=informed_key)
    is_true = prior_mean == REWARD_MEAN
    light = Prior(prior_mean, 1.0 if is_true else LIGHT)
    priors = Priors(Prior(prior_mean, 1.0), light, is_true)
    part = partial(_score_parts, names=tuple(names), sizes=sizes, tasks=max(-(-tasks // PARTS), 2))
    values = TRIED if is_true else TRIED | {"beb": MOVE_BONUSES}
    tried = {name: jnp.asarray(values[name]) for name in names if name in values}
    found = part(tried, priors, jnp.stack([tuning_key] * PARTS))  # each on the same tasks
    best = {name: tried[name][jnp.argmax(found[name].mean)] for name in tried}
    if not is_true and "epsilon_greedy" in names:
        best["epsilon_greedy"] = jnp.float32(EPSILON)
    chosen = {name: jnp.stack([constant] * PARTS) for name, constant in best.items()}
    parts = part(chosen, priors, jax.random.split(key, PARTS))
    constants = {name: round(constant.item(), 6) for name, constant in best.items()}
    return {
        name: Yardstick(_join(parts[name], informed, episodes), constants.get(name))
        for name in names
    }


def informed_mdp_value(*, sizes: Sizes, tasks: int, key: jax.Array) -> Informed:
    """Estimates V* on 32 times as many tasks, at least 4,096, as `mdp_baselines` does."""
    many = max(32 * tasks, 4096)
    return jax.jit(lambda key: informed_value(sizes=sizes, tasks=many, key=key))(key)


@partial(jax.jit, static_argnames=("names", "sizes", "tasks"))
def _score_parts(
    constants: Mapping[str, jax.Array],
    priors: Priors,
    keys: jax.Array,
    *,
    names: tuple[str, ...],
    sizes: Sizes,
    tasks: int,
) -> dict[str, Score]:
    """Scores rules on several parts, by one program for tuning and scores and for all priors.

    Args:
      constants: name -> [parts].
      priors: of the rules.
      keys: [parts].
      names: of the rules.
      sizes: of the tasks.
      tasks: of a part.

    Returns:
      Name -> Score of [parts, ...], whose mean is what is lost to V*, below 0.
    """
    nobody = Informed(jnp.float32(0), jnp.float32(0))
    families = _families(priors)

    def score_part(part):
        constants, key = part
        rules = {name: families[name](constants.get(name)) for name in names}
        return score_rules(rules, sizes=sizes, tasks=tasks, informed=nobody, key=key)

    return jax.lax.map(score_part, (dict(constants), keys))


def _join(parts: Score, informed: Informed, episodes: int) -> Score:
    """Makes one score of those of parts on different tasks."""
    error = jnp.sqrt(jnp.sum(parts.standard_error**2)) / PARTS
    return Score(
        mean=episodes * informed.mean + jnp.mean(parts.mean),
        standard_error=jnp.hypot(error, episodes * informed.standard_error),
        regret=jnp.mean(parts.regret, axis=0),
    )


def _families(priors: Priors) -> dict[str, Callable[..., MDPRule]]:
    """Makes name -> constant -> rule; those without a constant take None."""
    full, light, is_true = priors

    def bonus(constant):
        papers, other = Bonus(constant), Bonus(1.0, 1.0 + full.weight, constant)
        return Bonus(*(jnp.where(is_true, x, y) for x, y in zip(papers, other, strict=True)))

    return {
        "psrl": lambda _: mdp_rules.sampled_plan(full),
        "opsrl": lambda draws: mdp_rules.optimistic_sampled_plan(full, draws),
        "ucrl2": lambda scale: mdp_rules.confident_plan(light, scale),
        "beb": lambda constant: mdp_rules.bonus_plan(full, bonus(constant)),
        "greedy": lambda _: mdp_rules.greedy_plan(light),
        "epsilon_greedy": lambda epsilon: mdp_rules.epsilon_greedy_plan(light, epsilon),
        "random": lambda _: mdp_rules.random_actions(),
    }
