import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.losses import discriminator_loss, generator_loss, pairwise_squared_error

REAL, FAKE, IMAGE, OTHER = jax.random.split(jax.random.key(0), 4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(form, real, fake):
    """Both players' losses and their gradients, from the probabilities or the distances."""
    real, fake = np.float64(real), np.float64(fake)
    if form == "logistic":
        told = -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()
        slopes = (sigmoid(real) - 1) / real.size, sigmoid(fake) / fake.size
        return told, slopes, -np.log(sigmoid(fake)).mean(), (sigmoid(fake) - 1) / fake.size
    told = ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2
    slopes = (real - 1) / real.size, fake / fake.size
    return told, slopes, ((fake - 1) ** 2).mean() / 2, (fake - 1) / fake.size


@pytest.mark.parametrize("form", ["logistic", "least_squares"])
@pytest.mark.parametrize("shape", [(5,), (3, 2, 2)])
def test_both_players_losses_in_value_and_gradient(form, shape):
    real, fake = 3 * jax.random.normal(REAL, shape), 3 * jax.random.normal(FAKE, shape)
    told = jax.value_and_grad(lambda r, f: discriminator_loss(r, f, form=form), (0, 1))
    value, gradients = told(real, fake)
    made, by_fake = jax.value_and_grad(lambda f: generator_loss(f, form=form))(fake)
    expected, slopes, expected_made, slope = by_hand(form, real, fake)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(made, expected_made, rtol=1e-5)
    for ours, theirs in zip((*gradients, by_fake), (*slopes, slope), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("form", ["logistic", "least_squares"])
def test_the_players_pull_a_made_pictures_logit_apart(form):
    """The discriminator lowers it, the generator raises it, below the target of both forms."""
    fake = jnp.array([-2.0, 0.1, 0.9])
    lowers = jax.grad(lambda f: discriminator_loss(jnp.zeros(3), f, form=form))(fake)
    raises = jax.grad(lambda f: generator_loss(f, form=form))(fake)
    if form == "logistic":
        assert (lowers > 0).all()
    else:
        np.testing.assert_array_equal(jnp.sign(lowers), jnp.sign(fake))  # towards 0
    assert (raises < 0).all()


def test_a_sure_discriminator_still_teaches_and_nothing_overflows():
    fake = jnp.array([-200.0, 300.0])
    value, slope = jax.value_and_grad(generator_loss)(fake)
    np.testing.assert_allclose(value, 100.0)
    np.testing.assert_allclose(slope, [-0.5, 0.0], atol=1e-7)
    half = discriminator_loss(fake.astype(jnp.bfloat16), fake.astype(jnp.bfloat16))
    assert half.dtype == jnp.float32 and np.isfinite(half)


def over_all_pairs(x, y, mask):
    """Half of the mean squared difference of (x - y) m over all pairs of values, by loops."""
    total = 0.0
    for a, b, m in zip(np.float64(x), np.float64(y), np.float64(mask), strict=True):
        d = ((a - b) * m).ravel()
        total += np.mean([(p - q) ** 2 for p in d for q in d]) / 2
    return total / len(x)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pairwise_error_is_that_of_all_pairs(channels):
    x = jax.random.uniform(IMAGE, (2, 3, 4, channels))
    y = jax.random.uniform(OTHER, (2, 3, 4, channels))
    mask = jnp.float32(x[..., :1] > 0.4)
    value, slope = jax.value_and_grad(pairwise_squared_error, 1)(x, y, mask)
    np.testing.assert_allclose(value, over_all_pairs(x, y, mask), rtol=1e-5)
    for place in [(0, 0, 0, 0), (1, 2, 1, channels - 1)]:
        bump = np.zeros(y.shape)
        bump[place] = 1e-5
        ends = [over_all_pairs(x, np.float64(y) + sign * bump, mask) for sign in (1, -1)]
        np.testing.assert_allclose(slope[place], (ends[0] - ends[1]) / 2e-5, atol=1e-6)


def test_brighter_as_a_whole_costs_nothing_and_neither_does_what_is_masked():
    x = jax.random.uniform(IMAGE, (2, 4, 4, 3))
    everywhere, nowhere = jnp.ones((2, 4, 4, 1)), jnp.zeros((2, 4, 4, 1))
    np.testing.assert_allclose(pairwise_squared_error(x, x + 0.3, everywhere), 0.0, atol=1e-6)
    np.testing.assert_array_equal(pairwise_squared_error(x, 1 - x, nowhere), 0.0)
    assert pairwise_squared_error(x, 1 - x, everywhere) > 0.1


@pytest.mark.parametrize("loss", [generator_loss, lambda x, **k: discriminator_loss(x, x, **k)])
def test_a_form_of_another_name_is_refused_in_one_line(loss):
    with pytest.raises(BadInput, match="form='hinge' should be one of logistic") as error:
        loss(jnp.zeros(2), form="hinge")
    assert "\n" not in str(error.value)
