"""Worlds, which are families of tasks and are stepped by the thousand on the device.

The names are loaded on first use, so that `jaxdl.envs.names` can be read before JAX is imported.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxdl.envs.checks import check as check
    from jaxdl.envs.env import Env as Env
    from jaxdl.envs.env import Step as Step
    from jaxdl.envs.episodes import EpisodeStats as EpisodeStats
    from jaxdl.envs.episodes import episode_metrics as episode_metrics
    from jaxdl.envs.mjcf import read_mjcf as read_mjcf
    from jaxdl.envs.names import check_name as check_name
    from jaxdl.envs.registry import make as make
    from jaxdl.envs.spaces import Box as Box
    from jaxdl.envs.spaces import Discrete as Discrete
    from jaxdl.envs.spaces import MultiDiscrete as MultiDiscrete
    from jaxdl.envs.spaces import Space as Space
    from jaxdl.envs.to_gymnasium import as_gymnasium as as_gymnasium
    from jaxdl.envs.worlds import Worlds as Worlds
    from jaxdl.envs.worlds import WorldsState as WorldsState
    from jaxdl.envs.worlds import start_window as start_window
    from jaxdl.envs.worlds import vectorize as vectorize

_HOME = {
    "Box": "spaces",
    "Discrete": "spaces",
    "Env": "env",
    "EpisodeStats": "episodes",
    "MultiDiscrete": "spaces",
    "Space": "spaces",
    "Step": "env",
    "Worlds": "worlds",
    "WorldsState": "worlds",
    "as_gymnasium": "to_gymnasium",
    "check": "checks",
    "check_name": "names",
    "episode_metrics": "episodes",
    "make": "registry",
    "read_mjcf": "mjcf",
    "start_window": "worlds",
    "vectorize": "worlds",
}


def __dir__() -> list[str]:
    return sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'jaxdl.envs' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"jaxdl.envs.{_HOME[name]}"), name)
    globals()[name] = value
    return value
