"""What an update of CURL costs beside the same in torch, what its world costs, and its replay.

`curl_update`: one gradient step of every loss on 128 transitions of three frames of 100 x 100, of
which 84 x 84 are read, with the net of the paper: four convolutions of 32 channels, codes of 50,
layers of 1024 and 1024, Adam. Policy and targets move in each update, as they do in every second
one of the paper. Both draw their crops in it.

`curl_loop`: the whole loop of a world, camera, replay and updates beside worlds and camera alone,
with one update of 512 transitions on each action.

`replay_pixels`: the ring of single frames, and the stacks that are drawn from it.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from experiments._timing import Candidate, act_at_random, measure, take_steps
from experiments.rl.curl import PRESETS, build
from experiments.vision import _torch_peers
from jaxdl.core.run import BadInput
from jaxdl.launch import configure
from jaxdl.rl import sight
from jaxdl.rl.curl import improve_reader, initial_state, soft_target
from jaxdl.rl.frames import Frames
from jaxdl.rl.pixel_learning import follow, improve_by_keys, improve_critics, read
from jaxdl.rl.replay import Ring, Steps, Transitions, add, make_ring, sample

BATCH = 128
PICTURE, SIDE, STACK, ACTIONS = 100, 84, 3, 1
NET = {"channels": 32, "latent": 50, "hidden": (1024, 1024)}
WORLD = "mjx/cartpole:task=swingup"
LOOP = {"cpu": (64, 2), "elsewhere": (512, 50)}  # batch, actions of a timed call
RAW = PICTURE * PICTURE * 3  # bytes of a frame


def curl_update(peers: bool | str) -> list[dict]:
    """An update; an item is a transition."""
    batch = transitions()
    state, step = learner_step()
    candidates = {
        "jaxdl": Candidate(
            step, (jax.random.key(1), state, batch), BATCH, score=lambda out: {"loss": out[1]}
        )
    }
    if _torch_peers.load_steps(peers):
        candidates["torch"] = _torch_peers.candidate(
            torch_step(batch), items=BATCH, note="the same net and crops; convolutions by oneDNN"
        )
    return measure("curl_update", candidates)


def torch_step(batch: Transitions):
    """Returns the peer's update on the same pictures."""
    from experiments.rl import _curl_torch

    arrays = [np.asarray(x) for x in (batch.obs, batch.next_obs, batch.action)]
    return _curl_torch.curl_step(
        *arrays, side=SIDE, channels=NET["channels"], size=NET["latent"], hidden=NET["hidden"]
    )


def learner_step():
    """Returns a first state, and key, state, batch -> state and the critics' loss."""
    seen = sight.make_sight("swingup", picture=PICTURE, side=SIDE, stack=STACK)
    config = configure("curl", PRESETS, "paper", {"steps": 1})
    nets = sight.make_nets(seen, config)
    first = initial_state(jax.random.key(0), nets, True, 0.1)

    def step(key, state, batch):
        keys = jax.random.split(key, 4)
        anchor, positive = (seen.views.drawn(key, batch.obs) for key in keys[:2])
        target = soft_target(keys[2], nets, state, seen.views, batch, 1)
        state, metrics, _ = improve_critics(nets, state, anchor, batch, target)
        reading = read(nets, state, anchor)
        state, _ = improve_reader(keys[3], nets, state, reading.features, -float(ACTIONS))
        state = follow(state, jnp.bool_(True), 0.01, 0.05)
        state, _ = improve_by_keys(nets, state, reading, positive)
        return state, metrics["critic_loss"]

    return first, step


def transitions() -> Transitions:
    """Returns random pictures and numbers."""
    draws = np.random.default_rng(0)
    shape = (BATCH, PICTURE, PICTURE, 3 * STACK)
    obs, next_obs = (jnp.asarray(draws.integers(0, 256, shape, np.uint8)) for _ in range(2))
    action = jnp.asarray(draws.uniform(-1, 1, (BATCH, ACTIONS)), jnp.float32)
    ones = jnp.ones(BATCH)
    return Transitions(obs, action, ones, 0.99 * ones, next_obs, ones)


