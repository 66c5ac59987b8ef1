"""Reinforcement learning."""

from jaxdl.rl.evaluation import deployment
from jaxdl.rl.ppo import ppo

__all__ = ["deployment", "ppo"]
