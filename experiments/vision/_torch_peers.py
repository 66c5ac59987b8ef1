"""Whole steps of torch as candidates of the benchmarks of image systems: `--peers=torch`."""

from collections.abc import Callable
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback

from experiments._timing import Candidate
from jaxdl.core.run import BadInput

TorchStep = Callable[[], float]  # takes one more step on the same images, and returns the loss


def load_steps(peers: bool | str) -> ModuleType | None:
    """Loads `_torch_steps`, or nothing where other peers are asked for, or none.

    Raises:
      BadInput: the extra `torch` is not installed, or JAX is not on a CPU.
    """
    if peers != "torch":
        return None
    if jax.default_backend() != "cpu":
        raise BadInput(f"--peers=torch is timed on CPUs alone, not on a {jax.default_backend()}")
    try:
        from experiments.vision import _torch_steps
    except ImportError as error:
        raise BadInput(f"--peers=torch needs {error.name}: install the extra `torch`") from None
    return _torch_steps


def candidate(step: TorchStep, *, items: int, note: str) -> Candidate:
    """Makes a candidate of a step on one thread, with which torch does most in a CPU-second.

    Its threads are this process's, whose time is taken. More of them wait for each other in loops,
    which is time too, above all where others want the cores.

    Args:
      step: with a state of its own, which goes on from call to call.
      items: images of a step.
      note: what differs from ours.
    """
    import torch

    def on_one_thread():
        torch.set_num_threads(1)  # of the thread that JAX calls from
        return np.float32(step())

    def call():
        return io_callback(on_one_thread, jax.ShapeDtypeStruct((), jnp.float32))

    version = torch.__version__.partition("+")[0]
    note = f"torch {version} on 1 thread; {note}"
    return Candidate(call, (), items, note, score=lambda loss: {"loss": loss})
