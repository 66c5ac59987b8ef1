"""A trunk with a linear classifier on top."""

import flax.linen as nn


class Classifier(nn.Module):
    """A linear map of a trunk's features: images [B, H, W, C] -> logits [B, K].

    Its parameters are {"trunk", "head"}: the trunk's have the place that they have in
    `jaxdl.nn.Projected`, so that one can be put where the other was.

    Attributes:
      trunk: module with `(images, train) -> [B, F]`.
      num_classes: K.
    """

    trunk: nn.Module
    num_classes: int

    @nn.compact
    def __call__(self, x, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        return nn.Dense(self.num_classes, name="head")(self.trunk(x, train))
