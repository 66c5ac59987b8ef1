"""What a step of domain confusion costs, and the mean discrepancy beside its usual form."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure, scored_step
from experiments.sim2real import _setup
from experiments.sim2real.confusion import PRESETS, Config, build
from experiments.vision import _torch_peers
from jaxdl.launch import configure
from jaxdl.sim2real import Crossing, mmd
from jaxdl.sim2real.dann import HIDDEN

CLASSES = 10
WIDTHS = (0.5, 1.0, 2.0)
FEATURES = 64
MOST_BROADCAST = 512  # rows, whose differences take 67 MB; those of 2,048 take 1 GB


def broadcast_mmd(x: jax.Array, y: jax.Array) -> jax.Array:
    """Computes the same of [N, D] and [M, D] by differences [N, M, D], as it is often written."""

    def mean_kernel(a, b):
        squares = jnp.sum((a[:, None] - b[None]) ** 2, axis=2)
        return jnp.mean(sum(jnp.exp(-squares / (2 * width**2)) for width in WIDTHS))

    return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)


def mean_discrepancy(peers: bool, sizes: tuple[int, ...] = (64, 512, 2048)) -> list[dict[str, Any]]:
    """Times value and gradient for N rows of 64 features of each domain; an item is a row.

    Args:
      peers: there is none installed to compare with; the usual form is timed always.
      sizes: N.
    """
    del peers
    rows = []
    for size in sizes:
        x, y = (
            jax.random.normal(key, (size, FEATURES)) for key in jax.random.split(jax.random.key(0))
        )
        forms = {
            "jaxdl": (lambda x, y: mmd(x, y, bandwidths=WIDTHS), "[N, N] held"),
            "jaxdl, in chunks": (
                lambda x, y: mmd(x, y, bandwidths=WIDTHS, chunk=256),
                "[N, 256] held",
            ),
        }
        if size <= MOST_BROADCAST:
            forms["broadcast"] = broadcast_mmd, "[N, N, 64] held"
        candidates = {
            who: Candidate(jax.value_and_grad(form, (0, 1)), (x, y), 2 * size, note)
            for who, (form, note) in forms.items()
        }
        rows += measure(f"mmd_{size}", candidates)
    return rows


def confusion_step(peers: bool | str) -> list[dict[str, Any]]:
    """Times a whole step of the CPU preset; an item is an image of either domain.

    Args:
      peers: "torch" puts the same step of DANN and of its twin in torch beside them.
    """
    candidates = {}
    for method in ("dann", "mmd", "confusion", "source"):
        config = configure("confusion", PRESETS, "cpu", {"method": method})
        system = build(config)
        (shape,) = (spec.shape for spec in system.deployment.inputs.values())
        key = jax.random.key(0)
        images = jax.random.randint(key, (2, config.batch_size, *shape), 0, 256).astype(jnp.uint8)
        batch = Crossing(images[0], jnp.arange(config.batch_size) % CLASSES, images[1])
        note = "the source alone" if method == "source" else f"{method}, and its twin"
        step = scored_step(system.learner, key, batch, items=system.samples_per_step, note=note)
        candidates["jaxdl" if method == "dann" else f"jaxdl ({method})"] = step
    if _torch_peers.load_steps(peers):
        step = torch_step(config, batch)
        note = "dann, and its twin, with lambda at 0.5"
        candidates["torch"] = _torch_peers.candidate(step, items=2 * config.batch_size, note=note)
    return measure("confusion_step", candidates)


def torch_step(config: Config, batch: Crossing):
    """Returns the peer's step on the same images."""
    from experiments.sim2real import _torch_steps

    return _torch_steps.dann_step(
        *(np.asarray(x) for x in batch),
        classes=CLASSES,
        width=config.net.width,
        size=config.net.features,
        hidden=HIDDEN,
        rate=config.optimizer.learning_rate,
        momentum=_setup.MOMENTUM,
        max_norm=config.optimizer.max_norm,
    )


CASES = {"mean_discrepancy": mean_discrepancy, "confusion_step": confusion_step}
