"""What pretext tasks share: the features of their trunk, and an evaluation that shows the task."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from jaxdl.core.learner import Fold, Init, Learner, StepFunction, TrainState
from jaxdl.data.colors import as_floats
from jaxdl.vision.probe import Encode, Probe

# key, state, pictures [P, H, W, C] uint8 -> name -> array for the report
Show = Callable[[jax.Array, TrainState, jax.Array], dict[str, jax.Array]]


class Watched(NamedTuple):
    """A probe under way, and the state that shows its task at the end.

    Attributes:
      probed: the probe's accumulator.
      state: without that of the optimizer.
    """

    probed: Any
    state: TrainState


def pretext_learner(
    init: Init, step: StepFunction, probe: Probe | None, encode: Encode, show: Show
) -> Learner:
    """Makes a learner of its parts.

    Args:
      init: key -> state.
      step: key, state, images -> state, metrics.
      probe: judges the features; None for a learner without evaluation.
      encode: state, images -> features.
      show: what the evaluation returns beside the probe's result.
    """
    if probe is None:
        return Learner(init, step)
    return Learner(init, step, probe_and_show(probe(encode, init), show))


def probe_and_show(fold: Fold, show: Show) -> Fold:
    """Adds arrays that show the task on the probe's `pictures`, by the state that is probed."""

    def begin(key, state):
        return Watched(fold.init(key, state), state._replace(opt_state=()))

    def update(watched, state, batch):
        return watched._replace(probed=fold.update(watched.probed, state, batch))

    def result(watched):
        probed = watched.probed
        return fold.result(probed) | show(probed.key, watched.state, probed.pictures)

    return fold._replace(init=begin, update=update, result=result)


def encode_trained(net: nn.Module, state: TrainState, images: jax.Array) -> jax.Array:
    """Applies a net's trunk with running statistics, [B, H, W, C] bytes or in [0, 1] -> [B, F]."""
    variables = {"params": state.params, **state.extra}
    return net.apply(variables, as_floats(images), False, method="encode")
