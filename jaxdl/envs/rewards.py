"""A world with other units of reward."""

from jaxdl.envs.env import Env


def scale_rewards(env: Env, *, offset: float = 0.0, scale: float = 1.0) -> Env:
    """Pays (reward - offset) * scale, and leaves all else as it is.

    Where all episodes are of one length this changes nothing about which policy is best, but how
    large the values are that a learner has to fit. `info` keeps what it holds.

    Args:
      env: the family of worlds.
      offset: what is taken from every reward.
      scale: factor on the rest, above 0.
    """

    def step(key, state, action, task):
        state, out = env.step(key, state, action, task)
        return state, out._replace(reward=(out.reward - offset) * scale)

    return env._replace(step=step)
