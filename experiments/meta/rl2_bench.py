"""RL² on bandits: one update of the slow learner, its world without it, and a table of indices."""

import jax

from experiments._timing import Candidate, act_at_random, measure
from experiments.meta.rl2 import PRESETS, build
from jaxdl.envs import vectorize
from jaxdl.launch import configure
from jaxdl.meta import bayes

UPDATES = 10


def rl2_bandit(peers: bool) -> list[dict]:
    """Env steps per second of training, at the sizes of the cpu preset with one seed.

    There is no peer: no other project trains RL² on bandits on the device.
    """
    del peers
    config = configure("rl2", PRESETS, "cpu", {"num_seeds": 1})
    system = build(config)
    key = jax.random.key(0)
    state = jax.jit(system.learner.init)(key)
    _, world = system.world
    worlds = vectorize(world, config.worlds.num_envs)

    def train(key, state):
        def step(state, key):
            return system.learner.step(key, state, ())

        return jax.lax.scan(step, state, jax.random.split(key, UPDATES))

    alone = act_at_random(world, config.worlds.num_envs, UPDATES * config.episodes)
    items = UPDATES * system.samples_per_step
    sizes = f"{config.worlds.num_envs} trials of {config.episodes} episodes of {config.worlds.env}"
    update = config.update
    net = f"GRU-{config.policy.hidden[0]}, {update.epochs} epochs, {update.minibatches} minibatches"
    candidates = {
        "jaxdl": Candidate(train, (key, state), items, f"{sizes}, {net}"),
        "jaxdl (world alone)": Candidate(alone, (key, worlds.reset(key)), items, sizes),
    }
    return measure("rl2_bandit", candidates)


def bayes_500(peers: bool) -> list[dict]:
    """Indices per second of the finite-horizon table for 500 pulls, 20.9 million of them.

    There is no peer: no other project computes this table.
    """
    del peers
    pulls = 500
    note = f"{pulls} pulls, sure rewards on a grid of 128"
    # For m pulls behind the player and r before it, each number of wins.
    indices = sum((pulls - m) * (m + 1) for m in range(pulls))
    table = Candidate(lambda: bayes.gittins_table(pulls=pulls), (), indices, note)
    return measure("bayes_500", {"jaxdl": table})


CASES = {"rl2_bandit": rl2_bandit, "bayes_500": bayes_500}
