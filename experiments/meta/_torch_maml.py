"""MAML's step in torch, task after task, as learn2learn's loop goes; for `--peers=torch`.

learn2learn itself is not among the extras. Its clone and its step are what is written here: fast
weights by `torch.autograd.grad(..., create_graph=True)`, a Python loop over the tasks, one backward
pass and one step of Adam. It is imported where the extra `torch` is installed.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F


class CharacterNet(nn.Module):
    """The net of `jaxdl.nn.CharacterNet`: [B, 1, H, W] -> [B, ways].

    Attributes:
      ways: N.
      filters: channels of every block.
      blocks: how many.
    """

    def __init__(self, ways: int, filters: int, blocks: int):
        super().__init__()
        channels = [1, *[filters] * blocks]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels[i], filters, 3, stride=2, padding=1, bias=False)
            for i in range(blocks)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(filters, eps=1e-3, track_running_stats=False) for _ in range(blocks)
        )
        self.last = nn.Linear(filters, ways)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Applies the net; its normalization is by the batch at hand."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
        return self.last(x.mean((2, 3)))


def maml_step(
    tasks: Sequence[np.ndarray], *, ways: int, filters: int, blocks: int, rate: float, steps: int
) -> Callable[[], float]:
    """Makes one step of second-order MAML on the same tasks.

    Args:
      tasks: support_x [M, S, H, W, 1], support_y [M, S], query_x [M, R, H, W, 1], query_y [M, R].
      ways: N.
      filters: of a block.
      blocks: how many.
      rate: alpha.
      steps: of descent within a task.

    Returns:
      A function that takes a step and returns the mean loss of the query sets.
    """
    net = CharacterNet(ways, filters, blocks)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    support_x, support_y, query_x, query_y = (torch.from_numpy(np.array(x)) for x in tasks)
    support_x, query_x = (x.permute(0, 1, 4, 2, 3).contiguous() for x in (support_x, query_x))
    support_y, query_y = support_y.long(), query_y.long()

    def step() -> float:
        total = torch.zeros(())
        for i in range(len(support_x)):
            fast = dict(net.named_parameters())
            for _ in range(steps):
                loss = F.cross_entropy(functional_call(net, fast, support_x[i]), support_y[i])
                slopes = torch.autograd.grad(loss, tuple(fast.values()), create_graph=True)
                pairs = zip(fast.items(), slopes, strict=True)
                fast = {name: p - rate * slope for (name, p), slope in pairs}
            total = total + F.cross_entropy(functional_call(net, fast, query_x[i]), query_y[i])
        mean = total / len(support_x)
        optimizer.zero_grad()
        mean.backward()
        optimizer.step()
        return float(mean)

    return step
