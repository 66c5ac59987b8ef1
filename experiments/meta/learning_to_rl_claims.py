"""What Wang et al. 2016 state in curves, measured with intervals beside Bayes-optimal players."""

from collections.abc import Mapping, Sequence
from functools import cache
from math import hypot
from typing import Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.meta.learning_to_rl import ABOUT, MEDIUM, PRESETS, build
from jaxdl.launch import configure
from jaxdl.pages import show

Numbers = dict[str, Any]
PAIRS = {name: f"bandit:kind=dependent,difficulty={name}" for name in ("easy", "medium", "hard")}
# The hint is found by those alone who go on trying; found, it still has to be read, in ten shades.
INFORMATIVE = {
    "env": "bandit:kind=informative",
    "episodes": 5,
    "unroll": 5,
    "num_envs": 512,
    "entropy_coef": 4.0,
    "discount": 1.0,
    "steps": 4_000,
}
TWO_STEP = {"env": "two_step", "episodes": 1, "unroll": 200}
RESTLESS = {"env": "bandit:kind=restless", "episodes": 1, "unroll": 100}
SMALL: dict[str, dict[str, Any]] = {
    "dependent": {"env": MEDIUM, "episodes": 5, "unroll": 5},
    "informative": INFORMATIVE | {"num_envs": 64, "steps": 4},
    "two_step": {},
    "restless": {"env": "bandit:kind=restless,pulls=6", "episodes": 1, "unroll": 6},
}
LARGE: dict[str, dict[str, Any]] = {
    "dependent": {"env": MEDIUM},
    "informative": INFORMATIVE,
    "two_step": TWO_STEP,
    "restless": RESTLESS,
}
SEEDS = {"smoke": 2, "cpu": 5, "gpu": 5}


class Measured(NamedTuple):
    """What the nets of a family of tasks and its players earn.

    Attributes:
      metrics: of the evaluation, name -> {mean, ci95, values}.
      players: of the same family.
      parts: n, choices in a trial.
      best: expected reward of a part for one who knows what to choose.
      elsewhere: name of a world -> what the same nets and its players earn there.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    players: Sequence[Any]
    parts: int
    best: float
    elsewhere: "Mapping[str, Measured]"


@cache
def measured(tier: str, kind: str) -> Measured:
    """Trains the nets of a family of tasks, and scores them.

    Those of medium pairs are scored with easy and hard ones too.
    """
    from jaxdl.core.learner import seed_keys
    from jaxdl.launch import train

    settings = (SMALL if tier == "smoke" else LARGE)[kind]
    if tier == "gpu":
        settings = settings | {"num_envs": 512}
    config = configure("learning_to_rl", PRESETS, tier, settings | {"num_seeds": SEEDS[tier]})
    state, result = train(build, config, about=ABOUT)
    own = _beside_players(result["metrics"], config.worlds.env, config)
    if kind != "dependent":
        return own
    import jax

    elsewhere = {}
    keys = seed_keys(jax.random.key(2), range(SEEDS[tier]))
    for name in (PAIRS["easy"], PAIRS["hard"]):
        metrics = _score(keys, state.params, name, config)
        elsewhere[name] = _beside_players(metrics, name, config)
    return own._replace(elsewhere=elsewhere)


def _score(keys: Any, params: Any, name: str, config: Any) -> dict[str, Numbers]:
    """Scores nets with parameters [S, ...] in another world."""
    import jax

    from jaxdl import meta
    from jaxdl.core.logs import interval
    from jaxdl.envs import make
    from jaxdl.rl.setup import make_net

    family = meta.find_family(name, make(name), episodes=config.episodes)
    net = make_net(family.world, config.policy)
    evaluate = meta.structured_evaluation(family, tasks=config.eval_tasks)
    found = jax.jit(jax.vmap(lambda key, params: evaluate(key, net, params)))(keys, params)
    return {f"eval/{name}": interval(x) for name, x in found.items() if x.ndim == 1}


def _beside_players(metrics: Mapping[str, Any], name: str, config: Any) -> Measured:
    from jaxdl import meta
    from jaxdl.envs import make

    family = meta.find_family(name, make(name), episodes=config.episodes)
    players = meta.structured_players(name=name, episodes=config.episodes, tasks=config.eval_tasks)
    return Measured(metrics, players, family.parts, family.best, {})


def exploits_pairs(tier: str) -> Verdict:
    """Decides whether the nets' regret lies below that of every rule for independent arms."""
    rules = ("UCB1 (textbook)", "UCB1 (tuned)", "Thompson sampling")
    return _less_regret({"medium": measured(tier, "dependent")}, rules)


def carries_over(tier: str) -> Verdict:
    """Decides the same for nets that have seen medium pairs alone, with easy and hard ones."""
    found = measured(tier, "dependent").elsewhere
    named = {name: found[PAIRS[name]] for name in ("easy", "hard")}
    return _less_regret(named, ("UCB1 (textbook)", "Thompson sampling"))


