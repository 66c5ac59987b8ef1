"""CURL: which loss moves what, against NumPy and plain gradients, and its pictures and crops."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.rl import curl as launch_file
from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Env, Step
from jaxdl.launch import configure
from jaxdl.nn import squashed_actor, stacked_critics
from jaxdl.nn.pixel_encoder import pixel_encoder
from jaxdl.rl import curl, sight
from jaxdl.rl.continuous import Nets
from jaxdl.rl.crops import center_crop, draw_corners, random_crop
from jaxdl.rl.curl import (
    PixelNets,
    Slots,
    Target,
    crop_views,
    draw,
    follow,
    improve_contrast,
    improve_critics,
    improve_policy,
    initial_parts,
    judge,
    soft_target,
)
from jaxdl.rl.frames import Frames, push_frame, start_frames
from jaxdl.rl.off_policy import Extra, Regime
from jaxdl.rl.replay import Transitions

PICTURE, SIDE, STACK, CODE, ACTIONS, BATCH = 13, 11, 2, 4, 2, 6
RATE = 0.5  # of plain gradient descent, so that parameters show every factor of a gradient


def small_nets(rate=RATE):
    space = Box((SIDE, SIDE, 3 * STACK), 0, 255, np.uint8)
    encoder = pixel_encoder(space, channels=3, num_layers=2, size=CODE)
    codes = Box((CODE,))
    tx = optax.sgd(rate)
    actor = squashed_actor(codes, ACTIONS, hidden=(5,))
    critics = stacked_critics(codes, ACTIONS, hidden=(5,))
    return PixelNets(encoder, Nets(actor, critics, tx, tx), tx, tx)


NETS = small_nets()


def small_state(nets=NETS, contrast=True):
    """A state whose parameters and targets all differ."""
    params = initial_parts(jax.random.key(0), nets, contrast, 0.2)
    other = initial_parts(jax.random.key(1), nets, contrast, 0.2)
    slots = Slots(
        nets.control.critic_tx.init((params.encoder, params.critics)),
        nets.contrast_tx.init((params.encoder, params.contrast)),
        nets.control.actor_tx.init(params.actor),
        nets.alpha_tx.init(params.log_alpha),
    )
    return TrainState(params, slots, (), Extra(Target(other.encoder, other.critics), jnp.int32(0)))


def small_batch():
    draws = np.random.default_rng(0)
    shape = (BATCH, PICTURE, PICTURE, 3 * STACK)
    obs, next_obs = (jnp.asarray(draws.integers(0, 256, shape, np.uint8)) for _ in range(2))
    return Transitions(
        obs=obs,
        action=jnp.asarray(draws.uniform(-1, 1, (BATCH, ACTIONS)), jnp.float32),
        reward=jnp.asarray(draws.normal(size=BATCH), jnp.float32),
        discount=jnp.asarray([0.9, 0.0, 0.9, 0.9, 0.9, 0.9], jnp.float32),
        next_obs=next_obs,
        weight=jnp.asarray([1.0, 1.0, 0.0, 1.0, 1.0, 1.0], jnp.float32),
    )


def changed(before, after):
    """Which leaves differ in a bit."""
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return [bool((np.asarray(x) != np.asarray(y)).any()) for x, y in pairs]


def numpy_codes(params, seen):
    """Codes [B, D] of bytes [B, H, W, C], by loops over places and layers."""
    x = np.asarray(seen, np.float64) / 255
    for layer, stride in zip(params["convolutions"], (2, 1), strict=True):
        kernel, bias = np.float64(layer.kernel), np.float64(layer.bias)
        rows = (x.shape[1] - 3) // stride + 1
        y = np.zeros((len(x), rows, rows, len(bias)))
        for i, j in np.ndindex(rows, rows):
            patch = x[:, i * stride : i * stride + 3, j * stride : j * stride + 3]
            y[:, i, j] = patch.reshape(len(x), -1) @ kernel + bias
        x = np.maximum(y, 0)
    layer = params["latent"][0]
    z = x.reshape(len(x), -1) @ np.float64(layer["dense"].kernel) + np.float64(layer["dense"].bias)
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-6)
    return z * (1 + np.float64(layer["gain"])) + np.float64(layer["shift"])


def numpy_nce(query, key, weights):
    """The mean cross entropy of q^T W k over the batch, by loops."""
    total = 0.0
    for i, q in enumerate(query):
        logits = np.array([q @ weights @ k for k in key])
        total += np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[i]
    return total / len(query)


def test_the_contrastive_step_is_that_of_numpy_and_leaves_the_keys_alone():
    """The loss; the slope of W by hand, and of the encoder by differences of NumPy's loss."""
    state, batch = small_state(), small_batch()
    anchor, positive = (random_crop(jax.random.key(i), batch.obs, SIDE) for i in range(2))
    after, metrics = jax.jit(partial(improve_contrast, NETS))(state, anchor, positive)
    params = state.params
    q, k = numpy_codes(params.encoder, anchor), numpy_codes(state.extra.target.encoder, positive)
    weights = np.float64(params.contrast)
    assert float(metrics["contrast_loss"]) == pytest.approx(numpy_nce(q, k, weights), rel=1e-4)
    logits = q @ weights @ k.T
    share = np.exp(logits - logits.max(1, keepdims=True))
    share = share / share.sum(1, keepdims=True) - np.eye(BATCH)
    np.testing.assert_allclose(
        after.params.contrast, weights - RATE * q.T @ share @ k / BATCH, rtol=1e-3, atol=1e-5
    )
    assert changed(state.extra.target, after.extra.target) == [False] * len(
        jax.tree.leaves(state.extra.target)
    )
    check_slope(
        lambda encoder: numpy_nce(numpy_codes(encoder, anchor), k, weights),
        params.encoder,
        after.params.encoder,
    )
    for part in ("critics", "actor", "log_alpha"):
        assert not any(changed(getattr(params, part), getattr(after.params, part)))


