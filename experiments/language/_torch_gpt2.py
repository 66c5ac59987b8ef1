"""GPT-2 in torch, which the benchmarks put beside ours: same sizes, same optimizer.

On a CPU it runs eagerly in float32; on a GPU it is compiled, as nanoGPT's is, and its products are
bfloat16 by autocast.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from jaxdl.nn import GPT2

Cache = list[tuple[torch.Tensor, torch.Tensor] | None]


class Block(nn.Module):
    """Attention and a perceptron, each behind a normalization."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x, past=None, keeps=False):
        """Returns the states [B, T, D], and the keys and values if they are to be kept."""
        batch, tokens, width = x.shape
        parts = self.qkv(self.norms[0](x)).split(width, dim=2)
        q, k, v = (
            part.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in parts
        )
        if past is not None:
            k, v = (torch.cat(pair, dim=2) for pair in zip(past, (k, v), strict=True))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=past is None and tokens > 1)
        x = x + self.out(y.transpose(1, 2).reshape(batch, tokens, width))
        y = functional.gelu(self.up(self.norms[1](x)), approximate="tanh")
        return x + self.down(y), (k, v) if keeps else None


class Net(nn.Module):
    """Tokens [B, T] -> logits [B, T, V]."""

    def __init__(self, net: GPT2):
        super().__init__()
        self.words = nn.Embedding(net.vocabulary, net.width)
        self.places = nn.Embedding(net.context, net.width)
        self.blocks = nn.ModuleList(Block(net.width, net.heads) for _ in range(net.depth))
        self.norm = nn.LayerNorm(net.width)
        self.register_buffer("order", torch.arange(net.context))
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, tokens, cache: Cache | None = None, begin: int = 0):
        """Returns the logits; with a cache, of blocks, it is brought up to date."""
        x = self.words(tokens) + self.places(self.order[begin : begin + tokens.shape[1]])
        for i, block in enumerate(self.blocks):
            x, kept = block(x, cache[i] if cache else None, cache is not None)
            if cache is not None:
                cache[i] = kept
        return self.norm(x) @ self.words.weight.T


def training(windows: np.ndarray, sizes: GPT2, device: str = "cpu") -> Callable[[], float]:
    """Makes the steps on windows [N, B, T + 1]; a call takes N, and returns the last loss."""
    torch.manual_seed(0)
    on_gpu = device == "cuda"
    net = Net(sizes).to(device)
    tensors = torch.from_numpy(windows.astype(np.int64)).to(device)
    matrices = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    tx = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=on_gpu)

    def loss_of(window):
        with torch.autocast(device, torch.bfloat16, enabled=on_gpu):
            logits = net(window[:, :-1])
            return functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())

    if on_gpu:
        loss_of = torch.compile(loss_of)

    def call() -> float:
        torch.set_num_threads(1)
        loss = torch.zeros(())
        for window in tensors:
            loss = loss_of(window)
            tx.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            tx.step()
        return float(loss.detach())

    return call


def decoding(sizes: GPT2, texts: int, steps: int) -> Callable[[], float]:
    """Makes the drawing of so many tokens of so many texts; a call returns the last token."""
    torch.manual_seed(0)
    net = Net(sizes).eval()

    @torch.inference_mode()
    def call() -> float:
        torch.set_num_threads(1)
        cache: Cache = [None] * len(net.blocks)
        token = torch.zeros((texts, 1), dtype=torch.long)
        for slot in range(steps):
            logits = net(token, cache, slot)[:, -1]
            token = torch.multinomial(functional.softmax(logits, dim=1), 1)
        return float(token[0, 0])

    return call
