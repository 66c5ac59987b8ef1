"""Deep Q-learning: Mnih et al. 2015, algorithm 1, and what was added to it until Rainbow.

Acts by the best of the net's action values, now and then at random, remembers every step, and
regresses the values onto targets that an older copy of the net computes (`jaxdl.rl.off_policy` has
the worlds, the ring and the rounds). Options are Double DQN (van Hasselt et al. 2016), dueling nets
(Wang et al. 2016, `jaxdl.nn.q_network`), targets of n steps, and prioritized replay (Schaul et al.
2016).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.learner import update as descend
from jaxdl.core.run import BadInput
from jaxdl.envs import Env
from jaxdl.losses.value import double_q_learning, huber, pick, q_learning
from jaxdl.nn import QNetwork
from jaxdl.rl.off_policy import Extra, Method, Priorities, Regime, off_policy

Schedule = Callable[[jax.Array], jax.Array]  # gradient steps so far -> value


def dqn(
    env: Env,
    net: QNetwork,
    tx: optax.GradientTransformation,
    regime: Regime,
    *,
    epsilon: float | Schedule = 0.1,
    target_every: int = 10_000,
    double: bool = False,
    priorities: Priorities | None = None,
    huber_delta: float | None = 1.0,
) -> Learner:
    """Makes deep Q-learning. Defaults are those of Mnih et al. 2015, extended data table 1.

    Args:
      env: the family of worlds, with integer actions; every episode draws its task anew.
      net: values of actions, given K frames; `q_network(..., dueling=True)` makes a dueling one.
      tx: the optimizer; clipping by global norm and schedules are part of it.
      regime: how it plays, remembers, and is scored. A `tau` of 1 copies the target network (Mnih
        et al. 2015); less, with C = 1, is the moving average of Lillicrap et al. 2016, section 3.
      epsilon: share of random actions, a number or a function of the gradient steps so far.
      target_every: C, gradient steps between two moves of the target network.
      double: the online net chooses the action whose target value counts (van Hasselt et al. 2016).
      priorities: how steps are drawn by their errors (Schaul et al. 2016); None draws all alike.
      huber_delta: errors beyond it count linearly; None takes half the squares.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: sizes that do not fit one another, or a target network that never moves.
    """
    if target_every < 1:
        raise BadInput(f"target_every={target_every} should be at least 1")
    exploration = epsilon if callable(epsilon) else optax.constant_schedule(epsilon)

    def init(key):
        params = net.init(key)
        target = jax.tree.map(jnp.copy, params)
        return TrainState(params, tx.init(params), extra=Extra(target, jnp.int32(0)))

    def exploit(params, obs):
        return jnp.argmax(net.apply(params, obs), axis=-1).astype(jnp.int32)

    explore = epsilon_greedy(exploit, net.num_actions, exploration)

    def update(key, state, batch):
        del key
        q_t = net.apply(state.extra.target, batch.next_obs)  # [B, A]
        taken = batch.action, batch.reward, batch.discount

        def loss(params):
            q_tm1 = net.apply(params, batch.obs)
            if double:
                selector_t = net.apply(state.params, batch.next_obs)
                td_error = double_q_learning(q_tm1, *taken, q_t, selector_t)
            else:
                td_error = q_learning(q_tm1, *taken, q_t)
            each = 0.5 * td_error**2 if huber_delta is None else huber(td_error, delta=huber_delta)
            metrics = {
                "q_value": jnp.mean(pick(q_tm1, batch.action)),
                "td_error": jnp.mean(jnp.abs(td_error)),
            }
            return jnp.mean(batch.weight * each), (metrics, td_error)

        (q_loss, (metrics, td_error)), gradient = jax.value_and_grad(loss, has_aux=True)(
            state.params
        )
        state, norms = descend(tx, state, gradient)
        count = state.extra.updates
        share = jnp.where((count + 1) % target_every == 0, regime.tau, 0.0)
        target = optax.incremental_update(state.params, state.extra.target, share)
        metrics |= {"q_loss": q_loss, "epsilon": exploration(count)} | norms
        return state._replace(extra=state.extra._replace(target=target)), metrics, td_error

    def random(key):
        return draw_numbers(key, (), net.num_actions)

    method = Method(init, explore, exploit, update, lambda action: action, random)
    return off_policy(env, method, regime, priorities=priorities)


def epsilon_greedy(
    exploit: Callable[[Any, Any], jax.Array], num_actions: int, epsilon: Schedule
) -> Callable[[jax.Array, TrainState, Any], jax.Array]:
    """Makes exploration that acts by the best value, with probability epsilon at random.

    Args:
      exploit: params, obs [E, ...] -> actions [E], the best ones.
      num_actions: A.
      epsilon: gradient steps so far -> share of random actions.
    """

    def explore(key, state, obs):
        choice_key, action_key = jax.random.split(key)
        best = exploit(state.params, obs)
        is_random = jax.random.uniform(choice_key, best.shape) < epsilon(state.extra.updates)
        return jnp.where(is_random, draw_numbers(action_key, best.shape, num_actions), best)

    return explore


def draw_numbers(key: jax.Array, shape: tuple[int, ...], num_actions: int) -> jax.Array:
    """Draws integer actions, all equally likely."""
    return jax.random.randint(key, shape, 0, num_actions)
