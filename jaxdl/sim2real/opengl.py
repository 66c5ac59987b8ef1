"""The other reality: MuJoCo's own OpenGL draws the same table, on the host and once.

Its lights, shadows, highlights, smooth edges and filtered textures are not ours, and its bitmaps
are those that no training picture wears (`jaxdl.sim2real.reality`).
"""

import copy
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import jax
import mujoco
import numpy as np

from jaxdl.render import default_look
from jaxdl.sim2real.reality import bank
from jaxdl.sim2real.tables import Eye, Layout, Pictures, Table, draw_layout, eye_of, poses

LIBRARIES = ("egl", "osmesa", "glfw")  # without a screen, in software, with a screen
OFF = ("disable", "disabled", "off", "false", "0")
SHIFT = 0.025  # m by which the camera is moved along its axes, at most
TURN = 0.015  # rad by which it is turned about them, at most


class NoOpenGL(RuntimeError):
    """Tells that MuJoCo's pictures cannot be drawn here, and why."""


def photograph(table: Table, *, count: int, distractors: int, seed: int = 0) -> Pictures:
    """Draws labeled pictures by OpenGL.

    Args:
      table: what can lie there.
      count: B.
      distractors: at most so many objects beside the one that is looked for.
      seed: of all that is drawn.

    Returns:
      Pictures of NumPy arrays.

    Raises:
      NoOpenGL: no library for it works here.
    """
    keys = jax.random.split(jax.random.key(seed), count)
    draw = jax.jit(jax.vmap(lambda key: draw_layout(key, table, distractors)))
    layouts = jax.tree.map(np.asarray, draw(keys))
    rng = np.random.default_rng(seed)
    taken = []
    with _renderer(table) as renderer:
        for i in range(count):
            layout = jax.tree.map(lambda x: x[i], layouts)  # noqa: B023
            eye = _aim(table, layout, rng)
            taken.append((_draw(renderer, rng, table, layout, eye), eye))
    images, eyes = zip(*taken, strict=True)
    stacked = jax.tree.map(lambda *x: np.stack(x), *eyes)
    return Pictures(np.stack(images), layouts.position, layouts.kind, stacked)


@lru_cache(maxsize=1)
def missing() -> str:
    """Returns why there is no OpenGL here, and "" where there is; says so once in a line."""
    from jaxdl.sim2real.tables import open_table

    try:
        with _renderer(open_table(height=8, width=8)):
            return ""
    except NoOpenGL as error:
        print(f"jaxdl: {error}", file=sys.stderr, flush=True)
        return str(error)


@contextmanager
def _renderer(table: Table) -> Iterator[Any]:
    """Opens a context, a model whose looks can be changed, and what draws it.

    Raises:
      NoOpenGL: no library for it works here.
    """
    model = copy.copy(table.model)
    for i in range(model.ntex):
        start, size = int(model.tex_adr[i]), int(model.tex_height[i] * model.tex_width[i] * 3)
        model.tex_data[start : start + size] = bank()[i % len(bank())].ravel()
    context = _open_context(table.scene.width, table.scene.height)
    try:
        context.make_current()
        size = mujoco.mjtFontScale.mjFONTSCALE_100
        drawing = mujoco.MjrContext(model, size.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, drawing)
        yield model, drawing
        drawing.free()
    except mujoco.FatalError as error:
        raise NoOpenGL(_without(error)) from None
    finally:
        context.free()


def _open_context(width: int, height: int) -> Any:
    """Opens the library that MUJOCO_GL names, or the first that works."""
    wanted = os.environ.get("MUJOCO_GL", "").lower().strip()
    if wanted in OFF:
        raise NoOpenGL(_without(f"MUJOCO_GL={wanted}"))
    problems = []
    for name in [wanted] if wanted in LIBRARIES else LIBRARIES:
        try:
            return importlib.import_module(f"mujoco.{name}").GLContext(width, height)
        except Exception as error:  # whatever a library that is not there raises
            problems.append(f"{name}: {type(error).__name__}")
    raise NoOpenGL(_without(", ".join(problems)))


def _without(why: Any) -> str:
    reason = " ".join(str(why).split())[:120]
    return f"no OpenGL here ({reason}): reality is the held-out family of looks alone"


def _aim(table: Table, layout: Layout, rng: np.random.Generator) -> Eye:
    """Sets the camera up, never quite where the model has it."""
    look = default_look(table.scene)._replace(
        camera_shift=rng.uniform(-SHIFT, SHIFT, 3).astype(np.float32),
        camera_turn=rng.uniform(-TURN, TURN, 3).astype(np.float32),
    )
    return jax.tree.map(np.asarray, eye_of(table, look, poses(table, layout)))


def _draw(
    renderer: Any, rng: np.random.Generator, table: Table, layout: Layout, eye: Eye
) -> np.ndarray:
    """Draws a picture [H, W, 3] of bytes, in looks of its own."""
    model, drawing = renderer
    _dress(model, rng)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    geoms = list(table.scene.ids)
    data.geom_xpos[geoms] = layout.places
    data.geom_xmat[geoms] = layout.turns.reshape(-1, 9)
    model.geom_size[geoms] = layout.sizes
    scene = mujoco.MjvScene(model, maxgeom=100)
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
    camera.fixedcamid = table.scene.camera
    everything = mujoco.mjtCatBit.mjCAT_ALL.value
    mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, everything, scene)
    for side in scene.camera:  # of a pair for stereo, whose middle is drawn
        side.pos = eye.position
        side.up = eye.matrix[:, 1]
        side.forward = -eye.matrix[:, 2]
    height, width = table.scene.height, table.scene.width
    view = mujoco.MjrRect(0, 0, width, height)
    image = np.empty((height, width, 3), np.uint8)
    mujoco.mjr_render(view, scene, drawing)
    mujoco.mjr_readPixels(image, None, view, drawing)
    return np.flipud(image).copy()


def _dress(model: mujoco.MjModel, rng: np.random.Generator) -> None:
    """Changes the model's materials, colors and light."""
    geoms = model.ngeom
    dressed = rng.random(geoms) < 0.5 if model.nmat else np.zeros(geoms, bool)
    model.geom_matid[:] = np.where(dressed, rng.integers(0, max(model.nmat, 1), geoms), -1)
    gray = rng.uniform(0.25, 0.8, (geoms, 1))
    colors = np.clip(gray + rng.uniform(-0.25, 0.25, (geoms, 3)), 0, 1)
    model.geom_rgba[:, :3] = np.where(dressed[:, None], 0.5, colors)
    model.geom_rgba[:, 3] = 1.0
    model.mat_specular[:] = rng.uniform(0, 0.8, model.nmat)
    model.mat_shininess[:] = rng.uniform(0, 0.8, model.nmat)
    around, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 2.5)
    model.light_dir[:] = -np.array([np.cos(around), np.sin(around), up]) / np.hypot(1, up)
    model.light_pos[:] = -1.5 * model.light_dir
    model.light_diffuse[:] = rng.uniform(0.4, 0.8)
    model.light_specular[:] = rng.uniform(0.0, 0.5)
    model.vis.headlight.ambient[:] = rng.uniform(0.15, 0.35)
    model.vis.headlight.diffuse[:] = rng.uniform(0.0, 0.3)
