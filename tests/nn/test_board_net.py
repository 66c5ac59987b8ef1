"""The net of board games."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.nn import BoardNet


def test_the_net_begins_without_its_blocks_and_learns_with_them():
    net = BoardNet(7, channels=8, blocks=2)
    obs = jax.random.normal(jax.random.key(1), (5, 6, 7, 2))
    params = jax.jit(net.init)(jax.random.key(0), obs)
    logits, value = net.apply(params, obs)
    assert logits.shape == (5, 7) and value.shape == (5,) and (jnp.abs(value) <= 1).all()
    shallow = BoardNet(7, channels=8, blocks=0)
    names = jax.eval_shape(shallow.init, jax.random.key(0), obs)["params"].keys()
    kept = {"params": {name: params["params"][name] for name in names}}
    np.testing.assert_allclose(shallow.apply(kept, obs)[0], logits, atol=1e-6)

    @jax.jit
    @jax.grad
    def slope(params):
        logits, value = net.apply(params, obs)
        return jnp.sum(logits**2) + jnp.sum((value - 1) ** 2)

    for _ in range(2):  # the branches of the blocks follow their scales
        params = jax.tree.map(lambda p, g: p - 1e-3 * g, params, slope(params))
    assert all(bool(jnp.any(g != 0)) for g in jax.tree.leaves(slope(params)))