def check_slope(loss, before, after):
    """Compares a step of descent with differences of a NumPy loss, along each leaf's own step."""
    leaves, structure = jax.tree.flatten(jax.tree.map(np.float64, before))
    steps = [np.float64(y) - x for x, y in zip(leaves, jax.tree.leaves(after), strict=True)]
    for i, step in enumerate(steps):
        length = np.linalg.norm(step)
        assert length > 0

        def moved(by, i=i, step=step, length=length):
            some = [*leaves[:i], leaves[i] + by * step / length, *leaves[i + 1 :]]
            return loss(structure.unflatten(some))

        slope = (moved(1e-4) - moved(-1e-4)) / 2e-4
        # Along its own direction a step of descent is the rate times the slope's length.
        assert length == pytest.approx(-RATE * slope, rel=2e-2), i


def numpy_values(critics, z, action):
    """Values [2, B] of two critics with one hidden layer."""
    x = np.concatenate([z, np.asarray(action, np.float64)], axis=1)
    heads = critics["critics"]
    layer, last = heads["hidden"][0], heads["value"]
    values = []
    for c in range(2):
        h = np.maximum(x @ np.float64(layer.kernel[c]) + np.float64(layer.bias[c]), 0)
        values.append((h @ np.float64(last.kernel[c]) + np.float64(last.bias[c]))[:, 0])
    return np.stack(values)


