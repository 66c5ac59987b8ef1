"""SNAIL as a policy of trials, and as a learner of few-shot tasks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.data import FewShot
from jaxdl.envs import make
from jaxdl.launch import Outcome
from jaxdl.meta import few_shot_net, memory_length, snail, snail_policy, trial
from jaxdl.meta.snail import FewShotNet, ImageReader, Told, image_reader, shuffle_support
from jaxdl.meta.snail_figures import few_shot_exhibit, looks_exhibit
from jaxdl.nn import initial
from jaxdl.nn.snail import Attention, Temporal, snail_layer, unroll_snail

BLOCKS = [Attention(4, 4), Temporal(4)]
WAYS, SHOTS, SIDE = 3, 1, 2


def test_the_memory_holds_a_whole_trial():
    assert memory_length("bandit:arms=2", episodes=8, unroll=16, memory=0) == 8
    assert memory_length("bandit:arms=2", episodes=8, unroll=8, memory=12) == 12
    name = "tabular_mdp:states=3,actions=2,horizon=4"
    assert memory_length(name, episodes=2, unroll=8, memory=0) == 8
    assert memory_length("cartpole", episodes=2, unroll=5, memory=0) == 5
    assert memory_length("cartpole", episodes=2, unroll=5, memory=3) == 3


@pytest.mark.parametrize(
    "name, unroll, memory, message",
    [
        ("bandit:arms=2", 8, 7, "--memory=7 should be at least 8, the steps of a trial of bandit"),
        ("tabular_mdp", 80, 79, "--memory=79 should be at least 80, the steps of a trial"),
        ("bandit:arms=2", 12, 0, "--unroll=12 should be a multiple of 8, the steps of a trial"),
    ],
)
def test_a_trial_longer_than_the_memory_or_cut_is_told_in_one_line(name, unroll, memory, message):
    with pytest.raises(BadInput, match=message) as caught:
        memory_length(name, episodes=8, unroll=unroll, memory=memory)
    assert "\n" not in str(caught.value)


def test_a_policy_forgets_between_trials_and_never_within():
    world = trial(make("bandit:arms=2"), 4)
    policy = snail_policy(world, BLOCKS, width=4, length=4)
    net = policy.net
    params = jax.jit(net.init)(jax.random.key(0))
    obs = np.random.default_rng(0).normal(size=(8, 1, *world.obs_space.shape)).astype(np.float32)
    first = jnp.arange(8)[:, None] % 4 == 0

    @jax.jit
    def values(obs):
        return net.unroll(params, net.initial_carry(1), obs, first)[2][:, 0]

    changed = obs.copy()
    changed[0] += 1
    whole, other = values(obs), values(changed)
    assert np.all(np.asarray(whole != other) == (np.arange(8) < 4))
    look = jax.jit(policy.look)(params, obs[:4])
    assert look.shape == (1, 4, 4)
    np.testing.assert_allclose(np.sum(look, axis=-1), 1.0, rtol=1e-5)
    assert np.all((np.asarray(look[0]) > 0) == np.tri(4, dtype=bool))


def tiny_reader():
    """Reads 2 x 2 images as they are."""
    return ImageReader((), lambda params, images: images.reshape(len(images), -1), SIDE * SIDE)


def tasks(random):
    """Tasks of 3 classes of 2 x 2 images about random centers, one of each known, two asked.

    `random` [M, 3, 4, 2, 2, 1] is the centers, then what is added to them.
    """
    count = len(random)
    x = random[:, :, :1] + 0.1 * random[:, :, 1:]
    known, asked = (part.reshape(count, -1, SIDE, SIDE, 1) for part in (x[:, :, :1], x[:, :, 1:]))
    y = np.arange(WAYS, dtype=np.int32)
    labels = (np.tile(y, (count, 1)), np.tile(np.repeat(y, 2), (count, 1)))
    return FewShot(known, labels[0], asked, labels[1])


def draw(seed, count):
    shape = (count, WAYS, 4, SIDE, SIDE, 1)
    return tasks(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.fixture(scope="module")
def net():
    return few_shot_net(tiny_reader(), BLOCKS, ways=WAYS, shots=SHOTS, width=16)


def test_what_is_told_is_the_last_step_of_the_whole_sequence(net):
    """And so no image that is to be told sees another one, nor its own label."""
    batch = draw(1, 2)
    params = jax.jit(net.init)(jax.random.key(0))
    tell = jax.jit(net.tell)
    told = tell(params, batch)
    other = tell(params, batch._replace(query_y=1 + batch.query_y))
    np.testing.assert_array_equal(told.logits, other.logits)
    labels = 2 * np.eye(WAYS)[batch.support_y]  # 2 is the root of the features' number
    pairs = np.concatenate([batch.support_x.reshape(2, 3, 4), labels], axis=-1)
    asked = np.concatenate([batch.query_x.reshape(2, 6, 4), np.zeros((2, 6, WAYS))], axis=-1)
    rows = [np.repeat(pairs[:, None], 6, axis=1), asked[:, :, None]]
    sequence = np.concatenate(rows, axis=2).reshape(12, 4, 7).swapaxes(0, 1)
    start = snail_layer(BLOCKS, length=4).initial_carry(12, 16)
    whole = jax.jit(lambda *args: unroll_snail(BLOCKS, *args))
    _, y, looks = whole(params["snail"], start, sequence, np.zeros((4, 12), bool))
    expected = y[-1] @ params["answer"].kernel + params["answer"].bias
    np.testing.assert_allclose(told.logits.reshape(12, WAYS), expected, atol=1e-5)
    np.testing.assert_allclose(told.looks.reshape(12, 4), looks[0][:, -1, -4:], atol=1e-5)


def test_support_is_shuffled_in_pairs():
    batch = draw(0, 64)
    mixed = jax.jit(shuffle_support)(jax.random.key(1), batch)
    orders = np.asarray(mixed.support_y)
    assert len({tuple(order) for order in orders}) == 6
    x = np.asarray(batch.support_x)[np.arange(64)[:, None], orders]  # label i was at place i
    np.testing.assert_array_equal(mixed.support_x, x)
    np.testing.assert_array_equal(mixed.query_x, batch.query_x)


def outcome_of(learner, params):
    """Scores parameters by the learner's evaluation."""
    fold = learner.evaluate
    state = learner.init(jax.random.key(0))._replace(params=params)
    tally = fold.init(jax.random.key(0), state)
    for batch in fold.batches():
        tally = jax.jit(fold.update)(tally, state, batch)
    return fold.result(tally)


