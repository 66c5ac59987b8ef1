import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.linear_model import LogisticRegression

from jaxdl.core import Run
from jaxdl.core.learner import over_seeds
from jaxdl.core.run import BadInput
from jaxdl.data import Labelled
from jaxdl.sim2real import (
    Column,
    Crossing,
    confusion,
    crossing_score,
    dann,
    mmd,
    progressive,
    proxy_a_distance,
    reversal_schedule,
    source_only,
)
from jaxdl.sim2real.confusion import root_mean_square_distance
from jaxdl.sim2real.domains import BothDomains
from jaxdl.sim2real.judging import answer, fit_domains, principal_plane
from jaxdl.sim2real.progressive import readers, start_after

KEY = jax.random.key(0)
SHAPE = (8, 8, 1)
NET = Column(10, 2, (1, 2, 2), size=6)
SGD = optax.sgd(1.0)
MULTIPLES = (0.5, 2.0)
METHODS = {
    "mmd": lambda **more: confusion(NET, SGD, weight=0.7, bandwidths=MULTIPLES, **more),
    "confusion": lambda **more: confusion(NET, SGD, loss="confusion", weight=0.7, **more),
    "dann": lambda **more: dann(NET, SGD, weight=0.7, **more),
}


@pytest.fixture(scope="module")
def batch():
    image_key, target_key, label_key = jax.random.split(KEY, 3)
    images = lambda key: jax.random.randint(key, (12, *SHAPE), 0, 256).astype(jnp.uint8)  # noqa: E731
    labels = jax.random.randint(label_key, (12,), 0, 10)
    return Crossing(images(image_key), labels, images(target_key) // 2)


def cross_entropy(logits, labels):
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def told_apart(params, source, target):
    """Mean cross entropy of the domain classifier, which is applied here by hand."""
    (first, last) = params
    out = lambda x: jax.nn.relu(x @ first.kernel + first.bias) @ last.kernel + last.bias  # noqa: E731
    zeros, ones = jnp.zeros(len(source), int), jnp.ones(len(target), int)
    return (cross_entropy(out(source), zeros) + cross_entropy(out(target), ones)) / 2


def to_uniform(params, source, target):
    (first, last) = params
    out = lambda x: jax.nn.relu(x @ first.kernel + first.bias) @ last.kernel + last.bias  # noqa: E731
    return -jnp.mean(jax.nn.log_softmax(jnp.concatenate([out(source), out(target)])))


def gradients_by_hand(method, params, batch, progress):
    """The gradients by the net's and the aligner's parameters, each loss by itself."""
    see = lambda net, images: NET.apply({"params": net}, images / 255.0)  # noqa: E731

    def outputs(net):
        source, target = see(net, batch.source_images), see(net, batch.target_images)
        return source.logits, source.features, target.features

    def discrepancy(_, source, target):
        unit = root_mean_square_distance(source, target)
        return mmd(source, target, bandwidths=[unit * w for w in MULTIPLES])

    for_net, scale, for_aligner = {
        "mmd": (discrepancy, 0.7, discrepancy),
        "confusion": (to_uniform, 0.7, told_apart),
        "dann": (told_apart, -0.7 * reversal_schedule(progress), told_apart),
    }[method]
    (logits, *features), pull = jax.vjp(outputs, params["net"])
    by_logits = jax.grad(cross_entropy)(logits, batch.source_labels)
    by_features = jax.grad(for_net, (1, 2))(params["aligner"], *features)
    (by_net,) = pull((by_logits, *(scale * each for each in by_features)))
    return by_net, jax.grad(for_aligner)(params["aligner"], *features)


@pytest.mark.parametrize("method", METHODS)
def test_every_loss_in_its_gradient(batch, method):
    """Each loss is written out here; with a rate of 1 the step shows the gradient."""
    learner = METHODS[method](image_shape=SHAPE, horizon=10)
    state = jax.jit(learner.init)(KEY)._replace(extra=jnp.int32(3))
    after, metrics = jax.jit(learner.step)(KEY, state, batch)
    before = state.params["adapted"]
    by_net, by_aligner = jax.jit(lambda p: gradients_by_hand(method, p, batch, jnp.float32(0.3)))(
        before
    )
    expected = {"net": by_net, "aligner": by_aligner}
    jax.tree.map(
        lambda x, y, g: np.testing.assert_allclose(x - y, g, atol=2e-5),
        before, dict(after.params["adapted"]), expected,
    )  # fmt: skip
    assert max(np.abs(x).max() for x in jax.tree.leaves(by_net)) > 1e-2
    assert after.extra == 4
    logits = NET.apply({"params": before["net"]}, batch.source_images / 255.0).logits
    np.testing.assert_allclose(
        metrics["loss"], cross_entropy(logits, batch.source_labels), rtol=1e-4
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_twin_begins_alike_and_never_sees_the_target(batch, method):
    learner = METHODS[method](image_shape=SHAPE, horizon=10)
    state = jax.jit(learner.init)(KEY)
    jax.tree.map(
        np.testing.assert_array_equal,
        state.params["adapted"]["net"], state.params["source_only"]["net"],
    )  # fmt: skip
    step = jax.jit(learner.step)
    other = batch._replace(target_images=255 - batch.target_images)
    one, two = (step(KEY, state, x)[0].params for x in (batch, other))
    jax.tree.map(np.testing.assert_array_equal, one["source_only"], two["source_only"])
    if method != "dann":  # whose lambda is 0 at the first step
        kernel = lambda params: params["adapted"]["net"]["features"]["kernel"]  # noqa: E731
        assert np.abs(kernel(one) - kernel(two)).max() > 1e-5
    alone = source_only(NET, SGD, image_shape=SHAPE)
    first = jax.jit(alone.init)(KEY)
    after, _ = jax.jit(alone.step)(KEY, first, batch)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6),
        after.params, one["source_only"],
    )  # fmt: skip


