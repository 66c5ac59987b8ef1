"""What is kept of a trained image learner."""

import jax

from jaxdl.core.learner import TrainState
from jaxdl.deploy import Deployment
from jaxdl.vision.probe import Encode
from jaxdl.vision.scores import Classify


def encoder_deployment(
    encode: Encode, image_shape: tuple[int, int, int], *, text: str
) -> Deployment:
    """Makes the deployment of an encoder: bytes of images [b, H, W, C] -> features [b, F].

    Args:
      encode: state, images -> features; of the state it reads `params` and `extra`. It should
        compute in float32: jaxlib 0.11.2 compiles bfloat16 convolutions wrongly for CPUs.
      image_shape: (H, W, C).
      text: what was trained on what, for the reader of the export's README.
    """
    return _deployment(encode, "features", image_shape, text)


def classifier_deployment(
    classify: Classify, image_shape: tuple[int, int, int], *, text: str
) -> Deployment:
    """Makes the deployment of a classifier: bytes of images [b, H, W, C] -> logits [b, K].

    Args:
      classify: state, images -> logits; as `encode` of `encoder_deployment`.
      image_shape: (H, W, C).
      text: what was trained on what.
    """
    return _deployment(classify, "logits", image_shape, text)


def _deployment(
    function: Encode, output: str, image_shape: tuple[int, int, int], text: str
) -> Deployment:
    def apply(weights, inputs):
        state = TrainState(weights["params"], opt_state=(), extra=weights["extra"])
        return {output: function(state, inputs["images"])}

    return Deployment(
        text,
        lambda state: {"params": state.params, "extra": state.extra},
        apply,
        {"images": jax.ShapeDtypeStruct(image_shape, "uint8")},
    )
