"""muP: learning rates that were tuned at one width hold at all of them (Yang et al. 2022).

Of table 8 (the form that a shared embedding allows, with Adam), relative to a base width at which
nothing changes, for r = base width / width:

| | embeddings, biases, normalization | kernels between layers | logits |
|---|---|---|---|
| initial variance | 1 | r | |
| learning rate | 1 | r | |
| multiplier | 1 | 1 | r |

The net keeps the first and the last line (`base_width` of `jaxdl.nn.GPT2`), `mup_rates` the second.
Attention's logits would be scaled by the size of a head (definition 4.1); that is 1 here, since
heads grow in number and not in size.
"""

from typing import Any

import jax
import optax


def mup_rates(
    tx: optax.GradientTransformation, width: int, base_width: int
) -> optax.GradientTransformation:
    """Scales the updates of the kernels between layers as muP asks for.

    Args:
      tx: an optimizer whose updates do not depend on the gradients' scale, such as Adam. Decay
        that is apart from it is scaled as the learning rate is.
      width: of the net.
      base_width: at which the learning rate of `tx` was tuned.
    """

    def scale(updates, state, params=None):
        del params
        scaled = jax.tree.map_with_path(
            lambda path, x: x * (base_width / width) if is_hidden(path) else x, updates
        )
        return scaled, state

    rates = optax.GradientTransformation(lambda params: optax.EmptyState(), scale)
    return optax.chain(tx, rates)


def is_hidden(path: tuple[Any, ...]) -> bool:
    """Returns whether a parameter leads from one layer to the next: the kernels of dense layers."""
    return getattr(path[-1], "key", None) == "kernel"
