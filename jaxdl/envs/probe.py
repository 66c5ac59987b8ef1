"""Five tiny worlds, each of which names the part of a learner that is broken.

| probe | reward | a learner that fails it has a fault in |
|---|---|---|
| constant | 1 | its value function or its loss |
| observation | the sign in the observation | what its value function is shown |
| delayed | 0, then 1 in a second step | its discount, or how it bootstraps |
| action | by the action | its policy or its advantages |
| both | by the action, and which is right is observed | what its policy is shown |

The idea is that of rejax's tests (Liesen, Lu & Lange 2024). Here the five are tasks of one world,
and the observation says which, so that one program learns all of them within seconds.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete

PROBES = ("constant", "observation", "delayed", "action", "both")
OBSERVATION = PROBES.index("observation")
DELAYED = PROBES.index("delayed")
BOTH = PROBES.index("both")
SIGN = len(PROBES)  # entry of the observation
STAGE = SIGN + 1
TARGET = 0.5  # the right action on the line, or its opposite

Which = Literal["all", "constant", "observation", "delayed", "action", "both"]
Actions = Literal["discrete", "continuous"]


class State(NamedTuple):
    """Holds where an episode stands.

    Attributes:
      sign: float32, -1 or 1 in the probes that show one, else 0.
      time: int32 steps since the episode began.
    """

    sign: jax.Array
    time: jax.Array


def probe(*, which: Which = "all", actions: Actions = "discrete") -> Env:
    """Builds the five probes or one of them, with the same spaces.

    The task is the probe's number in `PROBES`, int32. The observation [7] is the task one-hot, the
    sign, and the stage (1 in the second step of `delayed`, else 0). Discrete actions are right or
    wrong and pay 1 or -1; continuous ones within [-1, 1] pay 1 less the squared distance from the
    right one, which is 0.5 or -0.5. Episodes terminate after one step, those of `delayed` after 2.

    Args:
      which: the probe, or all of them, drawn anew for each episode.
      actions: two of them, or a number.

    Raises:
      BadInput: an unknown probe or kind of actions.
    """
    if which != "all" and which not in PROBES:
        raise BadInput(f"probe: which={which!r} should be all or one of {', '.join(PROBES)}")
    if actions not in ("discrete", "continuous"):
        raise BadInput(f"probe: actions={actions!r} should be discrete or continuous")

    def sample_task(key):
        if which == "all":
            return jax.random.randint(key, (), 0, len(PROBES))
        return jnp.int32(PROBES.index(which))

    def reset(key, task):
        sign = jnp.where(jax.random.bernoulli(key), 1.0, -1.0)
        shows_sign = (task == OBSERVATION) | (task == BOTH)
        state = State(jnp.where(shows_sign, sign, 0.0), jnp.int32(0))
        return state, _observe(state, task)

    def step(key, state, action, task):
        right = jnp.where(task == BOTH, state.sign, 1.0)
        if actions == "discrete":
            score = jnp.where(action == 1, right, -right)
        else:
            score = 1.0 - jnp.square(jnp.clip(action[0], -1.0, 1.0) - TARGET * right)
        last = state.time.astype(jnp.float32)
        rewards = jnp.stack([jnp.float32(1.0), state.sign, last, score, score])
        after = state._replace(time=state.time + 1)
        terminated = (task != DELAYED) | (after.time == 2)
        obs = _observe(after, task)
        return after, Step(obs, rewards[task], terminated, jnp.bool_(False), {})

    low = np.where(np.arange(STAGE + 1) == SIGN, -1.0, 0.0)
    action_space = Discrete(2) if actions == "discrete" else Box((1,), -1.0, 1.0)
    return Env(sample_task, reset, step, Box((STAGE + 1,), low, 1.0), action_space)


def observations(which: str) -> jax.Array:
    """Returns all observations of one probe that are acted upon, [N, 7] with N of 1 or 2."""
    task = jnp.int32(PROBES.index(which))
    signs = (-1.0, 1.0) if which in ("observation", "both") else (0.0,)
    times = (0, 1) if which == "delayed" else (0,)
    states = [State(jnp.float32(sign), jnp.int32(time)) for sign in signs for time in times]
    return jnp.stack([_observe(state, task) for state in states])


def true_value(obs: jax.Array, *, discount: float) -> jax.Array:
    """Returns the value [...] of acting rightly.

    Only that of `action` and `both` depends on how one acts.

    Args:
      obs: [..., 7], as `observations` lists them.
      discount: the learner's.
    """
    ones = jnp.ones(obs.shape[:-1])
    delayed = jnp.where(obs[..., STAGE] > 0, 1.0, discount)
    values = jnp.stack([ones, obs[..., SIGN], delayed, ones, ones], -1)
    return jnp.sum(values * obs[..., : len(PROBES)], -1)


def optimal_action(obs: jax.Array, *, actions: Actions = "discrete") -> jax.Array:
    """Returns a right action, [...] int32 or, if actions are continuous, [..., 1] float32.

    Args:
      obs: [..., 7], as `observations` lists them.
      actions: as for `probe`.
    """
    right = jnp.where(obs[..., BOTH] > 0, obs[..., SIGN], 1.0)
    if actions == "discrete":
        return (right > 0).astype(jnp.int32)
    return TARGET * right[..., None]


def optimal_return(which: str) -> float:
    """Returns the mean undiscounted return of acting rightly in one probe."""
    return 0.0 if which == "observation" else 1.0


def _observe(state: State, task: jax.Array) -> jax.Array:
    stage = (state.time > 0) & (task == DELAYED)
    rest = jnp.stack([state.sign, stage.astype(jnp.float32)])
    return jnp.concatenate([jax.nn.one_hot(task, len(PROBES)), rest])
