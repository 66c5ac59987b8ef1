"""What is kept of a trained language model."""

import jax
import jax.numpy as jnp

from jaxdl.deploy import Deployment
from jaxdl.nn.bert import BERT
from jaxdl.nn.gpt2 import GPT2


def decoder_deployment(net: GPT2, *, text: str) -> Deployment:
    """Makes the deployment of a decoder, tokens [b, T] -> logits [b, T, V] of the next tokens.

    Args:
      net: what was trained. Its export computes in float32 by `xla`, which all machines have.
      text: what was trained on what, for the reader of the export's README.
    """
    plain = net.clone(dtype=jnp.float32, backend="xla", remat=False)

    def apply(weights, inputs):
        return {"logits": plain.apply({"params": weights["params"]}, inputs["tokens"])}

    tokens = jax.ShapeDtypeStruct((net.context,), "int32")
    return Deployment(text, lambda state: {"params": state.params}, apply, {"tokens": tokens})


def encoder_deployment(net: BERT, *, text: str) -> Deployment:
    """Makes the deployment of an encoder.

    It is tokens, token types, mask [b, T] -> logits of words [b, T, V], of what follows [b, 2].

    Args:
      net: what was trained. Its export computes in float32 by `xla`, which all machines have.
      text: what was trained on what, for the reader of the export's README.
    """
    plain = net.clone(dtype=jnp.float32, backend="xla", remat=False)
    names = ("tokens", "token_types", "mask")

    def apply(weights, inputs):
        read = [inputs[name] for name in names]
        words, follows = plain.apply({"params": weights["params"]}, *read)
        return {"words": words, "next_sentence": follows}

    row = jax.ShapeDtypeStruct((net.context,), "int32")
    shapes = dict.fromkeys(names, row)
    return Deployment(text, lambda state: {"params": state.params}, apply, shapes)
