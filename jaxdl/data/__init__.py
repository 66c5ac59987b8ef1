"""Data: readers of public formats, arrays on the device, augmentation."""

from jaxdl.data.augment import simclr_augmentation
from jaxdl.data.folder import image_folder, load_folder
from jaxdl.data.images import Images, first_rows, load, rows_per_class, sampler

__all__ = [
    "Images",
    "first_rows",
    "image_folder",
    "load",
    "load_folder",
    "rows_per_class",
    "sampler",
    "simclr_augmentation",
]
