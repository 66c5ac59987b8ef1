import json
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sim2real import confusion as launched
from experiments.sim2real import confusion_claims
from jaxdl.core.run import BadInput
from jaxdl.launch import Outcome, configure, train
from jaxdl.sim2real import Crossing, crossing_exhibits
from jaxdl.sim2real.domains import PAIRS

KEY = jax.random.key(0)
SMALL = {"steps": 2, "steps_per_call": 2, "test_images": 60, "batch_size": 16, "devices": 1}
METHODS = ("source", "mmd", "confusion", "dann", "progressive")


def test_every_pair_and_method_can_be_asked_for_and_is_claimed():
    hints = typing.get_type_hints(launched.Domains) | typing.get_type_hints(launched.Config)
    assert typing.get_args(hints["pair"]) == tuple(PAIRS) == tuple(confusion_claims.PAIRS)
    assert typing.get_args(hints["method"]) == METHODS
    names = {claim.name for claim in confusion_claims.CLAIMS}
    drawn = {f"{method}_{pair}" for method in METHODS[1:-1] for pair in PAIRS}
    assert drawn | {f"distance_{method}" for method in METHODS[1:-1]} < names


def configured(**settings):
    return configure("confusion", launched.PRESETS, "smoke", settings)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_built_and_kept(method):
    config = configured(method=method, batch_size=4)
    system = launched.build(config)
    state = jax.eval_shape(system.learner.init, KEY)
    images = jax.ShapeDtypeStruct((4, 16, 16, 3), jnp.uint8)
    labels = jax.ShapeDtypeStruct((4,), jnp.int32)
    batch = Crossing(images, labels, images)
    if method == "progressive":
        batch = system.data().arrays._replace(images=images, labels=labels)
    after, metrics = jax.eval_shape(system.learner.step, KEY, state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {"loss", "accuracy", "gradient_norm"} <= metrics.keys()
    assert system.samples_per_step == (4 if method in ("source", "progressive") else 8)
    kept = system.deployment
    weights = jax.eval_shape(kept.weights, state)
    out = jax.eval_shape(kept.apply, weights, {"images": images})
    assert out["logits"].shape == (4, 10)
    assert "source_only" not in weights


@pytest.mark.slow
def test_progressive_nets_train_in_two_stages_and_a_finished_one_is_loaded(tmp_path):
    settings = SMALL | {"method": "progressive", "source_steps": 3, "num_seeds": 2}
    config = configured(**settings, workdir=str(tmp_path / "run"))
    state, result = launched.main(config)
    assert {p.parent.name for p in tmp_path.glob("run/*/result.json")} == {"source", "target"}
    names = result["metrics"].keys()
    for name in (
        "accuracy",
        "source_only_accuracy",
        "fine_tuned_accuracy",
        "from_scratch_accuracy",
    ):
        assert f"eval/{name}" in names
    source = json.loads((tmp_path / "run/source/result.json").read_text())
    for mine, other in (
        ("source_only_accuracy", "accuracy"),
        ("source_only_a_distance", "a_distance"),
    ):
        np.testing.assert_allclose(
            result["metrics"][f"eval/{mine}"]["values"],
            source["metrics"][f"eval/{other}"]["values"],
            atol=1e-6,
        )
    figures = {p.stem for p in tmp_path.glob("run/target/figures/*.*")}
    assert {"features", "samples", "accuracies"} <= figures
    _, again = launched.main(config)
    assert again["fingerprint"] == result["fingerprint"]
    assert state.extra["head"]["kernel"].shape[0] == 2


@pytest.mark.slow
def test_the_twin_is_the_run_that_sees_the_source_alone():
    """Negative control: what the arms are compared with is what `--method=source` trains."""
    alone = train(launched.build, configured(**SMALL, method="source"), launched.ABOUT)
    beside = train(launched.build, configured(**SMALL, method="mmd"), launched.ABOUT)
    one, two = alone[0].params["net"], beside[0].params["source_only"]["net"]
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), one, two)
    np.testing.assert_allclose(
        alone[1]["metrics"]["eval/accuracy"]["mean"],
        beside[1]["metrics"]["eval/source_only_accuracy"]["mean"],
        atol=0.02,
    )


