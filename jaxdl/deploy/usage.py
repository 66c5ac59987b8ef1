"""Writes the README.md of an export."""

from collections.abc import Mapping
from typing import Any

import jax


def usage(text: str, inputs: dict[str, Any], content: Mapping[str, Any]) -> str:
    """Writes what an export is, and how to run it with JAX alone.

    Args:
      text: what its inputs and outputs mean.
      inputs: name -> shape and dtype of one row, or a tree of them.
      content: what export.json holds.
    """

    def zeros(row):
        return _Code(f'np.zeros({(2, *row.shape)}, "{row.dtype}")')

    lines = [f"    {name!r}: {value!r}," for name, value in jax.tree.map(zeros, inputs).items()]
    parts = [name for part in ("inputs", "outputs") for name in content[part] if "/" in name]
    return _README.format(
        text=text,
        tables="\n\n".join(_table(part, content[part]) for part in ("inputs", "outputs")),
        inputs="\n".join(lines).replace("'", '"'),
        platforms=", ".join(content["platforms"]),
        jax=content["versions"]["jax"],
        parts=f"`{parts[0]}` is a part of `{parts[0].split('/')[0]}`. " if parts else "",
    )


class _Code(str):
    """A piece of code that Python writes within a dict or tuple as it is."""

    __repr__ = str.__str__


def _table(title: str, leaves: Mapping[str, dict]) -> str:
    rows = [
        f"| `{name}` | [{', '.join(map(str, leaf['shape']))}] | {leaf['dtype']} |"
        for name, leaf in leaves.items()
    ]
    return "\n".join([f"| {title} | shape | dtype |", "|---|---|---|", *rows])


_README = """\
{text}

{tables}

`b` is any batch size, 2 below. {parts}The weights are an argument of the program, so others of the
same shapes will do. It runs on {platforms}, under JAX {jax} or newer (JAX promises to read such
files for half a year at least).

```python
import jax
import numpy as np
from jax import export
from safetensors.numpy import load_file

weights = load_file("weights.safetensors")
with open("program.stablehlo", "rb") as file:
    program = jax.jit(export.deserialize(bytearray(file.read())).call)
inputs = {{
{inputs}
}}
outputs = program(weights, inputs)
```

`export.deserialize(...).mlir_module()` is its StableHLO as text.
"""
