"""Worlds in which every action is repeated."""

import jax
import jax.numpy as jnp

from jaxdl.envs.env import Env


def repeat_actions(env: Env, count: int) -> Env:
    """Repeats each action until the episode ends, at most `count` times.

    Rewards are summed, each after the discounts of the steps before; what is observed and `info`
    are those of the last step taken. A time limit of the world counts its own steps.

    Args:
      env: any world.
      count: how often; 1 leaves it as it is.
    """
    if count == 1:
        return env

    def step(key, state, action, task):
        keys = jax.random.split(key, count)
        state, out = env.step(keys[0], state, action, task)
        out = out._replace(discount=jnp.float32(out.discount), reward=jnp.float32(out.reward))

        def again(moment, key):
            state, out = moment
            is_over = out.terminated | out.truncated
            after, more = env.step(key, state, action, task)
            more = more._replace(
                reward=out.reward + out.discount * more.reward,
                discount=jnp.float32(out.discount * more.discount),
            )
            keep = lambda old, new: jnp.where(is_over, old, new)  # noqa: E731
            return jax.tree.map(keep, (state, out), (after, more)), ()

        return jax.lax.scan(again, (state, out), keys[1:])[0]

    return env._replace(step=step)
