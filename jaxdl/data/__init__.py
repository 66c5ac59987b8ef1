"""Data: readers of public formats, arrays on the device, augmentation."""

from jaxdl.data.augment import simclr_augmentation
from jaxdl.data.colors import as_floats
from jaxdl.data.drawn import drawn_characters
from jaxdl.data.few_shot import Characters, FewShot, sample_tasks
from jaxdl.data.folder import image_folder
from jaxdl.data.images import Images, first_rows, image_shape, load, rows_per_class
from jaxdl.data.labels import Labelled, Taught, choose_labelled, labelled_training, taught_training
from jaxdl.data.omniglot import has_omniglot, read_omniglot, read_runs, split_classes
from jaxdl.data.rand_augment import rand_augment
from jaxdl.data.source import ImageSource, ProbeImages, open_images

__all__ = [
    "Characters",
    "FewShot",
    "ImageSource",
    "Images",
    "Labelled",
    "ProbeImages",
    "Taught",
    "as_floats",
    "choose_labelled",
    "drawn_characters",
    "first_rows",
    "has_omniglot",
    "image_folder",
    "image_shape",
    "labelled_training",
    "load",
    "open_images",
    "rand_augment",
    "read_omniglot",
    "read_runs",
    "rows_per_class",
    "sample_tasks",
    "simclr_augmentation",
    "split_classes",
    "taught_training",
]