def test_the_critics_step_is_that_of_numpy_and_trains_the_encoder():
    """Half the squared errors of both critics, over two crops of each observation."""
    state, batch = small_state(), small_batch()
    crops = [random_crop(jax.random.key(i), batch.obs, SIDE) for i in range(2)]
    seen = jnp.concatenate(crops)
    target = jnp.asarray(np.random.default_rng(1).normal(size=BATCH), jnp.float32)
    after, metrics, error = jax.jit(partial(improve_critics, NETS))(state, seen, batch, target)

    def errors(encoder, critics):
        values = [numpy_values(critics, numpy_codes(encoder, x), batch.action) for x in crops]
        return np.asarray(target) - np.stack(values)  # [M, 2, B]

    def loss(both):
        return 0.5 * np.mean(np.asarray(batch.weight) * errors(*both) ** 2, axis=(0, 2)).sum()

    before = state.params.encoder, state.params.critics
    assert float(metrics["critic_loss"]) == pytest.approx(loss(before), rel=1e-4)
    np.testing.assert_allclose(error, errors(*before).mean((0, 1)), rtol=1e-3, atol=1e-5)
    check_slope(loss, before, (after.params.encoder, after.params.critics))
    assert not any(changed(state.params.actor, after.params.actor))


def test_the_policy_learns_and_the_encoder_gets_no_gradient_of_it():
    """Its own layers all move, by the gradient of a plain function of all parameters."""
    state, batch = small_state(), small_batch()
    seen = random_crop(jax.random.key(0), batch.obs, SIDE)
    key = jax.random.key(3)
    after, _ = jax.jit(partial(improve_policy, key, NETS))(state, seen, -2.0)
    assert all(changed(state.params.actor, after.params.actor))
    assert changed(state.params.log_alpha, after.params.log_alpha) == [True]
    for part in ("encoder", "critics", "contrast"):
        assert not any(changed(getattr(state.params, part), getattr(after.params, part)))

    def loss(params, through):
        """With the reparameterized draw of the same key; the encoder's slope where it counts."""
        x = NETS.encoder.features(params.encoder, seen)
        x = x if through else jax.lax.stop_gradient(x)
        policy = NETS.control.actor.apply(
            params.actor["policy"], NETS.encoder.latent(params.actor["latent"], x)
        )
        noise = jax.random.normal(key, policy.mean.shape)
        raw = policy.mean + jnp.exp(policy.log_std) * noise
        logp = jax.scipy.stats.norm.logpdf(raw, policy.mean, jnp.exp(policy.log_std))
        action = jnp.tanh(raw)
        logp = jnp.sum(logp - jnp.log(1 - action**2), axis=-1)
        values = judge(NETS, params.encoder, params.critics, x, action)
        return jnp.mean(0.2 * logp - values.min(0))

    slope_of = jax.jit(jax.grad(loss), static_argnums=1)
    slope = slope_of(state.params, False)
    moved = jax.tree.map(lambda x, d: x - RATE * d, state.params.actor, slope.actor)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-3, atol=2e-5), moved,
        after.params.actor,
    )  # fmt: skip
    # The slope that is kept out is there: a test of nothing would pass with a zero.
    kept_out = slope_of(state.params, True).encoder["convolutions"]
    assert all(np.abs(x).max() > 1e-6 for x in jax.tree.leaves(kept_out))


def test_targets_are_averaged_over_crops_and_count_the_entropy():
    """DrQ's K: the mean over crops of the lesser of two values less alpha log pi, by NumPy."""
    state, batch = small_state(), small_batch()
    views = crop_views(SIDE)
    key = jax.random.key(5)
    both = jax.jit(lambda state: soft_target(key, NETS, state, views, batch, 2))(state)
    view_key, action_key = jax.random.split(key)
    seen = jnp.concatenate([views.drawn(k, batch.next_obs) for k in jax.random.split(view_key, 2)])
    features = NETS.encoder.features(state.params.encoder, seen)
    action, logp = draw(action_key, NETS, state.params.actor, features)
    slow = state.extra.target
    z = numpy_codes(slow.encoder, seen)
    value = numpy_values(slow.critics, z, action).min(0) - 0.2 * np.asarray(logp)
    value = value.reshape(2, BATCH)
    assert np.abs(value[0] - value[1]).max() > 1e-3  # crops differ, and so do draws
    expected = np.asarray(batch.reward) + np.asarray(batch.discount) * value.mean(0)
    np.testing.assert_allclose(both, expected, rtol=1e-3, atol=1e-5)


