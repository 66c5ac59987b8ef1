"""Algorithms 6 to 19 beside NumPy, with masks; chunks, padding, bfloat16, gradients, converter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from jaxdl.core.run import BadInput
from jaxdl.science import alphafold
from jaxdl.science.alphafold.convert import our_path, to_params
from jaxdl.science.alphafold.evoformer import BlockSizes
from jaxdl.science.alphafold.layers import map_chunks
from jaxdl.science.alphafold.templates import template_pair_features

S, N, C_M, C_Z, H, C = 5, 7, 6, 4, 2, 3
RNG = np.random.default_rng(0)
M, Z = RNG.normal(size=(S, N, C_M)), RNG.normal(size=(N, N, C_Z))
MSA_MASK = (RNG.random((S, N)) < 0.7).astype(np.float64)
PAIR_MASK = (RNG.random((N, N)) < 0.7).astype(np.float64)
MSA_MASK[1], PAIR_MASK[2], MSA_MASK[:, 3] = 0, 0, 0  # where nothing at all is seen
# What is computed here takes no time beside its compilation.
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
SIZES = BlockSizes(H, C, C, 3, 5, H, C, 2)


def norm(p, x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * p["scale"] + p["bias"]


def dense(p, x):
    return np.tensordot(x, p["kernel"], 1) + p.get("bias", 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, mask):
    x = np.where(mask > 0, x, -1e9)
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rows(p, x, mask, bias=0.0):
    """Gated attention, rows r of places n."""
    q, k, v = (dense(p[name], x) for name in ("query", "key", "value"))
    scores = np.einsum("rqhc,rkhc->rhqk", q, k) / np.sqrt(C) + bias
    y = np.einsum("rhqk,rkhc->rqhc", softmax(scores, mask[:, None, None]), v)
    y = y * sigmoid(dense(p["gate"], x))
    return np.einsum("rqhc,hco->rqo", y, p["output"]["kernel"]) + p["output"]["bias"]


def row_attention(p, m, z, mask):
    bias = np.moveaxis(dense(p["pair_bias"], norm(p["pair_norm"], z)), -1, 0)
    return rows(p["attention"], norm(p["norm"], m), mask, bias)


def column_attention(p, m, mask):
    return rows(p["attention"], norm(p["norm"], m).swapaxes(0, 1), mask.T).swapaxes(0, 1)


def global_attention(p, m, mask):
    x, p = norm(p["norm"], m), p["attention"]
    mean = np.einsum("sn,snc->nc", mask, x) / (mask.sum(0)[:, None] + 1e-10)
    q, k, v = dense(p["query"], mean), dense(p["key"], x), dense(p["value"], x)
    w = softmax(np.einsum("nhc,snc->nhs", q, k) / np.sqrt(C), mask.T[:, None])
    y = np.einsum("nhs,snc->nhc", w, v) * sigmoid(dense(p["gate"], x))
    return np.einsum("snhc,hco->sno", y, p["output"]["kernel"]) + p["output"]["bias"]


def transition(p, x, mask):
    hidden = np.maximum(dense(p["expand"], norm(p["norm"], x)), 0)
    return dense(p["contract"], hidden)


def outer_product(p, m, mask):
    x = norm(p["norm"], m)
    a, b = (dense(p[side], x) * mask[..., None] for side in ("left", "right"))
    outer = np.einsum("sic,sjd,cdf->ijf", a, b, p["output"]["kernel"]) + p["output"]["bias"]
    return outer / (np.einsum("si,sj->ij", mask, mask) + 1e-3)[..., None]


def triangle(equation):
    def update(p, z, mask):
        x, mask = norm(p["norm"], z), mask[..., None]
        a = mask * sigmoid(dense(p["left_gate"], x)) * dense(p["left"], x)
        b = mask * sigmoid(dense(p["right_gate"], x)) * dense(p["right"], x)
        y = norm(p["center_norm"], np.einsum(equation, a, b))
        return sigmoid(dense(p["gate"], x)) * dense(p["output"], y)

    return update


def starting(p, z, mask):
    x = norm(p["norm"], z)
    return rows(p["attention"], x, mask, np.moveaxis(dense(p["pair_bias"], x), -1, 0))


def ending(p, z, mask):
    return starting(p, z.swapaxes(0, 1), mask.T).swapaxes(0, 1)


ATTENTION = {"heads": H, "size": C}
CASES = {  # algorithm -> settings, arguments, NumPy
    "msa_row_attention_with_pair_bias": (ATTENTION, (M, Z, MSA_MASK), row_attention),
    "msa_column_attention": (ATTENTION, (M, MSA_MASK), column_attention),
    "msa_transition": ({"factor": 2}, (M, MSA_MASK), transition),
    "outer_product_mean": ({"c_z": C_Z, "size": C}, (M, MSA_MASK), outer_product),
    "triangle_multiplication_outgoing": (
        {"size": C}, (Z, PAIR_MASK), triangle("ikc,jkc->ijc")),
    "triangle_multiplication_incoming": (
        {"size": C}, (Z, PAIR_MASK), triangle("kjc,kic->ijc")),
    "triangle_attention_starting_node": (ATTENTION, (Z, PAIR_MASK), starting),
    "triangle_attention_ending_node": (ATTENTION, (Z, PAIR_MASK), ending),
    "pair_transition": ({"factor": 2}, (Z, PAIR_MASK), transition),
    "msa_column_global_attention": (ATTENTION, (M, MSA_MASK), global_attention),
}  # fmt: skip


def redrawn(net, *args):
    """Parameters that are all drawn anew, float64, so that no gate and no output is zero."""
    rng = np.random.default_rng(1)
    shapes = jax.eval_shape(net.init, jax.random.key(0), *args)["params"]
    return jax.tree.map(lambda x: 0.5 * rng.normal(size=x.shape), shapes)


def in_float32(tree):
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree)


@pytest.mark.parametrize("name", CASES)
def test_value_and_slope_are_numpys(name):
    settings, args, reference = CASES[name]
    args = (*args[:-1], args[-1])
    params = redrawn(getattr(alphafold, name)(**settings), *in_float32(args))
    rng = np.random.default_rng(2)
    step = jax.tree.map(lambda x: rng.normal(size=np.shape(x)), (params, args[:-1]))
    weights = rng.normal(size=reference(params, *args).shape)

    def moved(h):
        p, inputs = jax.tree.map(lambda x, d: x + h * d, (params, args[:-1]), step)
        return np.sum(weights * reference(p, *inputs, args[-1]))

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    nets = [getattr(alphafold, name)(**settings, chunk=chunk) for chunk in (None, 3)]

    def run(params, inputs):
        outs = [net.apply({"params": params}, *inputs, args[-1]) for net in nets]
        return sum(jnp.sum(weights * out) for out in outs), outs

    with jax.default_matmul_precision("highest"):
        gradient = jit(jax.grad(run, argnums=(0, 1), has_aux=True))
        by, (whole, chunked) = gradient(*in_float32((params, args[:-1])))
    np.testing.assert_allclose(whole, reference(params, *args), rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(chunked, whole, rtol=1e-5, atol=1e-6 * np.max(np.abs(whole)))
    along = jax.tree.map(lambda g, d: np.sum(np.float64(g) * d), by, step)
    sizes = jax.tree.map(lambda g, d: np.sum(np.abs(np.float64(g) * d)), by, step)
    error = abs(sum(jax.tree.leaves(along)) / 2 - slope)
    assert error < 1e-5 * sum(jax.tree.leaves(sizes))  # and no NaN, where nothing is seen


@pytest.fixture(scope="module")
def block():
    net = alphafold.EvoformerBlock(SIZES)
    state = alphafold.Representations(*in_float32((M, Z)))
    params = in_float32(redrawn(net, state, *in_float32((MSA_MASK, PAIR_MASK))))

    @jit
    def run(params, m, z, msa_mask, pair_mask):
        state = alphafold.Representations(m, z)
        return net.apply({"params": params}, state, msa_mask, pair_mask)

    return net, params, run


def chain():
    """A chain of 6 residues and 4 sequences, padded by garbage."""
    m, z = RNG.normal(size=(S, N, C_M)), RNG.normal(size=(N, N, C_Z))
    m[:4, :6], z[:6, :6] = M[:4, :6], Z[:6, :6]
    there = (np.arange(N) < 6).astype(float)
    return in_float32((m, z, np.outer(np.arange(S) < 4, there), np.outer(there, there)))


def test_padding_and_the_order_of_sequences_change_nothing(block):
    _, params, run = block
    one, two = run(params, *chain()), run(params, *chain())
    np.testing.assert_allclose(one.m[:4, :6], two.m[:4, :6], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(one.z[:6, :6], two.z[:6, :6], rtol=1e-5, atol=1e-5)
    assert np.max(np.abs(one.z[:6, 6:] - two.z[:6, 6:])) > 0.1  # the garbage differs
    m, z, msa_mask, pair_mask = in_float32((M, Z, MSA_MASK, PAIR_MASK))
    order = np.asarray([3, 1, 4, 0, 2])
    plain = run(params, m, z, msa_mask, pair_mask)
    mixed = run(params, m[order], z, msa_mask[order], pair_mask)
    np.testing.assert_allclose(mixed.m, plain.m[order], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(mixed.z, plain.z, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_near_float32(block):
    net, params, run = block
    args = in_float32((M, Z, MSA_MASK, PAIR_MASK))
    small = jax.tree.map(lambda x: 0.3 * x, params)
    half = net.clone(dtype=jnp.bfloat16)
    state = alphafold.Representations(*args[:2])
    rough = jit(half.apply)({"params": small}, state, *args[2:])
    exact = run(small, *args)
    for x, y in zip(rough, exact, strict=True):
        assert x.dtype == jnp.float32
        assert 1e-5 < np.max(np.abs(x - y)) < 0.02 * np.max(np.abs(y))


@pytest.mark.slow
def test_gradients_of_bfloat16_are_near_too():
    def slope(dtype):
        net = alphafold.TriangleAttentionStartingNode(H, C, dtype=dtype)
        params = in_float32(redrawn(net, *in_float32((Z, PAIR_MASK))))
        loss = lambda z: jnp.sum(net.apply({"params": params}, z, PAIR_MASK) ** 2)  # noqa: E731
        return jit(jax.grad(loss))(jnp.float32(Z))

    rough, exact = slope(jnp.bfloat16), slope(jnp.float32)
    assert 0 < np.max(np.abs(rough - exact)) < 0.05 * np.max(np.abs(exact))


def test_pairs_look_at_the_templates_that_exist():
    net = alphafold.TemplatePointwiseAttention(H, C, chunk=3)
    t, z, exists = RNG.normal(size=(3, N, N, 5)), Z, np.asarray([1.0, 0.0, 1.0])
    params = redrawn(net, *in_float32((t, z, exists)))
    p = params["attention"]
    q, k, v = dense(p["query"], z), dense(p["key"], t), dense(p["value"], t)
    scores = np.einsum("ijhc,tijhc->ijht", q, k) / np.sqrt(C)
    y = np.einsum("ijht,tijhc->ijhc", softmax(scores, exists), v)
    wanted = np.einsum("ijhc,hco->ijo", y, p["output"]["kernel"]) + p["output"]["bias"]
    run = jit(lambda exists: net.apply(*in_float32(({"params": params}, t, z)), exists))
    np.testing.assert_allclose(run(exists), wanted, rtol=2e-4, atol=2e-5)
    assert not np.any(run(np.zeros(3)))


def test_what_a_template_says_of_pairs():
    positions = np.zeros((N, 37, 3))
    positions[:, 1, 0] = 3.8 * np.arange(N)  # CA atoms on a line, N above them, C ahead
    positions[:, 0] = positions[:, 1] + [0, 1.4, 0]
    positions[:, 2] = positions[:, 1] + [1.5, 0, 0]
    mask = np.ones((N, 37))
    mask[5, 0] = 0
    aatype, beta = np.arange(N), positions[:, 1]
    one = alphafold.Templates(aatype, positions, mask, beta, np.ones(N), np.ones(()))
    features = np.asarray(jit(partial(template_pair_features, unit_vectors=True))(one))
    assert features.shape == (N, N, 88) and not features[5].any() and not features[:, 5].any()
    bins, _, kind_j, kind_i, unit, _ = np.split(features[1], [39, 40, 62, 84, 87], -1)
    edges = np.linspace(3.25, 50.75, 39)
    distances = 3.8 * np.abs(np.arange(N) - 1)
    there = np.arange(N) != 5
    for j in np.flatnonzero(there & (distances > 0)):
        assert bins[j].argmax() == np.searchsorted(edges, distances[j]) - 1 and bins[j].sum() == 1
        np.testing.assert_allclose(unit[j], [np.sign(j - 1), 0, 0], atol=1e-5)
    assert not bins[1].any()
    np.testing.assert_array_equal(kind_j[there].argmax(-1), np.arange(N)[there])
    assert np.all(kind_i[there].argmax(-1) == 1)


@pytest.fixture(scope="module")
def dropping():
    """A block in training, all of whose outputs are zero but for the biases that are given."""
    net = alphafold.EvoformerBlock(SIZES)
    args = in_float32((M, Z, MSA_MASK, PAIR_MASK))
    state = alphafold.Representations(*args[:2])
    shapes = jax.eval_shape(net.init, jax.random.key(0), state, *args[2:])["params"]

    @jit
    def run(params, key):
        rngs = {"dropout": key}
        return net.apply({"params": params}, state, *args[2:], deterministic=False, rngs=rngs)

    def change(part, output):
        params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
        output(params[part])["bias"] += 1.0
        new = run(params, jax.random.key(3))
        return jax.tree.map(lambda x, y: np.asarray(x - y), new, state)

    return change


def test_dropout_is_shared_by_rows_or_by_columns(dropping):
    """Algorithm 6, lines 2 and 6 to 9: a whole channel of a column, or of a row, is dropped."""
    in_attention = lambda part: part["attention"]["output"]  # noqa: E731
    m, z = dropping("msa_row_attention_with_pair_bias", in_attention)
    assert not np.any(z) and np.ptp(m, 0).max() < 1e-6 < np.ptp(m, 1).max()
    np.testing.assert_allclose(np.unique(m.round(4)), [0, 1 / 0.85], 1e-4)
    m, z = dropping("triangle_attention_starting_node", in_attention)
    assert not np.any(m) and np.ptp(z, 0).max() < 1e-6 < np.ptp(z, 1).max()
    m, z = dropping("triangle_attention_ending_node", in_attention)
    assert not np.any(m) and np.ptp(z, 1).max() < 1e-6 < np.ptp(z, 0).max()
    m, z = dropping("triangle_multiplication_incoming", lambda part: part["output"])
    np.testing.assert_allclose(np.unique(z.round(4)), [0, 0.5 / 0.75], 1e-4)  # gated by 1/2


@pytest.mark.slow
def test_blocks_of_a_stack_are_one_after_the_other(block):
    _, params, run = block
    args = in_float32((M, Z, MSA_MASK, PAIR_MASK))
    stack = alphafold.EvoformerStack(blocks=2, c_s=3, sizes=SIZES)
    small = [jax.tree.map(lambda x, s=s: s * x, params) for s in (0.3, 0.2)]
    single = {"kernel": jnp.ones((C_M, 3)), "bias": jnp.ones(3)}
    stacked = {"blocks": jax.tree.map(lambda *x: jnp.stack(x), *small), "single": single}
    shapes = jax.eval_shape(stack.init, jax.random.key(0), *args)["params"]
    assert jax.tree.map(jnp.shape, shapes) == jax.tree.map(jnp.shape, stacked)
    m, z, s = jit(stack.apply)({"params": stacked}, *args)
    state = alphafold.Representations(*args[:2])
    for p in small:
        state = run(p, *state, *args[2:])
    np.testing.assert_allclose(m, state.m, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(z, state.z, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(s, np.sum(m[0], -1, keepdims=True).repeat(3, 1) + 1, 1e-4, 1e-4)


def test_outputs_and_gates_begin_as_the_supplement_says():
    net = alphafold.TriangleAttentionStartingNode(H, C)
    init = jit(net.init)(jax.random.key(0), *in_float32((Z, PAIR_MASK)))["params"]["attention"]
    assert not np.any(init["output"]["kernel"]) and not np.any(init["gate"]["kernel"])
    assert np.all(np.asarray(init["gate"]["bias"]) == 1)
    limit = np.sqrt(6 / (C_Z + H * C))  # Glorot's
    assert 0.7 * limit < np.max(np.abs(init["query"]["kernel"])) <= limit


@pytest.mark.parametrize(("length", "chunk"), [(7, 3), (6, 3), (7, 1), (2, 5)])
def test_chunks_join_whatever_divides_them(length, chunk):
    x = np.arange(length * 4.0).reshape(length, 4)

    def total(x):
        return jnp.sum(map_chunks(lambda x: x**3, (x,), chunk=chunk) * x)

    np.testing.assert_allclose(jax.grad(total)(x), 4 * x**3)


TOWER = "alphafold/alphafold_iteration/evoformer"
KEYS = {  # theirs -> ours
    f"{TOWER}/evoformer_iteration/msa_transition/transition1//weights": (
        "trunk/evoformer_stack/blocks/msa_transition/expand/kernel"),
    f"{TOWER}/extra_msa_stack/msa_row_attention_with_pair_bias//feat_2d_weights": (
        "trunk/extra_msa_stack/blocks/msa_row_attention_with_pair_bias/pair_bias/kernel"),
    f"{TOWER}/evoformer_iteration/outer_product_mean//output_w": (
        "trunk/evoformer_stack/blocks/outer_product_mean/output/kernel"),
    f"{TOWER}/template_embedding/attention//key_w": (
        "trunk/template_embedding/pointwise/attention/key/kernel"),
    f"{TOWER}/template_embedding/single_template_embedding/template_pair_stack/"
    "__layer_stack_no_state/pair_transition/input_layer_norm//offset": (
        "trunk/template_embedding/embedder/stack/blocks/pair_transition/norm/bias"),
    f"{TOWER}/single_activations//bias": "trunk/evoformer_stack/single/bias",
}  # fmt: skip


def test_published_keys_have_our_names(tmp_path):
    assert {key: our_path(key) for key in KEYS} == KEYS
    arrays = {key: np.float32(RNG.normal(size=(2, 3))) for key in KEYS}
    np.savez(tmp_path / "params.npz", **arrays)
    found = flatten_dict(alphafold.convert(tmp_path / "params.npz"), sep="/")
    assert found.keys() == {*KEYS.values()}
    for key, path in KEYS.items():
        np.testing.assert_array_equal(found[path], arrays[key])
    scope = f"{TOWER}/evoformer_iteration/msa_transition"
    part = to_params(arrays, scope=scope)
    assert [*flatten_dict(part, sep="/")] == ["expand/kernel"]


def test_what_does_not_fit_is_a_table(tmp_path):
    net = alphafold.PairTransition(2)
    expected = jax.eval_shape(net.init, jax.random.key(0), *in_float32((Z, PAIR_MASK)))["params"]
    good = {"pair_transition/transition1//weights": np.zeros((C_Z, 2 * C_Z))}
    with pytest.raises(BadInput, match="does not fit in 7 arrays\n  missing: ") as found:
        bad = good | {
            "pair_transition/x//weights": np.ones(1),
            "pair_transition//b\x1b": np.ones(2),
        }
        to_params(bad, expected, scope="pair_transition")
    assert "\x1b" not in str(found.value) and len(str(found.value).splitlines()) == 8
    wrong = {"pair_transition/transition1//weights": np.zeros((3, 2))}
    one = {"expand": {"kernel": expected["expand"]["kernel"]}}
    with pytest.raises(BadInput, match=r"\(3, 2\), expected \(4, 8\) as expand/kernel"):
        to_params(wrong, one, scope="pair_transition")


def test_files_that_lie_are_one_line(tmp_path):
    path = tmp_path / "params_model_1.npz"
    contents = {"a//b": np.asarray([{}], object)}, {"a//b": np.ones(2), "a/b//c": np.ones(2)}
    for content in contents:
        np.savez(path, **content)
        with pytest.raises(BadInput) as found:
            alphafold.convert(path)
        assert len(str(found.value).splitlines()) == 1
    for damaged in (b"", b"PK\x03\x04", path.read_bytes()[:-30]):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match="cannot be read as .npz"):
            alphafold.convert(path)
    with pytest.raises(BadInput, match="nowhere"):
        alphafold.convert(tmp_path / "nowhere.npz")
