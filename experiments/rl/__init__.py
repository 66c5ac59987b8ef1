"""Reinforcement learning: launch files, claims and benchmarks."""
