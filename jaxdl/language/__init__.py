"""Language: transformers from text to fine-tuned tasks.

`jaxdl.language.load` and the like are the functions, as in every room of learners: see the rule in
`jaxdl.rl`.
"""

from jaxdl.language.generate import generate
from jaxdl.language.hugging_face import load, save

__all__ = ["generate", "load", "save"]
