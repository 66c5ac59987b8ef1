"""What a pass hands to the next one is read."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from jaxdl.science.alphafold import RecyclingEmbedder


def test_recycled_distances_are_embedded_and_learn_where_residues_are_apart():
    beta = jnp.array([[0.0, 0, 0], [4, 0, 0], [0, 30, 0]])  # 4, 30 and 30.3 Angstrom apart
    row, pair = jnp.ones((3, 4)), jnp.ones((3, 3, 2))  # whose norms are 0
    embed = RecyclingEmbedder()
    params = embed.init(jax.random.key(0), row, pair, beta)
    kernel, bias = (params["params"]["distance"][name] for name in ("kernel", "bias"))

    def add_up(params, beta):
        return jnp.sum(embed.apply(params, row, pair, beta)[1])

    z = embed.apply(params, row, pair, beta)[1]
    assert_allclose(z[0, 1], kernel[0] + bias, atol=1e-6)  # from 3.25 to 4.5 Angstrom
    assert_allclose(z[0, 2], kernel[14] + bias, atol=1e-6)  # beyond 20.75 Angstrom
    assert_allclose(z[0, 0], bias, atol=1e-6)  # nearer than all bins
    slope = jax.grad(add_up)(params, beta)["params"]["distance"]["kernel"]
    expected = np.zeros((15, 2))
    expected[0], expected[14] = 2, 4  # pairs in each bin, both ways
    assert_allclose(slope, expected)
    assert not jax.grad(add_up)(params, 0 * beta)["params"]["distance"]["kernel"].any()
