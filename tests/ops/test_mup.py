"""muP against the standard parametrization, and its rules by coordinates."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.language.layouts import config_of
from jaxdl.nn import GPT2
from jaxdl.ops.mup import mup_rates

KEY = jax.random.key(0)
TOKENS = jax.random.randint(KEY, (8, 16), 0, 64)
RATE = 0.01


def net_of(width, base):
    return GPT2(64, 16, width, 1, width // 16, base_width=base)


@cache
def begun(width, base):
    return jax.jit(net_of(width, base).init)(KEY, TOKENS)["params"]


def trained(width, base):
    """The logits of a net before and after two steps of Adam."""
    net = net_of(width, base)
    tx = optax.adam(RATE)
    tx = mup_rates(tx, width, base) if base else tx
    params = begun(width, base)

    def loss_of(params):
        logits = net.apply({"params": params}, TOKENS[:, :-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, TOKENS[:, 1:]).mean()

    def step(carry, _):
        params, opt_state = carry
        updates, opt_state = tx.update(jax.grad(loss_of)(params), opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    def train(params):
        (after, _), _ = jax.lax.scan(step, (params, tx.init(params)), length=2)
        return net.apply({"params": params}, TOKENS), net.apply({"params": after}, TOKENS)

    return [np.asarray(x) for x in jax.jit(train)(params)]


def test_logits_move_as_far_at_all_widths():
    """The check by coordinates (Yang et al. 2022, appendix D.1); without muP they move farther."""
    base, carried, plain = (
        np.std(np.subtract(*trained(width, base)))
        for width, base in ((32, 32), (192, 32), (192, 0))
    )
    assert 0.6 < carried / base < 1.6
    assert plain / base > 3


def test_kernels_between_layers_begin_and_move_by_their_widths():
    params, plain = begun(32, 8), begun(32, 0)
    tx = mup_rates(optax.sgd(1.0), 32, 8)
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params))
    for path, update in jax.tree.leaves_with_path(updates):
        is_kernel = path[-1].key == "kernel"
        np.testing.assert_array_equal(update, -0.25 if is_kernel else -1.0)
    for (path, ours), theirs in zip(
        jax.tree.leaves_with_path(params), jax.tree.leaves(plain), strict=True
    ):
        factor = 0.5 if path[-1].key == "kernel" else 1.0
        np.testing.assert_allclose(ours, factor * theirs, rtol=1e-5)


def test_at_the_base_width_nothing_changes():
    jax.tree.map(np.testing.assert_array_equal, begun(32, 32), begun(32, 0))
    ours, plain = (
        jax.jit(net_of(32, base).apply)({"params": begun(32, 0)}, TOKENS) for base in (32, 0)
    )
    np.testing.assert_array_equal(ours, plain)
    updates = {"kernel": jnp.array([0.3, -0.7])}
    tx = mup_rates(optax.identity(), 32, 32)
    assert tx.update(updates, tx.init(updates))[0]["kernel"].tolist() == updates["kernel"].tolist()


def test_a_net_of_mup_is_not_written_as_one_of_transformers():
    with pytest.raises(BadInput, match="no form of Hugging Face"):
        config_of(net_of(64, 32))
    assert config_of(net_of(32, 32))["n_embd"] == 32