def curl_loop(peers: bool | str) -> list[dict]:
    """The loop; an item is an action, eight steps of the world and a picture."""
    del peers
    where = "cpu" if jax.default_backend() == "cpu" else "elsewhere"
    batch, actions = LOOP[where]
    settings = {"env": WORLD, "batch_size": batch, "capacity": 1024, "learning_starts": 128}
    system = build(configure("curl", PRESETS, "paper", settings))
    state = jax.jit(system.learner.init)(jax.random.key(0))
    assert system.world
    key = jax.random.key(1)
    alone = act_at_random(system.world[1], 1, actions)
    rows = measure(
        "curl_loop",
        {
            "jaxdl": Candidate(take_steps(system.learner, actions), (key, state), actions),
            "world and camera alone": Candidate(alone, (key, state.actors.worlds), actions),
        },
    )
    share = rows[1]["cpu_seconds" if where == "cpu" else "wall_seconds"]
    share /= rows[0]["cpu_seconds" if where == "cpu" else "wall_seconds"]
    for row in rows:
        row["note"] = f"batch {batch}; world and camera are {100 * share:.2g} % of the loop"
    again = warm_compile_seconds(take_steps(system.learner, actions), (key, state))
    rows[0]["note"] += f"; traced and read from the compilation cache in {again:.1f} s"
    return rows


def warm_compile_seconds(fn: Callable[..., Any], args: tuple) -> float:
    """Returns how long a program takes that JAX's persistent cache holds, by the clock."""
    folder = jax.config.jax_compilation_cache_dir
    with tempfile.TemporaryDirectory() as empty:
        jax.config.update("jax_compilation_cache_dir", empty)
        compilation_cache.reset_cache()
        for _ in ("cold", "warm"):
            jax.clear_caches()  # of this process
            began = time.perf_counter()
            jax.jit(fn).lower(*args).compile()
            seconds = time.perf_counter() - began
    jax.config.update("jax_compilation_cache_dir", folder)
    compilation_cache.reset_cache()
    return seconds


def replay_pixels(peers: bool | str) -> list[dict]:
    """A ring of 2048 frames of 8 worlds; an item is a frame that is added, or a transition."""
    del peers
    worlds, places, calls = 8, 256, 64
    ring = full_ring(worlds, places)
    step = jax.tree.map(lambda x: x[:, 0], ring.steps)
    keys = jax.random.split(jax.random.key(0), calls)
    stored = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(ring))
    each = stored / (worlds * places) / RAW
    if each > 1.02:
        raise BadInput(f"a frame takes {each:.3f} times its raw bytes")

    def add_often(ring):
        return jax.lax.scan(lambda ring, _: (add(ring, step), ()), ring, length=calls)[0]

    def sample_often(ring):
        draw = partial(sample, ring=ring, batch_size=BATCH, stack=Frames(STACK, "copies"))
        first = draw(keys[0])[0]
        return jax.lax.scan(lambda _, key: (draw(key)[0], ()), first, keys)[0]

    note = f"{each:.4f} times the raw bytes of a frame; {PICTURE} x {PICTURE} x 3"
    return measure(
        "replay_pixels",
        {
            "jaxdl": Candidate(sample_often, (ring,), calls * BATCH, note),
            "jaxdl, add": Candidate(add_often, (ring,), calls * worlds, f"copies the ring; {note}"),
        },
    )


def full_ring(worlds: int, places: int) -> Ring:
    """Returns a ring of random frames, every hundredth of which ends an episode."""
    draws = np.random.default_rng(0)
    shape = (worlds, places)
    done = jnp.asarray(draws.random(shape) < 0.01)
    steps = Steps(
        obs=jnp.asarray(draws.integers(0, 256, (*shape, PICTURE, PICTURE, 3), np.uint8)),
        action=jnp.zeros((*shape, ACTIONS)),
        reward=jnp.ones(shape),
        discount=jnp.ones(shape),
        done=done,
        truncated=done,
    )
    empty = make_ring(jax.tree.map(lambda x: x[:, 0], steps), 1)
    return empty._replace(steps=steps, size=jnp.int32(places))


CASES = {
    "curl_update": curl_update,
    "curl_loop": curl_loop,
    "replay_pixels": replay_pixels,
}
