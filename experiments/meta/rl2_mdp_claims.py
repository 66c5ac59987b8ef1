"""What Duan et al. 2016 state in section 3.2, beside the same rules with the prior of the tasks."""

from collections.abc import Mapping, Sequence
from functools import cache
from math import hypot
from typing import Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.meta.rl2_mdp import ABOUT, PRESETS, build
from jaxdl.launch import configure
from jaxdl.pages import show

# Table 2: n -> the paper's reward of each player, and that of SNAIL (Mishra et al. 2018).
PAPER = {
    10: dict(
        random=100.1, psrl=138.1, opsrl=144.1, ucrl2=146.6, beb=150.2, epsilon_greedy=132.8,
        greedy=134.8, rl2=156.2, snail=159.1,
    ),
    25: dict(
        random=250.2, psrl=408.8, opsrl=425.2, ucrl2=424.1, beb=427.8, epsilon_greedy=377.3,
        greedy=368.8, rl2=445.7, snail=447.2,
    ),
}  # fmt: skip
INSTANCES = 1000  # that a number of the paper is the mean of
# Seven rows are to agree at once: 5 % of error for all of them (Bonferroni), in standard errors.
BEYOND = 2.69
Numbers = dict[str, Any]


class Cell(NamedTuple):
    """A row of the table in section 3.2.

    Attributes:
      episodes: n.
      preset: that is trained.
      settings: changes to it.
    """

    episodes: int
    preset: str
    settings: Mapping[str, Any]


class Measured(NamedTuple):
    """What a row's nets and the rules made by hand earn.

    Attributes:
      metrics: of the evaluation, name -> {mean, ci95, values}.
      players: title -> (its reward, the standard error).
      deviation: of a task's reward from the mean, for the player who knows it.
      is_papers: whether tasks have the paper's sizes, so that its numbers can be compared.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    players: Mapping[str, tuple[float, float]]
    deviation: float
    is_papers: bool


TIERS: dict[str, Sequence[Cell]] = {
    "smoke": [Cell(2, "smoke", {"num_seeds": 2})],
    "cpu": [Cell(10, "cpu", {"num_seeds": 5})],
    "gpu": [
        Cell(10, "gpu", {}),
        Cell(25, "gpu", {"unroll": 250, "num_envs": 1024}),
    ],
}


@cache
def measured_rows(tier: str) -> dict[int, Measured]:
    """Trains every row of a tier; returns n -> what was measured."""
    return {cell.episodes: measure_row(cell) for cell in TIERS[tier]}


def measure_row(cell: Cell) -> Measured:
    """Trains the nets of one row and scores them."""
    from jaxdl import meta
    from jaxdl.envs import make
    from jaxdl.launch import train

    settings = {"episodes": cell.episodes} | dict(cell.settings)
    config = configure("rl2_mdp", PRESETS, cell.preset, settings)
    _, result = train(build, config, about=ABOUT)
    name = config.worlds.env
    sizes = meta.mdp_sizes(name, make(name), episodes=cell.episodes)
    players = meta.mdp_players_of(sizes=sizes, tasks=config.eval_tasks)
    rewards = {p.name: (float(p.reward), float(p.standard_error)) for p in players}
    _, error = rewards[meta.INFORMED]
    deviation = error * (32 * config.eval_tasks) ** 0.5  # of so many tasks it is the error
    return Measured(result["metrics"], rewards, deviation, name == "tabular_mdp")


def beats_rules(tier: str, prior_mean: float | None) -> Verdict:
    """Decides whether the interval over seeds lies above every rule's, in every row."""
    from jaxdl.meta import bayes, title_of

    numbers: Numbers = {}
    gaps, parts = [], []
    for n, row in measured_rows(tier).items():
        reward = row.metrics["eval/reward"]
        for name in ("reward", "percent_between", "percent_of_informed"):
            numbers[f"n={n}: {name}"] = row.metrics[f"eval/{name}"]
        parts.append(
            f"n={n}: RL² {show(reward)}, "
            f"{show(row.metrics['eval/percent_between'])} % of the way from the best rule with the "
            "true prior to one who knows the task" + _paper_says(n, row, ("rl2", "snail"))
        )
        for rule in bayes.MDP_RULES:
            title = title_of(rule, prior_mean if rule != "random" else None)
            score = _interval(row.players[title])
            gaps.append(_gap(reward, score))
            numbers[f"n={n}: {title}"] = score
            parts.append(f"{title} {show(score)}")
    return Verdict(decide(*gaps), ", ".join(parts), numbers)


