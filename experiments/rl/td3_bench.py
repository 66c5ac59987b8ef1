"""TD3 beside rejax's, the whole training as one program; the setting is that of `_control_bench`.

Both move the policy at every other update, smooth targets by noise of 0.2 within 0.5, and explore
by noise of 0.1, in units of half the range of torques.
"""

from experiments._timing import measure
from experiments.rl import _control_bench as shared
from jaxdl.nn import deterministic_actor
from jaxdl.rl import td3


def td3_pendulum(peers: bool) -> list[dict]:
    """Pendulum-v1's task; `mean_return` is of fresh episodes after training, without noise."""
    env = shared.pendulum()
    nets = shared.nets(env, deterministic_actor, critics=2)
    candidates = {"jaxdl": shared.ours(td3(env, nets, shared.REGIME, shared.noise()))}
    if peers:
        settings = {
            "actor_kwargs": {"activation": "relu"},
            "critic_kwargs": {"activation": "relu"},
            "exploration_noise": 0.2,
            "target_noise": 0.4,
            "target_noise_clip": 1.0,
        }
        note = "the policy climbs the mean of both critics, once for each of their batches"
        candidates["rejax"] = shared.peer("TD3", settings, _action, note)
    return measure("td3_pendulum", candidates, repeats=shared.TURNS)


def _action(algorithm, state):
    return lambda obs, key: algorithm.actor.apply(state.actor_ts.params, obs[None])[0]


CASES = {"td3_pendulum": td3_pendulum}
