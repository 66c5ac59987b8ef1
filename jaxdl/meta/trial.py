"""The trial of Duan et al. 2016, section 2.2: several episodes of one task as one long episode."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Env, Step
from jaxdl.envs.spaces import Space, flat_size, flatten
from jaxdl.nn.torsos import is_picture

TRIAL_OBSERVATION = """
`obs` is the world's own observation, flattened (integers one-hot), then the last action (likewise),
the last reward, and 1 where the last step ended an episode; the last three are 0 where a trial
begins. Of worlds in pictures `obs` is a dict: `seen` is the world's own observation as it is, and
`last` the rest. To the policy a trial is one episode."""


class TrialState(NamedTuple):
    """The state of a trial.

    Attributes:
      env: of the episode that is under way.
      episodes: int32, how many have ended.
    """

    env: Any
    episodes: jax.Array


def trial(env: Env, episodes: int) -> Env:
    """Makes a world whose episode is a trial: some episodes of one task.

    The observation [O + A + 2] is the episode's, flattened, followed by the last action (one-hot if
    it is an integer), the last reward, and whether the last step ended an episode; where it did,
    the first observation of the next episode is shown. The last three are zero at a trial's start.
    Pictures are not flattened: where the episode's observation holds one, it is `seen` in a dict,
    beside `last` [A + 2].
    A trial ends by termination, however its last episode does: nothing is left to be earned.

    Args:
      env: the family of tasks; one is drawn for each trial.
      episodes: n, in a trial.

    Raises:
      BadInput: fewer than one episode.
    """
    if episodes < 1:
        raise BadInput(f"a trial needs at least 1 episode, got episodes={episodes}")
    action_size = flat_size(env.action_space)
    last_space = Box((action_size + 2,))
    space: Space = Box((flat_size(env.obs_space) + action_size + 2,))
    has_pictures = any(map(is_picture, jax.tree.leaves(env.obs_space)))
    if has_pictures:
        space = {"seen": env.obs_space, "last": last_space}

    def show(obs, last):
        if has_pictures:
            return {"seen": obs, "last": last}
        return jnp.concatenate([flatten(env.obs_space, obs), last])

    def reset(key, task):
        state, obs = env.reset(key, task)
        return TrialState(state, jnp.int32(0)), show(obs, jnp.zeros(last_space.shape))

    def step(key, state, action, task):
        step_key, reset_key = jax.random.split(key)
        inner, out = env.step(step_key, state.env, action, task)
        done = out.terminated | out.truncated
        next_episode = env.reset(reset_key, task)
        inner, obs = jax.tree.map(
            lambda x, y: jnp.where(done, x, y), next_episode, (inner, out.obs)
        )
        last_action = flatten(env.action_space, action)
        answer = jnp.stack([out.reward, done.astype(jnp.float32)])
        observed = show(obs, jnp.concatenate([last_action, answer]))
        ended = state.episodes + done
        return TrialState(inner, ended), Step(
            obs=observed,
            reward=out.reward,
            terminated=ended == episodes,
            truncated=jnp.bool_(False),
            info=out.info,
            discount=out.discount,
        )

    return Env(env.sample_task, reset, step, space, env.action_space)