def asks_first(tier: str, least: float = 0.9) -> Verdict:
    """Decides whether nets ask for the hint and then pull the target in over 90 % of trials."""
    found = measured(tier, "informative")
    share = found.metrics["eval/hint_then_target"]
    first = found.metrics["eval/hint_first"]
    numbers = {"hint, then target": share, "hint first": first, "reward": _reward(found)}
    summary = (
        f"hint first in {show(first)}, then the target in {show(share)} of the trials; reward "
        f"{show(_reward(found))}"
    )
    for name in ("Bayes-optimal", "search", "UCB1 (tuned)"):
        numbers[name] = _player(found, name)
        summary += f", {name} {show(numbers[name])}"
    return Verdict(decide({"mean": share["mean"] - least, "ci95": share["ci95"]}), summary, numbers)


def has_model(tier: str) -> Verdict:
    """Decides whether the nets' interaction of reward and transition lies above that of a
    model-free player, and above their own effect of reward."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.meta import effects

    found = measured(tier, "two_step")
    interaction = found.metrics["eval/interaction"]
    reward_effect = found.metrics["eval/reward_effect"]
    numbers: Numbers = {
        "interaction": interaction,
        "effect of reward": reward_effect,
        "reward": _reward(found),
    }
    parts = [
        f"interaction {show(interaction)}, effect of reward {show(reward_effect)}, reward "
        f"{show(_reward(found))}"
    ]
    for player in found.players:
        if "stay" in player.more and player.name != "random":
            one, other = (float(x) for x in effects(player.more["stay"]))
            numbers[f"{player.name}: interaction"] = interval(other)
            numbers[f"{player.name}: effect of reward"] = interval(one)
            parts.append(f"{player.name} {other:.3f}, {one:.3f}, {player.reward:.2f}")
    free = numbers["model-free (tuned): interaction"]["mean"]
    own = np.array(interaction["values"]) - np.array(reward_effect["values"])
    beyond = {"mean": interaction["mean"] - free, "ci95": interaction["ci95"]}
    return Verdict(decide(beyond, interval(own)), "; ".join(parts), numbers)


def adapts(tier: str) -> Verdict:
    """Decides whether the nets' regret lies below that of the best fixed learning rate."""
    return _less_regret({"restless": measured(tier, "restless")}, ("fixed rate (tuned)",))


def _less_regret(found: Mapping[str, Measured], rules: Sequence[str]) -> Verdict:
    """Decides whether the nets' regret lies below that of all of the rules, everywhere."""
    numbers: Numbers = {}
    gaps, parts = [], []
    for title, family in found.items():
        own = _regret(family, _reward(family))
        numbers[f"{title}: regret"] = own
        optimal = _regret(family, _player(family, "Bayes-optimal"))
        numbers[f"{title}: Bayes-optimal"] = optimal
        parts.append(f"{title}: regret {show(own)}, Bayes-optimal {show(optimal)}")
        for rule in rules:
            other = _regret(family, _player(family, rule))
            numbers[f"{title}: {rule}"] = other
            parts.append(f"{rule} {show(other)}")
            gap = {"mean": other["mean"] - own["mean"], "ci95": hypot(other["ci95"], own["ci95"])}
            gaps.append(gap)
    return Verdict(decide(*gaps), ", ".join(parts), numbers)


def _reward(found: Measured) -> Numbers:
    return dict(found.metrics["eval/reward"])


def _player(found: Measured, name: str) -> Numbers:
    """Returns what a player earns as an interval over trials."""
    (player,) = (p for p in found.players if p.name == name)
    error = 1.96 * player.standard_error
    return {"mean": player.reward, "ci95": error, "values": [player.reward]}


def _regret(found: Measured, reward: Numbers) -> Numbers:
    """Returns what is lost to one who knows what to choose, of an interval of rewards."""
    best = found.parts * found.best
    values = [best - value for value in reward["values"]]
    return {"mean": best - reward["mean"], "ci95": reward["ci95"], "values": values}


CLAIMS = [
    Claim(
        "exploits_pairs",
        "With dependent arms the net loses less in 100 pulls than UCB1, tuned or not, and Thompson "
        "sampling",
        "Wang et al. 2016, bandits with dependent arms",
        exploits_pairs,
    ),
    Claim(
        "carries_over",
        "So does a net that was trained with medium pairs, with easy and with hard ones",
        "Wang et al. 2016, bandits with dependent arms",
        carries_over,
    ),
    Claim(
        "asks_first",
        "The net first pulls the arm that pays little but tells the target, then the target, in "
        "more than 90 % of the trials",
        "Wang et al. 2016, eleven arms of which one is informative",
        asks_first,
    ),
    Claim(
        "has_model",
        "In the two-step task reward and transition interact in the net's stays as in those of a "
        "model-based player: more than in a model-free one's, and more than reward alone matters",
        "Wang et al. 2016, two-step task",
        has_model,
    ),
    Claim(
        "adapts",
        "With restless arms of either volatility the net loses less than the best fixed learning "
        "rate",
        "Wang et al. 2016, restless bandits",
        adapts,
    ),
]
