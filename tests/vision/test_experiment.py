import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import simclr as experiment
from jaxdl.core.run import BadInput
from jaxdl.launch.flags import configure
from jaxdl.vision import figures, simclr

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("preset", "image_shape", "features"),
    [("smoke", (8, 8, 1), 128), ("gpu", (32, 32, 3), 512), ("paper", (256, 256, 3), 2048)],
)
def test_every_preset_is_a_whole_configuration(preset, image_shape, features):
    config = experiment.PRESETS[preset]
    net = experiment.network(config, image_shape[0])
    learner = simclr(
        net,
        experiment.optimizer(config),
        experiment.views_of(config, image_shape[0]),
        image_shape=image_shape,
        chunk=config.chunk or None,
    )
    images = jax.ShapeDtypeStruct((config.batch_size, *image_shape), jnp.uint8)
    state = jax.eval_shape(learner.init, KEY)
    after, metrics = jax.eval_shape(learner.step, KEY, state, images)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {x.dtype for x in jax.tree.leaves(after.params)} == {jnp.dtype("float32")}
    assert metrics["loss"].shape == ()
    variables = {"params": state.params, **state.extra}
    views = jnp.zeros((1, *image_shape))
    assert jax.eval_shape(lambda v: net.apply(v, views, False), variables)[0].shape == (1, features)


@pytest.mark.parametrize(
    "values",
    [{"batch_size": 0}, {"temperature": 0.0}, {"crop_min": 1.5}, {"width": -1.0}, {"chunk": -1}],
)
def test_values_that_make_no_sense_are_refused(values):
    with pytest.raises(BadInput, match=next(iter(values))):
        configure("simclr", experiment.PRESETS, "cpu", values)


@pytest.mark.parametrize(
    ("gaps", "answer"),
    [
        ({"a": [1.0, 1.1, 0.9], "b": [2.0, 2.2, 1.9]}, "holds"),
        ({"a": [1.0, 1.1, 0.9], "b": [0.5, -0.6, 0.4]}, "undecided"),
        ({"a": [1.0, 1.1, 0.9], "b": [-2.0, -2.2, -1.9]}, "fails"),
    ],
)
def test_the_weakest_interval_decides_a_claim(gaps, answer):
    gaps = {name: np.array(values) for name, values in gaps.items()}
    got = experiment.verdict(gaps, {"accuracy": np.array([90.0, 91.0])}, "points")
    assert got.answer == answer
    assert "a 1 ± 0.25 points" in got.summary
    assert got.numbers["accuracy"]["values"] == [90.0, 91.0]


def test_without_colors_the_color_claim_is_undecided(monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    assert experiment.color_helps("cpu").answer == "undecided"


def test_figures_show_what_they_are_given():
    images = np.full((3, 8, 8, 1), 255, np.uint8)
    figure = figures.pairs_figure(images, np.zeros((6, 8, 8, 1)))
    shown = [axis.images[0].get_array() for axis in figure.axes]
    assert len(shown) == 9
    assert [picture.max() for picture in shown] == [1.0] * 3 + [0.0] * 6
    bar = {"mean": 0.9, "ci95": 0.01}
    figure = figures.probe_figure({"all labels": {"SimCLR": bar, "pixels": {**bar, "ci95": None}}})
    assert [text.get_text() for text in figure.axes[0].texts] == ["90.0 ± 1.0", "90.0"]
