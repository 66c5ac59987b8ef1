"""What the papers of DQN and its additions state, measured on MinAtar's Breakout and Asterix.

All runs have the same frames and updates, one of 32 transitions every 16 frames. A run's score is
the mean return of fresh episodes of its final policy, without exploring, of at most 1000 frames.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.rl.dqn import ABOUT, PRESETS, build
from experiments.rl.ppo_claims import random_return
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

    from jaxdl.core import TrainState

PLAYED = 1000  # steps in which values are compared with what follows
TAIL = 690  # the last of them, whose returns are cut: 0.99^690 is 0.001


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      steps: of each run, of 64 frames each.
      seeds: runs of each kind.
      factor: how many times random play a score has to be.
      episodes: that a score is the mean of.
    """

    steps: int
    seeds: int
    factor: float
    episodes: int


TIERS = {
    "smoke": Tier(steps=16, seeds=2, factor=2.0, episodes=8),
    "cpu": Tier(steps=2048, seeds=5, factor=2.0, episodes=100),
    "gpu": Tier(steps=78_125, seeds=10, factor=10.0, episodes=100),
}
SETTINGS = {
    "eval_every": 0,
    "save_every": 0,
}
OPTIONS: dict[str, Mapping[str, Any]] = {
    "plain": {},
    "double": {"double": True},
    "dueling": {"dueling": True},
    "3 steps": {"n_step": 3},
    "prioritized": {"prioritized": True},
    "all": {"double": True, "dueling": True, "n_step": 3, "prioritized": True},
}


class Trained(NamedTuple):
    """Runs of one kind.

    Attributes:
      config: theirs.
      state: the final one, leaves [S, ...].
      returns: [S].
    """

    config: Any
    state: "TrainState"
    returns: "np.ndarray"


