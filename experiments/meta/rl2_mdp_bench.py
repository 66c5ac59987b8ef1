"""RL² on decision processes: one update of the slow learner, and how fast its world is alone."""

import jax

from experiments._timing import Candidate, act_at_random, measure, take_steps
from experiments.meta.rl2_mdp import PRESETS, build
from jaxdl.envs import vectorize
from jaxdl.launch import configure

UPDATES = 4


def rl2_mdp(peers: bool) -> list[dict]:
    """Env steps per second of training, at the sizes of the cpu preset with one seed.

    There is no peer: no other project trains RL² on decision processes on the device.
    """
    del peers
    config = configure("rl2_mdp", PRESETS, "cpu", {"num_seeds": 1})
    system = build(config)
    key = jax.random.key(0)
    state = jax.jit(system.learner.init)(key)
    _, world = system.world
    num_envs, update = config.worlds.num_envs, config.update
    steps = UPDATES * update.unroll
    sizes = f"{num_envs} trials of {config.episodes} episodes of {config.worlds.env}"
    net = f"GRU-{config.policy.hidden[0]}, {update.epochs} epochs, {update.minibatches} minibatches"
    train = take_steps(system.learner, UPDATES)
    start = vectorize(world, num_envs).reset(key)
    candidates = {
        "jaxdl": Candidate(train, (key, state), num_envs * steps, f"{sizes}, {net}"),
        "jaxdl (world alone)": Candidate(
            act_at_random(world, num_envs, steps), (key, start), num_envs * steps, sizes
        ),
    }
    return measure("rl2_mdp", candidates)


CASES = {"rl2_mdp": rl2_mdp}