def test_without_weight_the_adapted_net_is_its_twin(batch):
    learner = confusion(NET, SGD, image_shape=SHAPE, horizon=10, weight=0.0)
    state = jax.jit(learner.init)(KEY)
    after, _ = jax.jit(learner.step)(KEY, state, batch)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6),
        after.params["adapted"]["net"], after.params["source_only"]["net"],
    )  # fmt: skip


def test_lambda_rises_from_nothing_to_one():
    got = reversal_schedule(jnp.array([0.0, 0.1, 0.5, 1.0]))
    np.testing.assert_allclose(got, [0.0, 0.46211716, 0.98661430, 0.99990920], rtol=1e-5)


def test_bandwidths_are_refused_before_anything_is_trained():
    with pytest.raises(BadInput, match="bandwidths="):
        confusion(NET, SGD, image_shape=SHAPE, horizon=1, bandwidths=())


def taught(batch):
    return Labelled(batch.target_images, batch.source_labels)


def test_the_first_column_keeps_its_bits_and_the_second_reads_it(batch):
    learner = progressive(NET, optax.sgd(0.1), image_shape=SHAPE)
    state = jax.jit(learner.init)(KEY)
    step = jax.jit(learner.step)
    after = state
    for _ in range(3):
        after, metrics = step(KEY, after, taught(batch))
    jax.tree.map(np.testing.assert_array_equal, after.extra, state.extra)
    changed = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), after.params, state.params)
    assert all(jax.tree.leaves(changed))
    assert {"loss", "accuracy", "fine_tuned_loss", "from_scratch_loss"} <= metrics.keys()
    # Another first column: the second one answers differently, the others do not.
    other = after._replace(extra=jax.tree.map(lambda x: x + 0.1, after.extra))
    for name, read in readers(NET).items():
        one, two = (jax.jit(read)(s, batch.target_images).logits for s in (after, other))
        assert (np.abs(one - two).max() > 1e-4) == (name in ("", "source_only"))


def test_a_second_column_by_hand(batch):
    """Rusu et al. 2016, eq. 2, for the dense layers: W h + U relu(V alpha h of the first)."""
    learner = progressive(NET, SGD, image_shape=SHAPE)
    state = jax.jit(learner.init)(KEY)
    images = batch.target_images / 255.0
    see = jax.jit(lambda params, images, older: NET.apply({"params": params}, images, older))
    old = see(state.extra, images, [])
    new = see(state.params["progressive"], images, [old])
    p = jax.tree.map(np.asarray, state.params["progressive"])

    def layer(number, name, x, below):
        v = p[f"adapter_{number}"]
        lateral = np.maximum(p[f"alpha_{number}"] * below @ v["kernel"] + v["bias"], 0)
        own = x @ p[name]["kernel"] + p[name]["bias"]
        return own + lateral @ p[f"lateral_{name}"]["kernel"]

    features = np.maximum(layer(3, "features", new.hidden[2], np.asarray(old.hidden[2])), 0)
    np.testing.assert_allclose(new.features, features, atol=1e-5)
    logits = layer(4, "head", features, np.asarray(old.features))
    np.testing.assert_allclose(new.logits, logits, atol=1e-5)


