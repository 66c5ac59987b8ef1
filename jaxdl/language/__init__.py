"""Language: transformers from text to fine-tuned tasks.

`jaxdl.language.gpt2` and the like are the functions, as in every room of learners: see the rule in
`jaxdl.rl`.
"""

from jaxdl.language.deployment import decoder_deployment
from jaxdl.language.exhibits import attention_exhibit, texts_exhibit
from jaxdl.language.generate import generate
from jaxdl.language.gpt2 import gpt2
from jaxdl.language.hugging_face import load, save

__all__ = [
    "attention_exhibit",
    "decoder_deployment",
    "generate",
    "gpt2",
    "load",
    "save",
    "texts_exhibit",
]
