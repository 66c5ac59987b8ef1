"""PPO in physics that are drawn anew for each episode: what drawing and memory cost.

There is no peer: no other project trains these arms on the swing-up's equations on the device.
"""

import jax

from experiments._timing import Candidate, act_at_random, measure, take_steps
from experiments.sim2real.dynamics import PRESETS, build
from jaxdl.envs import vectorize
from jaxdl.launch import configure

UPDATES = 4


def dynamics_step(peers: bool) -> list[dict]:
    """Actions per second of training at the sizes of the cpu preset, one seed; each is 4 steps."""
    del peers
    candidates = {}
    names = {"randomized": "jaxdl", "nominal": "jaxdl (nominal)", "recurrent": "jaxdl (recurrent)"}
    for arm, name in names.items():
        settings = {"num_seeds": 1, "arms": (arm,)}
        config = configure("dynamics", PRESETS, "cpu", settings)
        system = build(config)
        key = jax.random.key(0)
        state = jax.jit(system.learner.init)(key)
        items = UPDATES * system.samples_per_step
        note = f"{config.worlds.env}, {config.worlds.num_envs} worlds, unroll "
        note += f"{config.update.unroll}, {arm}"
        train = take_steps(system.learner, UPDATES)
        candidates[name] = Candidate(train, (key, state), items, note)
    _, env = system.world
    sizes = config.worlds.num_envs, UPDATES * config.update.unroll
    start = jax.jit(vectorize(env, sizes[0]).reset)(key)
    alone = act_at_random(env, *sizes)
    candidates["jaxdl (world alone)"] = Candidate(alone, (key, start), items, "random actions")
    return measure("dynamics_step", candidates)


CASES = {"dynamics_step": dynamics_step}
