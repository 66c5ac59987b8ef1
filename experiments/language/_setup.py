"""Makes what language models consist of from the options that they share. No JAX at import."""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from experiments.language._options import Batches, Decoder, Encoder, MaskedText, Masks, Net, Text
from jaxdl.core.run import BadInput, Run, horizon
from jaxdl.launch import Exhibit, Outcome, System
from jaxdl.launch.options import Optimizer

if TYPE_CHECKING:
    import optax

    from jaxdl.core import DeviceData, Learner
    from jaxdl.deploy import Deployment
    from jaxdl.language.bert import Masking
    from jaxdl.language.corpus import Split
    from jaxdl.language.sentence_pairs import Rows
    from jaxdl.language.tokenizers import Tokenizer
    from jaxdl.language.windows import Scored
    from jaxdl.nn import BERT, GPT2

VOCABULARIES = {"bytes": 257, "gpt2": 50_257, "bert": 30_522}  # known before any file is read
MASKED_BYTES = 261  # with the special tokens of BERT's inputs
FILES = {"gpt2": "encoder.json and vocab.bpe", "bert": "vocab.txt"}
BETA2 = 0.99  # of Adam, in nanoGPT's lines for few tokens a step
ENDS = {"bytes": 256, "gpt2": 50_256}  # the token between documents
NEWLINES = {"bytes": 10, "gpt2": 198}  # what texts are begun with, as nanoGPT does


class LanguageConfig(Protocol):
    """What the Configs of language models have in common."""

    text: Text
    batches: Batches


@cache
def open_tokenizer(text: Text) -> "Tokenizer":
    """Makes the tokenizer.

    Raises:
      BadInput: its files are not there, or of another vocabulary.
    """
    from jaxdl.language import tokenizers

    kind = text.tokenizer
    if kind == "bytes":
        return tokenizers.open_tokenizer("bytes", masked=isinstance(text, MaskedText))
    if not text.tokenizer_dir:
        raise BadInput(f"--tokenizer={kind} needs --tokenizer_dir, with {FILES[kind]}")
    tokenizer = tokenizers.load(text.tokenizer_dir)
    if tokenizer.vocab_size != VOCABULARIES[kind]:
        raise BadInput(
            f"--tokenizer_dir={text.tokenizer_dir} has {tokenizer.vocab_size} tokens, and {kind} "
            f"{VOCABULARIES[kind]}"
        )
    return tokenizer


def load_tokenizer(folder: str | Path) -> "Tokenizer":
    """Reads the tokenizer of a folder, of whatever kind it is.

    Raises:
      BadInput: there is none, in one line.
    """
    from jaxdl.language import tokenizers

    try:
        return tokenizers.load(folder)
    except BadInput as error:  # which lists the files that there could be, one a line
        raise BadInput("; ".join(map(str.strip, str(error).splitlines()))) from None


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


def masked_training(
    text: MaskedText, *, context: int, batch_size: int, pairs: bool
) -> "DeviceData":
    """Reads the text that is learned from, in rows of one document."""
    from jaxdl.language import sentence_pairs

    corpus = open_corpus(text).train
    return sentence_pairs.document_rows(corpus, context=context, batch_size=batch_size, pairs=pairs)


def masked_held_out(text: MaskedText, *, context: int, pairs: bool) -> "Rows":
    """Reads the rows that are scored, mixed so that each part has several documents."""
    import numpy as np

    from jaxdl.language import corpus, sentence_pairs

    scored = corpus.first_documents(open_corpus(text).held_out, text.scored_tokens)
    rows = sentence_pairs.document_rows(scored, context=context, batch_size=1, pairs=pairs).arrays
    order = np.random.default_rng(0).permutation(len(rows.length))
    return type(rows)(*(x[order] for x in rows))


def masking(text: MaskedText, masks: Masks) -> "Masking":
    """Makes what hides words; the tokenizer is opened when a step is traced."""
    from jaxdl.language.bert import Masking, words_of

    return Masking(
        lambda: words_of(open_tokenizer(text)), masks.pairs, masks.masked, masks.whole_words
    )


def encoder(options: Encoder, text: MaskedText) -> "BERT":
    """Makes the net that is asked for masked words."""
    from jaxdl.nn import BERT

    words = MASKED_BYTES if text.tokenizer == "bytes" else VOCABULARIES[text.tokenizer]
    return BERT(words, causal=options.causal, **net_settings(options))


def decoder(options: Decoder, text: Text) -> "GPT2":
    """Makes the net that is asked for the next token."""
    from jaxdl.nn import GPT2

    words = VOCABULARIES[text.tokenizer]
    return GPT2(words, base_width=options.base_width, **net_settings(options))


def net_settings(options: Net) -> dict[str, Any]:
    """Returns what all nets are told, by the names that they have for it."""
    import jax.numpy as jnp

    return {
        "context": options.context,
        "width": options.width,
        "depth": options.depth,
        "heads": options.heads,
        "dropout": options.dropout,
        "dtype": jnp.bfloat16 if options.bfloat16 else jnp.float32,
        "scan_layers": options.scan_layers,
        "remat": options.remat,
        "backend": options.attention,
    }


def make_system(
    title: str,
    config: LanguageConfig,
    net: Net,
    learner: "Learner",
    data: "Callable[..., DeviceData]",
    figures: Callable[[Outcome], list[Exhibit]],
    deploy: "Callable[..., Deployment]",
) -> System:
    """Makes a system that looks at so many rows of a context's length in a step.

    Args:
      title: of the system.
      config: the launch file's.
      net: how large it is.
      learner: of tokens.
      data: context=, batch_size= -> what is learned from; called when training begins.
      figures: of the report, beside those of attention.
      deploy: text= -> deployment of the net; the text says what an export holds.
    """
    from jaxdl.language import attention_exhibit

    sees_all = isinstance(net, Encoder) and not net.causal
    sees = "every token sees all others" if sees_all else "no token sees those after it"

    def all_figures(outcome):
        decode = open_tokenizer(config.text).decode
        return [*figures(outcome), *attention_exhibit(outcome, decode, sees=sees)]

    about = f"{title} of {net.depth} blocks of width {net.width}, trained on {config.text.text}."
    size = config.batches.batch_size
    return System(
        learner,
        partial(data, context=net.context, batch_size=size),
        samples_per_step=size * net.context,
        figures=all_figures,
        deployment=deploy(text=about),
    )


def optimizer(options: Optimizer, run: Run, *, b2: float = BETA2) -> "optax.GradientTransformation":
    """Makes the optimizer, whose second moments forget as fast as nanoGPT's by default."""
    from jaxdl.ops import make_optimizer

    return make_optimizer(**asdict(options), steps=horizon(run), b2=b2)
