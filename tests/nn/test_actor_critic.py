import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import Box, Discrete
from jaxdl.nn import actor_critic
from jaxdl.nn.mlp import Dense, dense
from jaxdl.nn.recurrent import Cell, gru, lstm

T, E = 5, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("recurrent", [None, "gru", "lstm"])
@pytest.mark.parametrize(
    "obs_space, action_space",
    [(Box((4,)), Discrete(3)), (Discrete(6), Box((2,), -1.0, 1.0)), (Box((2, 3)), Discrete(2))],
)
def test_shapes(obs_space, action_space, recurrent):
    net = actor_critic(obs_space, action_space, hidden=(8, 7), recurrent=recurrent)
    obs = jnp.zeros((T, E, *getattr(obs_space, "shape", ())))
    obs = obs.astype(jnp.int32) if isinstance(obs_space, Discrete) else obs
    params, carry = net.init(jax.random.key(0)), net.initial_carry(E)
    assert all(x.shape[0] == E for x in jax.tree.leaves(carry))
    after, policy, value = net.unroll(params, carry, obs, jnp.zeros((T, E), bool))
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, carry)
    assert value.shape == (T, E)
    assert all(x.shape == (T, E, net.distribution.num_outputs) for x in jax.tree.leaves(policy))
    action = net.distribution.to_env(net.distribution.sample(jax.random.key(1), policy))
    assert action.shape == (T, E, *getattr(action_space, "shape", ()))
    assert jax.tree.map(jnp.shape, net.step(params, carry, obs[0], jnp.zeros(E, bool))) == (
        jax.tree.map(jnp.shape, after),
        jax.tree.map(lambda x: x.shape[1:], policy),
        (E,),
    )


def random_cell(gates, inputs=4, width=6):
    keys = iter(jax.random.split(jax.random.key(0), 4))
    shapes = [(inputs, gates * width), (width, gates * width)]
    layers = [
        Dense(jax.random.normal(next(keys), s), jax.random.normal(next(keys), s[1:]))
        for s in shapes
    ]
    return Cell(*layers), jax.random.normal(jax.random.key(1), (T, E, inputs))


def reference(cell, x, first, step, carry):
    outputs = []
    for t in range(T):
        carry = [np.where(first[t][:, None], 0, part) for part in carry]
        inputs = x[t] @ cell.inputs.kernel + cell.inputs.bias
        hidden = carry[-1] @ cell.carried.kernel + cell.carried.bias
        carry = step(inputs, hidden, carry)
        outputs.append(carry[-1])
    return carry, np.stack(outputs)


FIRST = np.zeros((T, E), bool)
FIRST[0, 0] = FIRST[2, 1] = FIRST[4] = True


def test_gru_by_its_equations():
    cell, x = random_cell(3)
    start = jax.random.normal(jax.random.key(2), (E, 6))

    def step(inputs, hidden, carry):
        (rx, zx, nx), (rh, zh, nh) = np.split(inputs, 3, 1), np.split(hidden, 3, 1)
        new = np.tanh(nx + sigmoid(rx + rh) * nh)
        update = sigmoid(zx + zh)
        return [(1 - update) * new + update * carry[0]]

    carry, outputs = gru(cell, start, x, jnp.asarray(FIRST))
    expected_carry, expected = reference(cell, x, FIRST, step, [start])
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(carry, expected_carry[0], atol=1e-5)


def test_lstm_by_its_equations():
    cell, x = random_cell(4)
    start = tuple(jax.random.normal(jax.random.key(2), (2, E, 6)))

    def step(inputs, hidden, carry):
        into, out, forget, new = np.split(inputs + hidden, 4, 1)
        memory = sigmoid(forget + 1) * carry[0] + sigmoid(into) * np.tanh(new)
        return [memory, sigmoid(out) * np.tanh(memory)]

    carry, outputs = lstm(cell, start, x, jnp.asarray(FIRST))
    expected_carry, expected = reference(cell, x, FIRST, step, list(start))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for part, other in zip(carry, expected_carry, strict=True):
        np.testing.assert_allclose(part, other, atol=1e-5)


def test_gradient_of_a_dense_layer():
    layer = Dense(*(jax.random.normal(jax.random.key(i), s) for i, s in enumerate([(4, 6), (6,)])))
    x, weights = (jax.random.normal(jax.random.key(i), (T, E, n)) for i, n in ((3, 4), (4, 6)))
    ours = jax.grad(lambda layer, x: jnp.sum(weights * dense(layer, x) ** 2), (0, 1))(layer, x)

    def plain(layer, x):
        return jnp.sum(weights * (jnp.einsum("tei,io->teo", x, layer.kernel) + layer.bias) ** 2)

    expected = jax.grad(plain, (0, 1))(layer, x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, expected
    )
