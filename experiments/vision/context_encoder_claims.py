"""What the paper of context encoders states, and how it is measured here."""

from experiments._claim import Claim, Verdict
from experiments.vision._pretexts import images_text, train_seeds
from experiments.vision._verdicts import make_verdict


def compare_regions(tier: str) -> Verdict:
    """Compares features learned with holes anywhere and with one in the middle."""
    scores = {
        region: 100
        * train_seeds("context_encoder", tier, (("region", region),))["eval/probe_accuracy"]
        for region in ("random", "central")
    }
    gaps = {"random regions add": scores["random"] - scores["central"]}
    verdict = make_verdict(gaps, scores, "points")
    return verdict._replace(summary=f"{verdict.summary}; {images_text()}")


CLAIMS = [
    Claim(
        "regions",
        "features learned with holes anywhere generalize better than with one in the middle",
        "Pathak et al. 2016, on region masks",
        compare_regions,
    ),
]
