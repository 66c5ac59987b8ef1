"""How a scene looks, as one pytree of the numbers that may be randomized."""

from typing import Any, NamedTuple

import mujoco
import numpy as np

FREE = -1  # the camera's number that stands for the free camera
LIGHT = (0.3, -0.4, 0.86)  # towards the light of a model that has none
PLAIN_RGBA = (0.5, 0.5, 0.5, 1.0)  # MuJoCo's default, which a material's color replaces


class Look(NamedTuple):
    """The looks of G geoms under L lights. Colors are within [0, 1].

    Attributes:
      size: [G, 3] m, as MuJoCo's geom_size. What is drawn, not what collides.
      rgb: [G, 3] color.
      rgb2: [G, 3] second color, of every other checker and of the bright spots of the noise.
      frequency: [G] cells per meter of checkers and noise.
      checker: [G] how far every other checker is mixed with rgb2: 0 is none, 1 wholly.
      noise: [G] how far the brightest spots of a smooth random texture are mixed with rgb2.
      light: [L, 3] directions towards the lights, of any length.
      diffuse: [L] of each light.
      specular: of all lights, the headlight too; added to the color amid a highlight.
      ambient: light from everywhere.
      headlight: diffuse light from the camera, which casts no shadow; 0 is none at all.
      sky: [2, 3] color at the horizon and at the zenith.
      camera_shift: [3] m by which the camera is moved along its own axes (right, up, back).
      camera_turn: [3] rad by which it is turned about them (an axis times an angle).
      fovy: vertical field of view, degrees.
      sensor_noise: standard deviation of each pixel's noise, where `render` has a key.
      blur: 0 .. 1, where `render` has a key; at 1 each pixel becomes (1, 2, 1) / 4 of itself and
        its neighbors, along both axes.
    """

    size: Any
    rgb: Any
    rgb2: Any
    frequency: Any
    checker: Any
    noise: Any
    light: Any
    diffuse: Any
    specular: Any
    ambient: Any
    headlight: Any
    sky: Any
    camera_shift: Any
    camera_turn: Any
    fovy: Any
    sensor_noise: Any
    blur: Any


def rgba_of(model: Any, i: int) -> np.ndarray:
    """Returns a geom's own color [4], or its material's where it has none."""
    material = model.geom_matid[i]
    own = model.geom_rgba[i]
    return model.mat_rgba[material] if material >= 0 and np.allclose(own, PLAIN_RGBA) else own


def look_of(model: Any, ids: list[int], lights: list[int], camera: int) -> Look:
    """Reads the looks that a mujoco.MjModel states, as nested tuples of floats."""
    textures = [_texture(model, i) for i in ids]
    rgb, rgb2, frequency = zip(*textures, strict=True) if textures else ((), (), ())
    head = model.vis.headlight
    settings = model.vis.global_
    towards = [_towards(model, i) for i in lights]
    diffuse = [model.light_diffuse[i].mean() for i in lights]
    shine = [head.specular.mean(), *(model.light_specular[i].mean() for i in lights)]
    ambient = head.ambient.mean() + sum(model.light_ambient[i].mean() for i in lights)
    return Look(
        size=_tuples(model.geom_size[ids].reshape(-1, 3)),
        rgb=_tuples(np.reshape(rgb, (-1, 3))),
        rgb2=_tuples(np.reshape(rgb2, (-1, 3))),
        frequency=_tuples(frequency),
        checker=_tuples([f > 0 for f in frequency]),
        noise=_tuples(np.zeros(len(ids))),
        light=_tuples(towards or [LIGHT]),
        diffuse=_tuples(diffuse or [0.7]),
        specular=float(np.mean(shine)) / 2,  # the half is that of materials, by default
        ambient=float(ambient),
        headlight=float(head.diffuse.mean()) if head.active else 0.0,
        sky=_sky(model),
        camera_shift=(0.0,) * 3,
        camera_turn=(0.0,) * 3,
        fovy=float(settings.fovy if camera == FREE else model.cam_fovy[camera]),
        sensor_noise=0.0,
        blur=0.0,
    )


def _tuples(array: Any) -> tuple:
    array = np.asarray(array, float)
    return tuple(map(_tuples, array)) if array.ndim > 1 else tuple(map(float, array))


def _towards(model: Any, i: int) -> np.ndarray:
    directional = model.light_type == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    away = model.light_dir0[i] if directional[i] else model.stat.center - model.light_pos0[i]
    return -away / max(np.linalg.norm(away), 1e-9)


def _texture(model: Any, i: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns a geom's two colors, and its checkers per meter, 0 for none."""
    rgb = rgba_of(model, i)[:3]
    material = model.geom_matid[i]
    texture = (
        model.mat_texid[material, mujoco.mjtTextureRole.mjTEXROLE_RGB] if material >= 0 else -1
    )
    if texture < 0:
        return rgb, rgb, 0.0
    pixels = _pixels(model, texture)
    flat = model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_2D
    middle = pixels.shape[0] // 2, pixels.shape[1] // 2
    halves = [pixels[: middle[0]], pixels[middle[0] :]]
    quarters = [part for half in halves for part in (half[:, : middle[1]], half[:, middle[1] :])]
    first, second, third, fourth = (np.median(part, axis=(0, 1)) for part in quarters)
    alike = np.allclose(first, fourth, atol=0.01) and np.allclose(second, third, atol=0.01)
    if not (flat and alike and not np.allclose(first, second, atol=0.01)):
        mean = rgb * pixels.mean((0, 1))
        return mean, mean, 0.0
    repeat = float(model.mat_texrepeat[material][0])
    side = float(model.geom_size[i][0])
    endless = model.mat_texuniform[material] or side <= 0
    return rgb * second, rgb * first, repeat if endless else repeat / side


def _pixels(model: Any, texture: int) -> np.ndarray:
    """[rows, columns, 3] within [0, 1]."""
    shape = [
        int(getattr(model, f"tex_{name}")[texture]) for name in ("height", "width", "nchannel")
    ]
    start = int(model.tex_adr[texture])
    data = model.tex_data[start : start + int(np.prod(shape))].reshape(shape)
    return data[:, :, :3] / 255.0


def _sky(model: Any) -> tuple:
    """Returns the skybox's mean colors at the horizon and the zenith, or black without one."""
    boxes = np.flatnonzero(np.asarray(model.tex_type) == mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    if not len(boxes):
        return ((0.0,) * 3,) * 2
    pixels = _pixels(model, int(boxes[0]))  # faces below one another: +x, -x, +y (up), ...
    side = pixels.shape[1]
    if pixels.shape[0] != 6 * side:  # one face, repeated
        return _tuples([pixels.mean((0, 1))] * 2)
    horizon = pixels[side // 2 - 1 : side // 2 + 1].mean((0, 1))
    zenith = pixels[2 * side + side // 2, side // 2]
    return _tuples([horizon, zenith])
