"""What the paper of masked autoencoders states, and how it is measured here."""

from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict
from experiments.vision._verdicts import SUFFIXES, data_folder, make_verdict
from experiments.vision.mae import ABOUT, PRESETS, build, make_net
from jaxdl.launch import configure, train

if TYPE_CHECKING:
    import numpy as np

    from jaxdl.core import Learner, TrainState
    from jaxdl.data.images import Images

FEW = 10  # labels of each class where there are few, as in the probe
RATE = 1e-3  # of fine-tuning and of training from scratch


class Tier(NamedTuple):
    """How long is trained.

    Attributes:
      preset: of the launch file.
      seeds: runs side by side.
      settings: that differ from the preset.
      tuning: steps of fine-tuning, and of training from scratch.
    """

    preset: str
    seeds: int
    settings: dict[str, Any]
    tuning: int


TIERS = {
    "smoke": Tier("smoke", 2, {"steps": 4}, 4),
    "cpu": Tier("cpu", 5, {"steps": 1000, "width": 64, "depth": 3, "batch_size": 128}, 300),
    "gpu": Tier("gpu", 5, {"data": "cifar10", "steps": 19_500}, 4000),
}


@cache
def pretrained(tier: str) -> "tuple[TrainState, dict[str, np.ndarray]]":
    """Trains MAE; returns its states [S, ...], and name -> test accuracies [S] in percent."""
    import numpy as np

    size = TIERS[tier]
    state, result = train(build, configuration(tier), about=ABOUT)
    found = result["metrics"]
    names = [name for name in found if name.startswith("eval/") and "_accuracy" in name]
    values = {name.removeprefix("eval/"): np.asarray(found[name]["values"]) for name in names}
    assert all(len(value) == size.seeds for value in values.values())
    return state, {name: 100 * value for name, value in values.items()}


def configuration(tier: str) -> Any:
    """Returns the Config that a tier pretrains by."""
    size = TIERS[tier]
    settings = size.settings | {"num_seeds": size.seeds, "few": FEW}
    if settings.get("data", "digits") != "digits":
        settings |= {"data_dir": data_folder()}
    return configure("mae", PRESETS, size.preset, settings)


@cache
def tuned(tier: str, per_class: int, is_pretrained: bool) -> "np.ndarray":
    """Trains the encoder with a linear layer on labels; returns test accuracies [S] in percent.

    Args:
      tier: of the claims.
      per_class: labels of each class, the same for all seeds; 0 for all labels.
      is_pretrained: begin with MAE's encoders, or with new ones.
    """
    import numpy as np

    from jaxdl import data
    from jaxdl.core import DeviceData, Run, fit
    from jaxdl.core.learner import first_state
    from jaxdl.data.images import rows_per_class

    config = configuration(tier)
    images = data.load(config.images.data, config.images.data_dir)
    rows = np.arange(len(images.train_labels))
    if per_class:
        rows = rows_per_class(images.train_labels, images.num_classes, per_class, seed=0)
    learner = classifier_learner(config, images)
    state, _ = pretrained(tier)

    def begin(states):
        encoders = {"trunk": state.params["encoder"]}
        return states._replace(params=states.params | encoders)

    run = Run(
        steps=TIERS[tier].tuning,
        steps_per_call=min(TIERS[tier].tuning, 100),
        num_seeds=TIERS[tier].seeds,
        devices=1,
    )
    batches = DeviceData(
        (images.train_images[rows], images.train_labels[rows]), min(len(rows), 128)
    )
    start = begin(first_state(learner, run)) if is_pretrained else None
    _, result = fit(learner, batches, run, init=start)
    return 100 * np.asarray(result["metrics"]["eval/accuracy"]["values"])


def classifier_learner(config: Any, images: "Images") -> "Learner":
    """Makes the learner of labels, of batches (images, labels), scored on the test images."""
    import jax.numpy as jnp
    import optax

    from jaxdl.core import Learner
    from jaxdl.nn import Classified
    from jaxdl.vision import init_net, supervised_step
    from jaxdl.vision.supervised import apply_trained

    encoder = make_net(config.transformer, bfloat16=config.transformer.bfloat16).encoder
    net = Classified(encoder, images.num_classes)
    tx = optax.adamw(RATE, weight_decay=0.05)
    shape = images.train_images.shape[1:]

    def evaluate(key, state):
        del key
        logits = apply_trained(net, state, jnp.asarray(images.test_images))
        return {"accuracy": jnp.mean(jnp.argmax(logits, axis=1) == images.test_labels)}

    return Learner(
        lambda key: init_net(key, net, tx, jnp.zeros((1, *shape))),
        lambda key, state, batch: supervised_step(net, tx, state, *batch),
        evaluate,
    )


def compare_with_random(tier: str) -> Verdict:
    """Compares the probes of MAE's encoder and of an untrained one, seed by seed."""
    _, measured = pretrained(tier)
    gaps = {
        f"over random features, {title}:": measured[f"probe_accuracy{suffix}"]
        - measured[f"random_feature_accuracy{suffix}"]
        for suffix, title in SUFFIXES.items()
    }
    return make_verdict(gaps, measured, "points")


def compare_tuned(per_class: int, tier: str) -> Verdict:
    """Compares fine-tuning with the linear probe on the same labels, and with no pretraining."""
    _, measured = pretrained(tier)
    probe = measured["probe_accuracy_few" if per_class else "probe_accuracy"]
    fine = tuned(tier, per_class, True)
    scratch = tuned(tier, per_class, False)
    gaps = {"over the linear probe:": fine - probe, "over training from scratch:": fine - scratch}
    numbers = {"fine-tuned": fine, "linear probe": probe, "from scratch": scratch}
    return make_verdict(gaps, numbers, "points")


CLAIMS = [
    Claim(
        "features",
        "features of a masked autoencoder beat random features under a linear probe, with all "
        "labels and with few",
        "He et al. 2021, the linear probes",
        compare_with_random,
    ),
    Claim(
        "fine_tuned",
        "with all labels, fine-tuning lifts a masked autoencoder over its linear probe (84.9 % "
        "against 73.5) and over training from scratch (82.5 %)",
        "He et al. 2021, section 4",
        partial(compare_tuned, 0),
    ),
    Claim(
        "fine_tuned_few",
        f"so it does with {FEW} labels of each class",
        "He et al. 2021, section 4, with few labels",
        partial(compare_tuned, FEW),
    ),
]
