"""Whole steps of torch and lightly on Pillow images, with the nets and optimizers of our cases.

Images are distorted by torchvision one after the other, in this process, as a data loader without
workers does it. It is imported where the extra `torch` is installed.
"""

import copy
from collections.abc import Callable, Iterable

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.models.utils import (
    deactivate_requires_grad,
    get_2d_sine_cosine_positional_embedding,
    get_at_index,
    patchify,
    random_token_mask,
    update_momentum,
)
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch import nn
from torchvision import transforms

from experiments.vision._torch_peers import TorchStep

LAYERS = ((3, 16), (16, 32), (32, 64))  # channels of `jaxdl.nn.ConvNet(16)` on colors
FEATURES = 256  # of it: 2 x 2 pooled maps


def moco_step(images: np.ndarray, *, queue: int, features: int) -> TorchStep:
    """Makes MoCo's step: InfoNCE against lightly's memory bank, and a momentum encoder.

    Args:
      images: [B, H, W, 3] uint8.
      queue: keys that the bank holds.
      features: width of the projections.
    """
    query = nn.Sequential(
        trunk(), nn.Linear(FEATURES, 128), nn.ReLU(), nn.Linear(128, features, bias=False)
    )
    key = copy.deepcopy(query)
    deactivate_requires_grad(key)
    loss_of = NTXentLoss(temperature=0.07, memory_bank_size=(queue, features))
    descend = descent(torch.optim.SGD(query.parameters(), lr=0.06, momentum=0.9))
    two_views = view_pairs(images)

    def step() -> float:
        update_momentum(query, key, m=0.999)
        x_q, x_k = two_views()
        with torch.no_grad():
            k = key(x_k)
        return descend(loss_of(query(x_q), k))

    return step


def simclr_step(images: np.ndarray, *, hidden: int, features: int) -> TorchStep:
    """Makes SimCLR's step: NT-Xent over both views, which share their batch statistics.

    Args:
      images: [B, H, W, 3] uint8.
      hidden: width of the head's hidden layer.
      features: width of the projections.
    """
    net = nn.Sequential(
        trunk(),
        nn.Linear(FEATURES, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, features, bias=False),
    )
    loss_of = NTXentLoss(temperature=0.1)
    descend = descent(torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4))
    two_views = view_pairs(images)

    def step() -> float:
        z1, z2 = net(torch.cat(two_views())).chunk(2)
        return descend(loss_of(z1, z2))

    return step


