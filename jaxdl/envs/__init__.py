"""Worlds: families of tasks that are stepped by the thousand on the device."""

from jaxdl.envs.env import (
    Box,
    Discrete,
    Env,
    Step,
    Worlds,
    mean_length,
    mean_return,
    vectorize,
)
from jaxdl.envs.mjcf import read_mjcf
from jaxdl.envs.registry import make

__all__ = [
    "Box",
    "Discrete",
    "Env",
    "Step",
    "Worlds",
    "make",
    "mean_length",
    "mean_return",
    "read_mjcf",
    "vectorize",
]
