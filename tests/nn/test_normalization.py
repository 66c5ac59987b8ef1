import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.mesh import make_mesh
from jaxdl.core.run import BadInput
from jaxdl.nn import BatchNorm

KEY = jax.random.key(0)
X = 3.0 * jax.random.normal(KEY, (12, 4, 5, 6)) + jnp.arange(12.0)[:, None, None, None]


def outcome_of(norm, x, dtype=jnp.float32):
    """The output of a layer, its new running statistics, and its gradients."""
    x = x.astype(dtype)
    weights = jnp.sin(jnp.arange(x.size)).reshape(x.shape)
    variables = norm.init(KEY, x)

    @jax.jit
    def run(params, x):
        def loss(params, x):
            y, new = norm.apply(variables | {"params": params}, x, mutable=["batch_stats"])
            return jnp.sum(weights * y.astype(jnp.float32) ** 2), (y, new)

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, x)

    return run(variables["params"], x)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("shape", [(12, 4, 5, 6), (12, 6)])
def test_with_one_group_it_is_flax_s(shape, dtype):
    x = X[:, 0, 0] if len(shape) == 2 else X
    ours = outcome_of(BatchNorm(False, dtype=dtype), x, dtype)
    theirs = outcome_of(nn.BatchNorm(False, momentum=0.9, dtype=dtype), x, dtype)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for x, y in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        x, y = (np.asarray(each, np.float32) for each in (x, y))
        atol = (1e-6 if dtype == jnp.float32 else 1e-2) * np.abs(y).max()
        np.testing.assert_allclose(x, y, atol=atol)


def test_each_group_is_normalized_alone():
    grouped = BatchNorm(False, groups=3)
    (_, (y, new)), (_, dx) = outcome_of(grouped, X)
    alone = nn.BatchNorm(False, momentum=0.9)
    variables = alone.init(KEY, X)
    parts = [alone.apply(variables, part, mutable=["batch_stats"]) for part in jnp.split(X, 3)]
    np.testing.assert_allclose(y, jnp.concatenate([part[0] for part in parts]), atol=1e-5)
    for name, running in new["batch_stats"].items():
        mean = np.mean([part[1]["batch_stats"][name] for part in parts], axis=0)
        np.testing.assert_allclose(running, mean, rtol=1e-5)
    # A shift of a group's images shifts nothing, and so no gradient points along it.
    np.testing.assert_allclose(dx.reshape(3, 4, 20, 6).sum((1, 2)), 0.0, atol=1e-3)


def test_running_statistics_do_not_know_of_groups():
    variables = BatchNorm(False, groups=3).init(KEY, X)
    one, three = (BatchNorm(True, groups).apply(variables, X[:5]) for groups in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_groups_that_do_not_divide_a_batch_are_refused():
    norm = BatchNorm(False, groups=5)
    variables = norm.init(KEY, X)
    with pytest.raises(BadInput, match="5 groups .* do not divide 12 images"):
        norm.apply(variables, X, mutable=["batch_stats"])


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_groups_are_the_same_on_any_number_of_devices(groups):
    norm = BatchNorm(False, groups)
    x = jnp.concatenate([X, X[:4]])
    variables = norm.init(KEY, x)

    @jax.jit
    def run(x):
        return norm.apply(variables, x, mutable=["batch_stats"])

    one = run(x)
    split = jax.device_put(x, NamedSharding(make_mesh(4), P("data")))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), run(split), one)
