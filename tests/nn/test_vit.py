import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.nn import Classified, Transformer, ViT
from jaxdl.nn.transformer import Attention, Block
from jaxdl.nn.vit import patch_grid, patchify, sincos_positions, unpatchify

KEY = jax.random.key(0)


def test_attention_agrees_with_a_loop():
    x = jax.random.normal(KEY, (2, 5, 6))
    module = Attention(heads=3)
    variables = module.init(KEY, x)
    qkv, out = (variables["params"][f"Dense_{i}"] for i in range(2))
    expected = np.zeros((2, 5, 6))
    for b in range(2):
        q, k, v = np.split(np.asarray(x[b] @ qkv["kernel"] + qkv["bias"]), 3, axis=1)
        for head in range(3):
            part = slice(2 * head, 2 * head + 2)
            scores = q[:, part] @ k[:, part].T / np.sqrt(2)
            weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            expected[b, :, part] = weights @ v[:, part]
    expected = expected @ out["kernel"] + out["bias"]
    np.testing.assert_allclose(module.apply(variables, x), expected, atol=1e-5)


def test_a_mask_hides_later_tokens():
    x = jax.random.normal(KEY, (1, 6, 8))
    net = Transformer(depth=2, heads=2)
    causal = jnp.tril(jnp.ones((6, 6), bool))[None, None]
    variables = net.init(KEY, x, False)
    changed = x.at[:, 4].add(1.0)
    for mask, is_equal in ((causal, True), (None, False)):
        before, after = (net.apply(variables, y, False, mask)[:, :4] for y in (x, changed))
        assert np.allclose(before, after, atol=1e-6) == is_equal


def test_a_block_skips_whole_samples_and_keeps_the_mean():
    x = jax.random.normal(KEY, (400, 3, 8))
    block = Block(heads=2, drop_path=0.5)
    variables = block.init(KEY, x, False)
    plain = Block(heads=2).apply(variables, x, False)
    dropped = block.apply(variables, x, True, rngs={"dropout": jax.random.key(1)})
    same = jnp.all(jnp.isclose(dropped, x, atol=1e-6), axis=(1, 2))
    assert 0.15 < same.mean() < 0.35  # both parts are skipped in a quarter of the samples
    np.testing.assert_array_equal(block.apply(variables, x, False), plain)


@pytest.mark.parametrize("shape", [(8, 12, 3), (6, 6, 1), (4, 4, 2)])
def test_patches_are_cut_row_by_row_and_joined_again(shape):
    images = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    patches = patchify(images, 2)
    rows, columns = patch_grid(shape, 2)
    assert patches.shape == (2, rows * columns, 4 * shape[-1])
    number = columns + 1 if columns > 1 else 0  # second row, second column
    expected = images[1, 2:4, 2:4].reshape(-1)
    np.testing.assert_array_equal(patches[1, number], expected)
    np.testing.assert_array_equal(unpatchify(patches, 2, shape), images)


def test_positions_are_sines_and_cosines_of_row_and_column():
    table = sincos_positions(2, 3, 8)
    assert table.shape == (6, 8)
    rates = np.array([1.0, 0.01])
    expected = [np.sin(2 * rates), np.cos(2 * rates), np.sin(1 * rates), np.cos(1 * rates)]
    np.testing.assert_allclose(table[5], np.concatenate(expected), atol=1e-6)  # row 1, column 2


@pytest.mark.parametrize("pool", ["mean", "class"])
@pytest.mark.parametrize("positions", ["sincos", "learned"])
def test_a_part_of_the_patches_is_encoded_as_if_it_were_all(pool, positions):
    net = ViT(2, 16, 1, 2, pool=pool, positions=positions, dropout=0.1, drop_path=0.1)
    images = jax.random.normal(KEY, (3, 4, 6, 1))
    variables = net.init(KEY, images, True)
    assert net.apply(variables, images, False).shape == (3, 16)
    assert ("class_token" in variables["params"]) == (pool == "class")
    patches = patchify(images, 2)
    grid = (2, 3)
    everything = net.apply(variables, patches, None, grid, False, method="encode")
    order = jnp.array([[3, 1, 5, 0, 2, 4]] * 3)
    shuffled = jnp.take_along_axis(patches, order[..., None], axis=1)
    again = net.apply(variables, shuffled, order, grid, False, method="encode")
    first = int(pool == "class")
    np.testing.assert_allclose(again[:, first:], everything[:, first:][:, order[0]], atol=1e-5)
    few = net.apply(variables, shuffled[:, :2], order[:, :2], grid, False, method="encode")
    assert few.shape == (3, 2 + first, 16)


def test_bfloat16_computes_close_to_float32_and_keeps_float32_parameters():
    images = jax.random.normal(KEY, (4, 8, 8, 1))
    net = Classified(ViT(2, 32, 2, 4), 5)
    variables = net.init(KEY, images, False)
    assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    half = Classified(ViT(2, 32, 2, 4, dtype=jnp.bfloat16), 5)
    exact, rough = (one.apply(variables, images, False) for one in (net, half))
    assert exact.shape == (4, 5)
    np.testing.assert_allclose(rough, exact, atol=0.05)
    assert float(jnp.abs(rough - exact).max()) > 0


def test_what_does_not_divide_is_one_line():
    images = jnp.zeros((1, 28, 20, 1))
    with pytest.raises(BadInput, match="patch=8 does not divide images of 28 x 20"):
        ViT(8).init(KEY, images, False)
    with pytest.raises(BadInput, match="heads=3 should divide the width, 128"):
        ViT(4, heads=3).init(KEY, images, False)
    with pytest.raises(BadInput, match="width=30 should be a multiple of 4"):
        ViT(4, 30, heads=3).init(KEY, images, False)
