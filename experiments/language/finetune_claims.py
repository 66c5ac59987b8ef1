"""What BERT's and GPT-2's papers state of fine-tuning, and how it is measured here.

All tasks of a tier begin with one pretrained net of each kind, as in the papers; the seeds draw the
labels, the heads and the batches, so that intervals are of fine-tuning, not of pretraining.
"""

import os
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.language import _tuning
from experiments.language.finetune import ABOUT, PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

    from experiments.language.finetune import Config

EMBEDDED = "word_order"


class Tier(NamedTuple):
    """How much is trained.

    Attributes:
      preset: of the launch file.
      seeds: of fine-tuning.
      settings: of every run.
      counts: labels a class, by task; those that are not named have "".
    """

    preset: str
    seeds: int
    settings: dict[str, Any]
    counts: dict[str, tuple[int, ...]]


# No more labels than the rarer class has: 1,241 of RTE, 2,528 of CoLA.
TIERS = {
    "smoke": Tier("smoke", 2, {"steps": 4, "pretrain_steps": 4, "steps_per_call": 2}, {"": (2, 8)}),
    "cpu": Tier(
        "cpu",
        5,
        {"steps": 200, "pretrain_steps": 1_500},
        {"": (50, 400, 2_000), EMBEDDED: (50, 300, 1_500), "rte": (50, 250, 1_200)},
    ),
    "gpu": Tier(
        "gpu",
        5,
        {"steps": 1_000, "pretrain_steps": 15_000},
        {"": (20, 100, 500, 2_400), EMBEDDED: (20, 100, 400, 1_600), "rte": (20, 75, 300, 1_200)},
    ),
}
# Of real texts BERT reads words, of which a task's have fewer than bytes.
WORDS = {"cpu": 48, "gpu": 128}
BYTES = {"cpu": 128, "gpu": 256}


def data_folder() -> Path | None:
    """Returns the folder of language data; None where there is none."""
    folder = Path(os.environ.get("JAXDL_DATA", ""), "language")
    return folder if (folder / "nltk_zips" / "movie_reviews.zip").is_file() else None


def missing(task: str, model: str) -> str:
    """Says what a measurement lacks; "" where it lacks nothing."""
    if task == EMBEDDED:
        return ""
    if data_folder() is None:
        return "needs real data: set JAXDL_DATA"
    if model == "bert" and not find_spec("tokenizers"):
        return "needs the extra language"
    return ""


def settings_of(tier: str, task: str, model: str) -> "Config":
    """Makes the settings of a measurement, those of pretraining among them.

    Nets for real texts are pretrained on reviews of films (Pang & Lee 2004); BERT's tokens are
    word pieces there, GPT-2's are bytes.
    """
    plan = TIERS[tier]
    counts = plan.counts.get(task, plan.counts[""])
    values = plan.settings | {"num_seeds": plan.seeds, "model": model, "task": task}
    if task != EMBEDDED:
        folder = data_folder()
        values |= {"task_dir": str(folder), "text": f"{folder}/nltk_zips/movie_reviews.zip"}
        values |= {"context": BYTES[tier]}
        if model == "bert":
            words = {"tokenizer": "bert", "tokenizer_dir": f"{folder}/bert_wordpiece"}
            values |= words | {"context": WORDS[tier]}
    return configure("finetune", PRESETS, plan.preset, values | {"counts": counts})


@cache
def pretrained(tier: str, model: str, embedded: bool) -> Any:
    """Pretrains the net of a tier; returns its parameters."""
    task = EMBEDDED if embedded else "sentence_polarity"
    return _tuning.read_net(build, settings_of(tier, task, model))


@cache
def curve(tier: str, task: str, model: str) -> "tuple[Config, dict[str, np.ndarray]]":
    """Fine-tunes on a task; returns the settings, and name -> scores [L, S] in percent."""
    import numpy as np

    config = settings_of(tier, task, model)
    read = partial(pretrained, tier, model, config.task == EMBEDDED)
    _, result = _tuning.fine_tune(build, config, ABOUT, read)
    names = ("pretrained", "scratch", "bag_of_words")
    metrics = result["metrics"]
    return config, {
        name: 100 * np.array([metrics[f"eval/{name}_{n}"]["values"] for n in config.counts])
        for name in names
    }


