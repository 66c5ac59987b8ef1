"""Language: text and its tokens, models of it, and what they are asked.

The names are loaded on first use, so that flags can be checked before JAX is imported. As in every
room of learners, `jaxdl.language.generate` is the function: see the rule in `jaxdl.rl`.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from jaxdl.lazy import load_lazily

if TYPE_CHECKING:
    from jaxdl.language.generate import generate as generate
    from jaxdl.language.hugging_face import load as load
    from jaxdl.language.hugging_face import save as save

_HOME = {"generate": "generate", "load": "hugging_face", "save": "hugging_face"}

__getattr__, __dir__ = load_lazily(__name__, _HOME)


class _Language(ModuleType):
    """A package in which `generate` is the function, whoever has imported the file before."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Language
