"""Scores of nets that learn decision processes in their memory, beside rules made by hand."""

from functools import cache

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner
from jaxdl.envs import Env
from jaxdl.envs.names import parse_name
from jaxdl.meta import bayes
from jaxdl.meta.evaluation import Evaluation, two_policies
from jaxdl.meta.exhibits import INFORMED
from jaxdl.meta.players import Player, compare_with, shape_player
from jaxdl.meta.trial import trial
from jaxdl.nn import ActorCritic
from jaxdl.rl.rollout import Policy, record, start_rollout

WRONG_MEAN = 0.0  # the mean of mean rewards that the paper's rules believed in
TITLES = {
    "psrl": "PSRL",
    "opsrl": "OPSRL (tuned)",
    "ucrl2": "UCRL2 (tuned)",
    "beb": "BEB (tuned)",
    "greedy": "greedy",
    "epsilon_greedy": "epsilon-greedy (tuned)",
    "random": "random",
}


def is_tabular(name: str) -> bool:
    """Says whether the world of that name, settings and all, has the rules as yardsticks."""
    return name.partition(":")[0] == "tabular_mdp"


def mdp_sizes(name: str, env: Env, *, episodes: int) -> bayes.Sizes:
    """Returns the sizes of a world of `tabular_mdp`.

    Args:
      name: of the world, with its settings.
      env: the world.
      episodes: n, of a trial.
    """
    horizon = int(parse_name(name).settings.get("horizon", bayes.Sizes().horizon))
    return bayes.Sizes(env.obs_space.n, env.action_space.n, horizon, episodes)


def mdp_evaluation(env: Env, *, sizes: bayes.Sizes, tasks: int, player: str = "RL²") -> Evaluation:
    """Makes the evaluation by fresh decision processes, with the little noise of `bayes.score`.

    Args:
      env: the world of one episode.
      sizes: of it, and how many episodes a trial has.
      tasks: how many.
      player: what the net is called in arrays and figures.

    Returns:
      key, net, params -> metrics `lost` (to the player who knows the task, with the most likely
      actions), its `standard_error`, and `lost_sampled`, with actions drawn from the policy as in
      training. And the array `regret/<player>` [n], of the first 1 .. n episodes.
    """

    def evaluate(key, net, params):
        likeliest, sampled = (
            mdp_score(key, env, net, policy, sizes=sizes, tasks=tasks)  # of the same tasks
            for policy in two_policies(net, params)
        )
        return {
            "lost": -likeliest.mean,
            "standard_error": likeliest.standard_error,
            "lost_sampled": -sampled.mean,
            f"regret/{player}": likeliest.regret,
        }

    return evaluate


def mdp_score(
    key: jax.Array, env: Env, net: ActorCritic, policy: Policy, *, sizes: bayes.Sizes, tasks: int
) -> bayes.Score:
    """Scores a net in trials of decision processes, against the player who knows the task.

    Args:
      key: of all chance; the tasks are the same for every policy.
      env: the world of one episode.
      net: whose memory the policy uses.
      policy: how it acts.
      sizes: of the world, and how many episodes a trial has.
      tasks: how many.

    Returns:
      Score, whose mean is below 0: expected reward less n V*, each of the same task.
    """
    episodes, horizon = sizes.episodes, sizes.horizon
    world = trial(env, episodes)
    tasks_at_once = min(tasks, 1024)

    def regrets(key):
        carry = net.initial_carry(tasks_at_once)
        rollout = start_rollout(key, world, carry, episodes=tasks_at_once)
        best = jax.vmap(lambda task: bayes.best_return(task, horizon=horizon))(rollout.task)
        keep = lambda moment: moment.step.info["expected_reward"]  # noqa: E731
        _, expected = record(rollout, world, policy, keep, steps=episodes * horizon)  # [n H, B]
        returns = jnp.sum(expected.reshape(episodes, horizon, -1), axis=1)
        return best[:, None] - returns.T

    return bayes.score_regrets(regrets, best=0.0, tasks=tasks, key=key, tasks_at_once=tasks_at_once)


