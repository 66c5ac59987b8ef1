"""The way from our worlds to learners that were written for Gymnasium."""

from typing import TYPE_CHECKING

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env
from jaxdl.envs.registry import make

if TYPE_CHECKING:
    import gymnasium

RENDER_MODES = (None, "rgb_array")


def as_gymnasium(
    env: Env | str,
    num_envs: int | None = None,
    *,
    seed: int = 0,
    render_mode: str | None = None,
) -> "gymnasium.Env | gymnasium.vector.VectorEnv":
    """Makes a world of ours a Gymnasium environment, or many side by side a vector environment.

    Everything is computed on JAX's default device; NumPy arrays go in and come out. A new task is
    drawn at every reset. A vector environment begins the next episode in the step that ends one
    (`AutoresetMode.SAME_STEP`): the observation is the new episode's first one, and the last one of
    the old episode is `info["final_obs"][i]`, with that step's info in `info["final_info"]`.

    Args:
      env: a world, or its name as `make` takes it.
      num_envs: how many worlds; None for one `gymnasium.Env`.
      seed: of the first reset, and of all later ones until `reset(seed=...)` sets another.
      render_mode: `rgb_array` for pictures [256, 256, 3] by `render()`; one per world in a tuple if
        there are many. A world without a name shows its observations.

    Raises:
      BadInput: Gymnasium is not installed, or an argument is wrong.
    """
    try:
        from jaxdl.envs import gymnasium_env
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("jaxdl"):
            raise
        raise BadInput(
            f"as_gymnasium needs {error.name}, which is not installed: pip install gymnasium"
        ) from None
    if render_mode not in RENDER_MODES:
        raise BadInput(f"render_mode={render_mode!r} should be None or 'rgb_array'")
    if num_envs is not None and num_envs < 1:
        raise BadInput(f"num_envs={num_envs} should be at least 1, or None")
    name = env if isinstance(env, str) else ""
    world = make(env) if isinstance(env, str) else env
    if num_envs is None:
        return gymnasium_env.OneWorld(world, name, seed=seed, render_mode=render_mode)
    return gymnasium_env.ManyWorlds(world, name, num_envs, seed=seed, render_mode=render_mode)
