"""The camera: pictures of 84 x 84 for 32 worlds at once, each with a look of its own.

The targets are those of one CPU core: `taskset -c 0 ./run bench --only=render --peers`.
"""

import os
import tempfile
import time
from ctypes.util import find_library
from functools import partial
from typing import Any

if find_library("EGL"):
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is first imported

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from experiments._timing import Candidate, measure
from jaxdl.envs import make, read_mjcf, vectorize
from jaxdl.envs import mjx as worlds
from jaxdl.envs.mujoco import quiet_mujoco, read_asset
from jaxdl.render import (
    Poses,
    Scene,
    caster,
    default_look,
    depth,
    pixels,
    scene,
    segmentation,
)

SIZE, BATCH, TURNS = 84, 32, 15
HEAD = """<mujoco><default><geom contype="0" conaffinity="0"/></default>
    <asset><material name="floor" rgba=".6 .6 .6 1"/></asset>"""  # mjx.ray wants a material
SHAPES = (  # of the eight things in the bin
    ("sphere", ".03"),
    ("capsule", ".02 .04"),
    ("box", ".03 .02 .025"),
    ("cylinder", ".025 .03"),
    ("ellipsoid", ".05 .03 .02"),
    ("cylinder", ".04 .01"),
    ("sphere", ".02"),
    ("capsule", ".015 .05"),
)


def render(peers: bool) -> list[dict]:
    """Pictures of a cartpole (5 geoms) and of a bin of mixed shapes (13); an item is a picture.

    Beside the colors: with hard shadows, depth alone, and, on an accelerator, without the barriers
    between stages. The peers see the same states: `mjx.ray` tells distance and geom, not color;
    MuJoCo's OpenGL shades and casts shadows, in software where there is no graphics card.
    """
    return [
        row
        for name, text in (("cartpole", cartpole()), ("bin", bin_of_shapes()))
        for row in _scene(f"render_{name}", _model(text), peers)
    ]


def _model(text: str) -> mujoco.MjModel:
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(text)
        file.flush()
        return read_mjcf(file.name)


def render_env(peers: bool) -> list[dict]:
    """Steps of mjx/cartpole with a picture of 64 x 64 in each, beside the same without pictures."""
    del peers
    counts, steps = (32,) if jax.default_backend() == "cpu" else (1024, 8192), 16
    drawn = scene(read_asset("cartpole.xml"), camera="side", height=64, width=64)
    blind, rows = make("mjx/cartpole"), []
    seen = pixels(blind, drawn, poses=worlds.cartpole_poses(), frame_stack=1)
    for count in counts:
        candidates = {}
        for who, env in (("jaxdl", seen), ("world alone", blind)):
            many = vectorize(env, count)

            def roll(key, state, many=many, count=count):
                def step(state, key):
                    action = jax.random.uniform(key, (count, 1), minval=-1.0)
                    return many.step(key, state, action)[0], ()

                return jax.lax.scan(step, state, jax.random.split(key, steps))[0]

            state = jax.jit(many.reset)(jax.random.key(0))
            args = jax.random.key(1), state
            candidates[who] = Candidate(roll, args, count * steps, f"{count} worlds, {steps} steps")
        rows += measure(f"render_env_{count}", candidates)
    return rows


def cartpole() -> str:
    """An MJCF of 5 geoms."""
    return f"""{HEAD}<worldbody><light pos="0 -2 6"/>
    <camera pos="0 -4 1" xyaxes="1 0 0 0 0 1"/>
    <geom type="plane" size="4 4 .1" material="floor"/>
    <geom type="capsule" fromto="-2 .1 1 2 .1 1" size=".02"/>
    <geom type="capsule" fromto="-2 -.1 1 2 -.1 1" size=".02"/>
    <body pos="0 0 1"><joint type="slide" axis="1 0 0"/><geom type="box" size=".2 .15 .1"/>
    <body><joint axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 1" size=".045"/></body></body>
    </worldbody></mujoco>"""


def bin_of_shapes() -> str:
    """An MJCF of 13 geoms: a floor, four walls, eight things of five kinds."""
    walls = [(".2 0", ".01 .2"), ("-.2 0", ".01 .2"), ("0 .2", ".19 .01"), ("0 -.2", ".19 .01")]
    fixed = "".join(f'<geom type="box" pos="{p} .08" size="{s} .08"/>' for p, s in walls)
    loose = "".join(
        f'<body pos="{0.1 * np.cos(i * 2.4):.3f} {0.1 * np.sin(i * 2.4):.3f} .15"><freejoint/>'
        f'<geom type="{kind}" size="{size}"/></body>'
        for i, (kind, size) in enumerate(SHAPES)
    )
    return f"""{HEAD}<worldbody><light pos=".3 -.3 2"/><camera pos="0 0 .9"/>
    <geom type="plane" size="1 1 .1" material="floor"/>{fixed}{loose}</worldbody></mujoco>"""


