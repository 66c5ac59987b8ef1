"""BERT's net with both heads of its pretraining, Devlin et al. 2018 (arXiv 1810.04805)."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.nn.attention import Backend
from jaxdl.nn.gpt2 import INIT, check_context, embedding, make_transformer, tied_logits
from jaxdl.nn.transformer import Activation, layer_norm, wide


class BERT(nn.Module):
    """Tokens, token types, mask [B, T] -> logits of words [B, T, V], of what follows [B, 2].

    Attributes:
      vocabulary: V.
      context: the most tokens, and the number of learned positions.
      types: of tokens, such as first and second sentence.
      width: D.
      depth: number of blocks.
      heads: of attention, which divide D.
      hidden: width of the blocks' hidden layers; 0 for 4 D.
      dropout: after the embedding and after either part of a block.
      epsilon: of layer normalization.
      activation: of the blocks and of the words' head.
      causal: no token sees those after it, for the comparison with BERT (Devlin et al. 2018, table
        5, "LTR"). The first token then knows nothing of the text.
      dtype: of the computation; parameters, normalization and logits are float32, or float64.
      scan_layers: as in `Transformer`.
      remat: as in `Transformer`.
      backend: of attention.
    """

    vocabulary: int = 30_522
    context: int = 512
    types: int = 2
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 0
    dropout: float = 0.0
    epsilon: float = 1e-12
    activation: Activation = "gelu_erf"
    causal: bool = False
    dtype: Any = jnp.float32
    scan_layers: bool = False
    remat: bool = False
    backend: Backend = "xla"

    def setup(self):
        """Makes the parts."""
        self.words = embedding(self.vocabulary, self.width, self.dtype)
        self.places = embedding(self.context, self.width, self.dtype)
        self.kinds = embedding(self.types, self.width, self.dtype)
        self.norm = layer_norm(self.epsilon, self.dtype)
        self.loses = nn.Dropout(self.dropout)
        self.transformer = make_transformer(self, causal=self.causal, norm_first=False, init=INIT)
        self.pooler = self._dense(self.width)
        self.words_dense = self._dense(self.width)
        self.words_norm = layer_norm(self.epsilon, self.dtype)
        self.words_bias = self.param(
            "words_bias", nn.initializers.zeros, (self.vocabulary,), wide(self.dtype)
        )
        self.follows = self._dense(2)

    def __call__(self, tokens, token_types=None, mask=None, train: bool = False, **seen):
        """Returns the logits of both heads; the arguments are as in `encode`."""
        hidden = self.encode(tokens, token_types, mask, train, **seen)
        return self.logits(self.transform(hidden)), self.next_sentence(hidden)

    def encode(
        self,
        tokens,
        token_types=None,
        mask=None,
        train: bool = False,
        *,
        positions=None,
        segments=None,
    ):
        """Computes the states of the tokens.

        Args:
          tokens: [B, T] int.
          token_types: [B, T] int; None for zeros.
          mask: [B, T] bool or int, 0 for padding; None for none.
          train: whether anything is dropped.
          positions: [B, T] int, or None for 0 to T - 1.
          segments: [B, T] int, where several documents are packed in a row.

        Returns:
          [B, T, D] float32, or float64.
        """
        check_context(tokens, self.context)
        places = jnp.arange(tokens.shape[1]) if positions is None else positions
        types = jnp.zeros_like(tokens) if token_types is None else token_types
        x = self.words(tokens) + self.places(places) + self.kinds(types)
        x = self.loses(self.norm(x), deterministic=not train)
        keys = None if mask is None else mask.astype(bool)
        return self.transformer(x, train, None, segments, keys)

    def transform(self, hidden):
        """Turns hidden states [..., D] into what the words are told from, [..., D]."""
        x = self.words_dense(hidden.astype(self.dtype))
        x = nn.gelu(x, approximate=self.activation == "gelu_tanh")
        return self.words_norm(x)

    def logits(self, transformed):
        """Returns the logits [..., V] of what `transform` made."""
        return tied_logits(transformed, self.words.embedding, self.dtype) + self.words_bias

    def pool(self, hidden):
        """Returns the state [B, D] of the first token, which stands for the whole text."""
        return jnp.tanh(self.pooler(hidden[:, 0].astype(self.dtype)))

    def next_sentence(self, hidden):
        """Returns logits [B, 2]: the second sentence follows the first, or it does not."""
        return self.follows(self.pool(hidden)).astype(wide(self.dtype))

    def _dense(self, features: int) -> nn.Dense:
        init = nn.initializers.normal(INIT)
        return nn.Dense(features, dtype=self.dtype, param_dtype=wide(self.dtype), kernel_init=init)