@pytest.mark.slow
def test_domains_are_drawn_together_while_the_source_is_learned():
    """The control, without weight, is `test_without_weight_the_adapted_net_is_its_twin`.

    What adversarial methods do to the distance at which size is for the claims to tell.
    """
    settings = {"steps": 300, "steps_per_call": 100, "num_seeds": 3, "devices": 1}
    config = configured(method="mmd", width=16, features=64, batch_size=64, **settings)
    _, result = train(launched.build, config, launched.ABOUT)
    values = {name: np.array(metric["values"]) for name, metric in result["metrics"].items()}
    assert values["eval/source_accuracy"].mean() > 0.85
    fall = values["eval/source_only_a_distance"] - values["eval/a_distance"]
    assert fall.mean() > 0.1


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"pair": "mnist_n"}, "--pair='mnist_n': should be one of textured_digits, mnist_m"),
        ({"bandwidths": ()}, "--bandwidths must hold at least one width"),
        ({"bandwidths": (1.0, 0.0)}, "--bandwidths must be above 0"),
        ({"batch_size": 2000}, "--batch_size=2000: the source of textured_digits has 648"),
        ({"method": "progressive", "target_labels": 9}, "--target_labels=9: should be 10"),
        ({"method": "progressive", "target_labels": 900}, "to 649, the target's training images"),
        ({"pair": "mnist_m"}, "--data_dir is not given"),
        ({"method": "adda"}, "--method='adda'"),
        ({"weight": -1.0}, "--weight must be at least 0"),
    ],
)
def test_what_cannot_be_crossed_is_refused(settings, text):
    with pytest.raises(BadInput, match=text) as error:
        launched.build(configured(**settings)).data()
    assert "\n" not in str(error.value).partition("MNIST is looked for")[0].strip()


def outcome_of(nets):
    rng = np.random.default_rng(0)
    arrays = {
        "point_labels": np.tile(np.arange(20) % 10, (2, 1)),
        "samples": rng.integers(0, 256, (2, 5, 8, 8, 3)).astype(np.uint8),
    }
    metrics = {}
    for place, prefix in enumerate(nets):
        arrays[f"{prefix}points"] = rng.normal(size=(2, 20, 2))
        arrays[f"{prefix}predictions"] = np.tile(np.arange(20) % 10, (2, 1)) + (place > 0)
        for name in ("accuracy", "source_accuracy", "a_distance"):
            metrics[f"eval/{prefix}{name}"] = {"mean": 0.1 + place, "ci95": 0.01, "values": [0.1]}
    return Outcome(metrics, arrays, [], 1)


def test_the_report_shows_features_of_every_net_by_domain_and_by_class():
    outcome = outcome_of(("", "source_only_"))
    exhibits = crossing_exhibits(outcome, learned="DANN", pair="textured_digits")
    features, samples, accuracies = exhibits
    assert [each.name for each in exhibits] == ["features", "samples", "accuracies"]
    rows = [axis.get_ylabel() for axis in features.content.axes]
    assert rows == ["source only", "", "DANN", ""]  # before and after, in this order
    offsets = features.content.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(offsets, outcome.arrays["source_only_points"][0])
    assert len(features.content.axes[1].collections) == 20  # ten classes in two domains
    assert "source only 1.10, DANN 0.10" in features.caption
    colors = [text.get_color() for text in samples.content.axes[0].texts]
    assert colors == ["tab:red", "#009E73"]  # the twin is wrong, the adapted net is right
    assert len(samples.content.axes) == 10 and len(accuracies.content.axes) == 2
    assert crossing_exhibits(Outcome({}, {}, [], 1), learned="DANN", pair="") == []


def test_claims_without_mnist_say_so(monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    verdict = confusion_claims.compare_accuracies("smoke", "dann", "mnist_m")
    assert verdict.answer == "undecided" and "not measured" in verdict.summary
    verdict = confusion_claims.compare_distances("smoke", "dann")  # of which one pair needs none
    assert verdict.answer == "undecided" and "not measured" in verdict.summary


@pytest.mark.parametrize(("after", "answer"), [(0.5, "holds"), (1.9, "fails")])
def test_the_distances_of_all_pairs_decide(monkeypatch, after, answer):
    """One pair on which the distance grows makes the claim fail, and is named."""
    monkeypatch.setattr(confusion_claims, "lacks_data", lambda pair: False)

    def found(tier, pair, method):
        last = after if pair == "mnist_to_digits" else 0.4
        noise = np.array([0.0, 0.01, -0.01])
        return {"source_only_a_distance": 1.5 + noise, "a_distance": last - noise}

    monkeypatch.setattr(confusion_claims, "train_seeds", found)
    verdict = confusion_claims.compare_distances("cpu", "dann")
    assert verdict.answer == answer
    assert f"mnist_to_digits: {answer}" in verdict.summary
    assert "textured_digits: holds" in verdict.summary
