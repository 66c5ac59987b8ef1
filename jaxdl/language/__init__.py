"""Language: text and its tokens, models of it, and what they are asked.

The names are loaded on first use, so that flags can be checked before JAX is imported.
"""

import importlib
from typing import Any

_MODULES = (
    "corpus",
    "shards",
    "texts",
    "tokenizers",
    "windows",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_MODULES)