def compare_mdp_players(learner: Learner, *, sizes: bayes.Sizes, tasks: int) -> Learner:
    """Compares with the player who knows the task, and with rules by hand.

    Every rule is there twice: with the prior that the tasks are drawn from, and with the mean of
    0, as in the paper. These are scored once in a process, when an evaluation is first computed.

    Args:
      learner: its evaluation is that of `mdp_evaluation`.
      sizes: of the world, and how many episodes a trial has.
      tasks: how many the others are scored on.

    Returns:
      A learner whose evaluation has the metrics `reward` and `reward_sampled` in place of what is
      lost; `percent_of_informed`, the share of the reward of the player who knows the task; and
      `percent_between`, how much of the way from the best rule with the true prior to that player
      is gone, below 0 for one that earns less than the rule. And arrays as in `compare_with`.
    """
    shapes = dict.fromkeys(map(title_of, bayes.MDP_RULES), shape_player(sizes.episodes))
    shapes |= dict.fromkeys(
        (title_of(name, WRONG_MEAN) for name in _with_prior()), shape_player(sizes.episodes)
    )
    shapes = {INFORMED: {"score": jax.ShapeDtypeStruct((2,), jnp.float32)}} | shapes

    def judge(metrics, players):
        informed = players[INFORMED]["score"][0]
        rules = [players[title_of(name)]["score"][0] for name in bayes.MDP_RULES]
        best = jnp.max(jnp.stack(rules))
        reward = informed - metrics["lost"]
        kept = {name: x for name, x in metrics.items() if not name.startswith("lost")}
        return kept | {
            "reward": reward,
            "reward_sampled": informed - metrics["lost_sampled"],
            "percent_of_informed": 100 * reward / informed,
            "percent_between": 100 * (reward - best) / (informed - best),
        }

    return compare_with(learner, lambda: mdp_players_of(sizes=sizes, tasks=tasks), shapes, judge)


def title_of(name: str, prior_mean: float | None = None) -> str:
    """Returns how a rule is called in tables; with the mean of its prior, if that is wrong."""
    title = TITLES[name]
    if prior_mean is None:
        return title
    if name == "epsilon_greedy":
        title = "epsilon-greedy"
    plain, bracket, _ = title.partition(" (tuned")
    more = f", prior mean {prior_mean:g}"
    return f"{plain} (tuned{more})" if bracket else f"{plain} ({more.removeprefix(', ')})"


@cache
def mdp_players_of(*, sizes: bayes.Sizes, tasks: int) -> tuple[Player, ...]:
    """Scores the player who knows the task, then the rules with either prior.

    Args:
      sizes: of the world, and how many episodes a trial has.
      tasks: how many fresh ones, always the same.
    """
    key = jax.random.key(1)
    # The same that the rules are measured against.
    informed = bayes.informed_mdp_value(sizes=sizes, tasks=tasks, key=jax.random.split(key, 3)[0])
    n = sizes.episodes
    value, error = float(informed.mean), float(informed.standard_error)
    players = [Player(INFORMED, None, n * value, n * error, None)]
    settings = {"tasks": tasks, "key": key, **sizes._asdict()}
    for mean, names in ((None, bayes.MDP_RULES), (WRONG_MEAN, _with_prior())):
        prior = {} if mean is None else {"prior_mean": mean}
        for name, rule in bayes.mdp_baselines(**settings, **prior).items():
            if name in names:
                score = jax.device_get(rule.score)
                reward, error = float(score.mean), float(score.standard_error)
                title = title_of(name, mean)
                players.append(Player(title, rule.constant, reward, error, score.regret))
    return tuple(players)


def _with_prior() -> tuple[str, ...]:
    """Returns the rules to which a prior matters."""
    return tuple(name for name in bayes.MDP_RULES if name != "random")
