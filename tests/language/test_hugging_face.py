"""Parity with transformers, whose results `golden/make.py` has written down, and broken folders."""

import json
import shutil
import struct
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from safetensors.numpy import load_file, save_file

from jaxdl import language
from jaxdl.core.run import BadInput
from jaxdl.language.hugging_face import net_of, tensor_shapes, to_params
from jaxdl.language.layouts import layout_of
from jaxdl.losses import masked_lm_loss, mean_cross_entropy, next_sentence_loss, take_positions
from jaxdl.nn import GPT2
from jaxdl.nn.transformer import stack_blocks

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("gpt2", "bert")
LIMITS = {"float64": 1e-12, "float32": 1e-5}


def expected_of(name):
    return load_file(GOLDEN / name / "expected.safetensors")


def gpt2_loss(net, params, expected):
    tokens = expected["input.input_ids"]
    hidden = net.apply({"params": params}, tokens[:, :-1], method="encode")
    rows = hidden.reshape(-1, net.width)
    return mean_cross_entropy(
        rows, params["words"]["embedding"], tokens[:, 1:].reshape(-1), chunk=7
    )


def bert_loss(net, params, expected):
    """As in pretraining: the words' head sees masked positions alone, in rows of one length."""
    apply = partial(net.apply, {"params": params})
    labels = expected["input.labels"]
    positions = np.argsort(labels == -100, axis=1, kind="stable")[:, :7]
    targets = np.take_along_axis(labels, positions, axis=1)
    tokens, types, mask = (
        expected[f"input.{name}"] for name in ("input_ids", "token_type_ids", "attention_mask")
    )
    hidden = apply(tokens, types, mask, method="encode")
    words = apply(take_positions(hidden, positions), method="transform")
    table, bias = params["words"]["embedding"], params["words_bias"]
    first = masked_lm_loss(words, table, bias, targets, targets != -100)
    logits = apply(hidden, method="next_sentence")
    return first + next_sentence_loss(logits, expected["input.next_sentence_label"])


LOSSES = {"gpt2": gpt2_loss, "bert": bert_loss}


def outputs(name, apply, params, expected):
    if name == "gpt2":
        return {"logits": jax.jit(apply)(params, expected["input.input_ids"])}
    names = ("input_ids", "token_type_ids", "attention_mask")
    found = jax.jit(apply)(params, *(expected[f"input.{each}"] for each in names))
    return dict(zip(("words", "next_sentence"), found, strict=True))


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("name", NAMES)
def test_logits_loss_and_gradients_are_those_of_transformers(name, dtype):
    expected = expected_of(name)
    with jax.enable_x64(dtype == "float64"):
        apply, params = language.load(GOLDEN / name, dtype=dtype)
        close = partial(np.testing.assert_allclose, rtol=0, atol=LIMITS[dtype])
        for key, value in outputs(name, apply, params, expected).items():
            assert value.dtype == dtype
            close(value, expected[key])
        loss = jax.jit(jax.value_and_grad(partial(LOSSES[name], net_of(apply), expected=expected)))
        value, gradient = loss(params)
        close(value, expected["loss"])
        prefix = "gradient."
        theirs = {k.removeprefix(prefix): x for k, x in expected.items() if k.startswith(prefix)}
        theirs = to_params(theirs, layout_of(net_of(apply)), jnp.dtype(dtype))
        assert max(np.abs(x).max() for x in jax.tree.leaves(theirs)) > 0.1
        jax.tree.map(close, gradient, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_ten_steps_of_adamw_are_those_of_torch(name):
    expected = expected_of(name)
    with jax.enable_x64(True):
        apply, params = language.load(GOLDEN / name, dtype="float64")
        loss = partial(LOSSES[name], net_of(apply), expected=expected)
        tx = optax.adamw(1e-2, weight_decay=0.1)

        @jax.jit
        def train(params):
            def step(carry, _):
                params, state = carry
                value, gradient = jax.value_and_grad(loss)(params)
                updates, state = tx.update(gradient, state, params)
                return (optax.apply_updates(params, updates), state), value

            return jax.lax.scan(step, (params, tx.init(params)), None, length=10)[1]

        curve = expected["curve"]
        assert curve[0] - curve[-1] > 0.5
        np.testing.assert_allclose(train(params), curve, rtol=0, atol=1e-12)


def test_the_golden_folders_are_small():
    sizes = [path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()]
    assert sum(sizes) <= 300_000


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_folder_holds_the_same_tensors(name, tmp_path):
    apply, params = language.load(GOLDEN / name)
    language.save(tmp_path / "new", apply, params, config={"eos_token_id": 3})
    ours, theirs = (load_file(f / "model.safetensors") for f in (tmp_path / "new", GOLDEN / name))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value)
    config, original = (
        json.loads((f / "config.json").read_text()) for f in (tmp_path / "new", GOLDEN / name)
    )
    different = {key for key in config if config[key] != original.get(key)}
    assert different <= {"eos_token_id", "bos_token_id", "n_inner"}
    assert config["eos_token_id"] == 3
    again, read = language.load(tmp_path / "new")
    jax.tree.map(np.testing.assert_array_equal, params, read)
    assert net_of(again).clone(hidden=0) == net_of(apply).clone(hidden=0)


def test_a_net_whose_layers_are_scanned_is_saved_as_any_other(tmp_path):
    apply, params = language.load(GOLDEN / "gpt2")
    stacked = params | {"transformer": stack_blocks(params["transformer"])}
    language.save(tmp_path, net_of(apply).clone(scan_layers=True), stacked)
    jax.tree.map(np.testing.assert_array_equal, language.load(tmp_path)[1], params)