def test_accuracy_and_its_error_are_those_of_the_tasks():
    batches = [draw(i, 5) for i in range(3)]

    def tell(params, batch):
        """Tells the first image of each class right, the second as class 0."""
        labels = jnp.where(jnp.arange(6) % 2 == 0, batch.query_y, 0)
        bad = batch.query_x[:, :1, 0, 0, 0] > 0  # tasks in which all is told as class 0
        labels = jnp.where(bad, 0, labels)
        return Told(jax.nn.one_hot(labels, WAYS), jnp.zeros((len(labels), 6, 4)))

    stub = FewShotNet(lambda key: jnp.zeros(1), tell)
    result = outcome_of(
        snail(stub, optax.sgd(1.0), lambda: iter(batches), shape=batches[0]), jnp.zeros(1)
    )
    bad = np.concatenate([b.query_x[:, 0, 0, 0, 0] > 0 for b in batches])
    right = np.where(bad, 2 / 6, 4 / 6)
    assert 0 < bad.sum() < 15
    assert float(result["accuracy"]) == pytest.approx(100 * right.mean(), rel=1e-5)
    error = 100 * right.std() / 15**0.5
    assert float(result["standard_error"]) == pytest.approx(error, rel=1e-4)


@pytest.mark.slow
def test_learns_to_tell_images_by_one_of_each(net):
    tx = optax.adam(1e-2)
    learner = snail(net, tx, lambda: iter([draw(9, 256)]), shape=draw(9, 256))

    def step(state, key):
        one, other = jax.random.split(key)
        return learner.step(
            one, state, tasks(jax.random.normal(other, (32, WAYS, 4, SIDE, SIDE, 1)))
        )

    @jax.jit
    def train(key):
        state, _ = jax.lax.scan(step, learner.init(key), jax.random.split(key, 300))
        return state.params

    result = outcome_of(learner, train(jax.random.key(0)))
    assert float(result["accuracy"]) > 80
    arrays = {name: x for name, x in result.items() if name.startswith("attention/")}
    (exhibit,) = few_shot_exhibit(Outcome({}, jax.device_get(arrays), [], 1))
    assert exhibit.name == "few_shot"


def test_a_reader_gives_every_image_features_of_its_own():
    reader = image_reader(28, filters=2, features=5)
    params = initial(jax.random.key(0), reader.plan)
    images = jax.random.uniform(jax.random.key(1), (3, 28, 28, 1))
    read = jax.jit(reader.apply)
    features = read(params, images)
    assert features.shape == (3, 5)
    other = read(params, images.at[1].set(0.5))
    np.testing.assert_array_equal(np.any(other != features, axis=1), [False, True, False])


def test_attention_over_a_trial_is_shown():
    arrays = {
        "attention/mean": np.tril(np.ones((4, 4))),
        "attention/one": np.eye(4),
        "attention/action": np.eye(2)[[0, 1, 1, 0]],
        "attention/reward": np.array([0.0, 1.0, 1.0, 0.0]),
    }
    (exhibit,) = looks_exhibit(Outcome({"eval/reward": interval([1.0])}, arrays, [], 1))
    left, right, _ = exhibit.content.axes
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == ["start", "0", "1+", "1+"]
    assert looks_exhibit(Outcome({}, {}, [], 1)) == []