def rotation_step(images: np.ndarray, *, margin: int, crop_min: float) -> TorchStep:
    """Makes RotNet's step: all four rotations of a crop away from the border, and mirrored.

    Args:
      images: [B, H, W, 3] uint8.
      margin: pixels that are cut off each side first.
      crop_min: smallest crop, as a share of what is left.
    """
    side = images.shape[1]
    distort = transforms.Compose(
        [
            transforms.CenterCrop(side - 2 * margin),
            transforms.RandomResizedCrop(side, scale=(crop_min, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
        ]
    )
    pictures = as_pictures(images)
    net = nn.Sequential(trunk(), nn.Linear(FEATURES, 4))
    descend = descent(torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4))
    labels = torch.arange(4).repeat(len(images))

    def step() -> float:
        squares = torch.stack([distort(picture) for picture in pictures])
        turned = torch.stack([torch.rot90(squares, quarters, (2, 3)) for quarters in range(4)], 1)
        return descend(nn.functional.cross_entropy(net(turned.flatten(0, 1)), labels))

    return step


def mae_step(images: np.ndarray, *, patch: int) -> TorchStep:
    """Makes MAE's step with lightly's masking; the images are not distorted.

    Args:
      images: [B, H, W, C] uint8.
      patch: side of the patches.
    """
    pixels = torch.from_numpy(np.moveaxis(images, 3, 1).copy())
    net = MaskedAutoencoder(patch, images.shape[1] // patch, images.shape[3])
    descend = descent(torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4))
    count = (len(images), net.patches)

    def step() -> float:
        patches = patchify(pixels.float() / 255.0, patch)
        kept, masked = random_token_mask(count, mask_ratio=0.75, mask_class_token=True)
        target = get_at_index(patches, masked)
        variance, mean = torch.var_mean(target, dim=-1, keepdim=True, correction=0)
        target = (target - mean) / torch.sqrt(variance + 1e-6)
        predictions = net(get_at_index(patches, kept), kept, masked)
        return descend(nn.functional.mse_loss(predictions, target))

    return step


class MaskedAutoencoder(nn.Module):
    """`jaxdl.nn.MaskedAutoencoder(ViT(patch, 128, 4, 4), 64, 1, 4)` of torch's own blocks."""

    def __init__(self, patch: int, side: int, channels: int, width: int = 128, small: int = 64):
        super().__init__()
        self.patches = side * side
        size = patch * patch * channels
        self.embedding = nn.Linear(size, width)
        self.encoder = transformer(width, depth=4)
        self.narrow = nn.Linear(width, small)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, small))
        self.decoder = transformer(small, depth=1)
        self.head = nn.Linear(small, size)
        self.register_buffer("places", positions(width, side))  # [1, N, width]
        self.register_buffer("small_places", positions(small, side))

    def forward(self, seen, kept, masked):
        """Returns predictions of the masked patches, [B, m, P], from those that are seen."""
        batch = len(seen)
        places = self.places.expand(batch, -1, -1)
        tokens = self.encoder(self.embedding(seen) + get_at_index(places, kept))
        tokens = torch.cat(
            [self.narrow(tokens), self.mask_token.expand(batch, masked.shape[1], -1)], 1
        )
        order = torch.cat([kept, masked], 1)
        tokens = tokens + get_at_index(self.small_places.expand(batch, -1, -1), order)
        return self.head(self.decoder(tokens)[:, kept.shape[1] :])


def transformer(width: int, *, depth: int) -> nn.TransformerEncoder:
    """Returns pre-normalized blocks of four heads and a last normalization."""
    block = nn.TransformerEncoderLayer(
        width, 4, 4 * width, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(block, depth, nn.LayerNorm(width, 1e-6), False)


def positions(width: int, side: int) -> torch.Tensor:
    """Returns sines and cosines of rows and columns, [1, N, width]."""
    table = get_2d_sine_cosine_positional_embedding(width, side, cls_token=False)
    return torch.as_tensor(table, dtype=torch.float32).reshape(1, side * side, width)


def trunk() -> nn.Sequential:
    """Returns three convolutions with batch normalization, and 2 x 2 pooled features of them."""

    def layers() -> Iterable[nn.Module]:
        for inputs, outputs in LAYERS:
            yield nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
            yield nn.BatchNorm2d(outputs)
            yield nn.ReLU()

    return nn.Sequential(*layers(), nn.AdaptiveAvgPool2d(2), nn.Flatten())


def view_pairs(images: np.ndarray) -> Callable[[], list[torch.Tensor]]:
    """Makes () -> two views [B, 3, H, W] of each image: crop, flip, half of the colors, gray."""
    distort = SimCLRTransform(
        input_size=images.shape[1],
        cj_strength=0.5,
        min_scale=0.08,
        gaussian_blur=0.0,
        normalize=None,
    )
    pictures = as_pictures(images)
    return lambda: [torch.stack(views) for views in zip(*map(distort, pictures), strict=True)]


def as_pictures(images: np.ndarray) -> list[Image.Image]:
    """Returns images [B, H, W, 3] uint8 as data loaders have them."""
    return [Image.fromarray(image) for image in images]


def descent(optimizer: torch.optim.Optimizer) -> Callable[[torch.Tensor], float]:
    """Makes a function that descends on a loss, and returns it as a number."""

    def descend(loss: torch.Tensor) -> float:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return descend
