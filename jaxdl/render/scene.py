"""What is in a picture, the part of a MuJoCo model that a program is traced for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import mujoco

from jaxdl.core.run import BadInput
from jaxdl.render.look import FREE, Look, look_of, rgba_of
from jaxdl.render.shapes import ENTER


@dataclass(frozen=True)
class Scene:
    """Holds a scene's fixed parts, hashable, to be closed over or a static argument.

    Attributes:
      ids: the geoms drawn, rows of the model's arrays.
      kinds: their mjtGeom.
      height: of pictures, pixels.
      width: of pictures, pixels.
      camera: row of the model's cameras, or `FREE`.
      free: MuJoCo's free camera: lookat (3,), distance, azimuth and elevation, as for `orbit`.
      shadows: for each light, whether it casts hard ones.
      supersample: each pixel's color is the mean of so many rays along each axis.
      look: the MJCF's own looks, a `Look` of nested tuples; `default_look` makes arrays of them.
    """

    ids: tuple[int, ...]
    kinds: tuple[int, ...]
    height: int
    width: int
    camera: int
    free: tuple[tuple[float, ...], float, float, float]
    shadows: tuple[bool, ...]
    supersample: int
    look: Look


def scene(
    model: Any,
    *,
    height: int = 84,
    width: int = 84,
    camera: int | str = 0,
    groups: Sequence[int] = (0, 1, 2),
    shadows: bool = False,
    supersample: int = 1,
) -> Scene:
    """Reads what is to be drawn from a model.

    Drawn are planes, spheres, capsules, ellipsoids, cylinders and boxes; those whose alpha is 0 are
    left out, all others are opaque. A checker texture keeps its two colors, other textures become
    their mean color. Lights are directional: towards a positional one from the scene's center.

    Args:
      model: a mujoco.MjModel.
      height: pixels.
      width: pixels.
      camera: number or name of one of the model's cameras; -1 or "free" for MuJoCo's free camera.
      groups: which geom groups are drawn.
      shadows: lights cast hard shadows, where their `castshadow` allows it.
      supersample: rays along each axis of a pixel, 1 or 2.

    Raises:
      BadInput: the model has a mesh, height field, signed distance field or flex in these groups,
        the camera does not exist or is not a plain perspective one, or the size is not positive.
    """
    if height < 1 or width < 1 or supersample not in (1, 2):
        raise BadInput(
            f"a picture of {height} x {width} pixels with supersample={supersample}: should be at "
            "least 1 x 1, and supersample 1 or 2"
        )
    ids = [i for i in range(model.ngeom) if model.geom_group[i] in groups and rgba_of(model, i)[3]]
    if not ids:
        raise BadInput(f"the model has no visible geom in the groups {tuple(groups)}")
    _check_kinds(model, ids, groups)
    number = _camera(model, camera)
    lights = [i for i in range(model.nlight) if model.light_active[i]]
    return Scene(
        ids=tuple(ids),
        kinds=tuple(int(model.geom_type[i]) for i in ids),
        height=height,
        width=width,
        camera=number,
        free=_free(model),
        shadows=tuple(bool(shadows and model.light_castshadow[i]) for i in lights) or (shadows,),
        supersample=supersample,
        look=look_of(model, ids, lights, number),
    )


def default_look(scene: Scene) -> Look:
    """Returns the MJCF's own looks as arrays of float32."""
    return Look(*(jnp.asarray(value, jnp.float32) for value in scene.look))


def _free(model: Any) -> tuple[tuple[float, ...], float, float, float]:
    """Where MuJoCo's viewer begins."""
    center = tuple(map(float, model.stat.center))
    settings = model.vis.global_
    distance = 1.5 * float(model.stat.extent)
    return center, distance, float(settings.azimuth), float(settings.elevation)


def _name(model: Any, kind: Any, i: int) -> str:
    return mujoco.mj_id2name(model, kind, i) or ""


def _check_kinds(model: Any, ids: list[int], groups: Sequence[int]) -> None:
    for i in ids:
        kind = int(model.geom_type[i])
        group = int(model.geom_group[i])
        if kind not in ENTER:
            name = _name(model, mujoco.mjtObj.mjOBJ_GEOM, i)
            what = mujoco.mjtGeom(kind).name.removeprefix("mjGEOM_").lower()
            raise BadInput(
                f"geom {i} {name!r} is a {what}, which the camera does not draw: put a capsule, an "
                "ellipsoid or a box in its place (<geom type='capsule' mesh='...'> fits one to a "
                f"mesh), or leave its group {group} out of `groups`"
            )
    for i in range(model.nflex):
        if model.flex_group[i] in groups:
            name = _name(model, mujoco.mjtObj.mjOBJ_FLEX, i)
            group = int(model.flex_group[i])
            raise BadInput(
                f"flex {i} {name!r} is soft, which the camera does not draw: put geoms in its "
                f"place, or leave its group {group} out of `groups`"
            )


def _camera(model: Any, camera: int | str) -> int:
    names = [_name(model, mujoco.mjtObj.mjOBJ_CAMERA, i) for i in range(model.ncam)]
    if camera in ("free", FREE):
        return FREE
    if camera in names:
        camera = names.index(camera)
    if not isinstance(camera, int) or not 0 <= camera < model.ncam:
        known = ", ".join([repr(name) for name in names if name] + ["'free'"])
        raise BadInput(f"no camera {camera!r}: there are {known}, and numbers below {model.ncam}")
    if model.cam_sensorsize[camera].any() or model.cam_projection[camera]:
        raise BadInput(f"camera {names[camera] or camera!r} is not a plain one with a fovy")
    return camera
