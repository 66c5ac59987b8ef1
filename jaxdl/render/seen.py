"""Worlds as they are seen: the control worlds by their cameras, MinAtar's games by their boards."""

import importlib
from typing import Any

from jaxdl.core.run import BadInput
from jaxdl.envs import Env, make
from jaxdl.envs.names import home_of, parse_name
from jaxdl.envs.repeat import repeat_actions
from jaxdl.render.boards import board_pixels
from jaxdl.render.drawings import MINATAR
from jaxdl.render.pixels import pixels
from jaxdl.render.scene import scene
from jaxdl.render.views import CONTROL_CAMERAS, minatar_game

CARTPOLES = ("mjx/cartpole", "swingup")
# The steps of one action: Laskin et al. 2020, table 3.
REPEATS = {"mjx/cartpole": 8, "swingup": 8, "mjx/finger": 2, "mjx/walker": 2}
USUAL = 4


def has_camera(name: str) -> bool:
    """Tells whether the world of that name, settings in it included, is one that `seen` shows."""
    world = parse_name(name).world
    return world in CARTPOLES or world in CONTROL_CAMERAS or is_game(name)


def is_game(name: str) -> bool:
    """Tells whether the world of that name is one of MinAtar's games."""
    return minatar_game(parse_name(name).world) is not None


def usual_repeat(name: str) -> int:
    """Returns how often CURL repeats an action in that world; 1 in games, and without a camera."""
    if is_game(name) or not has_camera(name):
        return 1
    return REPEATS.get(parse_name(name).world, USUAL)


def seen(name: str, *, side: int, action_repeat: int = 1, frame_stack: int = 1) -> Env:
    """Observes a control world by the camera that dm_control has in it, or a game by its board.

    Observations are [side, side, 3 frame_stack] uint8.

    Args:
      name: one that `has_camera`.
      side: of the pictures, pixels.
      action_repeat: steps of the world in a step.
      frame_stack: pictures in an observation; one of a game, whose boards show where things were.

    Raises:
      BadInput: the name is none of a world, or has a setting that is not the world's, or there is
        no camera; or a game's board is too small, or several frames of it are asked for.
    """
    world = parse_name(name).world
    if not has_camera(name):
        raise BadInput(f"no camera stands in {world}")
    if is_game(name):
        if frame_stack > 1:
            raise BadInput(f"{world}: a board shows where things were; ask for one frame")
        return seen_game(name, side=side, board=side, action_repeat=action_repeat)
    model, camera, poses = _stage(name)
    # Four rays a pixel, as dm_control has samples: a pole may be thinner than a pixel.
    drawn = scene(model, height=side, width=side, camera=camera, supersample=2)
    return pixels(
        make(name), drawn, poses=poses, frame_stack=frame_stack, action_repeat=action_repeat
    )


def seen_game(name: str, *, side: int, board: int, action_repeat: int = 1) -> Env:
    """Observes one of MinAtar's games by pictures [side, side, 3] uint8 of its board.

    Args:
      name: one of those that `is_game` tells.
      side: of the pictures, pixels.
      board: of the square in their middle that the board is drawn in, pixels.
      action_repeat: moves of the game in a step.

    Raises:
      BadInput: the board is too small to tell its marks apart, or larger than the pictures.
    """
    env = repeat_actions(make(name), action_repeat)
    marks = MINATAR[minatar_game(parse_name(name).world)]
    return board_pixels(env, marks, side=side, board=board)


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
