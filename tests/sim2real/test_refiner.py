import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.sim2real import Column, Critic, Crossing, Players, Repainter, Weights, ink, refiner
from jaxdl.sim2real.refiner import NOISE, repainting

KEY = jax.random.key(0)
SHAPE = (8, 8, 1)
PLAYERS = Players(Repainter(3, 1), Critic(3, (2, 2)), Column(10, 2, (1, 2, 2), size=6))
RATE, DISCRIMINATOR_RATE = 1.0, 0.5


@pytest.fixture(scope="module")
def batch():
    image_key, target_key, label_key = jax.random.split(KEY, 3)
    images = lambda key: jax.random.randint(key, (6, *SHAPE), 0, 256).astype(jnp.uint8)  # noqa: E731
    labels = jax.random.randint(label_key, (6,), 0, 10)
    return Crossing(images(image_key), labels, images(target_key) // 2)


def learner(**options):
    txs = optax.sgd(RATE), optax.sgd(DISCRIMINATOR_RATE)
    return refiner(PLAYERS, *txs, image_shape=SHAPE, **options)


def begun(made):
    """A state whose painter paints: at first its last layer is 0, and all is gray."""
    state = jax.jit(made.init)(KEY)
    last = state.params["generator"]["last"]
    np.testing.assert_array_equal(last["kernel"], 0.0)
    noise = jax.random.normal(KEY, last["kernel"].shape)
    generator = state.params["generator"] | {"last": last | {"kernel": noise}}
    return state._replace(params=state.params | {"generator": generator})


def one_step(batch, **options):
    """The parameters before and after, and the metrics between."""
    made = learner(**options)
    state = begun(made)
    after, metrics = jax.jit(made.step)(KEY, state, batch)
    return state.params, after.params, metrics


def cross_entropy(params, images, labels):
    logits = PLAYERS.classifier.apply({"params": params}, images).logits
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def judged(params, images):
    return PLAYERS.discriminator.apply({"params": params}, images)


def painted(params, batch):
    noise = jax.random.uniform(KEY, (6, NOISE), minval=-1.0, maxval=1.0)
    return PLAYERS.generator.apply({"params": params}, batch.source_images / 255.0, noise)


def by_hand(before, batch, weights, form):
    """The three gradients: the discriminator and the classifier move first, then the generator."""
    simulated, real, labels = (
        batch.source_images / 255.0, batch.target_images / 255.0, batch.source_labels,
    )  # fmt: skip
    made = painted(before["generator"], batch)

    def told(params):
        of_real, of_made = judged(params, real), judged(params, made)
        if form == "least_squares":
            return ((of_real - 1) ** 2).mean() / 2 + (of_made**2).mean() / 2
        return -jax.nn.log_sigmoid(of_real).mean() - jax.nn.log_sigmoid(-of_made).mean()

    def read(params):
        return cross_entropy(params, simulated, labels) + cross_entropy(params, made, labels)

    by_discriminator = jax.grad(told)(before["discriminator"])
    by_classifier = jax.grad(read)(before["classifier"])
    take = lambda rate: lambda x, g: x - rate * g  # noqa: E731
    judge = jax.tree.map(take(DISCRIMINATOR_RATE), before["discriminator"], by_discriminator)
    reader = jax.tree.map(take(RATE), before["classifier"], by_classifier)

    def paint(params):
        made = painted(params, batch)
        logits = judged(judge, made)
        fooled = -jax.nn.log_sigmoid(logits).mean()
        fooled = ((logits - 1) ** 2).mean() / 2 if form == "least_squares" else fooled
        d = ((simulated - made) * (simulated > 0.5)).reshape(6, -1)
        content = jnp.mean(jnp.var(d, axis=1))
        return (
            weights[0] * fooled
            + weights[1] * cross_entropy(reader, made, labels)
            + (weights[2] * content)
        )

    return {
        "generator": jax.grad(paint)(before["generator"]),
        "discriminator": by_discriminator,
        "classifier": by_classifier,
    }


@pytest.mark.parametrize("form", ["logistic", "least_squares"])
def test_every_player_descends_its_own_loss_alone(batch, form):
    """Each is written out here; a leak of one player's loss into another's step would show."""
    weights = (0.7, 0.3, 5.0)
    before, after, metrics = one_step(batch, form=form, weights=Weights(*weights), foreground=ink)
    expected = jax.jit(lambda p: by_hand(p, batch, weights, form))(before)
    for name, rate in (("generator", 1.0), ("discriminator", 0.5), ("classifier", 1.0)):
        jax.tree.map(
            lambda x, y, g, rate=rate: np.testing.assert_allclose(x - y, rate * g, atol=2e-5),
            before[name], dict(after[name]), expected[name],
        )  # fmt: skip
        assert max(np.abs(x).max() for x in jax.tree.leaves(expected[name])) > 1e-3
    total = 0.7 * metrics["domain_loss"] + 0.3 * metrics["task_loss"] + 5 * metrics["content_loss"]
    np.testing.assert_allclose(metrics["loss"], total, rtol=1e-5)


def test_a_generator_whose_losses_weigh_nothing_stays(batch):
    """Neither the discriminator's loss nor the classifier's reaches it."""
    before, after, _ = one_step(batch, weights=Weights(0.0, 0.0, 0.0))
    jax.tree.map(np.testing.assert_array_equal, before["generator"], dict(after["generator"]))
    for name in ("discriminator", "classifier"):
        moved = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), before[name], dict(after[name]))
        assert any(jax.tree.leaves(moved))