def _scene(case: str, model: Any, peers: bool) -> list[dict]:
    states, views = _random_states(model)
    plain, shadowed = (
        scene(model, height=SIZE, width=SIZE, shadows=shadows) for shadows in (False, True)
    )
    looks = jax.tree.map(lambda leaf: jnp.stack([leaf] * BATCH), default_look(plain))
    forms = {
        "jaxdl": partial(caster.render, plain),
        "shadows": partial(caster.render, shadowed),
        "depth": partial(depth, plain),
        "segmentation": partial(segmentation, plain),
    }
    if jax.default_backend() != "cpu":
        forms["no barriers"] = _without_barriers(forms["jaxdl"])
    note = f"{len(plain.ids)} geoms, {SIZE} x {SIZE}, vmap {BATCH}"
    candidates = {
        who: Candidate(jax.vmap(form), (looks, views), BATCH, note) for who, form in forms.items()
    }
    rows = measure(case, candidates, repeats=TURNS)
    if peers:  # not in turns with ours, since its 100 MB sweep every cache
        rows += measure(case, {"mjx.ray": _mjx_ray(model, plain, looks, views)})
    cpu = {row["who"]: row["cpu_seconds"] for row in rows}
    rows[0]["note"] += f"; {cpu['jaxdl'] / cpu['depth']:.1f} times depth"
    for row in rows:
        per_picture = 1e3 * row["cpu_seconds"] / BATCH
        row["note"] += f"; {per_picture:.3f} CPU-ms and {row['flops'] / BATCH / 1e6:.1f} MFLOP each"
    return rows + (_opengl(case, model, states) if peers else [])


def _random_states(model: Any) -> tuple[list[np.ndarray], Poses]:
    """Joint positions, and the poses that they lead to, leaves [B, ...]."""
    data, rng, states, views = mujoco.MjData(model), np.random.default_rng(0), [], []
    for _ in range(BATCH):
        data.qpos[:] = model.qpos0 + 0.1 * rng.normal(size=model.nq)
        mujoco.mj_forward(model, data)
        states.append(data.qpos.copy())
        views.append([np.array(getattr(data, name), np.float32) for name in Poses._fields])
    return states, Poses(*(jnp.stack(leaves) for leaves in zip(*views, strict=True)))


def _without_barriers(form: Any) -> Any:
    def program(*args):
        kept, caster.barrier = caster.barrier, lambda arrays: arrays
        try:
            return form(*args)
        finally:
            caster.barrier = kept

    return program


def _mjx_ray(model: Any, drawn: Scene, looks: Any, views: Poses) -> Candidate:
    """The peer of depth and segmentation, one ray a pixel under vmap."""
    with quiet_mujoco():
        from mujoco import mjx

        on_device = mjx.put_model(model, impl="jax")
        blank = mjx.make_data(model, impl="jax")

    def distances(look, view):
        directions, _ = caster.rays(drawn, look.fovy, view.cam_xmat[0].reshape(3, 3), 1)
        data = blank.replace(geom_xpos=view.geom_xpos, geom_xmat=view.geom_xmat.reshape(-1, 3, 3))
        cast = partial(mjx.ray, on_device, data, view.cam_xpos[0])
        return jax.vmap(cast)(jnp.stack(directions, -1))

    note = "distance and geom; mjx.ray knows no cylinders"
    return Candidate(jax.vmap(distances), (looks, views), BATCH, note)


def _opengl(case: str, model: Any, states: list[np.ndarray], repeats: int = 5) -> list[dict]:
    """The peer of pictures: MuJoCo's renderer, one picture after another; no row without OpenGL."""
    data, seconds = mujoco.MjData(model), []
    try:
        renderer = mujoco.Renderer(model, SIZE, SIZE)
    except Exception as error:  # whatever the missing library raises
        print(f"{case}: no OpenGL ({type(error).__name__}); try MUJOCO_GL=egl or MUJOCO_GL=osmesa")
        return []
    with renderer:
        for _ in range(repeats + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            for qpos in states:
                data.qpos[:] = qpos
                mujoco.mj_kinematics(model, data)
                mujoco.mj_camlight(model, data)
                renderer.update_scene(data, camera=0)
                renderer.render()
            seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(seconds[1:], axis=0)
    library = os.environ.get("MUJOCO_GL", "glfw")
    note = f"OpenGL by {library}, with shadows; {1e3 * cpu / BATCH:.2f} CPU-ms each"
    figures = {"items": BATCH, "wall_seconds": wall, "cpu_seconds": cpu}
    speeds = {"items_per_second": BATCH / wall, "items_per_cpu_second": BATCH / cpu}
    return [{"case": case, "who": "MuJoCo OpenGL"} | figures | speeds | {"note": note}]


CASES = {"render": render, "render_env": render_env}
