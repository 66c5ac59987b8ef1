"""The worlds by name. Each one's file is imported only when it is asked for."""

import importlib
import inspect
from functools import partial
from typing import Any, NamedTuple

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env
from jaxdl.envs.games import Game
from jaxdl.envs.names import ADAPTERS, OWN, check_settings, home_of, parse_name, suggest
from jaxdl.envs.settings import Factory, Setting, read_settings, settings_of, value_text
from jaxdl.envs.spaces import space_text


class Description(NamedTuple):
    """Describes a world in text, for lists of them.

    Attributes:
      name: as `make` takes it.
      settings: each with its default, as they stand in a name.
      observation: the observation space.
      action: the action space.
      summary: the first line of the factory's docstring.
    """

    name: str
    settings: str
    observation: str
    action: str
    summary: str


def make(name: str, **settings: Any) -> Any:
    """Builds the world of that name, an `Env`, or a `Game` of two players.

    Args:
      name: one of `OWN`; or an adapter's prefix, a slash and the other package's name for it; or
        `package.module:factory` for a function that returns an Env. Settings may follow a colon:
        `mjx/cartpole:task=swingup,randomize=0.2`.
      **settings: arguments of its factory that are not set in the name, such as `arms=5`.

    Raises:
      BadInput: the name or a setting is unknown, a value is of another type, or the world needs an
        extra that is not installed.
    """
    world, texts = parse_name(name)
    factory, known = _find_factory(world)
    check_settings(world, known, [*texts, *settings])
    for setting in settings:
        if setting in texts:
            raise BadInput(f"{world}: {setting} is set in the name and as an argument")
    values = read_settings(world, known, texts) | settings
    for setting in known.values():
        if setting.default is inspect.Parameter.empty and setting.name not in values:
            raise BadInput(f"{world} needs the setting {setting.name}")
    env = factory(**values)
    if not isinstance(env, Env | Game):
        raise BadInput(f"{world} returned a {type(env).__name__}; it should be a jaxdl.envs.Env")
    return env


def describe(name: str) -> Description:
    """Describes one world, which is built for that and may take seconds.

    Raises:
      BadInput: as `make`.
    """
    factory, known = _find_factory(parse_name(name).world)
    env = make(name)
    function = factory.func if isinstance(factory, partial) else factory
    return Description(
        name=name,
        settings=", ".join(f"{s.name}={_default_text(s)}" for s in known.values()),
        observation=space_text(env.obs_space),
        action=space_text(env.action_space),
        summary=(inspect.getdoc(function) or "").partition("\n")[0],
    )


def settings_of_world(name: str) -> dict[str, Setting]:
    """Returns the settings that a world has, by name.

    Raises:
      BadInput: as `make`.
    """
    return _find_factory(parse_name(name).world)[1]


def _default_text(setting: Setting) -> str:
    return "" if setting.default is inspect.Parameter.empty else value_text(setting.default)


def _find_factory(world: str) -> tuple[Factory, dict[str, Setting]]:
    """The function that builds a world from its settings, and these."""
    if ":" in world:
        factory = _find_own_factory(*world.split(":"))
        return factory, settings_of(factory)
    module, function = home_of(world)
    if world in OWN:
        factory = getattr(importlib.import_module(module), function)
        return factory, settings_of(factory)
    prefix, _, rest = world.partition("/")
    factory = partial(_import_adapter(world, prefix), rest)
    known = settings_of(factory.func)
    del known[next(iter(known))]  # the name
    return factory, known


def _import_adapter(world: str, prefix: str) -> Factory:
    module, extra, _ = ADAPTERS[prefix]
    try:
        return importlib.import_module(module).make
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").startswith("jaxdl"):
            raise
        raise BadInput(
            f"{world} needs {error.name}, which is not installed: pip install 'jaxdl[{extra}]', "
            f"or set JAXDL_EXTRAS=dev,{extra} before ./run"
        ) from None


def _find_own_factory(module: str, function: str) -> Factory:
    """A function that somebody wrote, by where it is.

    Raises:
      BadInput: there is no such module or function.
    """
    try:
        file = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != module and not module.startswith(f"{missing}."):
            raise BadInput(f"{module} needs {missing}, which is not installed") from None
        hint = suggest(module, OWN)
        raise BadInput(f"{module}:{function}: there is no module {missing!r}{hint}") from None
    except (ValueError, TypeError):  # an empty or relative name
        raise BadInput(f"{module}:{function} should be package.module:factory") from None
    factory = getattr(file, function, None)
    if not callable(factory):
        functions = [n for n, x in vars(file).items() if inspect.isfunction(x)]
        raise BadInput(f"{module} has no function {function!r}{suggest(function, functions)}")
    return factory