def test_real_pictures_are_never_read_by_the_classifier(batch):
    """It has no label of them, and the discriminator alone sees them."""
    other = batch._replace(target_images=255 - batch.target_images)
    one, two = (one_step(x, weights=Weights(0.0, 1.0, 1.0))[1] for x in (batch, other))
    for name in ("generator", "classifier"):
        jax.tree.map(np.testing.assert_array_equal, one[name], two[name])
    kernel = lambda params: params["discriminator"]["head"]["kernel"]  # noqa: E731
    assert np.abs(kernel(one) - kernel(two)).max() > 1e-4


def test_the_players_pull_the_verdict_on_made_pictures_apart(batch):
    """A step of the discriminator alone lowers it, a step of the generator alone raises it."""
    still, gentle = optax.sgd(0.0), optax.sgd(0.01)
    options = {"image_shape": SHAPE, "weights": Weights(1.0, 0.0, 0.0)}
    alone = [refiner(PLAYERS, *txs, **options) for txs in ((still, gentle), (gentle, still))]
    verdicts = []
    for made in alone:
        state = begun(made)
        after, _ = jax.jit(made.step)(KEY, state, batch)
        of = lambda p: judged(p["discriminator"], painted(p["generator"], batch)).mean()  # noqa: E731
        verdicts.append(float(of(after.params) - of(state.params)))
    assert verdicts[0] < -1e-6 and verdicts[1] > 1e-6


def test_noise_changes_the_looks_and_rows_do_not_touch_each_other(batch):
    params = begun(learner()).params["generator"]
    repaint = repainting(PLAYERS.generator)
    images = batch.source_images / 255.0
    one, again, other = (repaint(jax.random.key(seed), params, images) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3 and 0 <= one.min() and one.max() <= 1
    changed = repaint(jax.random.key(1), params, images.at[0].set(0.5))
    np.testing.assert_allclose(changed[1:], one[1:], atol=1e-6)
    assert np.abs(changed[0] - one[0]).max() > 1e-3


def test_ink_is_what_is_bright_in_any_color():
    images = jnp.zeros((1, 2, 2, 3)).at[0, 0, 1, 2].set(0.9).at[0, 1, 0].set(0.4)
    np.testing.assert_array_equal(ink(images)[0, ..., 0], [[0, 1], [0, 0]])


def test_an_unknown_form_is_refused(batch):
    with pytest.raises(BadInput, match="form='wasserstein'"):
        one_step(batch, form="wasserstein")
