import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.vision.mae import PRESETS, build, make_net
from jaxdl.core import Run, fit
from jaxdl.core.learner import DeviceData
from jaxdl.core.run import BadInput
from jaxdl.data import load, open_images
from jaxdl.launch import Outcome, configure
from jaxdl.losses import masked_patch_loss, normalize_patches
from jaxdl.nn import Classified, MaskedAutoencoder, ViT
from jaxdl.nn.masked_vit import draw_masking, take_patches, unshuffle
from jaxdl.nn.vit import patchify
from jaxdl.vision import (
    init_net,
    linear_probe,
    mae,
    reconstruction_exhibit,
    supervised_step,
)
from jaxdl.vision.mae import encode_whole, hide, rebuild

KEY = jax.random.key(0)
NET = MaskedAutoencoder(ViT(2, 32, 1, 4), 16, 1, 2)
SHAPE = (8, 8, 1)


def loss_by_loop(predictions, patches, is_masked, normalize):
    total, count = 0.0, 0
    for b, n in np.argwhere(is_masked):
        target = patches[b, n]
        if normalize:
            target = (target - target.mean()) / np.sqrt(target.var() + 1e-6)
        total += np.mean((predictions[b, n] - target) ** 2)
        count += 1
    return total / count


@pytest.mark.parametrize("normalize", [True, False])
def test_the_loss_is_that_of_a_loop_and_its_gradient_leaves_seen_patches_alone(normalize):
    random = np.random.default_rng(0)
    predictions, patches = random.normal(size=(2, 3, 6, 4)).astype(np.float32)
    is_masked = random.random((3, 6)) < 0.6

    def loss(predictions):
        return masked_patch_loss(predictions, patches, is_masked, normalize=normalize)

    value, gradient = jax.value_and_grad(loss)(predictions)
    expected = loss_by_loop(predictions, patches, is_masked, normalize)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_array_equal(gradient[~is_masked], 0.0)
    target = normalize_patches(patches) if normalize else patches
    by_hand = 2 * (predictions - target) / 4 / is_masked.sum()
    np.testing.assert_allclose(gradient[is_masked], by_hand[is_masked], atol=1e-6)
    assert masked_patch_loss(predictions, patches, np.zeros((3, 6), bool)) == 0.0


def test_a_patch_of_one_color_is_no_division_by_zero():
    patches = jnp.full((1, 2, 4), 0.3)
    assert jnp.isfinite(normalize_patches(patches)).all()


def test_unshuffling_is_exact():
    patches = jax.random.normal(KEY, (5, 12, 3))
    masking = draw_masking(KEY, 5, 12, 4)
    assert masking.kept.shape == (5, 4)
    seen = take_patches(patches, masking.kept)
    token = jnp.array([7.0, 8.0, 9.0])
    whole = unshuffle(seen, token, masking.restore)
    np.testing.assert_array_equal(whole[~masking.is_masked], patches[~masking.is_masked])
    np.testing.assert_array_equal(whole[masking.is_masked], np.tile(token, (5 * 8, 1)))
    for b in range(5):
        assert set(np.flatnonzero(~masking.is_masked[b])) == set(np.asarray(masking.kept[b]))


def test_all_patches_are_kept_equally_often_and_differently_in_each_image():
    masking = draw_masking(KEY, 4000, 8, 2)
    share = 1 - masking.is_masked.mean(axis=0)
    np.testing.assert_allclose(share, 0.25, atol=0.035)
    assert len(np.unique(np.asarray(masking.is_masked), axis=0)) == 28  # all pairs of eight


def test_the_encoder_sees_nothing_of_masked_patches():
    """Negative control: pixels of masked patches change no prediction, those of others do."""
    images = jax.random.uniform(KEY, (2, *SHAPE))
    masking = draw_masking(KEY, 2, 16, 4)
    variables = NET.init(KEY, images, masking, False)
    noise = jax.random.uniform(jax.random.key(1), images.shape)
    is_masked = hide(jnp.zeros_like(images), masking, 2) > 0
    before = NET.apply(variables, images, masking, False)
    hidden = NET.apply(variables, jnp.where(is_masked, noise, images), masking, False)
    seen = NET.apply(variables, jnp.where(is_masked, images, noise), masking, False)
    np.testing.assert_array_equal(hidden, before)
    assert float(jnp.abs(seen - before).max()) > 1e-3
    gradient = jax.grad(lambda x: NET.apply(variables, x, masking, False).sum())(images)
    np.testing.assert_array_equal(gradient[is_masked], 0.0)


