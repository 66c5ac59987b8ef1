"""Groups of options of systems that see a table with objects, and what is made of them.

No JAX at import.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxdl.core.run import option

if TYPE_CHECKING:
    from jaxdl.sim2real import Randomization, Table


@dataclass(frozen=True)
class Scene:
    """What lies on the table, and who sees it."""

    group: ClassVar[str] = "scene"

    objects: tuple[str, ...] = option(
        ("cylinder",), "kinds that are looked for: box, cylinder, sphere, capsule, ellipsoid"
    )
    distractors: int = option(2, "most objects of other kinds in training", at_least=0)
    side: int = option(48, "of the pictures, pixels", at_least=8)
    camera: str = option("front", "front or side")


@dataclass(frozen=True)
class Looks:
    """How far the looks of training pictures differ. A range of 0 keeps the model's own."""

    group: ClassVar[str] = "looks"

    randomize: bool = option(True, "draw looks at all; without it none of these counts")
    textures: int = option(0, "texturings of the whole scene (0: no end of them)", at_least=0)
    color: float = option(1.0, "share of random colors", at_least=0, at_most=1)
    checker: float = option(0.3, "probability of a checker", at_least=0, at_most=1)
    smooth_noise: float = option(0.5, "most of a smooth noise", at_least=0)
    light: float = option(0.7, "rad by which light is turned, at most", at_least=0)
    brightness: float = option(0.4, "share by which it varies", at_least=0, at_most=1)
    camera_shift: float = option(0.05, "m along each axis, at most", at_least=0)
    camera_turn: float = option(0.03, "rad about each axis, at most", at_least=0)
    fovy: float = option(3.0, "degrees, at most", at_least=0)
    sensor_noise: float = option(0.03, "its standard deviation, at most", at_least=0)
    blur: float = option(0.5, "at most; at 1 neighbors weigh a half", at_least=0, at_most=1)


def open_scene(scene: Scene, distractors: int | None = None) -> "Table":
    """Opens the table, which holds so many distractors or those of training."""
    from jaxdl.sim2real import open_table

    most = scene.distractors if distractors is None else distractors
    camera = int(scene.camera) if scene.camera.isdigit() else scene.camera
    return open_table(
        scene.objects, distractors=most, height=scene.side, width=scene.side, camera=camera
    )


def randomization(looks: Looks) -> "Randomization":
    """Makes what training draws looks from."""
    from jaxdl.render import Ranges
    from jaxdl.sim2real import FIXED, Randomization, check_ranges

    if not looks.randomize:
        return Randomization(FIXED)
    ranges = Ranges(
        color=looks.color,
        checker=looks.checker,
        noise=looks.smooth_noise,
        light=looks.light,
        brightness=looks.brightness,
        sky=looks.color,
        camera_shift=looks.camera_shift,
        camera_turn=looks.camera_turn,
        fovy=looks.fovy,
        sensor_noise=looks.sensor_noise,
        blur=looks.blur,
    )
    return Randomization(check_ranges(ranges), looks.textures)
