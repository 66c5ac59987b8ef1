"""Advantage actor-critic, the synchronous form of A3C: Mnih et al. 2016, algorithm S3.

Runs the policy for T steps in each of E worlds, and takes one step along the gradient of all of
them. A3C's threads, each with parameters that are a little old, are the E worlds here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.envs import Env
from jaxdl.nn import ActorCritic
from jaxdl.rl.ppo import ppo

Coefficient = Callable[[jax.Array], jax.Array | float]  # number of the update, from 0 -> weight


class Extra(NamedTuple):
    """What goes along with the parameters.

    Attributes:
      inner: of PPO.
      updates: int32 scalar, how many there have been.
    """

    inner: Any
    updates: jax.Array


def a2c(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    unroll: int = 5,
    gae_lambda: float = 1.0,
    entropy_coef: float | Coefficient = 0.01,
    **options: Any,
) -> Learner:
    """Makes advantage actor-critic, for feed-forward and recurrent nets.

    It is PPO's step with one epoch of one minibatch, no clipping, and advantages as they are: at
    the policy that has played, the surrogate's gradient is that of algorithm S3.

    Args:
      env: the family of worlds; every episode draws its task anew.
      net: policy and value.
      tx: the optimizer; clipping by global norm and schedules are part of it.
      num_envs: E, worlds side by side.
      unroll: T = t_max, steps in each world between two updates.
      gae_lambda: lambda; 1 gives the returns of algorithm S3, which sum the rewards to the end of
        the unroll and bootstrap there.
      entropy_coef: beta, weight of the entropy bonus; or a function of the number of the update.
      options: of `jaxdl.rl.ppo`: discount, value_coef, normalize_observations, eval_envs, ...

    Returns:
      A learner that makes its own data; its `batch` is ().
    """
    weigh = entropy_coef if callable(entropy_coef) else lambda updates: entropy_coef
    make_inner = partial(
        ppo,
        env,
        net,
        tx,
        num_envs=num_envs,
        unroll=unroll,
        gae_lambda=gae_lambda,
        epochs=1,
        minibatches=1,
        objective="none",
        normalize_advantages=False,
        **options,
    )
    plain = make_inner()

    def init(key):
        state = plain.init(key)
        return state._replace(extra=Extra(state.extra, jnp.int32(0)))

    def step(key, state, batch):
        beta = jnp.asarray(weigh(state.extra.updates), jnp.float32)
        inner = make_inner(entropy_coef=beta)
        after, metrics = inner.step(key, state._replace(extra=state.extra.inner), batch)
        extra = Extra(after.extra, state.extra.updates + 1)
        return after._replace(extra=extra), metrics | {"entropy_coef": beta}

    def evaluate(key, state):
        return plain.evaluate(key, state._replace(extra=state.extra.inner))

    return Learner(init, step, evaluate)
