"""Learners of several lambdas side by side in one program, beside one of them alone."""

import jax

from experiments._timing import Candidate, measure, take_steps
from experiments.rl.ppo_bench import ENVS, LEARNING_RATE, MAX_NORM, UNROLL
from jaxdl.core import Learner
from jaxdl.envs import make
from jaxdl.nn import actor_critic, fast_dense
from jaxdl.ops import make_optimizer
from jaxdl.rl import trpo
from jaxdl.rl.tradeoff import lambda_tradeoff

LAMBDAS = (0.0, 0.5, 0.9, 0.95, 0.99, 1.0)
UPDATES = 8


def gae_cartpole(peers: bool) -> list[dict]:
    """Env steps per second of TRPO on CartPole-v1's task, all lambdas together or one alone."""
    del peers
    env = make("cartpole")
    net = actor_critic(env.obs_space, env.action_space, affine=fast_dense)
    tx = make_optimizer(learning_rate=LEARNING_RATE, steps=1, max_norm=MAX_NORM, flat=True)

    def one(gae_lambda):
        sizes = {"num_envs": ENVS, "unroll": UNROLL, "microbatches": 4}
        return trpo(env, net, tx, gae_lambda=gae_lambda, value_lambda=1.0, **sizes)

    number = len(LAMBDAS)
    candidates = {
        "jaxdl": _candidate(
            lambda_tradeoff(one, LAMBDAS), number, f"{number} lambdas side by side"
        ),
        "jaxdl (one lambda)": _candidate(one(0.95), 1, "lambda 0.95 alone"),
    }
    return measure("gae_cartpole", candidates)


def _candidate(learner: Learner, number: int, note: str) -> Candidate:
    key = jax.random.key(0)
    state = jax.jit(learner.init)(key)
    items = number * UPDATES * ENVS * UNROLL
    return Candidate(take_steps(learner, UPDATES), (key, state), items=items, note=note)


CASES = {"gae_cartpole": gae_cartpole}
