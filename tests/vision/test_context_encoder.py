import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.data import load
from jaxdl.launch import Outcome
from jaxdl.nn import Classified, ConvNet, Decoder, Inpainted, UpConv4x4
from jaxdl.vision import context_encoder, holes_exhibit
from jaxdl.vision.context_encoder import discriminator_of, encode_context, generator_of, join
from jaxdl.vision.holes import central_hole, cover, make_holes, mean_in_holes
from tests.vision.pretexts import KEY, adam, make_noise


def test_the_central_hole_is_a_quarter_of_the_area():
    assert central_hole(8, 12) == (slice(2, 6), slice(3, 9))
    holes = np.asarray(make_holes(KEY, (2, 8, 12, 3), region="central"))
    assert holes.shape == (2, 8, 12, 1)
    assert holes[:, 2:6, 3:9].all() and holes.sum() == 2 * 24
    assert central_hole(1, 3) == (slice(0, 1), slice(0, 1))


@pytest.mark.parametrize("shape", [(200, 16, 16, 3), (200, 9, 5, 1), (200, 2, 30, 2)])
def test_random_holes_are_squares_of_up_to_a_quarter(shape):
    holes = np.asarray(make_holes(KEY, shape, region="random", blocks=4))
    shares = holes.mean((1, 2, 3))
    assert (shares > 0).all() and (shares <= 0.25).all()
    assert len(np.unique(shares)) > 1  # they overlap at times
    assert (holes.mean(0) > 0).all()  # and are anywhere
    one = np.asarray(make_holes(KEY, shape, region="random", blocks=1))[0, ..., 0]
    rows, columns = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
    assert one[np.ix_(rows, columns)].all() and len(rows) == len(columns)


@pytest.mark.parametrize("region", ["central", "random"])
def test_nothing_of_what_is_missing_is_seen(region):
    images = jnp.asarray(make_noise(0, (4, 8, 8, 3)))
    holes = make_holes(KEY, images.shape, region=region)
    covered = cover(images, holes)
    others = jnp.where(holes > 0, 1 - images, images)
    np.testing.assert_array_equal(covered, cover(others, holes))
    left = np.asarray(holes[1, ..., 0] == 0)
    np.testing.assert_array_equal(covered[1][left], images[1][left])
    expected = np.asarray(images[1])[left].mean(0)
    np.testing.assert_allclose(covered[1][~left], np.tile(expected, (np.sum(~left), 1)), rtol=1e-5)
    np.testing.assert_array_equal(cover(images[:1], jnp.ones((1, 8, 8, 1))), 0 * images[:1])


class Linear(nn.Module):
    """Paints every pixel as a weighted sum of all; the pixels are the features."""

    @nn.compact
    def __call__(self, x, train: bool):
        flat = x.reshape(len(x), -1)
        return nn.Dense(flat.shape[1])(flat).reshape(x.shape)

    def encode(self, x, train: bool):
        return x.reshape(len(x), -1)


class Judge(nn.Module):
    """Weighs pixels."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.Dense(1)(x.reshape(len(x), -1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(images, weights, bias):
    """Covered images, paintings, and the hole's rows of a vector, by NumPy."""
    hole = np.zeros(images.shape[1:], bool)
    hole[1:3, 1:3] = True
    covered = images.copy()
    covered[:, hole] = images[:, ~hole].mean(1, keepdims=True)
    flat = covered.reshape(len(images), -1)
    return flat, flat @ weights + bias, hole.ravel()


def weights_of(state, name="Dense_0"):
    return np.asarray(state.params[name]["kernel"]), np.asarray(state.params[name]["bias"])


def test_reconstruction_agrees_with_numpy_in_value_and_gradient():
    images = make_noise(1, (3, 4, 4, 1))
    learner = context_encoder(Linear(), optax.sgd(1.0), image_shape=(4, 4, 1))
    state = learner.init(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, images)
    weights, bias = weights_of(state)
    covered, painted, hole = reference(images, weights, bias)
    error = (painted - images.reshape(3, -1)) * hole
    np.testing.assert_allclose(metrics["loss"], (error**2).sum() / (3 * 4), rtol=1e-5)
    slope = 2 * error / (3 * 4)
    new_weights, new_bias = weights_of(after)
    np.testing.assert_allclose(weights - new_weights, covered.T @ slope, atol=1e-6)
    np.testing.assert_allclose(bias - new_bias, slope.sum(0), atol=1e-6)
    assert (new_weights[:, ~hole] == weights[:, ~hole]).all()


def test_both_players_agree_with_numpy_in_value_and_gradient():
    """The discriminator moves first (eq. 2), and the generator against the new one (eq. 3)."""
    images = make_noise(2, (3, 4, 4, 1))
    options = {"image_shape": (4, 4, 1), "discriminator": Judge(), "adversarial": 0.25}
    learner = context_encoder(Linear(), optax.sgd(1.0), **options)
    state = learner.init(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, images)
    weights, bias = weights_of(state)
    covered, painted, hole = reference(images, weights, bias)
    real, fake = images.reshape(3, -1)[:, hole], painted[:, hole]
    judge, judge_bias = weights_of(discriminator_of(state))
    of_real, of_fake = real @ judge + judge_bias, fake @ judge + judge_bias
    loss = -np.log(sigmoid(of_real)).mean() - np.log(1 - sigmoid(of_fake)).mean()
    np.testing.assert_allclose(metrics["discriminator_loss"], loss, rtol=1e-5)
    slope = (real.T @ (sigmoid(of_real) - 1) + fake.T @ sigmoid(of_fake)) / 3
    new_judge, new_judge_bias = weights_of(discriminator_of(after))
    np.testing.assert_allclose(judge - new_judge, slope, atol=1e-6)

    logits = fake @ new_judge + new_judge_bias
    error = (painted - images.reshape(3, -1)) * hole
    surprise = -np.log(sigmoid(logits)).mean()
    np.testing.assert_allclose(metrics["adversarial"], surprise, rtol=1e-5)
    np.testing.assert_allclose(
        metrics["loss"], 0.75 * (error**2).sum() / 12 + 0.25 * surprise, rtol=1e-5
    )
    slope = 0.75 * 2 * error / 12
    slope[:, hole] += 0.25 * (sigmoid(logits) - 1) @ new_judge.T / 3
    np.testing.assert_allclose(weights - weights_of(after)[0], covered.T @ slope, atol=1e-6)


