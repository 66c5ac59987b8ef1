"""The control worlds and games in pictures, named `pixels/<name>`."""

from jaxdl.envs.env import Env
from jaxdl.render.seen import is_game, seen, usual_repeat


def make(
    name: str, *, side: int = 48, stack: int = 3, action_repeat: int = 0, task: str = ""
) -> Env:
    """Builds a world whose observations are its last pictures, [side, side, 3 stack] uint8.

    Args:
      name: of the world, `swingup` or `mjx/cheetah` or `gymnax/Breakout-MinAtar`.
      side: of the pictures, pixels.
      stack: of the last pictures, which show speeds; a game's board is seen once.
      action_repeat: steps of the world in each action; 0 is what CURL has for the task.
      task: of the world; "" is its usual one.

    Raises:
      BadInput: the name or the task is none, or no camera stands in that world.
    """
    inner = inner_name(name, task)
    return seen(
        inner,
        side=side,
        frame_stack=1 if is_game(inner) else stack,
        action_repeat=action_repeat or usual_repeat(inner),
    )


def inner_name(name: str, task: str = "") -> str:
    """Returns the name of the world that is seen, with its task."""
    return f"{name}:task={task}" if task else name
