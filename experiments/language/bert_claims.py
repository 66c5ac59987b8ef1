"""What BERT's paper and its authors state of pretraining, and how it is measured here."""

from functools import cache
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict, decide, decide_lead
from experiments.language import _setup
from experiments.language.bert import ABOUT, PRESETS, build
from jaxdl.launch import configure, train

if TYPE_CHECKING:
    import numpy as np

    from experiments.language.bert import Config
    from jaxdl.core import TrainState

# Preset, seeds, and the settings of all runs of a tier.
TIERS = {
    "smoke": ("smoke", 2, {"steps": 4, "steps_per_call": 2}),
    "cpu": (
        "cpu",
        5,
        {"steps": 800, "width": 64, "depth": 2, "batch_size": 16, "scored_tokens": 32_768},
    ),
    "gpu": ("gpu", 5, {"steps": 3_000, "scored_tokens": 65_536}),
}


@cache
def trained(tier: str, causal: bool, whole_words: bool, pairs: bool) -> Any:
    """Trains nets of one kind; returns the Config, the state, and the metrics of all seeds."""
    preset, seeds, settings = TIERS[tier]
    kind = {"causal": causal, "whole_words": whole_words, "pairs": pairs}
    values = settings | kind | {"num_seeds": seeds, "eval_every": 0}
    config = configure("bert", PRESETS, preset, values)
    state, result = train(build, config, about=ABOUT)
    return config, state, result["metrics"]


def values_of(metrics: dict[str, Any], name: str) -> "np.ndarray":
    """Returns a metric of the evaluation [S]."""
    import numpy as np

    return np.asarray(metrics[f"eval/{name}"]["values"])


def compare_directions(tier: str) -> Verdict:
    """Compares the log-likelihood of masked tokens by nets that see both sides, or one."""
    both = trained(tier, causal=False, whole_words=False, pairs=False)
    left = trained(tier, causal=True, whole_words=False, pairs=False)
    scores = {
        "both sides": -values_of(both[2], "loss"),
        "left to right": -values_of(left[2], "loss"),
    }
    details = f"nats a masked token, {both[0].run.steps:,} steps of the same net"
    return decide_lead(scores, "both sides", "left to right", details)


def compare_whole_words(tier: str) -> Verdict:
    """Compares how whole words are told that are masked, by nets trained on such or on tokens."""
    nets = {
        name: trained(tier, causal=False, whole_words=name == "whole words", pairs=False)
        for name in ("whole words", "tokens")
    }
    scores = {name: -loss_on_words(*one[:2]) for name, one in nets.items()}
    details = "nats a token of whole words that are masked"
    return decide_lead(scores, "whole words", "tokens", details)


def loss_on_words(config: "Config", state: "TrainState") -> "np.ndarray":
    """Returns the losses [S] on held-out text in which whole words are masked."""
    import jax
    import numpy as np

    from jaxdl.language.bert import score_rows

    text, net = config.text, config.encoder
    masking = _setup.masking(text, config.masks)._replace(whole_words=True)
    rows = _setup.masked_held_out(text, context=net.context, pairs=config.masks.pairs)
    fold = score_rows(_setup.encoder(net, text), masking, lambda: rows)
    add = jax.jit(fold.update)
    losses = []
    for seed in range(config.run.num_seeds):
        own = jax.tree.map(lambda x, seed=seed: x[seed], state)
        sums = fold.init(jax.random.key(0), own)
        for part in fold.batches():
            sums = add(sums, own, part)
        loss = fold.result(sums)["loss"]
        losses.append(float(loss.total / loss.count))
    return np.array(losses)


def compare_pairs(tier: str) -> Verdict:
    """Measures how many held-out pairs are told, over the half that a guess tells."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    config, _, metrics = trained(tier, causal=False, whole_words=False, pairs=True)
    right = 100 * values_of(metrics, "next_sentence_accuracy")
    lead = interval(right - 50)
    numbers = {"pairs told": interval(right), "over a guess": lead}
    numbers["masked tokens told"] = interval(100 * values_of(metrics, "masked_accuracy"))
    summary = f"{show(numbers['pairs told'])} % of the pairs after {config.run.steps:,} steps"
    return Verdict(decide(lead), f"{summary}; a guess has 50 %", numbers)


CLAIMS = [
    Claim(
        "both_sides",
        "a net that sees both sides of a masked token tells it better than the same net that sees "
        "what stands to its left",
        "Devlin et al. 2018, section 3.1 and table 5 (there by fine-tuned tasks)",
        compare_directions,
    ),
    Claim(
        "next_sentence",
        "whether a text follows another is learned beside the masked words (97 to 98 %)",
        "Devlin et al. 2018, section 3.1, task 2",
        compare_pairs,
    ),
    Claim(
        "whole_words",
        "masking whole words in training tells whole words that are masked better than masking "
        "single tokens does",
        "Devlin et al. 2018, google-research/bert, README of May 31st, 2019 (there by SQuAD: "
        "F1 92.8 over 91.0, large uncased)",
        compare_whole_words,
    ),
]