def test_columns_may_stand_beside_two_older_ones():
    def grow(key, images):
        older, adapters = [], []
        for each in jax.random.split(key, 3):
            params = NET.init(each, images, older)
            older.append(NET.apply(params, images, older))
            adapters.append(params["params"].get("adapter_1", {"kernel": None})["kernel"])
        return older[-1].logits, adapters

    images = jax.ShapeDtypeStruct((2, *SHAPE), jnp.float32)
    logits, (none, one, two) = jax.eval_shape(grow, KEY, images)
    assert logits.shape == (2, 10) and none is None
    assert (one.shape, two.shape) == ((2, 2), (4, 2))


@pytest.mark.parametrize("seeds", [1, 2])
def test_progressive_nets_begin_with_the_column_that_knows_the_source(seeds):
    learner = progressive(NET, SGD, image_shape=SHAPE)
    first = source_only(NET, SGD, image_shape=SHAPE)
    first = over_seeds(first, seeds) if seeds > 1 else first
    column = jax.jit(first.init)(jax.random.key(5)).params["net"]
    state = start_after(learner, column, Run(num_seeds=seeds, seed=3))
    jax.tree.map(np.testing.assert_array_equal, state.extra, column)
    jax.tree.map(np.testing.assert_array_equal, state.params["fine_tuned"], column)
    kernel = lambda tree: tree["head"]["kernel"]  # noqa: E731
    assert kernel(state.params["from_scratch"]).shape == kernel(column).shape
    assert np.abs(kernel(state.params["from_scratch"]) - kernel(column)).max() > 0.01


def test_the_proxy_distance_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(120, 5)).astype(np.float32)
    target = rng.normal(size=(120, 5)).astype(np.float32) + [0.8, 0, 0, 0, 0.3]
    fit_rows = np.concatenate([source[::2], target[::2]])
    center, scale = fit_rows.mean(axis=0), fit_rows.std(axis=0)
    labels = np.repeat([0, 1], 60)
    peer = LogisticRegression(C=1 / (1e-3 * 120), tol=1e-8, max_iter=1000)
    peer.fit((fit_rows - center) / scale, labels)
    ours = fit_domains(jnp.asarray(source[::2]), jnp.asarray(target[::2], jnp.float32))
    np.testing.assert_allclose(ours.weights, peer.coef_[0], rtol=2e-2, atol=2e-3)
    asked = np.concatenate([source[1::2], target[1::2]])
    error = np.mean(peer.predict((asked - center) / scale) != labels)
    got = proxy_a_distance(jnp.asarray(source), jnp.asarray(target, jnp.float32))
    np.testing.assert_allclose(got, 2 * (1 - 2 * error), atol=0.035)  # one answer of 120
    assert 0.2 < got < 1.8
    assert answer(ours, jnp.asarray(source)).shape == (120,)


def test_the_proxy_distance_of_what_is_apart_and_of_what_is_alike():
    rng = np.random.default_rng(1)
    x, y = (jnp.asarray(rng.normal(size=(400, 3)), jnp.float32) for _ in range(2))
    assert abs(proxy_a_distance(x, y)) < 0.4
    np.testing.assert_allclose(proxy_a_distance(x, y + 20.0), 2.0)
    constant = x.at[:, 1].set(0.0)  # as a dead unit is
    assert np.isfinite(proxy_a_distance(constant, constant + 0.0))


def test_points_lie_in_the_plane_of_most_variance():
    rng = np.random.default_rng(2)
    both = rng.normal(size=(2, 30, 6)) * [3, 1, 0.1, 0.1, 2, 0.1]
    points = principal_plane(*jnp.asarray(both, jnp.float32))
    flat = both.reshape(-1, 6)
    values = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.sqrt((points.reshape(-1, 2) ** 2).sum(0)), values[:2], rtol=1e-4)


def test_the_evaluation_counts_right_answers_of_both_domains():
    from jaxdl.data import load
    from jaxdl.sim2real.columns import Layers

    digits = load("digits")
    both = BothDomains(digits, digits._replace(test_images=digits.test_images[::-1]))

    def read(state, images):
        x = images.reshape(len(images), -1) / 255.0
        return Layers((), x, x @ state)

    weights = jax.random.normal(KEY, (64, 10))
    evaluate = crossing_score(lambda: both)({"": read, "other": read})
    got = jax.jit(evaluate)(KEY, weights)
    guesses = np.argmax(digits.test_images.reshape(500, -1) / 255.0 @ np.asarray(weights), axis=1)
    np.testing.assert_allclose(got["source_accuracy"], np.mean(guesses == digits.test_labels))
    expected = np.mean(guesses[::-1] == digits.test_labels)
    np.testing.assert_allclose(got["accuracy"], expected)
    np.testing.assert_array_equal(got["predictions"][0], guesses[:250])
    np.testing.assert_array_equal(got["samples"][0], digits.test_images[:10])
    assert got["points"].shape == (2, 250, 2) and "other_a_distance" in got