def test_key_encoder_and_target_critics_follow_at_rates_of_their_own():
    state = small_state()
    after = follow(state, jnp.bool_(True), 0.01, 0.05)
    slow, moved, params = state.extra.target, after.extra.target, state.params
    for name, tau in (("encoder", 0.05), ("critics", 0.01)):
        old, new, found = (getattr(tree, name) for tree in (slow, params, moved))
        for x, y, z in zip(*map(jax.tree.leaves, (old, new, found)), strict=True):
            np.testing.assert_allclose(z, (1 - tau) * x + tau * y, atol=1e-6)
    assert not any(changed(slow, follow(state, jnp.bool_(False), 0.01, 0.05).extra.target))


def test_crops_lie_within_the_pictures_and_are_drawn_alike_again():
    """Every place of 3 x 3 is drawn, equally often; pixels are whole ones of the picture."""
    numbers = jnp.arange(PICTURE * PICTURE).reshape(1, PICTURE, PICTURE, 1)
    images = jnp.tile(numbers, (4096, 1, 1, 2))
    corners = np.asarray(draw_corners(jax.random.key(0), images.shape, SIDE))
    assert corners.min() == 0 and corners.max() == PICTURE - SIDE
    counts = np.bincount(3 * corners[:, 0] + corners[:, 1], minlength=9)
    assert len(counts) == 9 and np.abs(counts - 4096 / 9).max() < 6 * (4096 / 9) ** 0.5
    crops = np.asarray(jax.jit(partial(random_crop, side=SIDE))(jax.random.key(0), images))
    assert crops.shape == (4096, SIDE, SIDE, 2)
    expected = [
        np.asarray(numbers)[0, i : i + SIDE, j : j + SIDE] for i, j in corners[:50]
    ]  # all frames of a stack are cut at one place
    np.testing.assert_array_equal(crops[:50], np.tile(expected, (1, 1, 1, 2)))
    np.testing.assert_array_equal(crops, random_crop(jax.random.key(0), images, SIDE))
    assert (crops != np.asarray(random_crop(jax.random.key(1), images, SIDE))).any()
    middle = center_crop(images, SIDE)
    np.testing.assert_array_equal(middle[0, ..., 0], np.asarray(numbers)[0, 1:-1, 1:-1, 0])
    whole = random_crop(jax.random.key(0), images[:2], PICTURE)
    np.testing.assert_array_equal(whole, images[:2])


def counting(length=4, side=PICTURE):
    """Shows the step of the episode in every pixel, and pays it; episodes are cut."""

    def observe(time):
        return jnp.full((side, side, 3), time, jnp.uint8)

    def reset(key, task):
        return jnp.int32(1), observe(1)

    def step(key, time, action, task):
        late = time >= length
        return time + 1, Step(observe(time + 1), 1.0 * time, jnp.bool_(False), late, {})

    space = Box((side, side, 3), 0, 255, np.uint8)
    return Env(lambda key: (), reset, step, space, Box((ACTIONS,), -1.0, 1.0))


def test_the_ring_holds_each_frame_once_and_as_bytes():
    regime = Regime(
        2, updates=2, batch_size=4, capacity=64, learning_starts=16, stack=Frames(2, "copies"),
        eval_envs=2, eval_steps=4,
    )  # fmt: skip
    learner = curl(counting(), NETS, regime, crop_views(SIDE))
    state = jax.jit(learner.init)(jax.random.key(0))
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    steps = after.actors.replay.ring.steps
    assert steps.obs.shape == (2, 32, PICTURE, PICTURE, 3) and steps.obs.dtype == np.uint8
    beside = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(steps._replace(obs=())))
    assert beside / 64 <= 24  # bytes a frame
    assert (np.asarray(steps.obs[0, :9, 0, 0, 0]) == [1, 2, 3, 4, 1, 2, 3, 4, 1]).all()
    assert np.asarray(after.actors.frames[:, :, 0, 0, 0]).tolist() == [[1, 2], [1, 2]]
    assert all(np.isfinite(x) for x in jax.tree.leaves(metrics))
    score = jax.jit(learner.evaluate)(jax.random.key(2), after)
    assert float(score["episode_return"]) == 10.0


