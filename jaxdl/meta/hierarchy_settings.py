"""The options that policies of two levels, and plain ones beside them, are built from."""

from typing import Protocol

from jaxdl.core.run import Run
from jaxdl.launch.options import Optimizer, Policy, PolicyUpdate


class Settings(Protocol):
    """What a Config of learners of new tasks holds."""

    run: Run
    env: str
    num_tasks: int
    num_envs: int
    policy: Policy
    optimizer: Optimizer
    update: PolicyUpdate
    sub_policies: int
    macro_steps: int
    warmup_updates: int
    joint_updates: int
    master_rate: float
    new_tasks: int
    new_updates: int
    new_rate: float
    baselines: bool
