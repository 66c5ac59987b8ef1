"""Where the arrays of our nets stand in Hugging Face's files, and how those are laid out.

This is the only place that knows their names. GPT-2's linear layers are stored (in, out) and need
no transposition; BERT's are stored (out, in), with queries, keys and values apart.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxdl.core.run import BadInput
from jaxdl.nn.bert import BERT
from jaxdl.nn.gpt2 import GPT2
from jaxdl.nn.transformer import Activation

Net = GPT2 | BERT
Config = Mapping[str, Any]  # of config.json

ACTIVATIONS: dict[str, Activation] = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu_erf",
}
NAMES = {"gelu_tanh": "gelu_new", "gelu_erf": "gelu"}  # under which we save them
ONLY = {  # settings that change the net, and the one value of each that ours has
    "add_cross_attention": False,
    "is_decoder": False,
    "position_embedding_type": "absolute",
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "tie_word_embeddings": True,
}


class Entry(NamedTuple):
    """An array of ours, and what it is made of.

    Attributes:
      path: in the parameters, such as "transformer/Block_0/Dense_0/kernel".
      names: of the tensors that stand side by side in it, along its last axis.
      is_transposed: they are stored (out, in).
    """

    path: str
    names: tuple[str, ...]
    is_transposed: bool = False


class Layout(NamedTuple):
    """How one kind of model is stored.

    Attributes:
      architecture: transformers' class.
      prefix: that tensors may lack, as in OpenAI's own files.
      entries: of all arrays.
      copies: tensors that repeat another, which are ignored: name -> the other's.
      buffers: ends of the names of tensors that are no parameters.
    """

    architecture: str
    prefix: str
    entries: list[Entry]
    copies: dict[str, str]
    buffers: tuple[str, ...]


def gpt2_layout(depth: int) -> Layout:
    """Returns the layout of GPT2LMHeadModel."""
    entries = [
        Entry("words/embedding", ("transformer.wte.weight",)),
        Entry("places/embedding", ("transformer.wpe.weight",)),
        *_norm("transformer/LayerNorm_0", "transformer.ln_f"),
    ]
    for i in range(depth):
        ours, theirs = f"transformer/Block_{i}", f"transformer.h.{i}"
        entries += [
            *_norm(f"{ours}/LayerNorm_0", f"{theirs}.ln_1"),
            *_linear(f"{ours}/Attention_0/Dense_0", f"{theirs}.attn.c_attn"),
            *_linear(f"{ours}/Attention_0/Dense_1", f"{theirs}.attn.c_proj"),
            *_norm(f"{ours}/LayerNorm_1", f"{theirs}.ln_2"),
            *_linear(f"{ours}/Dense_0", f"{theirs}.mlp.c_fc"),
            *_linear(f"{ours}/Dense_1", f"{theirs}.mlp.c_proj"),
        ]
    copies = {"lm_head.weight": "transformer.wte.weight"}
    buffers = (".attn.bias", ".attn.masked_bias")
    return Layout("GPT2LMHeadModel", "transformer.", entries, copies, buffers)


def bert_layout(depth: int) -> Layout:
    """Returns the layout of BertForPreTraining."""
    entries = [
        Entry("words/embedding", ("bert.embeddings.word_embeddings.weight",)),
        Entry("places/embedding", ("bert.embeddings.position_embeddings.weight",)),
        Entry("kinds/embedding", ("bert.embeddings.token_type_embeddings.weight",)),
        *_norm("norm", "bert.embeddings.LayerNorm"),
        *_linear("pooler", "bert.pooler.dense", is_transposed=True),
        *_linear("words_dense", "cls.predictions.transform.dense", is_transposed=True),
        *_norm("words_norm", "cls.predictions.transform.LayerNorm"),
        Entry("words_bias", ("cls.predictions.bias",)),
        *_linear("follows", "cls.seq_relationship", is_transposed=True),
    ]
    for i in range(depth):
        ours, theirs = f"transformer/Block_{i}", f"bert.encoder.layer.{i}"
        heads = [f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")]
        entries += [
            *_linear(f"{ours}/Attention_0/Dense_0", *heads, is_transposed=True),
            *_linear(
                f"{ours}/Attention_0/Dense_1",
                f"{theirs}.attention.output.dense",
                is_transposed=True,
            ),
            *_norm(f"{ours}/LayerNorm_0", f"{theirs}.attention.output.LayerNorm"),
            *_linear(f"{ours}/Dense_0", f"{theirs}.intermediate.dense", is_transposed=True),
            *_linear(f"{ours}/Dense_1", f"{theirs}.output.dense", is_transposed=True),
            *_norm(f"{ours}/LayerNorm_1", f"{theirs}.output.LayerNorm"),
        ]
    copies = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }
    return Layout("BertForPreTraining", "bert.", entries, copies, (".position_ids",))


def layout_of(net: Net) -> Layout:
    """Returns the layout of a net's model."""
    return gpt2_layout(net.depth) if isinstance(net, GPT2) else bert_layout(net.depth)


