"""What the benchmarks of several learners need of rejax (Liesen, Lu & Lange 2024)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxdl.core.run import BadInput


class Peer(NamedTuple):
    """rejax, and a world as it expects it.

    Attributes:
      rejax: the package.
      env: gymnax's.
      params: of the env.
      mean_return: function of observation and key to action, episodes -> mean return of so many
        fresh ones.
    """

    rejax: Any
    env: Any
    params: Any
    mean_return: Callable[[Callable, int], jax.Array]


def load(name: str) -> Peer:
    """Loads rejax with the gymnax world of that name.

    Raises:
      BadInput: the extra `peers` is not installed.
    """
    try:
        import gymnax
        import rejax
        from rejax.evaluate import evaluate
    except ImportError as error:
        raise BadInput(f"--peers needs {error.name}: install the extra `peers`") from None
    env, params = gymnax.make(name)
    env = with_one_done(env)

    def mean_return(act, episodes):
        limit = params.max_steps_in_episode
        return evaluate(act, jax.random.key(0), env, params, episodes, limit)[1].mean()

    return Peer(rejax, env, params, mean_return)


def with_one_done(env: Any) -> Any:
    """Wraps an env of gymnax 1.0 for rejax 0.1.3, which knows one `done` and no truncation."""

    class OneDone:
        def __getattr__(self, name):
            return getattr(env, name)

        def step(self, *args):
            obs, state, reward, *done, info = env.step(*args)
            return obs, state, reward, done[0] | done[-1], info

    return OneDone()
