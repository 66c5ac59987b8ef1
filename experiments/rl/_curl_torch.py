"""One update of CURL in torch, of the same net and batch, for `./run bench --peers=torch`."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

BOUND = (-20.0, 2.0)  # of the log of a deviation, as `jaxdl.nn` has it


class Encoder(nn.Module):
    """Four convolutions of 3 x 3, and a layer with normalization."""

    def __init__(self, planes: int, side: int, channels: int, size: int):
        super().__init__()
        strides = (2, 1, 1, 1)
        inputs = (planes, *[channels] * 3)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(c, channels, 3, stride) for c, stride in zip(inputs, strides, strict=True)
        )
        rows = (side - 3) // 2 + 1 - 2 * 3
        self.latent = latent(rows * rows * channels, size)

    def features(self, obs):
        """Returns [B, F] of bytes [B, C, H, W]."""
        x = obs.float() / 255
        for layer in self.convolutions:
            x = functional.relu(layer(x))
        return x.flatten(1)

    def forward(self, obs):
        """Returns codes [B, D]."""
        return self.latent(self.features(obs))


def latent(inputs: int, size: int) -> nn.Sequential:
    """Returns a layer with normalization."""
    return nn.Sequential(nn.Linear(inputs, size), nn.LayerNorm(size))


def mlp(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Returns ReLU layers and an affine one."""
    sizes = (inputs, *hidden)
    layers: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


def curl_step(
    obs: np.ndarray,
    next_obs: np.ndarray,
    action: np.ndarray,
    *,
    side: int,
    channels: int,
    size: int,
    hidden: tuple[int, ...],
) -> Callable[[], float]:
    """Makes an update of every loss, as the learner's.

    Args:
      obs: [B, H, W, C] uint8.
      next_obs: [B, H, W, C] uint8.
      action: [B, A] units.
      side: of the crops.
      channels: of the convolutions.
      size: D.
      hidden: widths.
    """
    planes, actions = obs.shape[-1], action.shape[-1]
    pictures, later = (torch.from_numpy(np.moveaxis(x, 3, 1).copy()) for x in (obs, next_obs))
    taken = torch.from_numpy(action.copy())
    reward, discount = torch.ones(len(action)), torch.full((len(action),), 0.99)
    net, slow = (Encoder(planes, side, channels, size) for _ in range(2))
    critics, slow_critics = (
        nn.ModuleList(mlp(size + actions, hidden, 1) for _ in range(2)) for _ in range(2)
    )
    features = net.latent[0].in_features
    actor = nn.Sequential(latent(features, size), mlp(size, hidden, 2 * actions))
    weights = nn.Parameter(torch.rand(size, size))
    log_alpha = nn.Parameter(torch.tensor(np.log(0.1), dtype=torch.float32))
    adam = lambda parameters: torch.optim.Adam(parameters, lr=1e-3)  # noqa: E731
    critic_tx = adam([*net.parameters(), *critics.parameters()])
    contrast_tx = adam([*net.parameters(), weights])
    actor_tx, alpha_tx = adam(actor.parameters()), adam([log_alpha])

    def crop(images):
        corners = torch.randint(0, images.shape[-1] - side + 1, (len(images), 2)).tolist()
        pairs = zip(images, corners, strict=True)
        return torch.stack([x[:, i : i + side, j : j + side] for x, (i, j) in pairs])

    def draw(seen):
        mean, log_std = actor(seen).chunk(2, 1)
        std = log_std.clamp(*BOUND).exp()
        noise = torch.randn_like(mean)
        raw = mean + std * noise
        logp = (-0.5 * noise**2 - std.log() - 0.5 * np.log(2 * np.pi)).sum(1)
        logp = logp - (2 * (np.log(2) - raw - functional.softplus(-2 * raw))).sum(1)
        return raw.tanh(), logp

    def values(heads, code, chosen):
        return torch.cat([head(torch.cat([code, chosen], 1)) for head in heads], 1)  # [B, 2]

    def descend(tx, loss):
        tx.zero_grad()
        loss.backward()
        tx.step()

    def step() -> float:
        seen, seen_later, positive = crop(pictures), crop(later), crop(pictures)
        with torch.no_grad():
            chosen, logp = draw(net.features(seen_later))
            best = values(slow_critics, slow(seen_later), chosen).min(1).values
            target = reward + discount * (best - log_alpha.exp() * logp)
        errors = values(critics, net(seen), taken) - target[:, None]
        loss = 0.5 * (errors**2).mean(0).sum()
        descend(critic_tx, loss)
        with torch.no_grad():
            shared = net.features(seen)
            shared_code = net.latent(shared)
        chosen, logp = draw(shared)
        best = values(critics, shared_code, chosen).min(1).values
        descend(actor_tx, (log_alpha.exp().detach() * logp - best).mean())
        descend(alpha_tx, -(log_alpha.exp() * (logp.detach() - actions)).mean())
        with torch.no_grad():
            for old, new, tau in ((slow, net, 0.05), (slow_critics, critics, 0.01)):
                for x, y in zip(old.parameters(), new.parameters(), strict=True):
                    x.lerp_(y, tau)
            keys = slow(positive)
        logits = net(seen) @ (weights @ keys.T)
        descend(contrast_tx, functional.cross_entropy(logits, torch.arange(len(logits))))
        return loss.item()

    return step
