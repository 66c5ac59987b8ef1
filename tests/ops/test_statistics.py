import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.ops import merge, no_statistics, normalize


def test_merged_batches_are_as_one():
    data = np.random.default_rng(0).normal(3.0, 2.0, size=(12, 5, 4)).astype(np.float32)
    statistics = no_statistics(jnp.zeros(4))
    for batch in np.split(data, [2, 3, 9]):
        statistics = merge(statistics, batch)
    assert statistics.count == 60
    np.testing.assert_allclose(statistics.mean, data.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, data.var((0, 1)), rtol=1e-5)


def test_a_large_mean_and_a_long_run_do_not_cancel():
    rng = np.random.default_rng(1)
    data = (1e4 + rng.normal(size=(64, 64, 1))).astype(np.float32)
    statistics = no_statistics(jnp.zeros(1))
    run = jax.jit(lambda s: jax.lax.scan(lambda s, _: (merge(s, data), ()), s, length=5000)[0])
    statistics = run(statistics)
    assert statistics.count > 2e7  # beyond the integers that float32 counts one by one
    np.testing.assert_allclose(statistics.mean, data.astype(np.float64).mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(statistics.variance, data.astype(np.float64).var((0, 1)), rtol=0.01)


def test_normalize():
    statistics = no_statistics({"x": jnp.zeros(3)})
    batch = {"x": jnp.array([[[1.0, 5.0, -2.0]], [[3.0, 5.0, 2.0]]])}
    statistics = merge(statistics, batch)
    seen = normalize(statistics, {"x": jnp.array([[3.0, 5.0, 400.0]])})
    np.testing.assert_allclose(seen["x"], [[1.0, 0.0, 10.0]], atol=1e-5)
    untouched = normalize(no_statistics(jnp.zeros(1)), jnp.array([0.5]))
    np.testing.assert_allclose(untouched, [0.5], rtol=1e-6)
