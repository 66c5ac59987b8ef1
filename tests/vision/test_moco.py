import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from experiments.vision import moco as launch_file
from jaxdl.core import Run, fit, over_seeds
from jaxdl.core.learner import DeviceData, seed_keys
from jaxdl.core.mesh import make_mesh
from jaxdl.core.run import BadInput
from jaxdl.data import load, open_images, simclr_augmentation
from jaxdl.launch import configure
from jaxdl.losses import info_nce
from jaxdl.losses.contrastive import unit
from jaxdl.nn import ConvNet, Projected
from jaxdl.ops import make_optimizer
from jaxdl.vision import linear_probe, moco
from jaxdl.vision.moco import Memory, enqueue, moving_average

KEY = jax.random.key(0)
AUGMENT = simclr_augmentation(8, crop_scale=(0.4, 1.0), flip=False, color_strength=0.5, blur=0.0)


def learner_of(width=4, groups=4, tx=None, augment=AUGMENT, **options):
    net = Projected(ConvNet(width, (1, 2, 2), groups=groups), 32, 16, norm=False)
    options = {"queue_size": 48, "momentum": 0.9, "temperature": 0.2} | options
    return moco(net, tx or optax.sgd(0.1), augment, image_shape=(8, 8, 1), **options)


@pytest.fixture(scope="module")
def digits():
    return load("digits").train_images


@pytest.fixture(scope="module")
def stepped(digits):
    """The states before and after each of four steps with batches of 16, and their metrics."""
    learner = learner_of()
    step = jax.jit(learner.step)
    states, metrics = [jax.jit(learner.init)(KEY)], []
    for i in range(4):
        state, found = step(jax.random.key(i), states[-1], digits[16 * i : 16 * i + 16])
        states.append(state)
        metrics.append(found)
    return states, metrics


def test_step_keeps_structure_and_reports_finite_scalars(stepped):
    states, metrics = stepped
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), state) for state in states]
    assert shapes[1:] == shapes[:-1]
    assert all(np.isfinite(value) and value.shape == () for m in metrics for value in m.values())
    assert all(0 <= m["found"] <= 1 for m in metrics)


def test_the_queue_is_a_ring_in_which_the_oldest_keys_go_first(stepped):
    queues = [np.asarray(state.extra.queue) for state in stepped[0]]
    assert [int(state.extra.pointer) for state in stepped[0]] == [0, 16, 32, 0, 16]
    for i in range(4):
        new = np.arange(16) + 16 * (i % 3)
        old = np.setdiff1d(np.arange(48), new)
        np.testing.assert_array_equal(queues[i + 1][old], queues[i][old])
        assert (queues[i + 1][new] != queues[i][new]).any(axis=1).all()
    for queue in queues:
        np.testing.assert_allclose(np.linalg.norm(queue, axis=1), 1.0, rtol=1e-5)


def test_keys_leave_the_queue_in_the_order_in_which_they_came():
    memory = Memory({}, (), jnp.zeros((6, 1)), jnp.int32(0))
    for first in range(0, 10, 2):  # keys 0 .. 9 through a ring of six
        memory = enqueue(memory, jnp.arange(first, first + 2.0)[:, None])
    assert int(memory.pointer) == 4
    oldest_first = np.roll(np.asarray(memory.queue)[:, 0], -int(memory.pointer))
    np.testing.assert_array_equal(oldest_first, [4, 5, 6, 7, 8, 9])


def test_the_key_encoder_is_the_moving_average_in_closed_form(stepped):
    """theta_k after t steps is m^t theta_0 + (1 - m) sum_s m^(t - s) theta_q,s."""
    states = stepped[0]
    jax.tree.map(np.testing.assert_array_equal, states[0].extra.key_params, states[0].params)
    t = len(states) - 1
    weights = [0.9**t] + [0.1 * 0.9 ** (t - s) for s in range(1, t + 1)]
    expected = jax.tree.map(
        lambda *x: sum(w * y for w, y in zip(weights, x, strict=True)),
        *(state.params for state in states),
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), states[-1].extra.key_params,
        expected,
    )  # fmt: skip
    still = moving_average({"w": jnp.ones(2)}, {"w": jnp.zeros(2)}, 1.0)
    np.testing.assert_array_equal(still["w"], 1.0)