def test_stacks_that_are_acted_upon_begin_with_copies_of_the_first_frame():
    frames = start_frames(Box((1,)), 2, 3)
    for obs, first in (([[1.0], [5.0]], [True, True]), ([[2.0], [6.0]], [False, True])):
        frames = push_frame(frames, jnp.array(obs), jnp.array(first), "copies")
    assert np.asarray(frames)[..., 0].tolist() == [[1, 1, 2], [6, 6, 6]]


ARMS = {
    "CURL": {},
    "RAD": {"contrast": False},
    "SAC from pixels": {"contrast": False, "crop": False},
    "DrQ": {"contrast": False, "target_views": 2, "update_views": 2},
    "states": {"states": True},
}


@pytest.mark.parametrize("arm", ARMS)
def test_arms_are_options_of_one_file(arm, monkeypatch):
    """What each has and sees, by its shapes; nothing is compiled, and no camera traced."""
    monkeypatch.setattr(sight, "seen", lambda name, side, action_repeat: counting(side=side))
    config = configure("curl", launch_file.PRESETS, "smoke", ARMS[arm])
    system = launch_file.build(config)
    assert system.action_repeat == 8  # by which `./run watch` tells the time
    learner = system.learner
    state = jax.eval_shape(learner.init, jax.random.key(0))
    frames = state.actors.replay.ring.steps.obs
    has_pictures = arm != "states"
    assert frames.shape[2:] == ((28, 28, 3) if has_pictures else (5,))
    assert bool(jax.tree.leaves(state.params.encoder)) == has_pictures
    assert (state.params.contrast != ()) == (arm == "CURL")
    after, metrics = jax.eval_shape(learner.step, jax.random.key(0), state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert ("contrast_loss" in metrics) == (arm == "CURL")
    views = sight.make_sight(
        "swingup", picture=28, side=24, random_crops=config.crop, states=config.states
    ).views
    obs = jnp.arange(28 * 28 * 9).reshape(1, 28, 28, 9)
    drawn = [views.drawn(jax.random.key(i), obs) for i in range(8)]
    assert all((x == drawn[0]).all() for x in drawn) == (arm in ("SAC from pixels", "states"))


BAD = {
    "--crop=false makes all views of a picture the same": {"crop": False},
    "--side=29 should be at most --picture=28": {"side": 29},
    "--side=4 should be at least 5, for 2 convolutions": {"side": 4},
}


@pytest.mark.parametrize("message", BAD)
def test_options_that_do_not_fit_are_one_clear_line(message):
    with pytest.raises(BadInput, match=message) as told:
        configure("curl", launch_file.PRESETS, "smoke", BAD[message])
    assert "\n" not in str(told.value)


def test_worlds_of_integer_actions_are_refused_in_one_line():
    config = configure("curl", launch_file.PRESETS, "smoke", {"env": "cartpole"})
    with pytest.raises(BadInput, match="act by real numbers") as told:
        launch_file.build(config)
    assert "\n" not in str(told.value)


def test_codes_of_pictures_are_those_of_numpy():
    params = NETS.encoder.init(jax.random.key(4))
    seen = random_crop(jax.random.key(0), small_batch().obs, SIDE)
    for apply in (NETS.encoder.features, NETS.encoder.fixed_features):
        found = NETS.encoder.latent(params["latent"], apply(params, seen))
        np.testing.assert_allclose(found, numpy_codes(params, seen), rtol=2e-4, atol=2e-5)
