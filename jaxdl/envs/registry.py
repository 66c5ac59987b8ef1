"""The worlds by name. Each one's file is imported only when it is asked for."""

import difflib
import importlib
import inspect
from typing import Any

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env

# name -> (module, factory): our own worlds.
OWN = {
    "bandit": ("jaxdl.envs.bandit", "bandit"),
    "cartpole": ("jaxdl.envs.cartpole", "cartpole"),
    "pendulum": ("jaxdl.envs.pendulum", "pendulum"),
    "mjx/cartpole": ("jaxdl.envs.mjx", "cartpole"),
    "probe": ("jaxdl.envs.probe", "probe"),
}
# prefix -> (module, extra, an example): worlds of other packages; "" is no extra.
ADAPTERS = {
    "brax": ("jaxdl.envs.brax", "", "brax/ant"),
    "gymnax": ("jaxdl.envs.gymnax", "gymnax", "gymnax/CartPole-v1"),
}


def make(name: str, **settings: Any) -> Env:
    """The world of that name.

    Args:
      name: one of `OWN`, or an adapter's prefix, a slash and the other package's name for it.
      **settings: arguments of its factory, such as `arms=5` for `bandit`.

    Raises:
      BadInput: the name or a setting is unknown, or the world needs an extra that is not installed.
    """
    prefix, _, rest = name.partition("/")
    if name in OWN:
        module, function = OWN[name]
        factory = getattr(importlib.import_module(module), function)
        _check_settings(name, factory, settings)
        return factory(**settings)
    if prefix not in ADAPTERS or not rest:
        raise BadInput(_unknown(name))
    module, extra, _ = ADAPTERS[prefix]
    try:
        factory = importlib.import_module(module).make
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").startswith("jaxdl"):
            raise
        raise BadInput(
            f"{name} needs {error.name}, which is not installed: pip install 'jaxdl[{extra}]', "
            f"or set JAXDL_EXTRAS=dev,{extra} before ./run"
        ) from None
    _check_settings(name, factory, {"name": rest} | settings)
    return factory(rest, **settings)


def _check_settings(name: str, factory: Any, settings: dict[str, Any]) -> None:
    known = inspect.signature(factory).parameters
    for setting in settings:
        if setting not in known:
            near = difflib.get_close_matches(setting, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise BadInput(f"{name} has no setting {setting!r}; {has}{hint}")


def _unknown(name: str) -> str:
    prefix, slash, rest = name.partition("/")
    spelled = {known.lower(): known for known in OWN}
    if slash:
        spelled |= {f"{known}/{rest}".lower(): f"{known}/{rest}" for known in ADAPTERS if rest}
    near = difflib.get_close_matches(name.lower(), spelled, 1)
    hint = f"; did you mean {spelled[near[0]]!r}?" if near else ""
    examples = ", ".join(
        f"{known}/<name> (as {example})" for known, (*_, example) in ADAPTERS.items()
    )
    return f"unknown env {name!r}{hint}\nthere are {', '.join(OWN)}, and {examples}"
