"""How long trials of tasks with a structure are, by the names of their worlds. No JAX here."""

from jaxdl.core.run import BadInput
from jaxdl.envs.names import parse_name

PULLS = 100  # of an episode of restless arms, where the name has none
ROUNDS = 100  # of an episode of the two-step task


def is_structured(name: str) -> bool:
    """Says whether the world of that name is a bandit with a structure, or the two-step task."""
    world, settings = parse_name(name)
    kind = settings.get("kind", "independent")
    return world == "two_step" or (world == "bandit" and kind != "independent")


def trial_parts(name: str, episodes: int) -> int:
    """Returns n, the choices in a trial: pulls of a bandit, or rounds of the two-step task.

    Args:
      name: of a bandit or the two-step task, with its settings.
      episodes: of a trial; 1 where an episode has all pulls or rounds of it.

    Raises:
      BadInput: another number of episodes where an episode is a whole trial, or too few pulls of
        informative arms.
    """
    world, settings = parse_name(name)
    kind = settings.get("kind", "independent")
    if world == "bandit" and kind != "restless":
        if kind == "informative" and episodes < 2:
            raise BadInput(f"{name}: --episodes={episodes} leaves no pull to follow a hint")
        return episodes
    setting, default = ("trials", ROUNDS) if world == "two_step" else ("pulls", PULLS)
    if episodes != 1:
        raise BadInput(
            f"--episodes={episodes}: an episode of {name} is a whole trial, so --episodes=1 is "
            f"meant; how long it is says its setting {setting}"
        )
    text = settings.get(setting, str(default))
    if not text.isdecimal():
        raise BadInput(f"{world}: {setting}={text} should be an integer")
    return int(text)


def trial_steps(name: str, episodes: int) -> int:
    """Returns T, the steps of a trial, or 0 of a world of which only play tells that.

    Args:
      name: of a world, with its settings.
      episodes: of a trial.

    Raises:
      BadInput: as `trial_parts`.
    """
    world, _ = parse_name(name)
    if world not in ("bandit", "two_step"):
        return 0
    return trial_parts(name, episodes) * (2 if world == "two_step" else 1)
