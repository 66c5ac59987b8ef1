"""DDPG in the setting of `_control_bench`, and what more gradient steps on each env step cost."""

import jax

from experiments._timing import Candidate, measure, take_steps
from experiments.rl import _control_bench as shared
from jaxdl.nn import deterministic_actor
from jaxdl.rl import ddpg

RATIOS = (0.0625, 0.25, 1.0, 4.0)  # updates for one env step
WORLDS = 16


def ddpg_pendulum(peers: bool) -> list[dict]:
    """Pendulum-v1's task; `mean_return` is of fresh episodes after training, without noise."""
    del peers  # rejax has none
    env = shared.pendulum()
    learner = ddpg(
        env, shared.nets(env, deterministic_actor, critics=1), shared.REGIME, shared.noise()
    )
    return measure("ddpg_pendulum", {"jaxdl": shared.ours(learner)}, repeats=shared.TURNS)


def ddpg_ratio(peers: bool) -> list[dict]:
    """Env steps per second over the updates that come on each of them, with 16 worlds."""
    del peers
    env = shared.pendulum()
    nets = shared.nets(env, deterministic_actor, critics=1)
    candidates = {}
    for ratio in RATIOS:
        updates = max(round(ratio * WORLDS), 1)
        regime = shared.REGIME._replace(num_envs=WORLDS, updates=updates)
        learner = ddpg(env, nets, regime, None)
        state = jax.jit(learner.init)(jax.random.key(0))
        rounds = max(2048 // updates, 128)
        candidates[f"jaxdl, {ratio:g} updates a step"] = Candidate(
            take_steps(learner, rounds),
            (jax.random.key(1), state),
            items=rounds * WORLDS,
            note=f"{WORLDS} worlds, {updates} updates of {regime.batch_size} after a step of them",
        )
    return measure("ddpg_ratio", candidates)


CASES = {"ddpg_pendulum": ddpg_pendulum, "ddpg_ratio": ddpg_ratio}
