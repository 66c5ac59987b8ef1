"""Data: readers of public formats, arrays on the device, augmentation."""

from jaxdl.data.augment import simclr_augmentation
from jaxdl.data.folder import image_folder
from jaxdl.data.images import Images, few_labels, load, sampler

__all__ = ["Images", "few_labels", "image_folder", "load", "sampler", "simclr_augmentation"]
