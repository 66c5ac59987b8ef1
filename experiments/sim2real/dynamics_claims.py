"""What is stated of randomized dynamics and memory, measured on a pole's swing-up.

The rules were stated before anything was measured: the 95 % interval over seeds of the difference
between two policies of one seed, which were trained by the same number of steps, lies above 0. The
physics that they are scored in have one parameter outside of the ranges of training. All scores are
those of the last policy in fresh episodes, with its likeliest actions.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.sim2real.dynamics import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

ARMS = ("nominal", "randomized", "recurrent")  # the last one has plain names in the result
PENG = "Peng et al. 2018, arXiv 1710.06537"
OPENAI = "OpenAI et al. 2019, arXiv 1910.07113"
IN_C = 64  # physics in MuJoCo's C program, that each policy is scored in

# How each tier measures: preset, seeds, settings.
TIERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "smoke": (
        "smoke",
        2,
        {
            "env": "swingup:impact=true",
            "steps": 2,
            "action_repeat": 8,
            "eval_steps": 125,
            "arms": ARMS,
        },
    ),
    "cpu": ("cpu", 5, {}),
    "gpu": ("gpu", 10, {}),
}


@cache
def trained(tier: str) -> tuple[Any, Any, dict[str, Any]]:
    """Trains all arms; returns the config, the state, and the result's metrics."""
    from jaxdl.launch import train

    preset, seeds, settings = TIERS[tier]
    config = configure("dynamics", PRESETS, preset, {"num_seeds": seeds} | settings)
    state, result = train(build, config, about=ABOUT)
    return config, state, result["metrics"]


def scores(tier: str, metric: str) -> "dict[str, np.ndarray]":
    """Returns arm -> what its policies were scored at, [seeds]."""
    import numpy as np

    metrics = trained(tier)[2]
    ends = {arm: "" if arm == ARMS[-1] else f"/{arm}" for arm in ARMS}
    return {arm: np.array(metrics[f"eval/{metric}{end}"]["values"]) for arm, end in ends.items()}


@cache
def scores_in_c(tier: str) -> "dict[str, np.ndarray]":
    """Plays all policies in MuJoCo's C program, in the same held-out physics; as `scores`."""
    import jax
    import numpy as np

    from experiments.sim2real import _physics
    from jaxdl.envs import make
    from jaxdl.sim2real import physics
    from jaxdl.sim2real.c_mujoco import returns_in_c

    config, state, _ = trained(tier)
    place = _physics.make_place(config.worlds, config.physics)
    env = make("swingup")
    far = physics.outside(place.ranges, place.beyond)
    task_key, start_key = jax.random.split(jax.random.key(12))
    draw = physics.with_physics(env, place.ranges.names, far).sample_task
    tasks = jax.vmap(draw)(jax.random.split(task_key, IN_C))
    found: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for arm in ARMS:
        net = _physics.make_arm_net(place.env, config.policy, arm)
        carry = net.initial_carry(IN_C)
        act = jax.jit(partial(_likeliest, net))
        for seed in range(config.run.num_seeds):
            params = jax.tree.map(lambda x, seed=seed: x[seed], state.params[arm])
            returns = returns_in_c(
                start_key,
                env,
                tasks,
                partial(act, params),
                carry,
                action_repeat=config.physics.action_repeat,
            )
            found[arm].append(float(returns.mean()))
    return {arm: np.array(values) for arm, values in found.items()}


def _likeliest(net, params, carry, obs, first):
    """Acts without chance."""
    carry, policy, _ = net.step(params, carry, obs, first)
    return carry, net.distribution.to_env(net.distribution.mode(policy))


def compare(better: str, other: str, tier: str) -> Verdict:
    """Compares the returns of two arms in held-out physics."""
    verdict = decide_lead(scores(tier, "outside_return"), better, other, details(tier))
    tests = {
        f"{arm}, {test}": _interval(values)
        for test in ("nominal", "inside", "corners")
        for arm, values in scores(tier, f"{test}_return").items()
    }
    return verdict._replace(numbers=verdict.numbers | tests)


def compare_in_c(better: str, other: str, tier: str) -> Verdict:
    """Compares the returns of two arms in MuJoCo's C program, in held-out physics."""
    more = f"{IN_C} physics in MuJoCo's C program; {details(tier)}"
    return decide_lead(scores_in_c(tier), better, other, more)


def measure_adaptation(tier: str) -> Verdict:
    """Measures whether the policy with memory comes back after a change, and ahead of the other."""
    from jaxdl.pages import show

    last, shaken = scores(tier, "settled_reward"), scores(tier, "shaken_reward")
    lead = _interval(last["recurrent"] - last["randomized"])
    recovery = _interval(last["recurrent"] - shaken["recurrent"])
    numbers = {f"{arm}, at the end": _interval(values) for arm, values in last.items()}
    numbers |= {f"{arm}, after the change": _interval(values) for arm, values in shaken.items()}
    summary = (
        f"reward of an action at the end of episodes whose physics changed: recurrent "
        f"{show(numbers['recurrent, at the end'])}, feed-forward "
        f"{show(numbers['randomized, at the end'])}, lead {show(lead)}; above right after the "
        f"change by {show(recovery)}; {details(tier)}"
    )
    numbers |= {"lead": lead, "recovery": recovery}
    return Verdict(decide(lead, recovery), summary, numbers)


def details(tier: str) -> str:
    """Says how much was trained and scored."""
    config = trained(tier)[0]
    actions = config.run.steps * config.worlds.num_envs * config.update.unroll
    return (
        f"{config.run.num_seeds} seeds, {actions:,} actions in {config.worlds.env}, "
        f"{config.worlds.eval_envs} episodes a seed"
    )


def _interval(values: "np.ndarray") -> dict[str, Any]:
    from jaxdl.core.logs import interval

    return interval(values)


CLAIMS = [
    Claim(
        "randomized_beats_nominal",
        "in held-out physics, a policy that was trained in randomized ones earns more than one "
        "that was trained in nominal ones",
        f"{PENG}, the comparison with a policy that was trained without randomization",
        partial(compare, "randomized", "nominal"),
    ),
    Claim(
        "randomized_beats_nominal_in_c",
        "so it does in MuJoCo's own C program, which no training saw",
        f"{PENG}, on the real robot; here another simulator",
        partial(compare_in_c, "randomized", "nominal"),
    ),
    Claim(
        "recurrent_beats_feed_forward",
        "in held-out physics, a recurrent policy earns more than a feed-forward one",
        f"{PENG}, the comparison of an LSTM with a feed-forward policy",
        partial(compare, "recurrent", "randomized"),
    ),
    Claim(
        "recurrent_beats_feed_forward_in_c",
        "so it does in MuJoCo's own C program",
        f"{PENG}, on the real robot; here another simulator",
        partial(compare_in_c, "recurrent", "randomized"),
    ),
    Claim(
        "adapts_after_a_change",
        "where the physics change in mid-episode, the recurrent policy recovers, and at the end "
        "earns more than a feed-forward one",
        f"{OPENAI}, perturbations of trained policies",
        measure_adaptation,
    ),
]
