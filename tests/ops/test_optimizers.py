import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.ops import make_optimizer
from jaxdl.ops.optimizers import make_schedule

PARAMS = {"kernel": jnp.array([[3.0, 4.0]]), "bias": jnp.array([1.0])}
GRADIENT = {"kernel": jnp.array([[0.0, 0.5]]), "bias": jnp.array([0.25])}


def updates_of(tx, steps=3):
    state = tx.init(PARAMS)
    for _ in range(steps):
        updates, state = tx.update(GRADIENT, state, PARAMS)
    return updates


def assert_close(tree, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), tree, expected)


def test_lars_adapts_and_decays_matrices_alone():
    tx = make_optimizer(
        optimizer="lars",
        learning_rate=2.0,
        schedule="cosine",
        steps=10,
        weight_decay=0.1,
        trust_coefficient=0.01,
    )
    state = tx.init(PARAMS)
    update, state = tx.update(GRADIENT, state, PARAMS)
    # Kernel: decayed gradient (0.3, 0.9), trust 0.01 * 5 / sqrt(0.9).
    trust = 0.01 * 5.0 / np.sqrt(0.9)
    first = -2.0 * trust * np.array([[0.3, 0.9]])
    np.testing.assert_allclose(update["kernel"], first, rtol=1e-5)
    np.testing.assert_allclose(update["bias"], [-0.5], rtol=1e-6)
    update, _ = tx.update(GRADIENT, state, PARAMS)
    rate = 2.0 * 0.5 * (1 + np.cos(np.pi / 10))
    np.testing.assert_allclose(update["bias"], [-rate * 0.25 + 0.9 * -0.5], rtol=1e-5)


def test_decay_leaves_biases_alone():
    still = jax.tree.map(jnp.zeros_like, PARAMS)
    for rule, factor in (("adamw", 0.1), ("sgd", 0.1), ("lars", 0.001)):
        tx = make_optimizer(optimizer=rule, learning_rate=0.5, steps=10, weight_decay=0.1)
        update, _ = tx.update(still, tx.init(PARAMS), PARAMS)
        np.testing.assert_allclose(update["kernel"], -0.5 * factor * PARAMS["kernel"], rtol=1e-6)
        np.testing.assert_array_equal(update["bias"], 0.0)


def test_rules_are_those_of_optax():
    peers = {
        "adam": optax.adam(0.1, eps=1e-5),
        "adamw": optax.adamw(0.1, eps=1e-5, weight_decay=0.0),
        "rmsprop": optax.rmsprop(0.1, decay=0.99, eps=1e-5, eps_in_sqrt=False),
        "sgd": optax.sgd(0.1),
    }
    for rule, peer in peers.items():
        tx = make_optimizer(optimizer=rule, learning_rate=0.1, steps=10, eps=1e-5)
        assert_close(updates_of(tx), updates_of(peer))
    tx = make_optimizer(optimizer="sgd", learning_rate=0.1, steps=10, momentum=0.9)
    assert_close(updates_of(tx), updates_of(optax.sgd(0.1, 0.9)))


def test_rmsprop_by_its_equations():
    tx = make_optimizer(optimizer="rmsprop", learning_rate=0.1, steps=10, eps=1e-2)
    state, square = tx.init(PARAMS), 0.0
    for _ in range(2):
        update, state = tx.update(GRADIENT, state, PARAMS)
        square = 0.99 * square + 0.01 * np.asarray(GRADIENT["kernel"]) ** 2
    expected = -0.1 * np.asarray(GRADIENT["kernel"]) / (np.sqrt(square) + 1e-2)
    np.testing.assert_allclose(update["kernel"], expected, rtol=1e-5)


def test_flat_parameters_change_nothing():
    settings = {"learning_rate": 0.1, "schedule": "linear", "steps": 5, "max_norm": 0.3}
    for rule in ("adam", "adamw", "rmsprop", "sgd", "lars"):
        plain = make_optimizer(optimizer=rule, **settings)
        flat = make_optimizer(optimizer=rule, flat=True, **settings)
        assert_close(updates_of(flat), updates_of(plain))


def test_gradients_are_clipped_by_their_global_norm():
    tx = make_optimizer(optimizer="sgd", learning_rate=1.0, steps=1, max_norm=0.1)
    np.testing.assert_allclose(optax.tree.norm(updates_of(tx)), 0.1, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("cosine", 1 / 3, [0, 1, 2, 1, 0]),
        ("linear", 1 / 3, [0, 1, 2, 1, 0]),
        ("constant", 1 / 3, [0, 1, 2, 2, 2]),
        ("linear", 0.0, [2, 2 - 1 / 3, 2 - 2 / 3, 2 / 3, 0]),
        ("cosine", 1.0, [0, 1 / 3, 2 / 3, 4 / 3, 2]),
    ],
)
def test_the_rate_rises_and_falls_to_zero(schedule, warmup, rates):
    rate = make_schedule(2.0, schedule=schedule, steps=30, warmup=warmup)
    np.testing.assert_allclose([rate(s) for s in (0, 5, 10, 20, 30)], rates, atol=1e-6)


def test_unknown_names_and_no_steps_are_refused():
    for settings in ({"optimizer": "adamx"}, {"schedule": "step"}, {"steps": 0}):
        with pytest.raises(BadInput, match=next(iter(settings))):
            make_optimizer(**{"steps": 10} | settings)
