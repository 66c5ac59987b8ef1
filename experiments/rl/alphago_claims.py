"""What AlphaGo Zero states of AlphaGo's line: learning from nothing passes imitating experts."""

from functools import cache
from typing import Any, NamedTuple

from experiments._claim import Claim, Verdict
from experiments.rl import alphazero, alphazero_claims
from experiments.rl.alphago import ABOUT, PRESETS, build
from experiments.rl.alphazero_claims import Trained, as_trained, match_verdict, player_of
from jaxdl.launch import configure


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      seeds: runs.
      steps: learner steps of self-play from nothing.
      clone_steps: of the clone, with as many minibatches in all. The expert's moves cost more than
        self-play's, so that both take about as long.
      self_play: further steps of self-play that begins with the clone.
      expert: simulations of the expert.
      games: of a match.
    """

    seeds: int
    steps: int
    clone_steps: int
    self_play: int
    expert: int
    games: int


TIERS = {
    "smoke": Tier(2, 2, 1, 2, 16, 4),
    "cpu": Tier(5, 80, 10, 40, 64, 64),
    "gpu": Tier(10, 200, 50, 100, 320, 256),
}


@cache
def trained(tier: str, learner: str) -> Trained:
    """Trains connect four: "clone", "self_play" from the clone, or "alphazero" from nothing."""
    from jaxdl.core import fit
    from jaxdl.rl.alphago import begin_with

    size = TIERS[tier]
    common = {"env": "pgx/connect_four", "eval_games": 2, "plain_factor": 1}
    common |= dict(alphazero_claims.TIERS[tier].settings)
    steps = {
        "alphazero": size.steps,
        "clone": size.clone_steps,
        "self_play": size.self_play,
    }[learner]
    run = {"steps": steps, "steps_per_call": max(steps // 10, 1), "num_seeds": size.seeds}
    if learner == "alphazero":
        config = configure("alphazero", alphazero.PRESETS, "smoke", common | run)
        system, start = alphazero.build(config), None
    else:
        own = {"expert_simulations": size.expert, "clone_steps": size.clone_steps}
        if learner == "clone":
            own["updates"] = common["updates"] * size.steps // size.clone_steps
        config = configure("alphago", PRESETS, "smoke", common | run | own)
        system, start = build(config, learner), None
    if learner == "self_play":
        params = stacked(trained(tier, "clone").params)
        start = begin_with(system.learner, params, size.seeds)
    about = ABOUT._asdict()
    state, _ = fit(system.learner, (), config.run, init=start, about=about)
    return as_trained(config, state)


def stacked(trees: list[Any]) -> Any:
    """Joins the parameters of all seeds, leaves [S, ...]."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(lambda *x: jnp.stack(x), *trees)


def compare(tier: str, player: str, opponent: str, text: str) -> Verdict:
    """Lets two kinds of nets meet, seed by seed, with the same search."""
    from jaxdl.rl.matches import Player

    ours, theirs = trained(tier, player), trained(tier, opponent)
    search = player_of(ours, ours.simulations)
    players = [Player(search, params) for params in ours.params]
    opponents = [Player(search, params) for params in theirs.params]
    size = TIERS[tier]
    text = f"{text}, whose expert has {size.expert} simulations"
    return match_verdict(ours.game, players, opponents, size.games, text)


def nothing_passes_experts(tier: str) -> Verdict:
    """Lets self-play from nothing meet an expert's clone, after as many minibatches."""
    return compare(tier, "alphazero", "clone", "from nothing against the clone")


def self_play_betters_the_clone(tier: str) -> Verdict:
    """Lets self-play that begins with a clone meet that clone."""
    more = TIERS[tier].self_play
    return compare(tier, "self_play", "clone", f"{more} more steps of self-play against the clone")


CLAIMS = [
    Claim(
        "nothing_passes_experts",
        "Self-play from nothing becomes stronger than a net that imitates an expert's games",
        "Silver et al. 2017, fig. 3",
        nothing_passes_experts,
    ),
    Claim(
        "self_play_betters_the_clone",
        "Self-play makes a cloned policy stronger (it won more than 80 % of the games)",
        "Silver et al. 2016, section 2",
        self_play_betters_the_clone,
    ),
]