def test_no_gradient_reaches_the_key_encoder_or_the_queue(digits):
    learner = learner_of()
    state = jax.jit(learner.init)(KEY)

    @jax.jit
    def gradients(params, key_params, queue):
        def loss(params, key_params, queue):
            memory = state.extra._replace(key_params=key_params, queue=queue)
            current = state._replace(params=params, extra=memory)
            return learner.step(KEY, current, digits[:16])[1]["loss"]

        return jax.grad(loss, (0, 1, 2))(params, key_params, queue)

    queries, keys, queue = gradients(state.params, state.extra.key_params, state.extra.queue)
    assert all(jnp.abs(x).max() > 0 for x in jax.tree.leaves(queries))
    assert all(jnp.abs(x).max() == 0 for x in jax.tree.leaves((keys, queue)))


def test_a_step_is_algorithm_1(digits):
    """With one group the shuffling has no effect, and a step can be written down in few lines."""
    net = Projected(ConvNet(4, (1, 2, 2)), 32, 16, norm=False)
    learner = learner_of(groups=1, augment=lambda key, x: x)
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, digits[:16])

    @jax.jit
    def by_hand(params):
        def loss(params):
            variables = {"params": params, **state.extra.statistics}
            x = digits[:16] / 255.0
            return net.apply(variables, x, True, mutable=["batch_stats"])[0][1]

        keys = unit(loss(params))
        value, gradient = jax.value_and_grad(
            lambda p: info_nce(loss(p), keys, state.extra.queue, temperature=0.2)
        )(params)
        return keys, value, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)

    keys, value, params = by_hand(state.params)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    np.testing.assert_allclose(after.extra.queue[:16], keys, atol=1e-5)  # in the images' order
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), after.params, params)


@pytest.mark.parametrize("batch", [64, 20])
def test_a_queue_that_does_not_hold_whole_batches_is_refused(digits, batch):
    learner = learner_of(queue_size=48, groups=1)
    state = jax.eval_shape(learner.init, KEY)
    with pytest.raises(BadInput, match=f"48 keys should be a multiple of the batch of {batch}"):
        jax.eval_shape(learner.step, KEY, state, digits[:batch])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"queue": 32}, "--queue=32 should be a multiple of --batch_size=64"),
        ({"queue": 96}, "--queue=96 should be a multiple of --batch_size=64"),
        ({"groups": 3}, "--groups=3 should be a divisor of --batch_size=64"),
        ({"batch_size": 0}, "--batch_size must be at least 1, got 0"),
        ({"momentum": 1.5}, "--momentum must be at least 0 and at most 1, got 1.5"),
    ],
)
def test_flags_that_make_no_sense_are_refused_in_one_line(values, message):
    with pytest.raises(BadInput, match=message):
        configure("moco", launch_file.PRESETS, "smoke", values)


@pytest.mark.slow
def test_four_devices_agree_with_one_and_share_the_work(digits):
    images, learner = digits[:64], learner_of(groups=8, queue_size=128)
    state = jax.jit(learner.init)(KEY)
    one = jax.jit(learner.step).lower(KEY, state, images).compile()
    mesh = make_mesh(4)
    with jax.set_mesh(mesh):
        split = NamedSharding(mesh, P("data"))
        step = jax.jit(learner.step, in_shardings=(None, None, split))
        four = step.lower(KEY, state, images).compile()
        after, metrics = four(KEY, state, jax.device_put(images, split))
    expected, expected_metrics = one(KEY, state, images)

    def close(a, b):
        np.testing.assert_allclose(a, b, atol=1e-5)

    jax.tree.map(close, metrics, expected_metrics)
    jax.tree.map(close, after, expected)  # plain gradient descent shows every factor
    assert four.cost_analysis()["flops"] <= 0.3 * one.cost_analysis()["flops"]