def measure(tier: str, task: str, model: str, rule: Any) -> Verdict:
    """Applies a rule to the curve of a task: counts [L], scores -> name -> gaps [S].

    The claim holds where the interval of each gap lies above 0.
    """
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    task = EMBEDDED if tier == "smoke" else task
    if lacking := missing(task, model):
        return Verdict("undecided", lacking, {})
    config, scores = curve(tier, task, model)
    gaps = {name: interval(gap) for name, gap in rule(np.array(config.counts), scores).items()}
    numbers = {
        f"{name.replace('_', ' ')}, {count:,} labels a class": interval(row)
        for name, rows in scores.items()
        for count, row in zip(config.counts, rows, strict=True)
    }
    text = "; ".join(f"{name} {show(gap)}" for name, gap in gaps.items())
    means = (
        f"{name.replace('_', ' ')} {', '.join(f'{x:.1f}' for x in rows.mean(axis=1))}"
        for name, rows in scores.items()
    )
    counts = ", ".join(f"{count:,}" for count in config.counts)
    summary = f"{text}; {config.task}, {counts} labels a class: {'; '.join(means)}"
    return Verdict(decide(*gaps.values()), summary, numbers | gaps)


def over_scratch(counts: "np.ndarray", scores: "dict[str, np.ndarray]") -> "dict[str, np.ndarray]":
    """Returns the lead of pretrained nets over the same nets from scratch, over all counts."""
    lead = scores["pretrained"] - scores["scratch"]  # [L, S]
    return {"pretrained over scratch": lead.mean(axis=0)}


def shrinking(counts: "np.ndarray", scores: "dict[str, np.ndarray]") -> "dict[str, np.ndarray]":
    """Returns what the lead loses by ten times as many labels: a line's slope, negated."""
    import numpy as np

    lead = scores["pretrained"] - scores["scratch"]
    return {"lead lost by ten times the labels": -np.polyfit(np.log10(counts), lead, 1)[0]}


def over_both(counts: "np.ndarray", scores: "dict[str, np.ndarray]") -> "dict[str, np.ndarray]":
    """Returns the leads over the untrained net and over a bag of words, by the most labels."""
    best = {name: rows[-1] for name, rows in scores.items()}
    return {
        "pretrained over scratch": best["pretrained"] - best["scratch"],
        "pretrained over a bag of words": best["pretrained"] - best["bag_of_words"],
    }


SCORES = {
    "sst2": "SST-2, 93.5",
    "cola": "CoLA, 52.1 by Matthews' correlation",
    "rte": "RTE, 66.4",
    "sentence_polarity": "polarity of sentences (Pang & Lee 2005)",
    "subjectivity": "subjectivity of sentences (Pang & Lee 2004)",
    EMBEDDED: "whether words are in their order",
}
CLAIMS = [
    Claim(
        f"pretraining_{task}",
        f"pretraining by masked words tells a small task better than no pretraining: {text}",
        "Devlin et al. 2018, table 1 (the last two tasks are not there)"
        if task in ("sst2", "cola", "rte")
        else "Devlin et al. 2018, section 1 and table 1 (on other tasks)",
        partial(measure, task=task, model="bert", rule=over_scratch),
    )
    for task, text in SCORES.items()
]
CLAIMS += [
    Claim(
        f"fewer_labels_{task}",
        "what pretraining gives shrinks as labels grow: most is gained where labels are few "
        f"({task})",
        "Devlin et al. 2018, section 4.1 (of the smaller data sets)",
        partial(measure, task=task, model="bert", rule=shrinking),
    )
    for task in ("sentence_polarity", "subjectivity", EMBEDDED)
]
CLAIMS += [
    Claim(
        f"gpt2_{task}",
        "a fine-tuned GPT-2 tells a task better than the same net untrained, and than a bag of "
        f"words ({task})",
        "Radford et al. 2018, tables 4 and 5 (without pretraining 14.8 points less on average)",
        partial(measure, task=task, model="gpt2", rule=over_both),
    )
    for task in (EMBEDDED, "sentence_polarity")
]
