"""Reinforcement learning.

A learner's file has the learner's name, as the paper has it, so one rule holds in every room:
`jaxdl.rl.ppo` and `from jaxdl.rl import ppo` are always the function, whatever was imported before,
and `from jaxdl.rl.ppo import improve` reaches the other names of its file. `import jaxdl.rl.ppo as
m` binds the function too; the module is `sys.modules["jaxdl.rl.ppo"]`.
"""

from jaxdl.rl.a2c import a2c
from jaxdl.rl.alphazero import alphazero
from jaxdl.rl.curl import curl
from jaxdl.rl.curl_dqn import curl_dqn
from jaxdl.rl.ddpg import ddpg
from jaxdl.rl.deployment import deployment, policy_deployment, q_deployment
from jaxdl.rl.dqn import dqn
from jaxdl.rl.evaluation import evaluate_policy
from jaxdl.rl.ppo import ppo
from jaxdl.rl.sac import sac
from jaxdl.rl.td3 import td3
from jaxdl.rl.trpo import trpo

__all__ = [
    "a2c",
    "alphazero",
    "curl",
    "curl_dqn",
    "ddpg",
    "deployment",
    "dqn",
    "evaluate_policy",
    "policy_deployment",
    "ppo",
    "q_deployment",
    "sac",
    "td3",
    "trpo",
]
