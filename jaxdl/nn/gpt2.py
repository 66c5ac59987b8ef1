"""GPT-2's net, Radford et al. 2019 (Language Models are Unsupervised Multitask Learners)."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.nn.attention import Backend
from jaxdl.nn.transformer import Activation, Design, Transformer, wide

INIT = 0.02  # of all kernels and embeddings (Radford et al. 2018, section 4.1)


class GPT2(nn.Module):
    """Tokens [B, T] -> logits [B, T, V] of the token that comes next.

    The embedding of the words is the last layer's kernel too (Press & Wolf 2017).

    Attributes:
      vocabulary: V.
      context: the most tokens that are seen, and the number of learned positions.
      width: D.
      depth: number of blocks.
      heads: of attention, which divide D.
      hidden: width of the blocks' hidden layers; 0 for 4 D.
      dropout: after the embedding and after either part of a block.
      epsilon: of layer normalization.
      activation: of the blocks.
      dtype: of the computation; parameters, normalization and logits are float32, or float64.
      scan_layers: as in `Transformer`.
      remat: as in `Transformer`.
      backend: of attention.
      base_width: D at which learning rates were tuned, for muP: see `jaxdl.ops.mup`; 0 for the
        parametrization of Radford et al. 2019. Heads should grow with the width.
    """

    vocabulary: int = 50_257
    context: int = 1024
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 0
    dropout: float = 0.0
    epsilon: float = 1e-5
    activation: Activation = "gelu_tanh"
    dtype: Any = jnp.float32
    scan_layers: bool = False
    remat: bool = False
    backend: Backend = "xla"
    base_width: int = 0

    def setup(self):
        """Makes the parts."""
        shrink = base_share(self.width, self.base_width)
        self.words = embedding(self.vocabulary, self.width, self.dtype)
        self.places = embedding(self.context, self.width, self.dtype)
        self.loses = nn.Dropout(self.dropout)
        self.transformer = make_transformer(
            self, causal=True, init=INIT * shrink**0.5, scale_residuals=True
        )

    def __call__(self, tokens, train: bool = False, **seen):
        """Returns the logits; `seen` is as in `encode`."""
        return self.logits(self.encode(tokens, train, **seen))

    def encode(
        self, tokens, train: bool = False, *, positions=None, segments=None, mask=None, slot=None
    ):
        """Computes what the next token is told from.

        Args:
          tokens: [B, T] int.
          train: whether anything is dropped.
          positions: [B, T] int, or None for 0 to T - 1.
          segments: [B, T] int, the document that each token is of.
          mask: as in `Attention`; the tokens after a token are never seen.
          slot: as in `Attention`; the mask then is all that limits what is seen.

        Returns:
          [B, T, D] float32, or float64.
        """
        check_context(tokens, self.context)
        places = jnp.arange(tokens.shape[1]) if positions is None else positions
        x = self.words(tokens) + self.places(places)
        x = self.loses(x, deterministic=not train)
        hidden = self.transformer(x, train, mask, segments, None, slot)
        return hidden * base_share(self.width, self.base_width) if self.base_width else hidden

    def logits(self, hidden):
        """Returns the logits [..., V] of hidden states [..., D]."""
        return tied_logits(hidden, self.words.embedding, self.dtype)


def make_transformer(net: Any, **design: Any) -> Transformer:
    """Makes the blocks of a net from its attributes, which all nets of language have.

    Args:
      net: a GPT2 or a BERT.
      design: what of `Design` is its own.
    """
    return Transformer(
        net.depth,
        net.heads,
        (net.hidden or 4 * net.width) / net.width,
        net.dropout,
        dtype=net.dtype,
        design=Design(
            epsilon=net.epsilon, activation=net.activation, backend=net.backend, **design
        ),
        scan_layers=net.scan_layers,
        remat=net.remat,
    )


def base_share(width: int, base_width: int) -> float:
    """Returns the base width's share of a width; 1 for the standard parametrization, a base of 0.

    Kernels between layers begin with variances in its proportion, and logits are multiplied by it
    (Yang et al. 2022, table 8).
    """
    return base_width / width if base_width else 1.0


def check_context(tokens, context: int) -> None:
    """Checks that tokens [B, T] are no more than there are positions.

    Raises:
      BadInput: they are.
    """
    if tokens.shape[1] > context:
        raise BadInput(f"{tokens.shape[1]} tokens exceed the context of {context}")


def embedding(count: int, width: int, dtype: Any) -> nn.Embed:
    """Makes a table of vectors that is read in float32, or in float64 for float64."""
    init = nn.initializers.normal(INIT)
    return nn.Embed(count, width, dtype=wide(dtype), param_dtype=wide(dtype), embedding_init=init)


def tied_logits(hidden, table, dtype: Any):
    """Returns hidden states [..., D] times a table [V, D]: logits [..., V], summed in float32."""
    hidden, table = hidden.astype(dtype), table.astype(dtype)
    return jnp.einsum("...d,vd->...v", hidden, table, preferred_element_type=wide(dtype))
