"""Vision: representations learned without labels, and how they are judged."""

from jaxdl.vision.optimizer import adamw, lars
from jaxdl.vision.probe import linear_probe, probe_accuracy
from jaxdl.vision.simclr import encoder, simclr

__all__ = ["adamw", "encoder", "lars", "linear_probe", "probe_accuracy", "simclr"]
