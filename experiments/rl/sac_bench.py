"""SAC beside rejax's, the whole training as one program; the setting is that of `_control_bench`.

Both adapt the temperature from 1 towards an entropy of -1.
"""

import jax.numpy as jnp

from experiments._timing import measure
from experiments.rl import _control_bench as shared
from jaxdl.nn import squashed_actor
from jaxdl.rl import sac


def sac_pendulum(peers: bool) -> list[dict]:
    """Pendulum-v1's task; `mean_return` is of fresh episodes after training, by the mean action."""
    env = shared.pendulum()
    nets = shared.nets(env, squashed_actor, critics=2)
    candidates = {"jaxdl": shared.ours(sac(env, nets, shared.REGIME))}
    if peers:
        net = {"activation": "relu", "hidden_layer_sizes": shared.HIDDEN}
        note = "its first steps are the untrained policy's; moves the actor before the critics"
        candidates["rejax"] = shared.peer("SAC", {"agent_kwargs": net}, _mean_action, note)
    return measure("sac_pendulum", candidates, repeats=shared.TURNS)


def _mean_action(algorithm, state):
    def act(obs, key):
        policy = algorithm.actor.apply(state.actor_ts.params, obs[None], method="_action_dist")
        return 2.0 * jnp.tanh(policy.loc[0])

    return act


CASES = {"sac_pendulum": sac_pendulum}