def reproduces_rows(tier: str) -> Verdict:
    """Decides whether the paper's rules earn, with its prior, what its table says."""
    from jaxdl.meta import bayes, title_of

    numbers: Numbers = {}
    agree, parts = [], []
    for n, row in measured_rows(tier).items():
        for rule in bayes.MDP_RULES:
            title = title_of(rule, 0.0 if rule != "random" else None)
            reward, error = row.players[title]
            numbers[f"n={n}: {title}"] = _interval((reward, error))
            if n not in PAPER or not row.is_papers:
                continue
            noise = BEYOND * hypot(error, row.deviation / INSTANCES**0.5)
            gap = reward - PAPER[n][rule]
            agree.append({"mean": noise - abs(gap), "ci95": 0.0})
            parts.append(
                f"n={n}: {title} {reward:.1f} ± {1.96 * error:.1f}, paper {PAPER[n][rule]}"
            )
    summary = ", ".join(parts) or "no row of the paper has these sizes"
    return Verdict(decide(*agree) if agree else "undecided", summary, numbers)


def priors_matter(tier: str) -> Verdict:
    """Decides whether greedy is behind PSRL with the paper's prior and ahead with the true one."""
    from jaxdl.meta import title_of

    numbers: Numbers = {}
    gaps, parts = [], []
    for n, row in measured_rows(tier).items():
        scores = {
            (rule, mean): _interval(row.players[title_of(rule, mean)])
            for rule in ("greedy", "psrl", "beb")
            for mean in (None, 0.0)
        }
        gaps.append(_gap(scores["greedy", None], scores["psrl", None]))
        gaps.append(_gap(scores["psrl", 0.0], scores["greedy", 0.0]))
        for (rule, mean), score in scores.items():
            numbers[f"n={n}: {title_of(rule, mean)}"] = score
            parts.append(f"n={n}: {title_of(rule, mean)} {show(score)}")
    return Verdict(decide(*gaps), ", ".join(parts), numbers)


def _interval(score: tuple[float, float]) -> Numbers:
    """Returns a reward and its standard error as an interval."""
    reward, error = score
    return {"mean": reward, "ci95": 1.96 * error, "values": [reward]}


def _gap(one: Mapping[str, Any], other: Mapping[str, Any]) -> Numbers:
    """Returns the interval of a difference of two that know nothing of each other."""
    return {"mean": one["mean"] - other["mean"], "ci95": hypot(one["ci95"], other["ci95"])}


def _paper_says(n: int, row: Measured, names: Sequence[str]) -> str:
    """Returns what the papers say of some players, in brackets, or "" where they do not."""
    if n not in PAPER or not row.is_papers:
        return ""
    titles = {"rl2": "the paper's RL²", "snail": "SNAIL's paper"}
    return f" ({', '.join(f'{titles[name]} {PAPER[n][name]}' for name in names)})"


CLAIMS = [
    Claim(
        "beats_fair_rules",
        "RL² earns more than every rule made by hand that has the true prior",
        "Duan et al. 2016, section 3.2, with fair rules",
        lambda tier: beats_rules(tier, None),
    ),
    Claim(
        "beats_papers_rules",
        "RL² earns more than every rule with the paper's prior (156.2, the best of them 150.2)",
        "Duan et al. 2016, section 3.2",
        lambda tier: beats_rules(tier, 0.0),
    ),
    Claim(
        "reproduces_rows",
        "With a prior mean of 0 instead of 1 the rules earn what the paper's table says of them",
        "Duan et al. 2016, section 3.2",
        reproduces_rows,
    ),
    Claim(
        "priors_matter",
        "Greedy planning is behind PSRL with the paper's prior, and ahead of it with the true one",
        "Duan et al. 2016, section 3.2, with fair rules",
        priors_matter,
    ),
]
