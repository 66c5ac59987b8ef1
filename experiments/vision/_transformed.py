"""SimCLR's views beyond its own augmentation, for figure 5 and table 3. No JAX at import."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from experiments.vision import _setup
from experiments.vision._options import Views
from jaxdl.core.run import BadInput, option

if TYPE_CHECKING:
    from jaxdl.data import ImageSource
    from jaxdl.data.augment import Augment

TRANSFORMATIONS = ("crop", "cutout", "color", "sobel", "noise", "blur", "rotation")
# What table 3 adds, and to which share of the views: so a guess is right for 25, 50 and 50 %.
ADDED = {"rotation": 1.0, "noise": 0.5, "sobel": 0.5}


@dataclass(frozen=True)
class Transformed:
    """How images are distorted where it is not by SimCLR's own views."""

    group: ClassVar[str] = "transformations"

    one_branch: tuple[str, ...] = option(
        (),
        f"both views are one crop, and the second has these in turn: {', '.join(TRANSFORMATIONS)}",
    )
    added: tuple[str, ...] = option((), f"a share of the views has these too: {', '.join(ADDED)}")

    def __post_init__(self):
        for flag, names, known in (
            ("one_branch", self.one_branch, TRANSFORMATIONS),
            ("added", self.added, ADDED),
        ):
            if set(names) - set(known):
                text = f"--{flag}={','.join(names)}"
                raise BadInput(f"{text}: should be names among {', '.join(known)}")
        if self.one_branch and self.added:
            raise BadInput(
                "--added: --one_branch has no views of its own that it could be added to"
            )


def make_views(transformed: Transformed, views: Views, images: "ImageSource") -> "Augment":
    """Makes SimCLR's augmentation, what is added to it, or the views that differ in one branch."""
    from jaxdl.data import compositions as compose

    known = compose.named_transformations(
        _setup.view_size(images),
        crop_scale=(views.crop_min, 1.0),
        flip=_setup.may_flip(images),
        color_strength=views.color,
        grayscale=views.gray,
    )
    if transformed.one_branch:
        chain = compose.in_turn([known[name] for name in transformed.one_branch])
        return compose.on_one_branch(known["crop"], chain)
    if not transformed.added:
        return _setup.views(views, images)
    added = [compose.on_some(known[name], ADDED[name]) for name in transformed.added]
    return compose.in_turn([_setup.views(views, images), *added])