def tiny(region="central", adversarial=0.0, image_shape=(8, 8, 1), **options):
    judge = Classified(ConvNet(2, (2,)), 1) if adversarial else None
    return context_encoder(
        Inpainted(ConvNet(4, (2, 2)), 4),
        adam(1e-2),
        image_shape=image_shape,
        region=region,
        discriminator=judge,
        adversarial=adversarial,
        **options,
    )


@pytest.mark.parametrize(
    ("shape", "region", "adversarial"),
    [((1, 9, 5, 1), "random", 0.1), ((2, 5, 8, 4), "central", 0.0)],
)
def test_images_of_any_shape_are_painted(shape, region, adversarial):
    learner = tiny(region, adversarial, shape[1:])
    state = jax.jit(learner.init)(KEY)
    bytes_ = (255 * make_noise(0, shape)).astype(np.uint8)
    after, metrics = jax.jit(learner.step)(KEY, state, bytes_)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert all(np.isfinite(value) for value in metrics.values())
    changed = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), state.extra, after.extra)
    assert all(jax.tree.leaves(changed))


@pytest.mark.parametrize("shape", [(2, 1, 1, 2), (2, 5, 5, 1), (1, 33, 17, 3)])
def test_decoders_paint_images_of_any_shape(shape):
    images, variables = Decoder(shape[1:], 2).init_with_output(KEY, jnp.ones((shape[0], 3)), True)
    assert images.shape == shape and images.dtype == jnp.float32


def test_an_up_convolution_is_xlas_transposed_one():
    """In value and gradient; on a map of one row too."""

    def transposed(kernel, x):
        """Takes kernel [a, b, (i, j, C), F]: the tap (a + 2 i, b + 2 j) of 4 x 4."""
        taps = kernel.reshape(2, 2, 2, 2, x.shape[-1], -1)
        taps = jnp.transpose(taps, (2, 0, 3, 1, 4, 5)).reshape(4, 4, x.shape[-1], -1)
        axes = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, taps, (1, 1), [(2, 2)] * 2, lhs_dilation=(2, 2), dimension_numbers=axes
        )

    layer = UpConv4x4(5)
    for shape in ((2, 3, 4, 3), (1, 1, 2, 3)):
        x = make_noise(1, shape)
        kernel = make_noise(2, (2, 2, 12, 5))
        ours = lambda kernel, x: layer.apply({"params": {"kernel": kernel}}, x)  # noqa: E731
        for one, other in zip(*(both(fn, kernel, x) for fn in (ours, transposed)), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)


def both(fn, *args):
    """Returns the value, and the gradients of the sum of its sines."""
    total = lambda *args: jnp.sum(jnp.sin(fn(*args)))  # noqa: E731
    return fn(*args), *jax.grad(total, (0, 1))(*args)


def test_states_are_joined_and_parted():
    learner = tiny(adversarial=0.1)
    state = learner.init(KEY)
    assert set(state.params) == {"trunk", "decoder", "discriminator"}
    again = join(generator_of(state), discriminator_of(state))
    jax.tree.map(np.testing.assert_array_equal, again, state)
    net = Inpainted(ConvNet(4, (2, 2)), 4)
    images = make_noise(0, (2, 8, 8, 1))
    alone = generator_of(state)
    np.testing.assert_array_equal(
        encode_context(net, state._replace(opt_state=()), images),
        encode_context(net, alone, images),
    )
    assert generator_of(alone) is alone


@pytest.mark.parametrize("weight", [-0.1, 1.5])
def test_weights_out_of_bounds_are_refused(weight):
    with pytest.raises(BadInput, match="adversarial"):
        context_encoder(Linear(), adam(), image_shape=(4, 4, 1), adversarial=weight)


def test_holes_are_filled_better_than_by_means():
    images = jnp.asarray(load("digits").train_images[:256])
    learner = tiny()

    def train(state):
        step = lambda state, key: learner.step(key, state, images)  # noqa: E731
        return jax.lax.scan(step, state, jax.random.split(KEY, 150))[1]["reconstruction"]

    errors = jax.jit(train)(learner.init(KEY))
    views = images / 255.0
    holes = make_holes(KEY, views.shape, region="central")
    by_mean_image = mean_in_holes((views - views.mean(0)) ** 2, holes)
    assert errors[-10:].mean() < 0.8 * by_mean_image


def test_paintings_are_shown_beside_the_originals():
    names = ("originals", "covered", "completed")
    arrays = {name: np.zeros((3, 6, 6, 3), np.float32) for name in names}
    (exhibit,) = holes_exhibit(Outcome({}, arrays, [], num_seeds=1))
    labels = [axis.get_ylabel() for axis in exhibit.content.axes[::3]]
    assert labels == ["covered", "completed", "originals"]
    assert holes_exhibit(Outcome({}, {}, [], num_seeds=1)) == []
