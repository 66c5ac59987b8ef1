"""Makes what language models consist of from the options that they share. No JAX at import."""

from functools import cache
from typing import TYPE_CHECKING

from experiments.language._options import Decoder, Text
from jaxdl.core.run import BadInput, Run, horizon
from jaxdl.launch.options import Optimizer

if TYPE_CHECKING:
    import optax

    from jaxdl.core import DeviceData
    from jaxdl.language.corpus import Split
    from jaxdl.language.tokenizers import Tokenizer
    from jaxdl.language.windows import Scored
    from jaxdl.nn import GPT2

VOCABULARIES = {"bytes": 257, "gpt2": 50_257}  # known before any file is read
BETA2 = 0.99  # of Adam, in nanoGPT's lines for few tokens a step
ENDS = {"bytes": 256, "gpt2": 50_256}  # the token between documents
NEWLINES = {"bytes": 10, "gpt2": 198}  # what texts are begun with, as nanoGPT does


@cache
def open_tokenizer(text: Text) -> "Tokenizer":
    """Makes the tokenizer.

    Raises:
      BadInput: its files are not there, or of another vocabulary.
    """
    from jaxdl.language import tokenizers

    if text.tokenizer == "bytes":
        return tokenizers.raw_bytes()
    if not text.tokenizer_dir:
        raise BadInput("--tokenizer=gpt2 needs --tokenizer_dir, with encoder.json and vocab.bpe")
    tokenizer = tokenizers.load(text.tokenizer_dir)
    if tokenizer.vocab_size != VOCABULARIES["gpt2"]:
        raise BadInput(
            f"--tokenizer_dir={text.tokenizer_dir} has {tokenizer.vocab_size} tokens, and gpt2 "
            f"{VOCABULARIES['gpt2']}"
        )
    return tokenizer


@cache
def open_corpus(text: Text) -> "Split":
    """Reads the text, encodes it and holds a part of it out."""
    from jaxdl.language import corpus

    tokenizer = open_tokenizer(text)
    return corpus.open_corpus(text.text, tokenizer, held_out=text.held_out, folder=text.token_dir)


def training(text: Text, *, context: int, batch_size: int) -> "DeviceData":
    """Reads the text that is learned from, in stretches of two contexts."""
    from jaxdl.language import windows

    corpus = open_corpus(text).train
    return windows.shifting_windows(corpus, context=context, batch_size=batch_size)


def held_out(text: Text, *, context: int) -> "Scored":
    """Reads the text that is scored."""
    from jaxdl.language import windows

    return windows.scored_windows(
        open_corpus(text).held_out, context=context, most=text.scored_tokens
    )


def decoder(options: Decoder, vocabulary: int) -> "GPT2":
    """Makes the net."""
    import jax.numpy as jnp

    from jaxdl.nn import GPT2

    return GPT2(
        vocabulary,
        options.context,
        options.width,
        options.depth,
        options.heads,
        dropout=options.dropout,
        dtype=jnp.bfloat16 if options.bfloat16 else jnp.float32,
        scan_layers=options.scan_layers,
        remat=options.remat,
        backend=options.attention,
        base_width=options.base_width,
    )


def optimizer(options: Optimizer, run: Run) -> "optax.GradientTransformation":
    """Makes the optimizer, whose second moments forget as fast as nanoGPT's."""
    from jaxdl.ops import make_optimizer

    return make_optimizer(
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        steps=horizon(run),
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        max_norm=options.max_norm,
        b2=BETA2,
    )
