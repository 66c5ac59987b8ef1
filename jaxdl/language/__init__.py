"""Language: transformers from text to fine-tuned tasks."""

from jaxdl.language import corpus, tokenizers

__all__ = ["corpus", "tokenizers"]