def test_features_are_the_mean_over_the_encoders_patches():
    learner = mae(NET, optax.sgd(0.1), image_shape=SHAPE)
    state = jax.jit(learner.init)(KEY)
    images = load("digits").train_images[:5]
    got = encode_whole(NET, state, images)
    encoder = ViT(2, 32, 1, 4)
    expected = encoder.apply({"params": state.params["encoder"]}, images / 255.0, False)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_what_is_seen_stays_in_a_rebuilt_image():
    learner = mae(NET, optax.sgd(0.1), image_shape=SHAPE)
    state = jax.jit(learner.init)(KEY)
    images = load("digits").train_images[:5] / np.float32(255)
    masking = draw_masking(KEY, 5, 16, 4)
    for normalize in (True, False):
        rebuilt = rebuild(NET, state, images, masking, normalize=normalize)
        kept = patchify(images, 2)[~masking.is_masked]
        np.testing.assert_allclose(patchify(rebuilt, 2)[~masking.is_masked], kept, atol=1e-6)
        assert float(jnp.abs(rebuilt - images).max()) > 0.1


def count_flops(function, *args):
    return jax.jit(function).lower(*args).compile().cost_analysis()["flops"]


def test_a_step_costs_less_than_half_of_a_step_on_all_patches():
    """The same ViT, trained on all patches by a classifier, is what the paper saves from."""
    options = configure("mae", PRESETS, "cpu").transformer
    net = make_net(options, bfloat16=False)
    tx = optax.adamw(1e-3)
    images = jnp.zeros((256, *SHAPE), jnp.uint8)
    learner = mae(net, tx, image_shape=SHAPE)
    state = jax.eval_shape(learner.init, KEY)
    ours = count_flops(learner.step, KEY, state, images)
    whole = Classified(net.encoder, 10)
    state = jax.eval_shape(lambda key: init_net(key, whole, tx, jnp.zeros((1, *SHAPE))), KEY)
    labels = jnp.zeros(256, jnp.int32)
    full = count_flops(
        lambda state, x, y: supervised_step(whole, tx, state, x, y), state, images, labels
    )
    assert ours <= 0.45 * full


def test_learns_to_fill_gaps_and_is_probed():
    probe = linear_probe(open_images("digits").probe, per_class=10)
    learner = mae(
        MaskedAutoencoder(ViT(2, 64, 2, 4), 32, 1, 4),
        optax.adamw(3e-3),
        image_shape=SHAPE,
        probe=probe,
    )
    run = Run(steps=200, steps_per_call=100, devices=1)
    data = DeviceData(load("digits").train_images, 128)
    _, result = fit(learner, data, run)
    got = {name: summary["mean"] for name, summary in result["metrics"].items()}
    assert got["loss"] < 0.75  # 1 is the patch's mean
    # Whether the features beat those of an untrained net is a claim, and measured as one.
    names = ("probe", "random_feature", "raw_pixel")
    assert all(0.5 < got[f"eval/{name}_accuracy_few"] < 1 for name in names)


def test_patches_and_ratios_that_do_not_fit_are_one_line():
    for settings, text in (
        ({"patch": 3}, "patch=3 does not divide images of 8 x 8"),
        ({"patch": 8}, "mask_ratio=0.75 leaves 0 of 1 patches"),
        ({"mask_ratio": 0.99}, "mask_ratio=0.99 leaves 0 of 16 patches"),
    ):
        with pytest.raises(BadInput, match=text):
            build(configure("mae", PRESETS, "smoke", settings))


def test_the_report_shows_what_was_seen_and_rebuilt():
    pictures = np.zeros((3, *SHAPE), np.uint8)
    arrays = {"pictures": pictures, "masked": pictures + 0.5, "rebuilt": pictures + 0.25}
    (exhibit,) = reconstruction_exhibit(Outcome({}, arrays, [], num_seeds=1))
    shown = [axis.images[0].get_array().max() for axis in exhibit.content.axes]
    assert shown == [0.5] * 3 + [0.25] * 3 + [0.0] * 3
    assert reconstruction_exhibit(Outcome({}, {}, [], num_seeds=1)) == []


@pytest.mark.parametrize("shape", [(6, 9, 1), (9, 6, 2)])
def test_odd_images_and_batches_of_one(shape):
    net = MaskedAutoencoder(ViT(3, 16, 1, 2, pool="class"), 8, 1, 2)
    learner = mae(net, optax.sgd(0.1), image_shape=shape, mask_ratio=0.5, normalize=False)
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, jnp.zeros((1, *shape), jnp.uint8))
    assert jnp.isfinite(metrics["loss"])
    assert encode_whole(net, after, jnp.zeros((1, *shape), jnp.uint8)).shape == (1, 16)
