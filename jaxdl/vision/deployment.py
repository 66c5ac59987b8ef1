"""What is kept of a trained image learner."""

import jax

from jaxdl.core.learner import TrainState
from jaxdl.deploy import Deployment
from jaxdl.vision.probe import Encode


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

    def apply(weights, inputs):
        state = TrainState(weights["params"], opt_state=(), extra=weights["extra"])
        return {"features": encode(state, inputs["images"])}

    return Deployment(
        text,
        lambda state: {"params": state.params, "extra": state.extra},
        apply,
        {"images": jax.ShapeDtypeStruct(image_shape, "uint8")},
    )