@cache
def trained(tier: str, game: str, option: str) -> Trained:
    """Trains one variant on one game."""
    import numpy as np

    from jaxdl.launch import train

    size = TIERS[tier]
    run = {
        "env": f"pgx/minatar-{game}",
        "steps": size.steps,
        "steps_per_call": max(size.steps // 8, 1),
        "num_seeds": size.seeds,
        "eval_envs": size.episodes,
    }
    config = configure("dqn", PRESETS, "cpu", SETTINGS | run | OPTIONS[option])
    state, result = train(build, config, about=ABOUT)
    returns = np.asarray(result["metrics"]["eval/episode_return"]["values"])
    return Trained(config, state, returns)


def compare_with_random(game: str, tier: str) -> Verdict:
    """Decides whether the interval of the score over that of random play lies above the factor."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    size = TIERS[tier]
    score = interval(trained(tier, game, "plain").returns)
    random = random_return(f"pgx/minatar-{game}")
    ratio = interval([value / random for value in score["values"]])
    lead = interval([value - size.factor for value in ratio["values"]])
    summary = (
        f"return {show(score)}, {show(ratio)} times the {random:.2f} of random play, where "
        f"{size.factor:g} times are asked for; {_sizes(size)} of {game}"
    )
    return Verdict(decide(lead), summary, {"return": score, "times random play": ratio})


def compare_overestimation(tier: str) -> Verdict:
    """Decides whether Double DQN's values lie less above the returns that follow them."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    numbers, errors = {}, {}
    for option in ("plain", "double"):
        estimate, measured = measured_values(trained(tier, "asterix", option))
        errors[option] = estimate - measured
        numbers |= {
            f"{option}: estimate": interval(estimate),
            f"{option}: measured": interval(measured),
            f"{option}: error": interval(errors[option]),
        }
    gap = interval(errors["plain"] - errors["double"])
    summary = (
        f"DQN's values are {show(numbers['plain: error'])} above the discounted returns, Double "
        f"DQN's {show(numbers['double: error'])}; difference {show(gap)}; {_sizes(TIERS[tier])} "
        "of asterix"
    )
    return Verdict(decide(gap), summary, numbers | {"difference": gap})


def compare_option(option: str, tier: str) -> Verdict:
    """Decides whether the interval of an option's lead over plain DQN lies above 0."""
    scores = {name: trained(tier, "breakout", name).returns for name in (option, "plain")}
    return decide_lead(scores, option, "plain", f"{_sizes(TIERS[tier])} of breakout")


def measured_values(runs: Trained) -> tuple["np.ndarray", "np.ndarray"]:
    """Plays the final policies; returns the means over all states of values and of returns, [S].

    As in van Hasselt et al. 2016, figure 3: the values are those of the actions that are taken, the
    returns what is then earned, discounted. States near the end of the record do not count, nor
    does the limit on an episode's length.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.rl.rollout import advance, start_rollout
    from jaxdl.rl.value_error import without_truncation

    system = build(runs.config)
    assert system.deployment and system.world
    deployment, env = system.deployment, without_truncation(system.world[1])
    discount = runs.config.replay.discount

    def play(state):
        def ask(obs):
            return deployment.apply(deployment.weights(state), {"obs": obs})

        def act(key, carry, obs, first):
            return carry, ask(obs)["action"]

        def step(rollout, _):
            value = ask(rollout.obs)["value"]
            rollout, moment = advance(rollout, env, act)
            out = moment.step
            factor = jnp.where(out.terminated, 0.0, discount * out.discount)
            return rollout, (value, out.reward, factor, moment.is_alive)

        def look_back(later, now):
            reward, factor = now
            return (reward + factor * later,) * 2

        rollout = start_rollout(jax.random.key(1), env, (), episodes=32)
        value, reward, factor, is_alive = jax.lax.scan(step, rollout, length=PLAYED)[1]
        returns = jax.lax.scan(look_back, jnp.zeros(32), (reward, factor), reverse=True)[1]
        counts = is_alive & (jnp.arange(PLAYED) < PLAYED - TAIL)[:, None]
        return tuple(jnp.sum(x * counts) / jnp.sum(counts) for x in (value, returns))

    estimate, measured = jax.jit(jax.vmap(play))(runs.state._replace(actors=(), opt_state=()))
    return np.asarray(estimate), np.asarray(measured)


def _sizes(size: Tier) -> str:
    return f"{size.seeds} seeds, {64 * size.steps:,} frames"


CLAIMS = [
    Claim(
        "breakout_from_score",
        "A net learns to play from the score alone (above 75 % of a person in 29 of 49 games)",
        "Mnih et al. 2015, figure 3",
        partial(compare_with_random, "breakout"),
    ),
    Claim(
        "asterix_from_score",
        "The same on another game with the same settings",
        "Mnih et al. 2015, figure 3",
        partial(compare_with_random, "asterix"),
    ),
    Claim(
        "double_overestimates_less",
        "The values of Double DQN lie less above what its policy earns than those of DQN",
        "van Hasselt et al. 2016, figure 3",
        compare_overestimation,
    ),
    Claim(
        "double_helps",
        "Double DQN scores higher than DQN (median of 49 games 114.7 % against 93.5 %)",
        "van Hasselt et al. 2016, table 1",
        partial(compare_option, "double"),
    ),
    Claim(
        "dueling_helps",
        "Two streams score higher than one (in 75 % of 57 games)",
        "Wang et al. 2016, section 4.2",
        partial(compare_option, "dueling"),
    ),
    Claim(
        "n_step_helps",
        "Without targets of several steps Rainbow's score falls",
        "Hessel et al. 2018, figure 3",
        partial(compare_option, "3 steps"),
    ),
    Claim(
        "prioritized_helps",
        "Prioritized replay scores higher than uniform replay (in 41 of 49 games)",
        "Schaul et al. 2016, abstract",
        partial(compare_option, "prioritized"),
    ),
    Claim(
        "all_options_help",
        "All additions together score higher than DQN",
        "Hessel et al. 2018, figure 1",
        partial(compare_option, "all"),
    ),
]
