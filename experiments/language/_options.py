"""Groups of options that language models share. No JAX here."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxdl.core.run import option


@dataclass(frozen=True)
class Text:
    """Which text is learned from, and in what it is cut."""

    group: ClassVar[str] = "text"

    text: str = option(
        "python",
        "docstrings and topics of Python's library; or topics, source; or a folder, .zip or file",
    )
    tokenizer: Literal["bytes", "gpt2"] = option("bytes", "what text is cut into")
    tokenizer_dir: str = option(
        "", "where encoder.json and vocab.bpe of gpt2 lie (bytes need none)", free=True
    )
    held_out: float = option(0.1, "share of the text that is scored alone", above=0, below=1)
    scored_tokens: int = option(
        0, "score whole documents of so many tokens at most (0: all)", at_least=0, free=True
    )
    token_dir: str = option("", "where tokens are kept for the next run (none: nowhere)", free=True)


@dataclass(frozen=True)
class MaskedText(Text):
    """The same for nets that are asked for masked words."""

    tokenizer: Literal["bytes", "bert"] = option("bytes", "what text is cut into")
    tokenizer_dir: str = option("", "where vocab.txt of bert lies (bytes need none)", free=True)


@dataclass(frozen=True)
class Masks:
    """What is hidden of a text, and what is asked."""

    group: ClassVar[str] = "masks"

    masked: float = option(0.15, "share of the tokens that is asked for", above=0, below=1)
    whole_words: bool = option(False, "mask words as a whole")
    pairs: bool = option(True, "ask whether the second half of a row follows the first")


@dataclass(frozen=True)
class Batches:
    """How much text a step looks at."""

    group: ClassVar[str] = "batch"

    batch_size: int = option(12, "rows of a context's length in a step", at_least=1)
    microbatches: int = option(1, "parts of a batch, for less memory", at_least=1)


@dataclass(frozen=True)
class Net:
    """What the transformers of language models have in common."""

    group: ClassVar[str] = "net"

    context: int = option(64, "the most tokens that are seen", at_least=2)
    width: int = option(128, "of the tokens, a multiple of the heads", at_least=1)
    depth: int = option(4, "blocks", at_least=1)
    heads: int = option(4, "of attention", at_least=1)
    dropout: float = option(0.0, "probability of losing a number", at_least=0, below=1)
    bfloat16: bool = option(False, "compute in bfloat16; parameters and logits stay float32")
    attention: Literal["xla", "cudnn", "splash"] = option(
        "xla", "what computes it: cudnn on GPUs alone, splash on TPUs alone"
    )
    scan_layers: bool = option(False, "compile one block, and run it as often as there are blocks")
    remat: bool = option(False, "compute activations again rather than keep them")


@dataclass(frozen=True)
class Encoder(Net):
    """Which net tells the masked words."""

    context: int = option(64, "the most tokens that are seen, special ones too", at_least=8)
    causal: bool = option(False, "no token sees those after it (BERT's do)")


@dataclass(frozen=True)
class Decoder(Net):
    """Which net tells the next token."""

    packed: bool = option(False, "no document sees another in its row (GPT-2's do)")
    base_width: int = option(
        0, "width whose learning rate holds at all widths, by muP (0: standard)", at_least=0
    )
