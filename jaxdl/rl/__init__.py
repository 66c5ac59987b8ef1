"""Reinforcement learning."""

from jaxdl.rl.ppo import ppo

__all__ = ["ppo"]