def test_names_of_older_files_are_known(tmp_path):
    """OpenAI's own has no prefix and keeps masks; Google's says gamma, and repeats the table."""
    for name in NAMES:
        shutil.copytree(GOLDEN / name, tmp_path / name)
        tensors = load_file(tmp_path / name / "model.safetensors")
        if name == "gpt2":
            tensors = {k.removeprefix("transformer."): x for k, x in tensors.items()}
            tensors["h.0.attn.bias"] = np.ones((1, 1, 12, 12), np.float32)
            tensors["lm_head.weight"] = tensors["wte.weight"]
        else:
            for old, new in ((".gamma", "LayerNorm.weight"), (".beta", "LayerNorm.bias")):
                renamed = {k: k.replace(new, "LayerNorm" + old) for k in tensors}
                tensors = {renamed[k]: x for k, x in tensors.items()}
            tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"]
            tensors["bert.embeddings.position_ids"] = np.arange(12)[None]
        save_file(tensors, tmp_path / name / "model.safetensors")
        params = (language.load(folder)[1] for folder in (tmp_path / name, GOLDEN / name))
        jax.tree.map(np.testing.assert_array_equal, *params)


def test_weights_may_lie_in_several_files(tmp_path):
    tensors = load_file(GOLDEN / "gpt2" / "model.safetensors")
    shutil.copy(GOLDEN / "gpt2" / "config.json", tmp_path)
    files = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(tensors)}
    for file in set(files.values()):
        save_file({n: x for n, x in tensors.items() if files[n] == file}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    jax.tree.map(
        np.testing.assert_array_equal, language.load(tmp_path)[1], language.load(GOLDEN / "gpt2")[1]
    )


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(GOLDEN / "gpt2", tmp_path / "gpt2")
    return tmp_path / "gpt2"


def refuse(folder, text, **settings):
    """Loads a folder that cannot be; returns what is said."""
    with pytest.raises(BadInput, match=text) as caught:
        language.load(folder, **settings)
    return str(caught.value)


def change(folder, **entries):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_one_line(folder, share):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "\n" not in refuse(folder, "model.safetensors is cut off or damaged")


def test_a_header_that_promises_too_much_is_one_line(folder):
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    assert "\n" not in refuse(folder, "cut off or damaged")


def test_a_vocabulary_that_does_not_fit_is_one_line(folder):
    change(folder, vocab_size=33)
    said = refuse(folder, r"transformer.wte.weight \(31, 16\), config.json asks for \(33, 16\)")
    assert "\n" not in said


def test_missing_and_surplus_tensors_are_a_short_table(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["transformer.h.1.ln_1.weight"]
    tensors["score.weight"] = np.zeros((2, 16), np.float32)
    save_file(tensors, path)
    said = refuse(folder, "does not fit its net in 2 tensors").split("\n")
    assert [line.split()[:2] for line in said[1:]] == [
        ["missing:", "transformer.h.1.ln_1.weight"],
        ["surplus:", "score.weight"],
    ]
    change(folder, n_layer=9)
    assert len(refuse(folder, "and 74 more").split("\n")) == 14


@pytest.mark.parametrize(
    "entries, text",
    [
        ({"model_type": "llama"}, "of a model of type 'llama', not gpt2 or bert"),
        ({"activation_function": "relu"}, "the activation 'relu' should be one of gelu_new"),
        ({"scale_attn_weights": False}, "says scale_attn_weights=False"),
        ({"tie_word_embeddings": False}, "says tie_word_embeddings=False"),
        ({"n_head": 3}, "heads=3 should divide the width, 16"),
        ({"n_embd": "wide"}, "should have whole numbers above 0 as sizes"),
        ({"n_layer": None}, "should have whole numbers above 0 as sizes"),
        ({"n_head": 0}, "should have whole numbers above 0 as sizes"),
    ],
)
def test_settings_that_this_net_lacks_are_one_line(folder, entries, text):
    change(folder, **entries)
    assert "\n" not in refuse(folder, text)


def test_files_that_are_no_model_are_one_line(folder, tmp_path):
    refuse(tmp_path, "holds no config.json")
    content = json.loads((folder / "config.json").read_text())
    del content["n_embd"]
    (folder / "config.json").write_text(json.dumps(content))
    refuse(folder, "does not say what 'n_embd' is")
    shutil.copy(GOLDEN / "gpt2" / "config.json", folder)
    (folder / "model.safetensors").unlink()
    refuse(folder, "holds no model.safetensors")
    (folder / "config.json").write_text("{")
    refuse(folder, "config.json cannot be read")
    (folder / "config.json").write_text("[]")
    refuse(folder, "does not hold an object")


def test_float64_is_asked_for_in_the_environment(folder):
    refuse(folder, "dtype='float64' needs JAX_ENABLE_X64=1", dtype="float64")
    refuse(folder, "dtype='int8' should be float32, bfloat16 or float64", dtype="int8")


def test_other_parameters_are_not_saved(tmp_path):
    apply, params = language.load(GOLDEN / "gpt2")
    with pytest.raises(BadInput, match="not those of the net: odd"):
        language.save(tmp_path, apply, params | {"odd": jnp.zeros(2)})
    with pytest.raises(BadInput, match="asks for"):
        language.save(tmp_path, GPT2(32, 12, 16, 2, 4), params)
    with pytest.raises(BadInput, match="takes a net"):
        language.save(tmp_path, lambda params: None, params)
    assert not list(tmp_path.iterdir())


def test_shapes_are_those_of_the_published_models():
    shapes = tensor_shapes(GPT2())
    assert len(shapes) == 148
    assert shapes["transformer.h.11.attn.c_attn.weight"] == (768, 2304)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 124_439_808
