"""A step of DANN in torch, of the same nets and batch, for `./run bench --peers=torch`."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Reversed(torch.autograd.Function):
    """Ganin et al. 2016, section 4.2: the gradient is turned and scaled."""

    @staticmethod
    def forward(ctx, x, scale):
        """Returns x."""
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        """Returns -scale times the gradient."""
        return -ctx.scale * gradient, None


class Column(nn.Module):
    """`jaxdl.sim2real.Column` of three convolutions with strides of 2."""

    def __init__(self, channels: int, classes: int, width: int, size: int):
        super().__init__()
        widths = (channels, width, 2 * width, 4 * width)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1)
            for before, after in zip(widths, widths[1:], strict=False)
        )
        self.features = nn.Linear(4 * widths[-1], size)
        self.head = nn.Linear(size, classes)

    def forward(self, images):
        """Returns features [B, F] and logits [B, K] of [B, C, H, W] in [0, 1]."""
        x = images
        for layer in self.convolutions:
            x = functional.relu(layer(x))
        x = functional.adaptive_avg_pool2d(x, 2).flatten(1)
        features = functional.relu(self.features(x))
        return features, self.head(features)


def dann_step(
    source: np.ndarray,
    labels: np.ndarray,
    target: np.ndarray,
    *,
    classes: int,
    width: int,
    size: int,
    hidden: int,
    rate: float,
    momentum: float,
    max_norm: float,
) -> Callable[[], float]:
    """Makes DANN's step, and that of the twin which sees the source alone.

    Args:
      source: [B, H, W, C] uint8.
      labels: [B].
      target: [B, H, W, C] uint8.
      classes: K.
      width: of the first convolution.
      size: F.
      hidden: of the domain classifier.
      rate: of SGD.
      momentum: likewise.
      max_norm: of a net's gradient.
    """
    images = [torch.from_numpy(np.moveaxis(x, 3, 1).copy()) for x in (source, target)]
    classes_of, count = torch.from_numpy(labels.astype(np.int64)), len(labels)
    domains = torch.arange(2).repeat_interleave(count)
    net = Column(source.shape[-1], classes, width, size)
    twin = copy.deepcopy(net)
    judge = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, 2))
    sgd = lambda parameters: torch.optim.SGD(parameters, rate, momentum)  # noqa: E731
    rule, twin_rule = sgd([*net.parameters(), *judge.parameters()]), sgd(twin.parameters())

    def descend(tx, loss):
        tx.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tx.param_groups[0]["params"], max_norm)
        tx.step()

    def step() -> float:
        seen = torch.cat(images).float() / 255
        features, logits = net(seen)
        loss = functional.cross_entropy(logits[:count], classes_of)
        told = functional.cross_entropy(judge(Reversed.apply(features, 0.5)), domains)
        descend(rule, loss + told)
        _, logits = twin(images[0].float() / 255)
        descend(twin_rule, functional.cross_entropy(logits, classes_of))
        return loss.item()

    return step
