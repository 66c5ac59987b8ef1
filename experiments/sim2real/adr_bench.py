"""ADR beside the plain PPO that it is built on, in the same worlds: what the bounds cost.

There is no peer: no other project adapts its bounds within a compiled step.
"""

import jax

from experiments._timing import Candidate, measure, take_steps
from experiments.sim2real import adr, dynamics
from jaxdl.launch import configure

UPDATES = 4


def adr_step(peers: bool) -> list[dict]:
    """Actions per second of training at the sizes of the cpu preset, one seed; each is 4 steps."""
    del peers
    plain = configure("dynamics", dynamics.PRESETS, "cpu", {"num_seeds": 1, "arms": ("nominal",)})
    ours = configure("adr", adr.PRESETS, "cpu", {"num_seeds": 1})
    systems = {
        "jaxdl": (adr.build(ours), "bounds that adapt"),
        "jaxdl (plain PPO)": (dynamics.build(plain), "one physics"),
    }
    key = jax.random.key(0)
    candidates = {}
    for name, (system, note) in systems.items():
        state = jax.jit(system.learner.init)(key)
        items = UPDATES * system.samples_per_step
        train = take_steps(system.learner, UPDATES)
        candidates[name] = Candidate(train, (key, state), items, f"{ours.worlds.env}, {note}")
    return measure("adr_step", candidates)


CASES = {"adr_step": adr_step}
