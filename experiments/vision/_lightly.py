"""A whole MoCo step of lightly with torchvision's transforms, to be timed beside ours."""

import copy
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate

NOTE = "lightly with torchvision's transforms on Pillow images; statistics of the whole batch"


def moco_candidates(images: np.ndarray, *, queue: int, features: int) -> dict[str, Candidate]:
    """Returns the peer's step as a candidate, or nothing and a line that says what is missing.

    Args:
      images: [B, H, W, 3] uint8.
      queue: keys that it holds.
      features: width of the projections.
    """
    try:
        step = moco_step(images, queue=queue, features=features)
    except ImportError as error:
        print(f"jaxdl: moco_step without its peer: {error.name} is missing", file=sys.stderr)
        return {}

    def call(turn):
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        return jax.pure_callback(lambda _: np.float32(step()), shape, turn)

    return {"lightly": Candidate(call, (jnp.float32(0),), len(images), NOTE)}


def moco_step(images: np.ndarray, *, queue: int, features: int) -> Callable[[], Any]:
    """Makes a function that takes one step on the images and returns its loss.

    Raises:
      ImportError: torch, torchvision or lightly is not installed.
    """
    import torch
    import torchvision  # noqa: F401  (lightly's transforms need it)
    from lightly.loss import NTXentLoss
    from lightly.models.utils import deactivate_requires_grad, update_momentum
    from lightly.transforms import SimCLRTransform
    from PIL import Image
    from torch import nn

    def layers():
        for inputs, outputs in ((3, 16), (16, 32), (32, 64)):
            yield nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
            yield nn.BatchNorm2d(outputs)
            yield nn.ReLU()
        yield nn.AdaptiveAvgPool2d(2)
        yield nn.Flatten()
        yield nn.Linear(256, 128)
        yield nn.ReLU()
        yield nn.Linear(128, features, bias=False)

    query = nn.Sequential(*layers())
    key = copy.deepcopy(query)
    deactivate_requires_grad(key)
    loss_of = NTXentLoss(temperature=0.07, memory_bank_size=(queue, features))
    optimizer = torch.optim.SGD(query.parameters(), lr=0.06, momentum=0.9)
    side = images.shape[1]
    distort = SimCLRTransform(
        input_size=side, cj_strength=0.5, min_scale=0.08, gaussian_blur=0.0, normalize=None
    )
    pictures = [Image.fromarray(image) for image in images]

    def step():
        update_momentum(query, key, m=0.999)
        first, second = (torch.stack(x) for x in zip(*map(distort, pictures), strict=True))
        with torch.no_grad():
            keys = key(second)
        loss = loss_of(query(first), keys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
