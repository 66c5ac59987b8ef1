import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.learner import Learner
from jaxdl.core.run import BadInput
from jaxdl.data import simclr_augmentation
from jaxdl.launch import Outcome
from jaxdl.nn import Classified
from jaxdl.vision import rotation, rotations_exhibit
from jaxdl.vision.rotation import turn, turn_four_ways
from jaxdl.vision.supervised import init_net, supervised_step
from tests.vision.pretexts import KEY, Detector, adam, make_noise, train_on


class Flat(nn.Module):
    """A trunk without weights: its features are the pixels."""

    def __call__(self, x, train: bool):
        return x.reshape(len(x), -1)


def test_turning_is_undone_exactly():
    images = make_noise(0, (3, 5, 7, 2))
    for quarters in range(4):
        turned = turn(images, quarters)
        np.testing.assert_array_equal(turned, np.rot90(images, quarters, axes=(1, 2)))
        np.testing.assert_array_equal(turn(turned, 4 - quarters), images)


def test_four_ways_stand_beside_each_other():
    squares = np.arange(8.0).reshape(2, 2, 2, 1)
    got = np.asarray(turn_four_ways(jnp.asarray(squares)))[..., 0]
    assert got.shape == (2, 4, 2, 2)
    expected = [[[0, 1], [2, 3]], [[1, 3], [0, 2]], [[3, 2], [1, 0]], [[2, 0], [3, 1]]]
    np.testing.assert_array_equal(got[0], expected)
    np.testing.assert_array_equal(got[1], np.asarray(expected) + 4)


def test_loss_and_gradient_are_those_of_four_way_regression():
    """A linear net: eq. 3 and its gradient by NumPy."""
    images = make_noise(1, (3, 6, 6, 1))
    learner = rotation(Classified(Flat(), 4), optax.sgd(1.0), image_shape=(6, 6, 1), margin=1)
    state = learner.init(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, images)
    x = np.concatenate(
        [[np.rot90(image[1:5, 1:5], k).ravel() for k in range(4)] for image in images]
    )
    labels = np.tile(np.arange(4), 3)
    weights, bias = (np.asarray(state.params["head"][name]) for name in ("kernel", "bias"))
    logits = x @ weights + bias
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(metrics["loss"], -np.log(probs[range(12), labels]).mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["accuracy"], (logits.argmax(1) == labels).mean())
    error = (probs - np.eye(4)[labels]) / 12
    change = jax.tree.map(lambda old, new: old - new, state.params, after.params)["head"]
    np.testing.assert_allclose(change["kernel"], x.T @ error, atol=1e-6)
    np.testing.assert_allclose(change["bias"], error.sum(0), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 9, 5, 1), (2, 5, 8, 4), (3, 7, 7, 3)])
@pytest.mark.parametrize("augmented", [True, False])
def test_images_of_any_shape_are_turned(shape, augmented):
    augment = simclr_augmentation(min(shape[1:3])) if augmented else None
    learner = rotation(Classified(Flat(), 4), adam(), augment, image_shape=shape[1:])
    state = learner.init(KEY)
    bytes_ = (255 * make_noise(0, shape)).astype(np.uint8)
    after, metrics = jax.jit(learner.step)(KEY, state, bytes_)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert all(np.isfinite(value) for value in metrics.values())


def test_crops_of_one_image_are_drawn_anew():
    columns = np.broadcast_to(np.arange(9.0)[None, None, :, None] / 9, (1, 4, 9, 1))
    learner = rotation(Classified(Flat(), 4), adam(), image_shape=(4, 9, 1))
    state = learner.init(KEY)
    step = jax.jit(learner.step)
    losses = {float(step(jax.random.key(i), state, columns)[1]["loss"]) for i in range(30)}
    assert len(losses) == 6  # squares of 2 among the 7 columns that the margin leaves


@pytest.mark.parametrize(
    ("margin", "augment", "message"),
    [
        (3, None, "margin of 3 pixels leaves nothing of images of 6 x 8"),
        (1, lambda key, images: images, "only squares can be turned"),
    ],
)
def test_what_cannot_be_turned_is_refused(margin, augment, message):
    net = Classified(Flat(), 4)
    with pytest.raises(BadInput, match=message):
        rotation(net, adam(), augment, image_shape=(6, 8, 1), margin=margin).init(KEY)


def framed(key, count):
    """Noise, which has no upright, with what a scanner leaves at its upper border."""
    return jax.random.uniform(key, (count, 10, 10, 1)).at[:, 0].set(0.0)


@pytest.mark.slow
def test_a_border_tells_the_angle_unless_it_is_cut_off_before():
    """The same images: with the margin nothing is left to learn, without it all is told."""

    def learner_of(margin):
        net = Classified(Detector(), 4)
        return rotation(net, adam(), image_shape=(10, 10, 1), margin=margin)

    leaking = train_on(learner_of(0), framed, steps=200, batch_size=32)
    guarded = train_on(learner_of(1), framed, steps=200, batch_size=32)
    assert leaking > 0.9 > 0.3 > guarded, (leaking, guarded)


@pytest.mark.slow
def test_a_crop_after_the_turn_tells_the_angle_and_one_before_does_not():
    """A window at a fixed place, as of a center crop that rounds: turned first, it moves."""

    def window(key, images):
        return images[:, 1:, 1:]  # leaves out the first row and column

    def turned_first(key, count):
        """One angle an image, the upper border still in it when the window is chosen."""
        image_key, angle_key = jax.random.split(key)
        four = turn_four_ways(framed(image_key, count))
        labels = jax.random.randint(angle_key, (count,), 0, 4)
        images = four[jnp.arange(count), labels]
        return window(key, images), labels

    net = Classified(Detector(), 4)
    state = init_net(KEY, net, adam(), jnp.zeros((1, 9, 9, 1)))

    def step(key, state, batch):
        return supervised_step(net, adam(), state, *batch)

    after = train_on(Learner(lambda key: state, step), turned_first, steps=200)
    before = rotation(net, adam(), window, image_shape=(10, 10, 1), margin=0)
    assert after > 0.6 > 0.3 > train_on(before, framed, steps=200, batch_size=32)


def test_rotations_are_shown_with_what_they_are_taken_for():
    turned = np.zeros((2, 3, 4, 5, 5, 1), np.float32)
    taken_for = np.tile(np.array([0, 1, 3, 3]), (2, 3, 1))
    outcome = Outcome({}, {"turned": turned, "taken_for": taken_for}, [], num_seeds=2)
    (exhibit,) = rotations_exhibit(outcome)
    titles = [(axis.get_title(), axis.title.get_color()) for axis in exhibit.content.axes]
    assert len(titles) == 12
    assert titles[1] == ("90° taken for 90°", "black")
    assert titles[2] == ("180° taken for 270°", "tab:red")
    assert rotations_exhibit(Outcome({}, {}, [], num_seeds=1)) == []
