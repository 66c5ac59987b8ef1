"""Worlds that show a policy what it did last, so that memory can tell causes from effects."""

import jax.numpy as jnp

from jaxdl.envs import Box, Env
from jaxdl.envs.spaces import flat_size, flatten

OBSERVATION = """
`obs` is the world's own observation, flattened (integers one-hot), then the last action (likewise),
which is 0 where an episode begins."""


def show_last_action(env: Env) -> Env:
    """Appends the last action to the observation [O + A], both flattened; zeros at the start.

    Peng et al. 2018 condition the policy on the actions and states so far: what an action led to
    tells about the physics, and a policy that explores does not know its action otherwise.

    Args:
      env: any world.
    """
    action_size = flat_size(env.action_space)
    size = flat_size(env.obs_space) + action_size

    def reset(key, task):
        state, obs = env.reset(key, task)
        return state, jnp.concatenate([flatten(env.obs_space, obs), jnp.zeros(action_size)])

    def step(key, state, action, task):
        state, out = env.step(key, state, action, task)
        shown = [flatten(env.obs_space, out.obs), flatten(env.action_space, action)]
        return state, out._replace(obs=jnp.concatenate(shown))

    return env._replace(reset=reset, step=step, obs_space=Box((size,)))
