"""RL² in mazes: one update of the slow learner, and the world alone, beside navix's mazes.

navix (`pip install navix`) has MiniGrid's worlds on the device. None of them is seen in first
person: its pictures are the grid from above, its `symbolic` observation is the grid's numbers.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import jax

from experiments._timing import Candidate, act_at_random, measure, take_steps
from experiments.meta.rl2_maze import PRESETS, build
from jaxdl.envs import make, vectorize
from jaxdl.launch import configure
from jaxdl.pages import print_text

UPDATES = 4
STEPS = 32
ENVS = (64, 1_024, 10_000)
PEER = "Navix-SimpleCrossingS9N3-v0"  # 9 x 9 squares, three walls across with a gap each


def maze(peers: bool) -> list[dict]:
    """Env steps per second with random actions, in 5 x 5 and 9 x 9 cells, by numbers of worlds."""
    candidates = {"jaxdl": _ours("maze", ENVS[1])}
    candidates |= {f"jaxdl ({n} worlds)": _ours("maze", n) for n in (ENVS[0], ENVS[2])}
    candidates["jaxdl (9 x 9 cells)"] = _ours("maze:size=9", ENVS[1])
    if peers and importlib.util.find_spec("navix") is None:
        print_text("navix is not installed (pip install navix): its rows are left out")
    elif peers:
        candidates |= {f"navix ({kind})": _navix(kind) for kind in ("symbolic", "rgb")}
    return measure("maze", candidates)


def rl2_maze(peers: bool) -> list[dict]:
    """Env steps per second of training, world and net, at the sizes of the cpu preset, one seed.

    There is no peer: no other project trains RL² in mazes from pixels on the device.
    """
    del peers
    config = configure("rl2_maze", PRESETS, "cpu", {"num_seeds": 1})
    system = build(config)
    key = jax.random.key(0)
    state = jax.jit(system.learner.init)(key)
    worlds, update = config.worlds, config.update
    train = take_steps(system.learner, UPDATES)
    net = f"{config.channels} channels, GRU-{config.policy.hidden[-1]}, {update.epochs} epochs"
    note = f"{worlds.num_envs} trials of {config.episodes} episodes of {worlds.env}, {net}"
    items = UPDATES * system.samples_per_step
    return measure("rl2_maze", {"jaxdl": Candidate(train, (key, state), items, note)})


def _ours(name: str, num_envs: int) -> Candidate:
    env = make(name)
    start = jax.jit(vectorize(env, num_envs).reset)(jax.random.key(1))
    note = f"{num_envs} worlds of {name}, first person, 40 x 30 pixels"
    run = act_at_random(env, num_envs, STEPS)
    return Candidate(run, (jax.random.key(0), start), STEPS * num_envs, note)


def _navix(kind: str) -> Candidate:
    """Makes a candidate of navix, whose worlds begin again by themselves."""
    import navix

    num_envs, key = ENVS[1], jax.random.key(0)
    env = navix.make(PEER, observation_fn=getattr(navix.observations, kind))
    start = jax.jit(jax.vmap(env.reset))(jax.random.split(key, num_envs))
    shape = " x ".join(map(str, start.observation.shape[1:]))
    note = f"{num_envs} worlds of {PEER}, from above, {shape}"
    return Candidate(_act(env, num_envs), (key, start), STEPS * num_envs, note)


def _act(env: Any, num_envs: int) -> Callable[[jax.Array, Any], Any]:
    """Returns key, states of navix's worlds -> these after some steps: ahead or a turn."""

    def run(key, state):
        def step(state, key):
            action = jax.random.randint(key, (num_envs,), 0, 3)
            return jax.vmap(env.step)(state, action), ()

        return jax.lax.scan(step, state, jax.random.split(key, STEPS))[0]

    return run


CASES = {"maze": maze, "rl2_maze": rl2_maze}
