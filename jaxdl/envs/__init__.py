"""Worlds, which are families of tasks and are stepped by the thousand on the device.

The names are loaded on first use, so that `jaxdl.envs.names` can be read before JAX is imported.
"""

from typing import TYPE_CHECKING

from jaxdl.lazy import load_lazily

if TYPE_CHECKING:
    from jaxdl.envs.checks import check as check
    from jaxdl.envs.env import Env as Env
    from jaxdl.envs.env import Step as Step
    from jaxdl.envs.episodes import EpisodeStats as EpisodeStats
    from jaxdl.envs.episodes import episode_metrics as episode_metrics
    from jaxdl.envs.episodes import info_metrics as info_metrics
    from jaxdl.envs.games import Game as Game
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
    "Game": "games",
    "MultiDiscrete": "spaces",
    "Space": "spaces",
    "Step": "env",
    "Worlds": "worlds",
    "WorldsState": "worlds",
    "as_gymnasium": "to_gymnasium",
    "check": "checks",
    "check_name": "names",
    "episode_metrics": "episodes",
    "info_metrics": "episodes",
    "make": "registry",
    "read_mjcf": "mjcf",
    "start_window": "worlds",
    "vectorize": "worlds",
}

__getattr__, __dir__ = load_lazily(__name__, _HOME)
