"""What is kept of a trained language model."""

import jax
import jax.numpy as jnp

from jaxdl.deploy import Deployment
from jaxdl.language.encoding import Encoded
from jaxdl.language.finetune import classify
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


def classifier_deployment(net: BERT | GPT2, length: int, *, text: str) -> Deployment:
    """Makes the deployment of what `finetune` has learned from pretrained parameters.

    It is tokens, token types (which GPT-2 does without), mask [b, T] -> probabilities [b, K], by
    the net that had the most labels.

    Args:
      net: what was trained. Its export computes in float32 by `xla`, which all machines have.
      length: T.
      text: what was trained on what, for the reader of the export's README.
    """
    plain = net.clone(dtype=jnp.float32, backend="xla", remat=False)

    def weights(state):
        return {"params": jax.tree.map(lambda x: x[0, -1], state.params)}

    def apply(weights, inputs):
        names = ("tokens", "token_types", "mask")
        unknown = jnp.zeros_like(inputs["tokens"][:, 0])  # labels
        texts = Encoded(*(inputs[name] for name in names), unknown)
        return {"probabilities": jax.nn.softmax(classify(plain, weights["params"], texts))}

    row = jax.ShapeDtypeStruct((length,), "int32")
    return Deployment(text, weights, apply, {"tokens": row, "token_types": row, "mask": row})
