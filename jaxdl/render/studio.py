"""MuJoCo's worlds through the camera, in a light in which people see well what happens."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from mujoco import mjtGeom

from jaxdl.render.camera import Poses
from jaxdl.render.caster import render
from jaxdl.render.look import Look
from jaxdl.render.scene import Scene, default_look, scene

PLANE = int(mjtGeom.mjGEOM_PLANE)
FLOOR = ((0.86, 0.87, 0.88), (0.94, 0.94, 0.93))  # colors of its checkers
SKY = ((0.95, 0.97, 0.99), (0.60, 0.76, 0.92))  # at the horizon, at the zenith
LIGHT = (-0.35, -0.5, 1.0)  # towards it
GREEN = (0.0, 0.62, 0.45)
BRIGHT = 0.88  # the greatest channel of what is not floor
AT_ONCE = 8  # pictures that a program makes

Free = tuple[tuple[float, float, float], float, float, float]


def photographer(
    model: Any, *, camera: int | str | Free, floor: float | None = None, back: Sequence[float] = ()
) -> Callable[[Any, Sequence[int], int, int], list[np.ndarray]]:
    """Returns a painter of plays whose `kept` is (Poses of all geoms and cameras, sizes).

    Sizes are [ngeom, 3] in place of the model's, or () to leave those. Shadows are hard, edges
    smooth. Colors are the model's but brighter, the floor, the light and the sky our own.

    Args:
      model: a mujoco.MjModel.
      camera: one of the model's, or (lookat, distance, azimuth, elevation) as for `orbit`.
      floor: the height of a floor that is added, m; None for none.
      back: how far the camera is moved right, up and back, m, and how far tilted up, rad.

    Raises:
      BadInput: the camera cannot draw the model.
    """
    own = isinstance(camera, tuple)

    @functools.cache
    def program(height, width):
        drawn = scene(
            model,
            height=height,
            width=width,
            camera="free" if own else camera,
            shadows=True,
            supersample=2,
        )
        drawn = replace(drawn, free=camera) if own else drawn
        drawn = drawn if floor is None else floored(drawn, model.ngeom)
        look = lit(drawn, default_look(drawn), goals(model), back)
        return jax.jit(jax.vmap(functools.partial(_photograph, drawn, look, floor)))

    def paint(play, frames, height, width):
        frames = np.asarray(frames)
        pictures = []
        for start in range(0, len(frames), AT_ONCE):
            some = frames[start : start + AT_ONCE]
            padded = np.concatenate([some, np.repeat(some[-1:], AT_ONCE - len(some))])
            kept = jax.tree.map(lambda x: x[padded], play.kept)  # noqa: B023
            pictures += list(np.asarray(program(height, width)(kept))[: len(some)])
        return pictures

    program(64, 64)  # so that a model that cannot be drawn is refused before it is played
    return paint


def _photograph(drawn: Scene, look: Look, floor: float | None, kept: Any) -> jax.Array:
    poses, size = kept
    if floor is not None:
        places = jnp.concatenate([poses.geom_xpos, jnp.array([[0.0, 0.0, floor]])])
        turns = jnp.concatenate([poses.geom_xmat.reshape(-1, 3, 3), jnp.eye(3)[None]])
        poses = poses._replace(geom_xpos=places, geom_xmat=turns)
    if isinstance(size, jax.Array):
        size = jnp.concatenate([size, jnp.zeros((1, 3))])  # the floor's, which is endless
        look = look._replace(size=size[jnp.array(drawn.ids)])
    return render(drawn, look, Poses(*poses))


def floored(drawn: Scene, number: int) -> Scene:
    """Adds an endless floor to the scene, as the geom of that number."""
    look = drawn.look
    none = (0.0, 0.0, 0.0)
    look = look._replace(
        size=(*look.size, none),
        rgb=(*look.rgb, none),
        rgb2=(*look.rgb2, none),
        frequency=(*look.frequency, 0.0),
        checker=(*look.checker, 1.0),
        noise=(*look.noise, 0.0),
    )
    return replace(drawn, ids=(*drawn.ids, number), kinds=(*drawn.kinds, PLANE), look=look)


def goals(model: Any) -> list[int]:
    """Finds the geoms that say where something shall be, by their own or their bodies' names."""
    names = [
        f"{model.geom(i).name} {model.body(model.geom_bodyid[i]).name}" for i in range(model.ngeom)
    ]
    return [i for i, name in enumerate(names) if "target" in name or "goal" in name]


def lit(drawn: Scene, look: Look, marked: Sequence[int] = (), back: Sequence[float] = ()) -> Look:
    """Lights a look with bright colors, a pale checkered floor, one high light and a sky.

    Args:
      drawn: the scene.
      look: whose other numbers are kept.
      marked: geoms that are green.
      back: as for `photographer`.
    """
    ground = np.array([kind == PLANE for kind in drawn.kinds])
    rgb = np.asarray(look.rgb)
    bright = BRIGHT * rgb / np.maximum(rgb.max(-1, keepdims=True), 0.05)
    bright[[i in marked for i in drawn.ids]] = GREEN
    squares = np.where(np.asarray(look.frequency) > 0, look.frequency, 2.0)
    lights = len(drawn.shadows)
    right, up, away, tilt = back or (0.0,) * 4
    return look._replace(
        rgb=jnp.asarray(np.where(ground[:, None], FLOOR[0], bright), jnp.float32),
        rgb2=jnp.asarray(np.where(ground[:, None], FLOOR[1], bright), jnp.float32),
        frequency=jnp.asarray(np.where(ground, squares, look.frequency), jnp.float32),
        checker=jnp.asarray(ground, jnp.float32),
        light=jnp.tile(jnp.array(LIGHT), (lights, 1)),
        diffuse=jnp.full(lights, 0.55 / lights),
        ambient=jnp.float32(0.42),
        headlight=jnp.float32(0.15),
        specular=jnp.float32(0.06),
        sky=jnp.array(SKY),
        camera_shift=jnp.array([right, up, away]),
        camera_turn=jnp.array([tilt, 0.0, 0.0]),
    )
