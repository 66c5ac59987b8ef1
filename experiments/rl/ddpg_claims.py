"""What Lillicrap et al. 2016 state of DDPG's parts, measured on our worlds."""

from experiments._claim import Claim, Verdict, decide_lead
from experiments.rl import _control_claims as shared
from experiments.rl import ddpg


def compare_targets(tier: str) -> Verdict:
    """Decides whether the interval of the lead of slow targets over none lies above 0."""
    size = shared.TIERS[tier]
    noise = {"critics": 1, "last_scale": 0.6}
    runs = {
        "slow targets": shared.train_on_all(ddpg, size, **noise),
        "no targets": shared.train_on_all(ddpg, size, tau=1.0, **noise),
    }
    scores = shared.scores(runs)
    return decide_lead(scores, "slow targets", "no targets", shared.size_text(size))


CLAIMS = [
    Claim(
        "targets_help",
        "Learning without target networks is very poor in many environments",
        "Lillicrap et al. 2016, section 4 and figure 2",
        compare_targets,
    ),
]
