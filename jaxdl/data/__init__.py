"""Data: readers of public formats, arrays on the device, augmentation."""

from jaxdl.data.augment import simclr_augmentation
from jaxdl.data.colors import as_floats
from jaxdl.data.folder import image_folder
from jaxdl.data.images import Images, first_rows, image_shape, load, rows_per_class
from jaxdl.data.labels import Labelled, Taught, choose_labelled, labelled_training, taught_training
from jaxdl.data.rand_augment import rand_augment
from jaxdl.data.source import ImageSource, ProbeImages, open_images

__all__ = [
    "ImageSource",
    "Images",
    "Labelled",
    "ProbeImages",
    "Taught",
    "as_floats",
    "choose_labelled",
    "first_rows",
    "image_folder",
    "image_shape",
    "labelled_training",
    "load",
    "open_images",
    "rand_augment",
    "rows_per_class",
    "simclr_augmentation",
    "taught_training",
]
