"""What Schulman et al. 2015 and 2017 state about TRPO, measured on our worlds."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.rl import ppo_claims
from experiments.rl.trpo import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

MAX_KL = 0.01  # delta of all of Schulman et al. 2015
MARGIN = 0.05  # of the way from random play to the best run: what "at least as good" leaves open


class Tier(NamedTuple):
    """How large the comparisons are.

    Attributes:
      envs: the tasks.
      updates: of each run, of 2048 env steps each.
      seeds: runs on each task.
    """

    envs: Sequence[str]
    updates: int
    seeds: int


TIERS = {
    "smoke": Tier(("pendulum",), 4, 2),
    "cpu": Tier(("cartpole", "pendulum", "mjx/cartpole"), 50, 5),
    "gpu": Tier(("cartpole", "pendulum", "mjx/cartpole", "brax/reacher"), 240, 10),
}
SETTINGS = {  # as many steps an update as PPO's comparison, and as many epochs for values
    "num_envs": 16,
    "unroll": 128,
    "epochs": 10,
    "minibatches": 8,
    "microbatches": 1,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "max_kl": MAX_KL,
    "fisher_share": 1.0,
    "eval_envs": 1,
    "eval_sampled": ppo_claims.EPISODES,
}


class Steps(NamedTuple):
    """What the updates of all runs on a task have measured; every array is [S, U].

    Attributes:
      kl: mean divergence of the policy after the update from the one before.
      improvement: of the surrogate.
      accepted: 1 where the policy has moved, else 0.
    """

    kl: "np.ndarray"
    improvement: "np.ndarray"
    accepted: "np.ndarray"


@cache
def measured_steps(tier: str, line_search: bool) -> dict[str, Steps]:
    """Trains on every task; returns task -> what each update did, and keeps no mean of it."""
    import jax
    import numpy as np

    from jaxdl.core.learner import over_seeds

    size = TIERS[tier]
    found = {}
    for env in size.envs:
        settings = SETTINGS | {"env": env, "line_search": line_search}
        learner = over_seeds(
            build(configure("trpo", PRESETS, "smoke", settings)).learner, size.seeds
        )

        def run(key, learner=learner):
            init_key, run_key = jax.random.split(key)
            step = lambda state, key: learner.step(key, state, ())  # noqa: E731
            keys = jax.random.split(run_key, size.updates)
            return jax.lax.scan(step, learner.init(init_key), keys)[1]

        metrics = jax.device_get(jax.jit(run)(jax.random.key(0)))
        found[env] = Steps(*(np.swapaxes(metrics[name], 0, 1) for name in Steps._fields))
    return found


def shares(tier: str, line_search: bool) -> dict[str, Any]:
    """Returns name -> share of updates {mean, ci95, values} over seeds, means over tasks."""
    import numpy as np

    from jaxdl.core.logs import interval

    steps = measured_steps(tier, line_search).values()
    within = [np.mean(task.kl <= MAX_KL, axis=1) for task in steps]
    improved = [np.mean(task.improvement >= 0, axis=1) for task in steps]
    moved = [np.mean(task.accepted, axis=1) for task in steps]
    return {
        "within the bound": interval(np.mean(within, axis=0)),
        "improved": interval(np.mean(improved, axis=0)),
        "moved": interval(np.mean(moved, axis=0)),
    }


def stays_within(tier: str) -> Verdict:
    """Decides by all updates: holds where not one exceeds the bound, and the policy has moved."""
    steps = measured_steps(tier, True)
    largest = max(task.kl.max() for task in steps.values())
    least = min(task.improvement.min() for task in steps.values())
    share = shares(tier, True)
    holds = largest <= MAX_KL and least >= 0 and share["moved"]["mean"] > 0.5
    number = sum(task.kl.size for task in steps.values())
    summary = (
        f"of {number:,} updates the largest KL is {largest:.5f} (bound {MAX_KL}), the least "
        f"improvement {least:.1e}; the policy moved in {100 * share['moved']['mean']:.1f} %"
    )
    numbers = {f"share of updates {name}": number for name, number in share.items()}
    return Verdict("holds" if holds else "fails", summary, numbers)


def line_search_matters(tier: str) -> Verdict:
    """Decides whether updates leave the region more often without the line search than with it."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    with_search, without = shares(tier, True), shares(tier, False)
    names = ("within the bound", "improved")
    gaps = {
        name: interval(np.subtract(with_search[name]["values"], without[name]["values"]))
        for name in names
    }
    summary = "; ".join(
        f"{text}: {show(with_search[name], 100)} % with, {show(without[name], 100)} % without"
        for name, text in zip(
            names, ("KL within the bound", "improvement not negative"), strict=True
        )
    )
    numbers = {f"{name}, line search": with_search[name] for name in names}
    numbers |= {f"{name}, natural gradient": without[name] for name in names}
    numbers |= {f"{name}, difference": gaps[name] for name in names}
    return Verdict(decide(gaps["within the bound"]), summary, numbers)


def ppo_is_as_good(tier: str) -> Verdict:
    """Decides whether the interval of PPO's lead over TRPO lies above minus the margin."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    size = TIERS[tier]
    random = {env: ppo_claims.random_return(env) for env in size.envs}
    runs = {
        "PPO": ppo_claims.train_on_all(size, size.seeds, objective="clip"),
        "TRPO": {env: train_returns(env, size.updates, size.seeds) for env in size.envs},
    }
    scores = ppo_claims.normalize_scores(runs, random)
    lead = interval(scores["PPO"] - scores["TRPO"])
    numbers = {name: interval(np.asarray(values)) for name, values in scores.items()}
    summary = (
        f"PPO {show(numbers['PPO'])}, TRPO {show(numbers['TRPO'])}; difference {show(lead)}, "
        f"margin {MARGIN}; {size.seeds} seeds, {2048 * size.updates:,} steps of "
        f"{', '.join(size.envs)}"
    )
    no_worse = lead | {"mean": lead["mean"] + MARGIN}
    return Verdict(decide(no_worse), summary, numbers | {"difference": lead})


def train_returns(env: str, updates: int, seeds: int) -> "np.ndarray":
    """Trains TRPO on one task; returns each final policy's mean return [S] over fresh episodes."""
    import numpy as np

    from jaxdl.launch import train

    run = {"steps": updates, "steps_per_call": max(updates // 6, 1), "num_seeds": seeds}
    config = configure("trpo", PRESETS, "smoke", SETTINGS | run | {"env": env})
    _, result = train(build, config, about=ABOUT)
    return np.asarray(result["metrics"]["eval/episode_return_sampled"]["values"])


CLAIMS = [
    Claim(
        "stays_within",
        "No update leaves the trust region or makes the surrogate worse, and most move the policy",
        "Schulman et al. 2015, appendix C",
        stays_within,
    ),
    Claim(
        "line_search_matters",
        "Natural-gradient steps of the same length leave the region where there is no line search",
        "Schulman et al. 2015, appendix C",
        line_search_matters,
    ),
    Claim(
        "ppo_is_as_good",
        "PPO scores at least as high as TRPO after as many steps (within 0.05)",
        f"Schulman et al. 2017, figure 3; against {ABOUT.paper}",
        ppo_is_as_good,
    ),
]
