"""What corridors and their camera cost, beside the camera that may tilt, and a step of CAD2RL.

`corridor`: 64 drones and their pictures of 32 x 32, flown at random; an item is a frame, of world
and camera. Beside it the worlds alone, and the camera alone in the place of which
`jaxdl.render.caster` draws the same boxes with checkers and noise: it may tilt, cast shadows, and
draw other bodies, and is not told that nothing here does.

`cad2rl_step`: a whole step of the CPU preset; an item is a picture that was flown by.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import Candidate, act_at_random, measure, scored_step
from experiments.sim2real.cad2rl import PRESETS, build
from jaxdl.envs import Box, vectorize
from jaxdl.envs.corridor.layout import CEILING, Layout
from jaxdl.envs.corridor.world import corridor, corridor_world, observed
from jaxdl.envs.mjcf import read_mjcf
from jaxdl.launch import configure
from jaxdl.render.camera import Poses
from jaxdl.render.caster import render
from jaxdl.render.randomize import Ranges, sample_look
from jaxdl.render.scene import Scene, scene

DRONES, SIDE = 64, 32
STEPS = 20  # of a timed call


def corridor_frames(peers: bool) -> list[dict[str, Any]]:
    """Times frames of worlds and camera, and the parts of them."""
    del peers
    sighted = corridor(side=SIDE)
    world = corridor_world(side=SIDE)
    blind = observed(world, lambda state, task: jnp.zeros(1), Box((1,), 0.0, 0.0))
    frames = DRONES * STEPS
    key = jax.random.key(0)
    candidates = {}
    for who, env, note in (
        ("jaxdl", sighted, "world and camera"),
        ("jaxdl, no camera", blind, "world alone"),
    ):
        state = jax.jit(vectorize(env, DRONES).reset)(key)
        candidates[who] = Candidate(act_at_random(env, DRONES, STEPS), (key, state), frames, note)
    task = jax.jit(jax.vmap(world.sample_task))(jax.random.split(key, DRONES))
    state = jax.jit(jax.vmap(world.start))(jax.random.split(key, DRONES), task)
    see = jax.vmap(world.see)
    candidates["jaxdl, camera alone"] = Candidate(see, (state, task), DRONES, "level camera")
    candidates["jaxdl.render"] = tilting_camera(state, task.layout)
    return measure("corridor", candidates)


def tilting_camera(state: Any, layout: Layout) -> Candidate:
    """Draws the same boxes, with random looks, by the camera for all scenes."""
    boxes = layout.low.shape[1]
    drawn = box_scene(boxes)
    looks = jax.vmap(lambda key: sample_look(key, drawn, Ranges(size=0.0)))
    look = jax.jit(looks)(jax.random.split(jax.random.key(1), DRONES))

    def draw(state, layout, look):
        middle = (layout.low + layout.high) / 2
        ends = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, CEILING]])
        turns = jnp.tile(jnp.eye(3), (boxes + 2, 1, 1)).at[-1].set(jnp.diag(jnp.array([1, -1, -1])))
        cos, sin = jnp.cos(state.heading), jnp.sin(state.heading)
        camera = jnp.stack([jnp.stack([sin, -cos, 0.0]), jnp.array([0.0, 0.0, 1.0]),
                            -jnp.stack([cos, sin, 0.0])], axis=1)  # fmt: skip
        poses = Poses(jnp.concatenate([middle, ends]), turns, state.position, camera)
        sizes = jnp.concatenate([(layout.high - layout.low) / 2, jnp.zeros((2, 3))])
        return render(drawn, look._replace(size=sizes), poses, jax.random.key(0))

    note = "any scene, camera and light"
    return Candidate(jax.vmap(draw), (state, layout, look), DRONES, note)


def box_scene(boxes: int) -> Scene:
    """Makes a scene of so many boxes, a floor and a ceiling, whose measures are given later."""
    geoms = "".join('<geom type="box" size="1 1 1"/>' for _ in range(boxes))
    planes = '<geom type="plane" size="0 0 1"/>' * 2
    xml = f"<mujoco><worldbody><camera fovy='90'/>{geoms}{planes}</worldbody></mujoco>"
    with TemporaryDirectory() as folder:
        path = Path(folder, "boxes.xml")
        path.write_text(xml)
        return scene(read_mjcf(path), height=SIDE, width=SIDE)


def cad2rl_step(peers: bool) -> list[dict[str, Any]]:
    """Times a step of both stages; there is no peer, the paper's code is not public."""
    del peers
    config = configure("cad2rl", PRESETS, "cpu", {})
    candidates = {}
    for who, stage in (("jaxdl", "monte_carlo"), ("jaxdl, free space", "free_space")):
        system = build(config, stage)
        note = "rollouts and updates" if who == "jaxdl" else "the first stage"
        key = jax.random.key(0)
        items = system.samples_per_step
        candidates[who] = scored_step(system.learner, key, (), items=items, note=note)
    return measure("cad2rl_step", candidates)


CASES = {"corridor": corridor_frames, "cad2rl_step": cad2rl_step}
