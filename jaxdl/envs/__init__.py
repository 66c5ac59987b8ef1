"""Worlds: families of tasks that are stepped by the thousand on the device."""

from jaxdl.envs.check import check
from jaxdl.envs.env import Env, Step
from jaxdl.envs.episodes import EpisodeStats, episode_metrics
from jaxdl.envs.mjcf import read_mjcf
from jaxdl.envs.registry import make
from jaxdl.envs.spaces import Box, Discrete, MultiDiscrete, Space
from jaxdl.envs.worlds import Worlds, WorldsState, start_window, vectorize

__all__ = [
    "Box",
    "Discrete",
    "Env",
    "EpisodeStats",
    "MultiDiscrete",
    "Space",
    "Step",
    "Worlds",
    "WorldsState",
    "check",
    "episode_metrics",
    "make",
    "read_mjcf",
    "start_window",
    "vectorize",
]