def net_from(config: Config, where: str, **settings: Any) -> Net:
    """Makes the net that a config.json describes.

    Args:
      config: its content.
      where: its path, for what is said of it.
      settings: of the net, such as its dtype.

    Raises:
      BadInput: it is of another kind of model, or has a setting that ours lacks.
    """
    for name, value in ONLY.items():
        if config.get(name, value) != value:
            raise BadInput(f"{where} says {name}={config[name]}, and this net has {value} alone")
    makers = {"gpt2": _gpt2_from, "bert": _bert_from}
    kind = config.get("model_type")
    if kind not in makers:
        raise BadInput(f"{where} is of a model of type {kind!r}, not {' or '.join(makers)}")
    try:
        net = makers[kind](config)
    except KeyError as error:
        raise BadInput(f"{where} does not say what {error} is") from None
    sizes = net.vocabulary, net.context, net.width, net.depth, net.heads
    if not all(type(size) is int and size > 0 for size in sizes):
        raise BadInput(f"{where} should have whole numbers above 0 as sizes, not {sizes}")
    return net.clone(**settings)


def config_of(net: Net) -> dict[str, Any]:
    """Returns the config.json of a net.

    Raises:
      BadInput: its logits are scaled for muP, which transformers' net does not do.
    """
    if getattr(net, "base_width", 0) not in (0, net.width):
        raise BadInput("a net of muP (base_width) has no form of Hugging Face")
    common = {
        "architectures": [layout_of(net).architecture],
        "dtype": "float32",
        "tie_word_embeddings": True,
        "vocab_size": net.vocabulary,
        "initializer_range": 0.02,
    }
    hidden = net.hidden or 4 * net.width
    if isinstance(net, GPT2):
        return common | {
            "model_type": "gpt2",
            "n_positions": net.context,
            "n_embd": net.width,
            "n_layer": net.depth,
            "n_head": net.heads,
            "n_inner": hidden,
            "activation_function": NAMES[net.activation],
            "layer_norm_epsilon": net.epsilon,
            "resid_pdrop": net.dropout,
            "embd_pdrop": net.dropout,
            "attn_pdrop": 0.0,
            "bos_token_id": None,
            "eos_token_id": None,
        }
    return common | {
        "model_type": "bert",
        "max_position_embeddings": net.context,
        "type_vocab_size": net.types,
        "hidden_size": net.width,
        "num_hidden_layers": net.depth,
        "num_attention_heads": net.heads,
        "intermediate_size": hidden,
        "hidden_act": NAMES[net.activation],
        "layer_norm_eps": net.epsilon,
        "hidden_dropout_prob": net.dropout,
        "attention_probs_dropout_prob": 0.0,
    }


def rename(name: str, layout: Layout) -> str:
    """Returns today's name of a tensor; older files leave out the prefix, or say gamma and beta."""
    if name.endswith(".gamma"):
        name = name.removesuffix("gamma") + "weight"
    if name.endswith(".beta"):
        name = name.removesuffix("beta") + "bias"
    known = {each for entry in layout.entries for each in entry.names}
    longer = layout.prefix + name
    return longer if name not in known and longer in known else name


def _gpt2_from(config: Config) -> GPT2:
    return GPT2(
        vocabulary=config["vocab_size"],
        context=config["n_positions"],
        width=config["n_embd"],
        depth=config["n_layer"],
        heads=config["n_head"],
        hidden=config.get("n_inner") or 0,
        dropout=config.get("resid_pdrop", 0.1),
        epsilon=config.get("layer_norm_epsilon", 1e-5),
        activation=_activation(config.get("activation_function", "gelu_new")),
    )


def _bert_from(config: Config) -> BERT:
    return BERT(
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        types=config["type_vocab_size"],
        width=config["hidden_size"],
        depth=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        dropout=config.get("hidden_dropout_prob", 0.1),
        epsilon=config.get("layer_norm_eps", 1e-12),
        activation=_activation(config.get("hidden_act", "gelu")),
    )


def _activation(name: str) -> Activation:
    if name not in ACTIVATIONS:
        raise BadInput(f"the activation {name!r} should be one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def _norm(ours: str, theirs: str) -> Iterator[Entry]:
    yield Entry(f"{ours}/scale", (f"{theirs}.weight",))
    yield Entry(f"{ours}/bias", (f"{theirs}.bias",))


def _linear(ours: str, *theirs: str, is_transposed: bool = False) -> Iterator[Entry]:
    yield Entry(f"{ours}/kernel", tuple(f"{name}.weight" for name in theirs), is_transposed)
    yield Entry(f"{ours}/bias", tuple(f"{name}.bias" for name in theirs))
