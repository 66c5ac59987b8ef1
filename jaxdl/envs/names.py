"""The names of worlds and how they are spelled. No JAX, so that a bad --env ends at once.

cartpole                                 one of ours
mjx/cartpole:task=swingup,randomize=0.2  with settings
brax/ant:episode_length=200              another package's
pixels/mjx/cartpole:task=swingup,side=64 one of ours, or a game of MinAtar, in pictures
pgx/connect_four                         a game of two players, for those who learn games
package.module:factory                   your own: a function that returns an Env
package.module:factory:arms=3            with settings
"""

import ast
import difflib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from jaxdl.core.run import BadInput


class Own(NamedTuple):
    """Says where one of our worlds is built.

    Attributes:
      module: the file, dotted.
      factory: the function in it.
    """

    module: str
    factory: str


class Adapter(NamedTuple):
    """Says where another package's worlds are built, by a function `make(name, *, settings)`.

    Attributes:
      module: the file, dotted.
      extra: the extra of jaxdl that installs the package; "" if it is always there.
      example: a name.
    """

    module: str
    extra: str
    example: str


class WorldName(NamedTuple):
    """Holds the parts of a name.

    Attributes:
      world: `cartpole`, `brax/ant` or `package.module:factory`.
      settings: name -> text of the value.
    """

    world: str
    settings: dict[str, str]


OWN = {
    "bandit": Own("jaxdl.envs.bandit", "bandit"),
    "cartpole": Own("jaxdl.envs.cartpole", "cartpole"),
    "pendulum": Own("jaxdl.envs.pendulum", "pendulum"),
    "swingup": Own("jaxdl.envs.swingup", "swingup"),
    "tabular_mdp": Own("jaxdl.envs.tabular_mdp", "tabular_mdp"),
    "tiny_bamdp": Own("jaxdl.envs.tabular_mdp", "tiny_bamdp"),
    "boxes": Own("jaxdl.envs.needs", "boxes"),
    "dark_maze": Own("jaxdl.envs.dark_maze", "dark_maze"),
    "hungry_thirsty": Own("jaxdl.envs.needs", "hungry_thirsty"),
    "movement_bandit": Own("jaxdl.envs.movement_bandit", "movement_bandit"),
    "four_rooms": Own("jaxdl.envs.four_rooms", "four_rooms"),
    "grid_goal": Own("jaxdl.envs.grid_goal", "grid_goal"),
    "point_nav": Own("jaxdl.envs.point_nav", "point_nav"),
    "two_step": Own("jaxdl.envs.two_step", "two_step"),
    "corridor": Own("jaxdl.envs.corridor.world", "corridor"),
    "maze": Own("jaxdl.envs.maze.world", "maze"),
    "mjx/cartpole": Own("jaxdl.envs.mjx", "cartpole"),
    "mjx/reacher": Own("jaxdl.envs.control.reacher", "reacher"),
    "mjx/cheetah": Own("jaxdl.envs.control.cheetah", "cheetah"),
    "mjx/walker": Own("jaxdl.envs.control.walker", "walker"),
    "mjx/finger": Own("jaxdl.envs.control.finger", "finger"),
    "mjx/ball_in_cup": Own("jaxdl.envs.control.ball_in_cup", "ball_in_cup"),
    "probe": Own("jaxdl.envs.probe", "probe"),
}
ADAPTERS = {
    "brax": Adapter("jaxdl.envs.brax", "", "brax/ant"),
    "gymnax": Adapter("jaxdl.envs.gymnax", "gymnax", "gymnax/CartPole-v1"),
    "playground": Adapter("jaxdl.envs.playground", "playground", "playground/CheetahRun"),
    "pgx": Adapter("jaxdl.envs.pgx", "games", "pgx/connect_four"),
    "pixels": Adapter("jaxdl.render.by_name", "", "pixels/swingup"),
}


def check_name(name: str) -> None:
    """Checks what can be checked of a name before JAX is loaded.

    That is: how it is spelled, whether the world is ours or has a known prefix, and whether it has
    the settings. Values, and the names that other packages know, are checked by `make`.

    Raises:
      BadInput: something is wrong, with what was perhaps meant.
    """
    world, settings = parse_name(name)
    if ":" in world:
        return
    module, function = home_of(world)
    if settings:
        check_settings(world, _settings_in_file(module, function), settings)


def check_game_name(name: str) -> None:
    """Checks as `check_name` does, and that the name can be one of a game of two players.

    Raises:
      BadInput: something is wrong, or the world is one of a single player.
    """
    check_name(name)
    world = parse_name(name).world
    if ":" not in world and not world.startswith("pgx/"):
        raise BadInput(f"{world} is a world of one player, not a game of two as pgx/connect_four")


def parse_name(name: str) -> WorldName:
    """Splits a name into the world and its settings.

    Raises:
      BadInput: a setting is not written as name=value, or is set twice.
    """
    if not isinstance(name, str):
        raise BadInput(f"env is a {type(name).__name__}; it should be a world's name")
    head, *rest = name.split(":")
    own_factory = rest and "=" not in rest[0] and "/" not in head and head not in OWN
    world = f"{head}:{rest.pop(0)}" if own_factory else head
    return WorldName(world, _split_settings(world, ":".join(rest)) if rest else {})


def home_of(world: str) -> tuple[str, str]:
    """Returns the module and the function that build a world of ours, or of an adapter.

    Raises:
      BadInput: the world is unknown.
    """
    if world in OWN:
        module, factory = OWN[world]
        return module, factory
    prefix, _, rest = world.partition("/")
    if prefix not in ADAPTERS or not rest:
        raise BadInput(_unknown(world))
    module, *_ = ADAPTERS[prefix]
    return module, "make"


def check_settings(world: str, known: Iterable[str], settings: Iterable[str]) -> None:
    """Checks that a world has some settings.

    Raises:
      BadInput: it has no such setting, with the one that was perhaps meant.
    """
    known = list(known)
    for setting in settings:
        if setting not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise BadInput(f"{world} has no setting {setting!r}; {has}{suggest(setting, known)}")


def suggest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Asks whether the nearest of the known names was meant, or returns "" if none is near."""
    spelled = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), spelled, 1)
    return f"; did you mean {prefix + spelled[near[0]]!r}?" if near else ""


def _split_settings(world: str, text: str) -> dict[str, str]:
    settings = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals):
            raise BadInput(f"{world}: {part!r} should be written as setting=value")
        if name in settings:
            raise BadInput(f"{world}: {name} is set twice")
        settings[name] = value
    return settings


def _settings_in_file(module: str, function: str) -> list[str]:
    """The settings of a factory, read from its file without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise BadInput(f"{module} has no file")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return [argument.arg for argument in node.args.kwonlyargs]
    raise BadInput(f"{module} has no function {function}")


def _unknown(world: str) -> str:
    _, slash, rest = world.partition("/")
    known = [*OWN]
    if slash and rest:
        known += [f"{prefix}/{rest}" for prefix in ADAPTERS]
    examples = [f"{prefix}/<name> (as {example})" for prefix, (*_, example) in ADAPTERS.items()]
    return (
        f"unknown env {world!r}{suggest(world, known)}\n"
        f"there are {', '.join(OWN)}, {', '.join(examples)}, and package.module:factory; "
        "./run envs lists them"
    )