@pytest.mark.slow
def test_seeds_side_by_side_are_the_single_runs(digits):
    learner, images = learner_of(), digits[:16]
    both = over_seeds(learner, 2)
    start = jax.jit(both.init)(KEY)
    state, metrics = jax.jit(both.step)(KEY, start, np.stack([images, images]))
    assert metrics["loss"][0] != metrics["loss"][1]
    first_key = seed_keys(KEY, range(1))[0]
    after, alone = jax.jit(learner.step)(first_key, jax.jit(learner.init)(first_key), images)
    np.testing.assert_allclose(metrics["loss"][0], alone["loss"], rtol=1e-4)
    np.testing.assert_allclose(state.extra.queue[0], after.extra.queue, atol=1e-4)


@pytest.mark.slow
def test_learns_features_that_beat_an_untrained_net():
    probe = linear_probe(open_images("digits").probe, per_class=10)
    tx = make_optimizer(optimizer="adamw", learning_rate=2e-3, steps=150, weight_decay=1e-4)
    options = {"queue_size": 512, "momentum": 0.99, "probe": probe}
    learner = learner_of(width=16, groups=8, tx=tx, **options)
    run = Run(steps=150, steps_per_call=50, devices=1)
    _, result = fit(learner, DeviceData(load("digits").train_images, 64), run)
    got = {name: summary["mean"] for name, summary in result["metrics"].items()}
    assert got["eval/probe_accuracy"] > got["eval/raw_pixel_accuracy"]
    assert got["eval/probe_accuracy_few"] > got["eval/random_feature_accuracy_few"]
    assert got["loss"] < 0.9 * np.log(1 + 512)  # of what knows nothing


def dotted_images():
    """Images [N, 8, 8, 1] with the same gray dot, and but for one in eight nothing else.

    How bright those few are decides the scale of a batch, and so what the dot is normalized to.
    """
    draw = np.random.default_rng(0)
    is_bright = draw.uniform(size=(2048, 1, 1, 1)) < 1 / 8
    bright = np.exp(draw.uniform(np.log(0.05), 0.0, is_bright.shape)) * is_bright
    images = bright * draw.uniform(size=(2048, 8, 8, 1))
    images[:, 3:5, 3:5] = 0.3
    return jnp.asarray(images, jnp.float32)


def pair_with_strangers(key, pairs):
    """Views that share nothing: the second is the next image of the batch."""
    del key
    first = pairs[0::2]
    return jnp.stack([first, jnp.roll(first, 1, axis=0)], axis=1).reshape(pairs.shape)


def train_on_strangers(groups):
    """What a net learns of keys that have nothing to do with their queries, each among 129.

    The key encoder stands still, lest the age of a key should tell it from those in the queue.

    Returns:
      How often a key is found, and by how many nats the loss is below that of guessing.
    """
    net = Projected(ConvNet(8, (2,), groups=groups), 32, 16, norm=False)
    options = {"queue_size": 128, "momentum": 1.0, "temperature": 0.05}
    learner = moco(net, optax.adam(1e-2), pair_with_strangers, image_shape=(8, 8, 1), **options)
    images = dotted_images()

    @jax.jit
    def train(key):
        def step(state, key):
            rows = jax.random.randint(key, (16,), 0, len(images))
            return learner.step(key, state, images[rows])

        return jax.lax.scan(step, learner.init(key), jax.random.split(key, 400))[1]

    metrics = train(KEY)
    return metrics["found"][-160:].mean(), np.log(129) - metrics["loss"][-160:].mean()


@pytest.mark.slow
def test_a_batch_is_told_by_its_statistics_unless_they_are_of_shuffled_groups():
    """The leak of He et al. 2019, section 3.3: the views allow one hit in 129, and no nats."""
    found, nats = train_on_strangers(groups=1)
    assert found > 6 / 129
    assert nats > 0.3
    found, nats = train_on_strangers(groups=4)
    assert found < 3 / 129
    assert nats < 0.1
