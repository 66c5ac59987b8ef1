"""The camera, which takes pictures of MuJoCo's and MJX's worlds inside a jitted program."""

from jaxdl.render.camera import Poses, orbit
from jaxdl.render.caster import depth, render, render_float, segmentation
from jaxdl.render.look import Look
from jaxdl.render.pixels import SeenState, SeenTask, pixels
from jaxdl.render.randomize import Ranges, sample_look
from jaxdl.render.scene import Scene, default_look, scene

__all__ = [
    "Look",
    "Poses",
    "Ranges",
    "Scene",
    "SeenState",
    "SeenTask",
    "default_look",
    "depth",
    "orbit",
    "pixels",
    "render",
    "render_float",
    "sample_look",
    "scene",
    "segmentation",
]
