"""The control worlds as their cameras see them."""

import importlib
from typing import Any

from jaxdl.envs import Env, make
from jaxdl.envs.names import home_of, parse_name
from jaxdl.render.pixels import pixels
from jaxdl.render.scene import scene
from jaxdl.render.views import CONTROL_CAMERAS

CARTPOLES = ("mjx/cartpole", "swingup")
# The steps of one action: Laskin et al. 2020, table 3.
REPEATS = {"mjx/cartpole": 8, "swingup": 8, "mjx/finger": 2, "mjx/walker": 2}
USUAL = 4


def has_camera(name: str) -> bool:
    """Tells whether the world of that name, settings in it included, is one that `seen` shows."""
    world = parse_name(name).world
    return world in CARTPOLES or world in CONTROL_CAMERAS


def usual_repeat(name: str) -> int:
    """Returns how often CURL repeats an action in that world; 1 where no camera stands."""
    return REPEATS.get(parse_name(name).world, USUAL) if has_camera(name) else 1


def seen(name: str, *, side: int, action_repeat: int = 1) -> Env:
    """Observes a control world by the camera that dm_control has in it.

    Observations are single frames [side, side, 3] uint8.

    Args:
      name: one that `has_camera`.
      side: of the pictures, pixels.
      action_repeat: steps of the world in a step.

    Raises:
      BadInput: the name is none of a world, or has a setting that is not the world's.
    """
    model, camera, poses = _stage(name)
    # Four rays a pixel, as dm_control has samples: a pole may be thinner than a pixel.
    drawn = scene(model, height=side, width=side, camera=camera, supersample=2)
    return pixels(make(name), drawn, poses=poses, frame_stack=1, action_repeat=action_repeat)


def _stage(name: str) -> tuple[Any, str, Any]:
    """Returns a world's model, camera, and where its geoms are by state and task."""
    from jaxdl.envs.control import episodes

    world, settings = parse_name(name)
    module = importlib.import_module(home_of(world)[0])
    if world in CARTPOLES:
        from jaxdl.envs import mjx
        from jaxdl.envs.mujoco import read_asset

        poses = mjx.cartpole_poses() if world == "mjx/cartpole" else module.poses()
        return read_asset(mjx.XML), "side", poses
    design = module.design(*([settings["task"]] if "task" in settings else []))
    return design.mechanism.compiled, CONTROL_CAMERAS[world], episodes.poses(design)
