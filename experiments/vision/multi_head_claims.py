"""What a first task without labels saves of the labels of a second, and how it is measured here."""

from functools import partial
from typing import Any

from experiments._claim import Claim, Verdict
from experiments.vision import multi_head
from experiments.vision._verdicts import data_folder, make_verdict
from jaxdl.launch import configure

# How each tier measures: preset, seeds, settings. Each seed draws its own labels.
TIERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "smoke": ("smoke", 2, {"steps": 10}),
    "cpu": ("cpu", 5, {"pretext_steps": 200, "steps": 150, "width": 0.5}),
    "gpu": ("gpu", 5, {}),
}
PRETEXTS = {
    "contrastive": ("telling two views of an image", "Chen et al. 2020, table 7"),
    "jigsaw": ("telling how tiles were shuffled", "Noroozi & Favaro 2016"),
    "rotation": (
        "telling how an image was turned",
        "Gidaris et al. 2018, and Zhai et al. 2019, who train both at once",
    ),
}


def count_saved_labels(tier: str, pretext: str) -> Verdict:
    """Measures how many times as many labels it takes without the first task, seed by seed."""
    import numpy as np

    preset, seeds, settings = TIERS[tier]
    where = {"data_dir": data_folder()} if preset == "gpu" else {}
    results = []
    for seed in range(seeds):
        values = {"first_seed": seed, "label_seed": seed, "pretext": pretext}
        config = configure("multi_head", multi_head.PRESETS, preset, values | where | settings)
        _, result = multi_head.main(config)
        results.append({name: x["mean"] for name, x in result["metrics"].items()})
    doublings = np.log2([result["eval/label_factor"] for result in results])
    titles = {"eval/accuracy_alone_{}": "alone, {}", "eval/accuracy_{}": "with task 1, {}"}
    accuracies = {
        title.format(count): 100 * np.array([result[name.format(count)] for result in results])
        for count in config.counts
        for name, title in titles.items()
    }
    return make_verdict({"labels saved:": doublings}, accuracies, "doublings")


CLAIMS = [
    Claim(
        pretext,
        f"{text} first saves labels: without it, the same accuracy takes more of them",
        source,
        partial(count_saved_labels, pretext=pretext),
    )
    for pretext, (text, source) in PRETEXTS.items()
]
